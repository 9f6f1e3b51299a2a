//! What the planner has to know of the journal.

use super::operations::Identity;
use crate::diagnostic::Code;
use std::collections::{BTreeMap, HashMap};

/// How an operation was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PastState {
    /// It ran, or its result was there: nothing is left to do.
    Done,
    /// It could not run; it is judged again.
    Skipped,
    /// Only the user decides on it.
    Held,
    /// It failed, and its unit was rolled back.
    Failed,
    /// It is not transactional, was started, and its end is not recorded.
    Started,
}

/// A recorded operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastOperation {
    /// How it was recorded.
    pub state: PastState,
    /// Whether it really ran, not only found its result there.
    pub ran: bool,
    /// The code recorded with it.
    pub code: Option<Code>,
    /// The reason recorded with it.
    pub reason: Option<String>,
}

/// A recorded migration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PastMigration {
    /// Its operations.
    pub operations: HashMap<Identity, PastOperation>,
    /// The identities in the order of the file that was recorded, for rule 9.
    pub order: Vec<Identity>,
    /// Those of them that left their result in the database, or may have.
    pub bound: Vec<Identity>,
    /// Whether all of it was done (or satisfied) once.
    pub applied: bool,
    /// Whether the bytes of the file are those that were recorded.
    pub unchanged: bool,
    /// Whether nothing of it was recorded before this run.
    pub new: bool,
}

/// What the journal says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Past {
    /// By migration id (a renamed migration under its new id).
    pub migrations: BTreeMap<String, PastMigration>,
    /// No run has decided about every migration yet, and there were user tables before the first one:
    /// Dunlin meets a database that somebody else brought to where it is.
    pub adopting: bool,
    /// Ids of recorded migrations whose file is not there any more.
    pub missing: Vec<String>,
}

impl Past {
    /// Finds how an operation was recorded.
    pub fn operation(&self, migration: &str, identity: &Identity) -> Option<&PastOperation> {
        self.migrations.get(migration)?.operations.get(identity)
    }

    /// Whether anything of a migration but failures was recorded before this run.
    pub fn is_recorded(&self, migration: &str) -> bool {
        self.migrations.get(migration).filter(|past| !past.new).is_some_and(|past| {
            past.operations.values().any(|operation| operation.state != PastState::Failed)
        })
    }
}
