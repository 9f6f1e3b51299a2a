//! What is written to the journal about an operation.

use crate::diagnostic::Code;
use crate::history::OperationState;

/// One step's outcome, before it is in the journal.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Index of the decision in the plan.
    pub(super) decision: usize,
    /// Index of the operation.
    pub(super) operation: usize,
    /// How it ended.
    pub(super) state: OperationState,
    /// The code of the reason.
    pub(super) code: Option<Code>,
    /// Why.
    pub(super) reason: Option<String>,
    /// Milliseconds.
    pub(super) duration_ms: u64,
    /// The SQL that ran.
    pub(super) sql: String,
    /// What was ensured, when it is an ensure.
    pub(super) ensured: Option<String>,
}
