//! BEGIN, COMMIT, SAVEPOINT and what else is about transactions.

use super::context::Context;
use super::session_statements::setting_text;
use super::{Class, TransactionStatement};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::TransactionStmtKind as Kind;

impl Context<'_> {
    /// Analyses a transaction statement.
    pub(super) fn transaction(&mut self, node: &protobuf::TransactionStmt) {
        self.raise(Class::Transaction);
        let name = node.savepoint_name.clone();
        self.analysis.transaction = Some(match node.kind() {
            Kind::TransStmtBegin | Kind::TransStmtStart => {
                TransactionStatement::Begin(isolation_in(&node.options))
            }
            Kind::TransStmtCommit if node.chain => {
                TransactionStatement::Refused("COMMIT AND CHAIN leaves a transaction open")
            }
            Kind::TransStmtCommit => TransactionStatement::Commit,
            Kind::TransStmtRollback => TransactionStatement::Rollback,
            Kind::TransStmtSavepoint => TransactionStatement::Savepoint(name),
            Kind::TransStmtRelease => TransactionStatement::Release(name),
            Kind::TransStmtRollbackTo => TransactionStatement::RollbackTo(name),
            Kind::TransStmtPrepare => TransactionStatement::Refused(
                "PREPARE TRANSACTION would take the transaction away from the journal",
            ),
            _ => TransactionStatement::Refused("prepared transactions are not for migrations"),
        });
    }
}

/// Reads the isolation level from the modes of a transaction.
///
/// That it is read-only is passed over, since what it did is recorded in it; and so is what only matters then.
pub(super) fn isolation_in(options: &[protobuf::Node]) -> Option<&'static str> {
    options.iter().find_map(|option| match &option.node {
        Some(NodeEnum::DefElem(option)) if option.defname == "transaction_isolation" => {
            isolation(&option.arg.as_deref().and_then(setting_text)?)
        }
        _ => None,
    })
}

/// An isolation level by its name in a setting; READ UNCOMMITTED is READ COMMITTED to PostgreSQL.
pub fn isolation(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "serializable" => Some("SERIALIZABLE"),
        "repeatable read" => Some("REPEATABLE READ"),
        "read committed" | "read uncommitted" => Some("READ COMMITTED"),
        _ => None,
    }
}
