//! BEGIN, COMMIT, SAVEPOINT and what else is about transactions.

use super::context::Context;
use super::{Class, TransactionStatement};
use crate::syntax::protobuf;
use protobuf::TransactionStmtKind as Kind;

impl Context<'_> {
    /// Analyses a transaction statement.
    pub(super) fn transaction(&mut self, node: &protobuf::TransactionStmt) {
        self.raise(Class::Transaction);
        let name = node.savepoint_name.clone();
        self.analysis.transaction = Some(match node.kind() {
            Kind::TransStmtBegin | Kind::TransStmtStart => TransactionStatement::Begin,
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
