//! The journal's entries as data, how the files compare with them, and the masking of secrets.
//!
//! Pure: `pg::journal` reads and writes what is defined here.

mod compare;
mod secrets;
mod state;

pub use compare::{Compare, Comparison, FileMigration, compare};
pub(crate) use secrets::masked;
pub use secrets::{mask, mask_message};
pub use state::state_of;

use serde::{Deserialize, Serialize};

/// The state of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    /// It ran.
    Done,
    /// Its result was there already.
    Satisfied,
    /// It is a declaration, and what it promises and the table lacked was added.
    Ensured,
    /// It cannot run, or the user said that it never shall.
    Skipped,
    /// It could run, but only the user can decide whether it may.
    Held,
    /// The server refused it.
    Failed,
    /// It cannot run in a transaction, was started, and its end is not recorded.
    Started,
    /// It has not run yet.
    Pending,
}

/// The state of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MigrationState {
    /// Its file is not there.
    Missing,
    /// An operation of it failed.
    Failed,
    /// An operation of it was started, and its end is not recorded.
    Interrupted,
    /// Its file was edited after it was applied.
    Changed,
    /// Some of its operations ran, and others did not.
    Partial,
    /// Nothing of it ran.
    Pending,
    /// All of it ran.
    Applied,
    /// It was applied and then rolled back.
    Reverted,
}

macro_rules! words {
    ($name:ident { $($variant:ident = $text:literal,)* }) => {
        impl $name {
            /// Gives the state as it is written in the journal and in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// Reads a state as it is written in the journal.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some($name::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(OperationState {
    Done = "done",
    Satisfied = "satisfied",
    Ensured = "ensured",
    Skipped = "skipped",
    Held = "held",
    Failed = "failed",
    Started = "started",
    Pending = "pending",
});

words!(MigrationState {
    Missing = "missing",
    Failed = "failed",
    Interrupted = "interrupted",
    Changed = "changed",
    Partial = "partial",
    Pending = "pending",
    Applied = "applied",
    Reverted = "reverted",
});

/// What the journal holds of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// Its number in its file when it was recorded, from 1.
    pub number: u32,
    /// Its digest in hexadecimal, the first half of its identity.
    pub digest: String,
    /// The how-manieth with that digest in its migration, from 1.
    pub occurrence: u32,
    /// Its state.
    pub state: OperationState,
    /// The diagnostic code of its state; a skipped operation without one was skipped by the user.
    pub code: Option<String>,
    /// Why it has its state.
    pub reason: Option<String>,
    /// The run that recorded it.
    pub run: i64,
    /// When it began (the server's time, ISO 8601 in UTC).
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// How many rows it changed.
    pub rows: Option<u64>,
    /// The SQLSTATE of a failure.
    pub sqlstate: Option<String>,
    /// The server's message.
    pub message: Option<String>,
    /// The server's detail.
    pub detail: Option<String>,
    /// The server's hint.
    pub hint: Option<String>,
    /// The place in the statement that the server points at, in characters from 1.
    pub position: Option<u32>,
    /// The SQL that ran, where it is not the statement of the file (secrets masked).
    pub sql: Option<String>,
    /// The SQL that undoes it (secrets masked).
    pub undo_sql: Option<String>,
    /// The server process that works on it, and since when that process is there; for `started` only.
    pub backend: Option<(i32, String)>,
}

impl OperationRecord {
    /// Whether it left its result in the database, or may have: what the file says of it is bound.
    pub fn is_bound(&self) -> bool {
        use OperationState::{Done, Ensured, Satisfied, Started};
        matches!(self.state, Done | Satisfied | Ensured | Started)
    }

    /// Whether nothing is left to do for it.
    pub fn is_settled(&self) -> bool {
        use OperationState::{Done, Ensured, Satisfied};
        matches!(self.state, Done | Satisfied | Ensured) || self.is_skipped_by_user()
    }

    /// Whether the user said that it shall never run.
    pub fn is_skipped_by_user(&self) -> bool {
        self.state == OperationState::Skipped && self.code.is_none()
    }
}

/// What the journal holds of one migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationRecord {
    /// Its id.
    pub id: String,
    /// Its version, as in its file's name.
    pub version: Option<String>,
    /// SHA-256 of its file's bytes, in hexadecimal.
    pub checksum: String,
    /// Digest of its operations' identities, in hexadecimal.
    pub tokens_digest: Option<String>,
    /// Digest of its directives, in hexadecimal.
    pub directives_digest: Option<String>,
    /// Its SQL (secrets masked).
    pub sql: String,
    /// Its state at the end of the run that recorded it.
    pub state: MigrationState,
    /// When it became applied (the server's time, ISO 8601 in UTC).
    pub applied_at: Option<String>,
    /// How long its operations took.
    pub duration_ms: Option<u64>,
    /// The run that recorded it last.
    pub run: i64,
    /// Its recorded operations, by number.
    pub operations: Vec<OperationRecord>,
}

impl MigrationRecord {
    /// Finds the record of an operation by its identity.
    pub fn operation(&self, digest: &str, occurrence: u32) -> Option<&OperationRecord> {
        self.operations.iter().find(|record| record.digest == digest && record.occurrence == occurrence)
    }

    /// Whether a run once came to its end: operations of the file that have no record were added later.
    pub fn is_finished(&self) -> bool {
        matches!(self.state, MigrationState::Applied | MigrationState::Partial | MigrationState::Changed)
    }
}

/// One execution of `up`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// When it began (the server's time, ISO 8601 in UTC).
    pub started_at: String,
    /// When it ended; none while it works, or if it never came to its end.
    pub finished_at: Option<String>,
    /// How it ended, as in the report.
    pub outcome: Option<String>,
    /// The machine it ran on.
    pub host: Option<String>,
    /// Its process there.
    pub pid: Option<u32>,
    /// The server process that did its work, and since when that process is there.
    pub backend: Option<(i32, String)>,
    /// The version of Dunlin.
    pub dunlin_version: Option<String>,
    /// The version of the server, as `server_version_num`.
    pub server_version: Option<u32>,
    /// The policies that were in force, as JSON.
    pub policies: Option<String>,
    /// Fingerprint of the schema before, in hexadecimal.
    pub fingerprint_before: Option<String>,
    /// Fingerprint of the schema after.
    pub fingerprint_after: Option<String>,
}

/// All that the journal holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The epoch: counts the runs that took the lock.
    pub epoch: i64,
    /// Every recorded migration, in the order in which they were recorded first.
    pub migrations: Vec<MigrationRecord>,
    /// The newest run.
    pub last_run: Option<Run>,
    /// Whether some run has looked at every migration and ended.
    pub settled: bool,
    /// Whether there were tables of the user's before the first run.
    pub first_run_had_user_tables: bool,
    /// Digest of the migrations of the last run that left nothing to do, in hexadecimal.
    pub set_digest: Option<String>,
}

impl History {
    /// Finds a migration by id.
    pub fn migration(&self, id: &str) -> Option<&MigrationRecord> {
        self.migrations.iter().find(|record| record.id == id)
    }

    /// Whether nothing was ever recorded.
    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty()
    }
}
