//! The one loop that runs a plan and emits [`Event`]s; a [`Report`] is a fold over them.

mod alone;
mod attempt;
mod blocked;
mod brake;
mod broken;
mod careful;
mod check;
mod commands;
mod converge;
mod doctor;
mod event;
mod failure;
mod message;
mod migrator;
mod notices;
mod past;
mod pipeline;
mod place;
mod preflight;
mod proxy;
mod record;
mod report;
mod resume;
mod runner;
mod settings;
mod setup;
mod target;
mod unit;
mod up;
mod watch;

pub use check::{CheckStart, check};
pub use commands::{adopt, plan, show, skip, status};
pub use converge::{NewDatabase, converge};
pub use doctor::doctor;
pub use event::Event;
pub use migrator::Migrator;
pub use report::{
    Adopted, CheckReport, Doctor, DoctorCheck, Ensured, Failure, LastRun, MigrationStatus, NotRun,
    OperationStatus, Outcome, Report, Running, Shown, ShownOperation, Status,
};

pub use target::{Migrations, Target};
pub use up::up;
pub use watch::{running, watch};

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::{Plan, Policy};
use std::time::Duration;

/// How a run is to be done.
#[derive(Debug, Clone)]
pub struct Options {
    /// What Dunlin may do.
    pub policy: Policy,
    /// Schema of the journal.
    pub journal_schema: String,
    /// Stop after this migration.
    pub to: Option<String>,
    /// Go on after a failure with what does not depend on it.
    pub keep_going: bool,
    /// Cancel sessions that hold locks which the run needs, where the role may.
    pub cancel_blockers: bool,
    /// How long to wait for the lock.
    pub lock_wait: Duration,
    /// The role that owns new objects (SET ROLE at the start of each unit).
    pub role: Option<String>,
    /// A plan that was shown before: refuse if the plan is another one now.
    pub expected_plan: Option<Plan>,
    /// Host name for the journal.
    pub host: String,
    /// Process id for the journal.
    pub pid: u32,
    /// Becomes true when the user wants the run to end: the statement is cancelled and recorded as failed.
    pub interrupt: Option<tokio::sync::watch::Receiver<bool>>,
    /// How long a run may take to end in order when it is interrupted or has lost its lock; then it just ends.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            policy: Policy::default(),
            journal_schema: "dunlin".into(),
            to: None,
            keep_going: false,
            cancel_blockers: false,
            lock_wait: Duration::from_secs(600),
            role: None,
            expected_plan: None,
            host: String::new(),
            pid: std::process::id(),
            interrupt: None,
            grace: Duration::from_millis(1_500),
        }
    }
}

/// Why a command could not go on; what was done before is in `report`.
#[derive(Debug, thiserror::Error)]
#[error("{}", .diagnostic.message)]
pub struct ExecuteError {
    /// What kind of end it is, for the exit code.
    pub kind: ErrorKind,
    /// What to say, with code and next step.
    pub diagnostic: Box<Diagnostic>,
    /// What happened before.
    pub report: Option<Box<Report>>,
}

/// The kinds of end, one for each exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Exit 1: a migration failed, or the connection was lost in the middle.
    Failed,
    /// Exit 2: wrong usage or configuration.
    Usage,
    /// Exit 3: refused.
    Refused,
    /// Exit 5: the lock was not free in time.
    Lock,
    /// Exit 6: could not connect or log in.
    Connection,
}

impl ExecuteError {
    /// Makes an error of a kind with a message and its code.
    pub fn new(kind: ErrorKind, code: Code, message: impl Into<String>) -> ExecuteError {
        let diagnostic = Diagnostic::new(code, message).severity(crate::diagnostic::Severity::Error);
        ExecuteError { kind, diagnostic: Box::new(diagnostic), report: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> ExecuteError {
        self.diagnostic.help = Some(help.into());
        self
    }
}

/// Where `adopt` looks for what to record.
#[derive(Debug, Clone)]
pub enum AdoptWhat {
    /// These migrations; what the catalog cannot prove about them is recorded as the user says.
    Ids(Vec<String>),
    /// All whose operations the catalog proves.
    All,
}

/// What receives events.
pub type Listener<'a> = dyn FnMut(&Event<'_>) + Send + 'a;
