//! A failed unit: which operation it came from, how that is recorded, and what goes on without it.

use super::broken::Broken;
use super::place;
use super::report::Failure;
use super::runner::{Lost, Progress, Runner};
use super::unit::Failed;
use super::{ErrorKind, ExecuteError};
use crate::analyze::{Access, Place, TransactionStatement};
use crate::catalog::{Catalog, ConstraintKind, QName};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::pg::journal::is_epoch_lost;
use crate::pg::{PgError, ServerError, sqlstate};
use crate::plan::{Action, Decision, PastState, Planned, SetAside, Unit};

/// What is said of an error that the end of the transaction has raised.
const AT_COMMIT: &str = "it was checked at the end of the transaction (COMMIT), after the last operation";

impl Runner<'_> {
    /// Records a failure in a transaction of its own and says how to go on.
    pub(super) async fn failed(
        &self,
        planned: &Planned,
        unit: &Unit,
        failed: &Failed,
    ) -> Result<Progress, ExecuteError> {
        if self.brake.is_lock_lost()
            && let Some(stopped) = self.brake.pulled()
        {
            return Err(stopped);
        }
        if is_taken_over(&failed.error) {
            return Err(ExecuteError::from(failed.error.clone()));
        }
        let (at, error) = blame(planned, unit, failed);
        let decision = &planned.decisions[at];
        let failure = self.failure(decision, &planned.plan.steps[at].sql, &error).await;
        if self.brake.is_lock_lost()
            && let Some(stopped) = self.brake.pulled()
        {
            return Err(stopped);
        }
        let lost = error.is_connection_loss();
        // Without the server's last words on the statement, the commit that was sent with it may have been done;
        // nor is it known what became of a statement outside a transaction.
        let surely = error.server().is_some() && failed.decision.is_some() && unit.transactional;
        let record = (!lost || surely)
            .then(|| super::record::failure_sql(self, decision.operation, Code::DN808, &error));
        if lost {
            let mut error = ExecuteError::from(error);
            error.kind = ErrorKind::Failed;
            self.state().lost = Some(Lost { operation: decision.operation, failure, record });
            return Err(error);
        }
        self.surroundings(decision, &failure);
        self.state().failures.push((decision.operation, failure.clone()));
        if let Some(sql) = record
            && let Err(error) = self.work.batch(&sql).await
        {
            self.roll_back().await;
            if is_taken_over(&error) {
                return Err(ExecuteError::from(error));
            }
            // The end of the run tries again, and says so if that cannot be written either.
            self.state().unrecorded = Some(sql);
            return Ok(Progress::Stop);
        }
        if !self.options.keep_going {
            return Ok(Progress::Stop);
        }
        self.leave_migration(self.operations.all[decision.operation].migration, &failure.message);
        Ok(Progress::Again)
    }

    /// Records the files that cannot be read and that the run goes past.
    pub(super) async fn record_broken(&self, broken: &[Broken]) -> Result<(), ExecuteError> {
        for fault in broken {
            let sql =
                super::record::failure_sql(self, fault.operation, fault.diagnostic.code, &fault.error());
            self.work.batch(&sql).await.map_err(ExecuteError::from)?;
        }
        Ok(())
    }

    /// What stands in a migration that failed, and is not done, stays pending.
    fn leave_migration(&self, migration: usize, message: &str) {
        let id = &self.set.migrations[migration].id;
        let mut state = self.state();
        for index in self.operations.ranges[migration].clone() {
            let operation = &self.operations.all[index];
            let past = state.past.operation(id, &operation.identity);
            if past.is_some_and(|past| past.state == PastState::Done) {
                continue;
            }
            let diagnostic = Diagnostic::new(Code::DN808, format!("its migration failed: {message}"))
                .at(&operation.file, operation.statement.span)
                .severity(Severity::Warning);
            state.set_aside.insert(index, SetAside { diagnostic, pending: true });
        }
    }

    /// What the report says about a failed statement.
    async fn failure(&self, decision: &Decision, sql: &str, error: &PgError) -> Failure {
        let operation = &self.operations.all[decision.operation];
        let server = error.server();
        let at = match server {
            Some(server) if decision.action == Action::Run => {
                let bytes = server.position.is_some() && !sql.is_ascii() && self.counts_bytes().await;
                place::offset(operation, sql, server, bytes)
            }
            _ => operation.statement.span.start,
        };
        let (line, column) = operation.file.line_column(at);
        Failure {
            migration: self.set.migrations[operation.migration].id.clone(),
            operation: operation.number,
            file: operation.file.path.to_string(),
            line,
            column,
            sqlstate: error.sqlstate().unwrap_or("08006").to_owned(),
            message: server.map_or_else(|| error.to_string(), |error| error.message.clone()),
            detail: server.and_then(detail),
            hint: server.and_then(|error| error.hint.clone()),
        }
    }

    /// Whether the server knows no characters, and so counts bytes in positions.
    async fn counts_bytes(&self) -> bool {
        let sql = "SELECT pg_catalog.current_setting('server_encoding') = 'SQL_ASCII'";
        let rows = self.work.query(sql, &[]).await;
        rows.is_ok_and(|rows| rows.first().is_some_and(|row| row.get(0)))
    }

    /// Says what to do about a failure that is no fault of the statement.
    fn surroundings(&self, decision: &Decision, failure: &Failure) {
        let Some(trouble) = sqlstate::trouble(&failure.sqlstate) else { return };
        let operation = &self.operations.all[decision.operation];
        let Failure { migration, operation: number, message, sqlstate, .. } = failure;
        let text = format!("{migration}#{number} failed: {message} (SQLSTATE {sqlstate})");
        let mut diagnostic = Diagnostic::new(trouble.code, text)
            .severity(Severity::Error)
            .at(&operation.file, operation.statement.span)
            .help(trouble.help);
        if let Some(location) = &mut diagnostic.location {
            (location.line, location.column) = (failure.line, failure.column);
        }
        self.note(diagnostic);
    }
}

/// The server's detail, with the data line that COPY was at.
fn detail(error: &ServerError) -> Option<String> {
    let copy =
        error.where_.as_deref().and_then(|context| context.lines().find(|line| line.starts_with("COPY ")));
    match (&error.detail, copy) {
        (Some(detail), Some(copy)) => Some(format!("{detail} ({copy})")),
        (None, Some(copy)) => Some(copy.to_owned()),
        (detail, None) => detail.clone(),
    }
}

/// The decision that a failure is shown at, and what is said of it.
///
/// What is deferred fails at the end, or where Dunlin has it checked: it is shown at the one operation that can
/// have caused it, else at the COMMIT.
fn blame(planned: &Planned, unit: &Unit, failed: &Failed) -> (usize, PgError) {
    let decisions = &planned.decisions[unit.decisions.clone()];
    let runs = |decision: &Decision| matches!(decision.action, Action::Run | Action::Ensure);
    let last = decisions.iter().rposition(runs).map_or(unit.decisions.start, |at| unit.decisions.start + at);
    let error = failed.error.clone();
    let Some(server) = failed.error.server() else { return (failed.decision.unwrap_or(last), error) };
    let end = match failed.decision {
        Some(at) if is_settling(server, &planned.decisions[at]) => at,
        Some(at) => return (at, error),
        None if is_deferred(server) => unit.decisions.end,
        // BEGIN, the role, the time-outs.
        None => return (decisions.iter().position(runs).map_or(last, |at| unit.decisions.start + at), error),
    };
    let causes = causes(planned, unit.decisions.start..end, server);
    if let [only] = causes.as_slice() {
        return (*only, error);
    }
    let mut error = server.clone();
    let numbers: Vec<String> =
        causes.iter().map(|at| planned.plan.steps[*at].operation.to_string()).collect();
    let suspects = match numbers.as_slice() {
        [] => String::new(),
        numbers => format!("; operations {} can have caused it", numbers.join(", ")),
    };
    error.detail = Some(match &error.detail {
        Some(detail) => format!("{detail} ({AT_COMMIT}{suspects})"),
        None => format!("{AT_COMMIT}{suspects}"),
    });
    let is_commit =
        |decision: &Decision| matches!(decision.analysis.transaction, Some(TransactionStatement::Commit));
    let commit = decisions.iter().rposition(is_commit).map(|at| unit.decisions.start + at);
    let at = failed.decision.or(commit).unwrap_or(last);
    (at, PgError::Server(Box::new(error)))
}

/// Whether an error says that another run has begun: this one writes nothing more.
fn is_taken_over(error: &PgError) -> bool {
    error.server().is_some_and(is_epoch_lost)
}

/// Whether an error outside the statements of a unit comes from what was deferred to its end.
fn is_deferred(error: &ServerError) -> bool {
    error.sqlstate.starts_with("23") || error.where_.is_some()
}

/// Whether an error comes from what Dunlin has checked before a statement, and not from the statement.
fn is_settling(error: &ServerError, decision: &Decision) -> bool {
    let settles = |context: &str| context.contains("SET CONSTRAINTS ALL IMMEDIATE");
    decision.analysis.kind != "DO" && error.where_.as_deref().is_some_and(settles)
}

/// The operations that change rows which a deferred constraint or trigger is about.
fn causes(planned: &Planned, range: std::ops::Range<usize>, error: &ServerError) -> Vec<usize> {
    let tables = tables(&planned.catalog, error);
    let concerns = |name: &QName, access: Access| {
        tables.iter().any(|(table, weakest)| table == name && access >= *weakest)
    };
    let changes = |decision: &Decision| {
        decision.analysis.footprint.touches().any(|(place, access)| match place {
            Place::Rows(name) | Place::Values(name, _) => concerns(name, *access),
            Place::Everything => true,
            _ => false,
        })
    };
    range
        .filter(|at| planned.decisions[*at].action == Action::Run && changes(&planned.decisions[*at]))
        .collect()
}

/// The tables whose rows can raise an error, and how they have to be changed for that: those of the constraint, or
/// those with a trigger of that function.
fn tables(catalog: &Catalog, error: &ServerError) -> Vec<(QName, Access)> {
    let mut tables = Vec::new();
    if let (Some(schema), Some(table)) = (&error.schema, &error.table) {
        let name = QName::new(schema.as_str(), table.as_str());
        let constraint = error.constraint.as_ref();
        let found = catalog.relation_at(&name).and_then(|(_, table)| table.constraint(constraint?));
        if let Some(ConstraintKind::ForeignKey(reference)) = found.map(|constraint| &constraint.kind) {
            // A new row that is referred to breaks nothing.
            tables.push((catalog.relation_name(reference.table), Access::Write));
        }
        tables.push((name, Access::Insert));
        return tables;
    }
    // The outermost function is that of the trigger.
    let context = error.where_.as_deref().unwrap_or_default();
    let function = context.lines().rev().find_map(|line| line.split_once("function ")?.1.split('(').next());
    let Some(function) = function else { return tables };
    let name = function.rsplit('.').next().unwrap_or(function).trim_matches('"');
    for (id, relation) in catalog.relations() {
        let mut called = relation.triggers.iter().filter_map(|trigger| trigger.function);
        if called.any(|id| catalog.function_name(id).name == name) {
            tables.push((catalog.relation_name(id), Access::Insert));
        }
    }
    tables
}
