//! What is different behind a proxy that gives each transaction another server session.
//!
//! Nothing that a unit does may outlive its transaction: the session goes on to serve strangers. And nothing that a
//! unit needs can come from the session: it is another one than that of the unit before.

use super::{ErrorKind, ExecuteError};
use crate::catalog::{QName, TEMPORARY};
use crate::diagnostic::Code;
use crate::pg::{Session, quote_literal};
use crate::plan::{Action, Decision, Operations, Planned};
use std::collections::HashMap;

/// Takes away all that a session keeps beyond a transaction, as `DISCARD ALL` does, which cannot run in one.
///
/// Other than there, prepared statements stay, since the proxy may have named some itself, and what the client asked
/// for at its start, since the proxy believes that it is set.
pub(super) fn forget(work: &Session) -> String {
    format!(
        "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; SET client_encoding = 'UTF8'; \
         SET application_name = {}; UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; \
         DISCARD SEQUENCES; ",
        quote_literal(&work.info().application_name)
    )
}

/// The same after an error: all but advisory locks of the session has gone with the transaction.
pub(super) const ROLLBACK: &str = "ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()";

/// Refuses a plan that needs more than transactions, before anything of it runs.
pub(super) fn refuse(planned: &Planned, operations: &Operations) -> Result<(), ExecuteError> {
    let mut temporary: HashMap<&QName, usize> = HashMap::new();
    for (number, unit) in planned.units.iter().enumerate() {
        for index in unit.decisions.clone() {
            let decision = &planned.decisions[index];
            if decision.action != Action::Run {
                continue;
            }
            let sql = &planned.plan.steps[index].sql;
            if !unit.transactional {
                return Err(refusal(decision, operations, sql, "cannot run in a transaction"));
            }
            if matches!(decision.analysis.kind, "PREPARE" | "LISTEN" | "LOAD") {
                return Err(refusal(decision, operations, sql, "is for the session, not for a transaction"));
            }
            for name in temporary_relations(decision) {
                if *temporary.entry(name).or_insert(number) != number {
                    let why = "uses a temporary table of another transaction";
                    return Err(refusal(decision, operations, sql, why));
                }
            }
        }
    }
    Ok(())
}

/// The temporary relations that an operation touches.
fn temporary_relations(decision: &Decision) -> impl Iterator<Item = &QName> {
    let names = decision.analysis.footprint.touches().filter_map(|(place, _)| place.relation());
    names.filter(|name| name.schema == TEMPORARY)
}

fn refusal(decision: &Decision, operations: &Operations, sql: &str, why: &str) -> ExecuteError {
    let operation = &operations.all[decision.operation];
    let head: String = sql.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
    let mut error = ExecuteError::new(
        ErrorKind::Refused,
        Code::DN806,
        format!("`{head} …` {why}, and the connection goes through a transaction-pooling proxy"),
    )
    .help("give a connection that goes to the server itself with --direct-url");
    *error.diagnostic = error.diagnostic.at(&operation.file, operation.statement.span);
    error
}
