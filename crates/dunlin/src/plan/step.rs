//! The plan as a value: what will be done with each pending operation, in running order.

use crate::analyze::Lock;
use crate::diagnostic::{Code, Diagnostic};
use serde::{Deserialize, Serialize};

/// What is done with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It runs.
    Run,
    /// A generated statement that adds what a declaration promises.
    Ensure,
    /// Its result is there already; it does not run and counts as done.
    Satisfied,
    /// It cannot run.
    Skip,
    /// It could run, but only the user may decide so.
    Held,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The migration's id.
    pub migration: String,
    /// The operation's number in its file, from 1; for `ensure` that of the declaration.
    pub operation: u32,
    /// What is done.
    pub action: Action,
    /// The transaction it runs in, numbered from 1; 0 for what does not run.
    pub unit: u32,
    /// The SQL that is sent.
    pub sql: String,
    /// The file, as the user would type it.
    pub file: String,
    /// The line in the file, from 1.
    pub line: u32,
    /// Why, for everything but a plain run.
    pub reason: Option<String>,
    /// The diagnostic code that belongs to the reason.
    pub code: Option<Code>,
    /// Whether it runs at another place than it is written.
    pub moved: bool,
    /// Locks on relations that exist.
    pub locks: Vec<Lock>,
    /// The object that an `ensure` step makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

/// What `up` would do, in running order, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this format.
    pub format: u32,
    /// Whether `up` would refuse to start.
    pub refused: bool,
    /// The steps, in running order; those that do not run stand where they are written.
    pub steps: Vec<Step>,
    /// What is wrong or notable.
    pub diagnostics: Vec<Diagnostic>,
    /// Fingerprint (SHA-256, hex) of the catalog that the plan was made for.
    #[serde(default)]
    pub fingerprint: String,
}
