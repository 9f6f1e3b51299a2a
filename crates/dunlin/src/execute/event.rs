//! What happens during a run, as it happens: the terminal, logs, JSON and tests listen to these.

use crate::diagnostic::Diagnostic;
use crate::plan::{Plan, Step};

/// Something that happened during a run.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// The connection stands.
    Connected {
        /// Server version, such as `15.18`.
        server: String,
        /// Database name.
        database: String,
    },
    /// Another runner holds the lock; repeated while waiting.
    WaitingForLock {
        /// Who holds it: pid, host, since when, as far as that can be seen.
        holder: Option<String>,
        /// How long this runner has waited, in milliseconds.
        waited_ms: u64,
    },
    /// A server process of a run that was cut off still works; repeated while waiting for its end.
    WaitingForFormerRun {
        /// The process.
        pid: i32,
        /// What it does: its statement, and how far an index build is; none where this role may not see it.
        doing: Option<String>,
        /// Since when, by the server's clock in UTC.
        since: Option<String>,
        /// How long this runner has waited, in milliseconds.
        waited_ms: u64,
    },
    /// The connection was lost and is made again; what was committed is looked up, and the run goes on.
    Reconnecting {
        /// The last words of the connection.
        reason: String,
        /// Milliseconds until the next try.
        wait_ms: u64,
    },
    /// The plan was made; made anew after something that could not be foreseen.
    Planned {
        /// The plan for what is left.
        plan: &'a Plan,
        /// Whether this replaces an earlier plan of the same run.
        again: bool,
    },
    /// A unit (one transaction) begins.
    UnitStarted {
        /// Its number.
        unit: u32,
        /// The migration it belongs to.
        migration: &'a str,
        /// How many operations it has.
        operations: usize,
    },
    /// A step's result is known.
    StepFinished {
        /// The step.
        step: &'a Step,
        /// Rows, where the server says so.
        rows: Option<u64>,
        /// Milliseconds; zero when it ran in a pipeline and was not measured alone.
        duration_ms: u64,
    },
    /// A step that was to run is skipped since the server says that what it needs is missing.
    StepSkipped {
        /// The step.
        step: &'a Step,
        /// Why.
        diagnostic: &'a Diagnostic,
    },
    /// A unit was committed.
    UnitCommitted {
        /// Its number.
        unit: u32,
        /// The migration it belongs to.
        migration: &'a str,
        /// Milliseconds from BEGIN to COMMIT.
        duration_ms: u64,
    },
    /// A unit was rolled back and will be tried again.
    Retrying {
        /// The migration it belongs to.
        migration: &'a str,
        /// Why, such as `lock timeout on content`.
        reason: String,
        /// Who is in the way: pid, application, query.
        blockers: Vec<String>,
        /// Milliseconds until the next try.
        wait_ms: u64,
    },
    /// The statement at work has waited for long; repeated when somebody else is in its way.
    Waiting {
        /// The migration it belongs to.
        migration: &'a str,
        /// Who is in the way: pid, application, state, age, query.
        blockers: Vec<String>,
        /// How long it has been at work, in milliseconds.
        waited_ms: u64,
    },
    /// A session that held a lock which the run needs was cancelled or ended (`--cancel-blockers`).
    BlockerEnded {
        /// Who: pid, application, state, age, query.
        blocker: String,
        /// `cancelled` or `ended`.
        done: &'static str,
    },
    /// The server sent a notice or warning.
    Notice {
        /// `NOTICE`, `WARNING`, `INFO` …
        severity: String,
        /// Its text.
        message: String,
        /// File and line of the statement that was running, where known.
        place: Option<(String, u32)>,
    },
    /// Something to be said before the report.
    Diagnostic(&'a Diagnostic),
}
