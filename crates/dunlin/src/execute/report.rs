//! What a run did: the document that `dunlin up --format json` prints.

use crate::diagnostic::{Code, Diagnostic};
use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Something ran and nothing is left.
    Applied,
    /// Nothing ran and nothing is left.
    Nothing,
    /// Something is skipped, held or edited.
    Partial,
    /// A migration failed.
    Failed,
    /// The plan was refused; nothing ran.
    Refused,
    /// It could not start: usage, lock, connection.
    Error,
}

/// A column or key that was ensured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ensured {
    /// The migration that declares it.
    pub migration: String,
    /// The declaring operation.
    pub operation: u32,
    /// What was made, such as `content.project_id`.
    pub object: String,
    /// The SQL that made it.
    pub sql: String,
}

/// An operation that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotRun {
    /// Its migration.
    pub migration: String,
    /// Its number.
    pub operation: u32,
    /// The diagnostic code.
    pub code: Code,
    /// Why, in one sentence.
    pub reason: String,
}

/// A failed operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its migration.
    pub migration: String,
    /// Its number.
    pub operation: u32,
    /// The file.
    pub file: String,
    /// Line of the place the server points at, or of the statement.
    pub line: u32,
    /// Column of that place.
    pub column: u32,
    /// SQLSTATE.
    pub sqlstate: String,
    /// The server's message.
    pub message: String,
    /// The server's detail.
    pub detail: Option<String>,
    /// The server's hint.
    pub hint: Option<String>,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this format.
    pub format: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The migrations that became applied in this run.
    pub applied: Vec<String>,
    /// What was ensured.
    pub ensured: Vec<Ensured>,
    /// What was skipped.
    pub skipped: Vec<NotRun>,
    /// What is held.
    pub held: Vec<NotRun>,
    /// The first failure.
    pub failed: Option<Failure>,
    /// All failures (more than one with `--keep-going`).
    pub failures: Vec<Failure>,
    /// What is wrong or notable.
    pub diagnostics: Vec<Diagnostic>,
    /// Wall time in milliseconds.
    pub duration_ms: u64,
}

impl Report {
    /// Makes the report of a run that did nothing.
    pub fn nothing() -> Report {
        Report {
            format: 1,
            outcome: Outcome::Nothing,
            applied: Vec::new(),
            ensured: Vec::new(),
            skipped: Vec::new(),
            held: Vec::new(),
            failed: None,
            failures: Vec::new(),
            diagnostics: Vec::new(),
            duration_ms: 0,
        }
    }
}

/// The document of `dunlin status --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of this format.
    pub format: u32,
    /// All migrations of the folder and the journal, in order.
    pub migrations: Vec<MigrationStatus>,
    /// The newest run.
    pub last_run: Option<LastRun>,
}

/// One migration in a [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationStatus {
    /// Its id.
    pub id: String,
    /// Its state: missing, failed, interrupted, changed, partial, pending, applied, reverted.
    pub state: String,
    /// When it became applied (the server's time, ISO 8601).
    pub applied_at: Option<String>,
    /// How long its operations took.
    pub duration_ms: Option<u64>,
    /// Its operations.
    pub operations: Vec<OperationStatus>,
}

/// One operation in a [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationStatus {
    /// Its number.
    pub operation: u32,
    /// Its state: done, satisfied, ensured, skipped, held, failed, started, pending.
    pub state: String,
    /// The diagnostic code of its state.
    pub code: Option<String>,
    /// Why it is in this state.
    pub reason: Option<String>,
    /// SQLSTATE of a failure.
    pub sqlstate: Option<String>,
    /// The server's message of a failure.
    pub message: Option<String>,
}

/// The newest run in a [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// Its number.
    pub id: i64,
    /// When it started (the server's time, ISO 8601).
    pub started_at: String,
    /// When it ended; none while it works, or when it was cut off.
    pub finished_at: Option<String>,
    /// How it ended; `interrupted` when it was cut off and nobody recorded its end.
    pub outcome: Option<String>,
    /// Where it ran.
    pub host: Option<String>,
    /// The process there.
    pub pid: Option<u32>,
}

/// The document of `dunlin status --running --format json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Version of this format.
    pub format: u32,
    /// Whether a run is under way: somebody holds the lock.
    pub running: bool,
    /// The server process that holds the lock.
    pub pid: Option<i32>,
    /// The address that its client comes from; none for a local socket, and where this role may not see it.
    pub address: Option<String>,
    /// What its client calls itself.
    pub application: Option<String>,
    /// Since when it is there (the server's time, ISO 8601).
    pub since: Option<String>,
    /// The statement that works, on one line and with secrets masked.
    pub doing: Option<String>,
    /// Who the statement waits for.
    pub waits_for: Vec<String>,
    /// The newest run of the journal.
    pub last_run: Option<LastRun>,
}

/// The document of `dunlin check --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Version of this format.
    pub format: u32,
    /// Whether there is no error among the diagnostics.
    pub ok: bool,
    /// Files read.
    pub files: usize,
    /// Operations in them.
    pub operations: usize,
    /// What was found.
    pub diagnostics: Vec<Diagnostic>,
}

/// One operation as `dunlin show` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownOperation {
    /// Its state and errors.
    #[serde(flatten)]
    pub status: OperationStatus,
    /// File and line; none when the file is missing.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// Its SQL, secrets masked.
    pub sql: String,
    /// The server's detail of a failure.
    pub detail: Option<String>,
    /// How long it took.
    pub duration_ms: Option<u64>,
}

/// The document of `dunlin show --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Version of this format.
    pub format: u32,
    /// The migration's id.
    pub id: String,
    /// Its state.
    pub state: String,
    /// When it became applied.
    pub applied_at: Option<String>,
    /// Its operations, journal and file together.
    pub operations: Vec<ShownOperation>,
}

/// The document of `dunlin adopt --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// Version of this format.
    pub format: u32,
    /// Migrations that were recorded as applied.
    pub adopted: Vec<String>,
    /// Operations that the catalog does not prove; their migrations were not recorded.
    pub not_proved: Vec<NotRun>,
}

/// One check of `dunlin doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorCheck {
    /// What was looked at, such as `server version`.
    pub name: String,
    /// `ok`, `warning` or `error`.
    pub status: String,
    /// What was found.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// The document of `dunlin doctor --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doctor {
    /// Version of this format.
    pub format: u32,
    /// Whether nothing is an error.
    pub ok: bool,
    /// The checks.
    pub checks: Vec<DoctorCheck>,
}
