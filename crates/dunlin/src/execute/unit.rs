//! Runs one unit: its statements pipelined in one transaction, with its journal rows in the same transaction.

use super::event::Event;
use super::pipeline::{Reply, pipeline};
use super::record::Row;
use super::runner::{Runner, millis};
use super::settings::{apply, switch};
use crate::analyze::{Class, Presence, Session, TransactionStatement, analyze};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::history::OperationState;
use crate::pg::introspect::{Snapshot, introspect};
use crate::pg::{PgError, ServerError, sqlstate};
use crate::plan::{Action, Decision, Planned, Unit, is_mark};
use futures_util::SinkExt as _;
use std::collections::HashMap;
use std::time::Instant;

/// How a unit ended.
pub(super) enum UnitEnd {
    /// It is committed; whether the rest has to be planned anew, since something happened that could not be foreseen.
    Committed { again: bool },
    /// It was rolled back, for this reason.
    Failed(Box<Failed>),
}

/// A statement that the server refused.
pub(super) struct Failed {
    /// Index of the decision in the plan; none when the transaction itself failed (BEGIN, COMMIT, journal).
    pub(super) decision: Option<usize>,
    /// The error.
    pub(super) error: PgError,
}

const SAVEPOINT: &str = "SAVEPOINT dunlin_operation";
const RELEASE: &str = "RELEASE SAVEPOINT dunlin_operation";
const UNDO: &str = "ROLLBACK TO SAVEPOINT dunlin_operation; RELEASE SAVEPOINT dunlin_operation";

/// A text that waits to be sent, and the decision it belongs to.
struct Queued {
    sql: String,
    decision: Option<usize>,
}

/// A transactional unit while it runs.
struct Running<'r, 'p> {
    runner: &'r Runner<'p>,
    planned: &'r Planned,
    queue: Vec<Queued>,
    rows: Vec<Row>,
    session: Session,
    /// From here on, each statement has a savepoint: something was not as planned.
    careful: bool,
    again: bool,
    /// Operations whose key the data does not allow: they are skipped with this reason.
    unkeyed: HashMap<usize, Diagnostic>,
    listener: &'r mut super::Listener<'p>,
    /// Rows whose statements are not answered yet: place in `rows`, index of the decision.
    untold: Vec<(usize, usize)>,
    /// Milliseconds and rows of statements that were answered, by decision.
    measured: HashMap<usize, (u64, Option<u64>)>,
}

impl<'p> Runner<'p> {
    /// Runs a transactional unit once.
    pub(super) async fn run_unit(
        &self,
        planned: &Planned,
        unit: &Unit,
        flags: UnitFlags,
        listener: &mut super::Listener<'p>,
    ) -> Result<UnitEnd, PgError> {
        let mut running = Running {
            runner: self,
            planned,
            queue: Vec::new(),
            rows: Vec::new(),
            session: Session::new(self.search_path.clone()),
            careful: false,
            again: false,
            unkeyed: HashMap::new(),
            listener,
            untold: Vec::new(),
            measured: HashMap::new(),
        };
        let result = running.run(unit, flags).await;
        let (rows, again) = (std::mem::take(&mut running.rows), running.again);
        match result {
            Ok(()) => {
                self.committed(rows);
                Ok(UnitEnd::Committed { again })
            }
            Err(failed) => {
                self.roll_back().await;
                Ok(UnitEnd::Failed(failed))
            }
        }
    }

    async fn roll_back(&self) {
        // A lost connection has rolled back by itself; any other error here shows at the next statement.
        let _ = self.work.batch("ROLLBACK").await;
    }
}

/// What a unit's transaction has to be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnitFlags {
    /// Whether its commit waits for the disk: the last one, and one before what is not transactional.
    pub(super) durable: bool,
}

impl<'p> Running<'_, 'p> {
    async fn run(&mut self, unit: &Unit, flags: UnitFlags) -> Result<(), Box<Failed>> {
        self.queue.push(Queued { sql: self.prelude(unit, flags), decision: None });
        for index in unit.decisions.clone() {
            self.add(index).await?;
        }
        let mut journal = self.journal_prelude();
        journal.push_str(&self.runner.journal_sql(&self.rows, unit.migration, None));
        journal.push_str(&self.journal_epilogue());
        // On its own, COMMIT would report success after an error. In one message with the journal it is not
        // reached: the server refuses the first statement of the message and drops the rest.
        journal.push_str("; COMMIT");
        self.queue.push(Queued { sql: journal, decision: None });
        let unmeasured: Vec<usize> = self.untold.iter().map(|(row, _)| *row).collect();
        self.flush().await?;
        self.runner.measured(unmeasured.iter().map(|row| &self.rows[*row]));
        Ok(())
    }

    /// BEGIN, the transaction-level lock, the epoch, time-outs and the role, in one message.
    fn prelude(&self, unit: &Unit, flags: UnitFlags) -> String {
        let runner = self.runner;
        let mut sql = String::from("BEGIN ISOLATION LEVEL READ COMMITTED");
        if !flags.durable {
            sql.push_str("; SET LOCAL synchronous_commit = off");
        }
        let decisions = &self.planned.decisions[unit.decisions.clone()];
        let locks = decisions.iter().any(|decision| {
            decision.action == Action::Run
                && !decision.analysis.changes_data()
                && !decision.analysis.locks.is_empty()
                || decision.action == Action::Ensure
        });
        if locks {
            sql.push_str("; SET LOCAL lock_timeout = '3s'");
        }
        let builds = decisions
            .iter()
            .any(|decision| matches!(decision.analysis.class, Class::Adds | Class::Maintains));
        if builds {
            sql.push_str("; SET LOCAL statement_timeout = 0");
        }
        sql.push_str(&format!("; SELECT pg_catalog.pg_advisory_xact_lock({})", runner.unit_key));
        sql.push_str("; ");
        sql.push_str(&runner.epoch_check());
        if let Some(role) = &runner.options.role {
            sql.push_str("; ");
            sql.push_str(&super::settings::set_role(Some(role), true));
        }
        sql
    }

    /// Journal rows are written under Dunlin's own role and settings.
    fn journal_prelude(&self) -> String {
        let mut sql = String::new();
        if !self.session.is_plain() {
            sql.push_str("SET LOCAL SESSION AUTHORIZATION DEFAULT; ");
        }
        sql.push_str("SET LOCAL ROLE NONE; SET LOCAL search_path = pg_catalog; SET LOCAL standard_conforming_strings = on; ");
        sql
    }

    /// What is deferred to the commit runs under the file's own role and settings again.
    fn journal_epilogue(&self) -> String {
        if !self.runner.deferred && self.session.is_plain() && self.runner.options.role.is_none() {
            // Only a search path could matter, to a trigger that was made deferred in this very unit.
            return "; SET LOCAL search_path TO DEFAULT; SET LOCAL standard_conforming_strings TO DEFAULT"
                .into();
        }
        let plain = Session::new(self.runner.search_path.clone());
        let mut statements = vec![
            "SET LOCAL search_path TO DEFAULT".to_owned(),
            "SET LOCAL standard_conforming_strings TO DEFAULT".to_owned(),
        ];
        if let Some(role) = &self.runner.options.role {
            statements.push(super::settings::set_role(Some(role), true));
        }
        statements.extend(switch(&plain, &self.session, self.runner.options.role.as_deref()));
        format!("; {}", statements.join("; "))
    }

    async fn add(&mut self, index: usize) -> Result<(), Box<Failed>> {
        let planned = self.planned;
        let decision = &planned.decisions[index];
        match decision.action {
            Action::Run if is_mark(decision) => self.finish(index, OperationState::Done, None),
            Action::Run => self.run_operation(index, decision).await?,
            Action::Ensure => self.run_ensure(index, decision).await?,
            Action::Satisfied => self.finish(index, OperationState::Satisfied, None),
            // Its record tells of the failure.
            Action::Skip if self.runner.has_failed(decision.operation) => {}
            Action::Skip if decision.pending => self.finish(index, OperationState::Pending, None),
            Action::Skip => self.finish(index, OperationState::Skipped, None),
            Action::Held => self.finish(index, OperationState::Held, None),
        }
        Ok(())
    }

    async fn run_operation(&mut self, index: usize, decision: &Decision) -> Result<(), Box<Failed>> {
        let operation = &self.runner.operations.all[decision.operation];
        if let Some(diagnostic) = self.unkeyed.remove(&decision.operation) {
            let diagnostic = diagnostic.at(&operation.file, operation.statement.span);
            self.finish(index, OperationState::Skipped, Some(&diagnostic));
            self.runner.set_aside(decision.operation, diagnostic);
            return Ok(());
        }
        if matches!(operation.transaction, Some(TransactionStatement::RollbackTo(_))) {
            // It would take the transaction out of its error, and what is sent after it would commit.
            self.flush().await?;
        }
        self.switch_to(&operation.session, index);
        let is_set = operation.session_statement() && !decision.analysis.session.is_empty();
        if !is_set {
            if self.runner.settles(decision, self.planned, index) {
                let sql = include_str!("../pg/sql/settle_constraints.sql").to_owned();
                self.queue.push(Queued { sql, decision: Some(index) });
            }
            let sql = self.planned.plan.steps[index].sql.clone();
            if let Some(data) = &operation.copy_data {
                self.flush().await?;
                return self.copy(index, &sql, data).await;
            }
            // Savepoints of our own would hide the file's: what it brackets itself runs plainly.
            let checks = decision.analysis.only_checks && decision.analysis.kind == "DO";
            let careful = self.careful
                || checks
                || decision.analysis.has_unknown()
                || unsure(&decision.analysis.presence);
            if careful && operation.transaction.is_none() && !operation.rolled_back {
                return self.run_carefully(index, decision, sql).await;
            }
            self.queue.push(Queued { sql, decision: Some(index) });
        } else {
            let role = self.runner.options.role.as_deref();
            let statements = decision.analysis.session.iter().map(|change| apply(change, role));
            self.queue.extend(statements.map(|sql| Queued { sql, decision: Some(index) }));
        }
        decision.analysis.session.iter().for_each(|change| self.session.apply(change));
        self.finish(index, OperationState::Done, None);
        Ok(())
    }

    async fn run_ensure(&mut self, index: usize, decision: &Decision) -> Result<(), Box<Failed>> {
        let operation = &self.runner.operations.all[decision.operation];
        self.switch_to(&operation.session, index);
        let sql = self.planned.plan.steps[index].sql.clone();
        let is_key = decision.ensure.as_ref().is_some_and(|ensure| ensure.column.is_none());
        if !is_key && !self.careful {
            self.queue.push(Queued { sql, decision: Some(index) });
            self.finish(index, OperationState::Ensured, None);
            return Ok(());
        }
        // A unique key is ensured where the data allows it.
        self.flush().await?;
        match self.bracketed(index, &sql).await? {
            Ok(()) => self.finish(index, OperationState::Ensured, None),
            Err(error) if error.sqlstate == "23505" => {
                self.careful = true;
                self.again = true;
                let step = &self.planned.plan.steps[index];
                let diagnostic = Diagnostic::new(
                    Code::DN206,
                    format!("the data does not allow the unique key: {}", error.message),
                )
                .note(error.detail.clone().unwrap_or_default())
                .help("remove the duplicate rows, then run `dunlin up` again");
                (self.listener)(&Event::StepSkipped { step, diagnostic: &diagnostic });
                self.unkeyed.insert(decision.at, diagnostic);
            }
            Err(error) => {
                return Err(Box::new(Failed { decision: Some(index), error: PgError::Server(error) }));
            }
        }
        Ok(())
    }

    fn switch_to(&mut self, session: &Session, index: usize) {
        let statements = switch(&self.session, session, self.runner.options.role.as_deref());
        self.queue.extend(statements.into_iter().map(|sql| Queued { sql, decision: Some(index) }));
        self.session = session.clone();
    }

    /// Runs an operation whose requirements cannot be checked under a savepoint: the server decides.
    async fn run_carefully(
        &mut self,
        index: usize,
        decision: &Decision,
        sql: String,
    ) -> Result<(), Box<Failed>> {
        self.flush().await?;
        let error = match self.bracketed(index, &sql).await? {
            Ok(()) => {
                self.again |= decision.analysis.opaque.is_some();
                self.finish(index, OperationState::Done, None);
                return Ok(());
            }
            Err(error) => error,
        };
        let may_skip = decision.analysis.only_adds() || decision.analysis.only_checks;
        let own_fault = error.where_.is_none()
            || decision.analysis.only_checks && error.where_.as_deref().is_some_and(in_inline_block_only);
        if sqlstate::is_missing_object(&error.sqlstate) && may_skip && own_fault {
            self.again = true;
            self.careful = true;
            let diagnostic = self.runner.misfit(decision, &error);
            let step = &self.planned.plan.steps[index];
            (self.listener)(&Event::StepSkipped { step, diagnostic: &diagnostic });
            self.finish(index, OperationState::Skipped, Some(&diagnostic));
            self.runner.set_aside(decision.operation, diagnostic);
            return Ok(());
        }
        if error.is_duplicate_object() && error.where_.is_none() && decision.analysis.only_adds() {
            return self.settle_duplicate(index, decision, error).await;
        }
        Err(Box::new(Failed { decision: Some(index), error: PgError::Server(error) }))
    }

    /// The server says that it is there already: rule 4, on the catalog as it is now.
    async fn settle_duplicate(
        &mut self,
        index: usize,
        decision: &Decision,
        error: Box<ServerError>,
    ) -> Result<(), Box<Failed>> {
        let failed = |error| Box::new(Failed { decision: Some(index), error });
        let schema = &self.runner.options.journal_schema;
        let now = introspect(self.runner.work.client(), schema, Snapshot::Within).await.map_err(failed)?;
        let operation = &self.runner.operations.all[decision.operation];
        let analysis = analyze(&operation.statement, &now.catalog, &operation.session);
        let reason = match analysis.presence {
            Presence::Same { reason } => reason,
            Presence::Different { tolerated: false, expected, actual, object } => {
                let diagnostic =
                    Diagnostic::new(Code::DN213, format!("{object} exists already, with another definition"))
                        .at(&operation.file, operation.statement.span)
                        .note(format!("this statement says: {expected}"))
                        .note(format!("what is there: {actual}"));
                self.runner.note(diagnostic);
                return Err(failed(PgError::Server(error)));
            }
            _ => {
                let diagnostic = Diagnostic::new(
                    Code::DN213,
                    format!("it is there already, says the server: {}", error.message),
                )
                .at(&operation.file, operation.statement.span)
                .severity(Severity::Warning)
                .help("whether its definition is the same could not be told: compare them");
                self.runner.note(diagnostic);
                error.message.clone()
            }
        };
        self.again = true;
        let diagnostic = Diagnostic::new(Code::DN213, reason).severity(Severity::Note);
        self.finish(index, OperationState::Satisfied, Some(&diagnostic));
        Ok(())
    }

    /// Runs one statement between a savepoint and its release; an error undoes it and comes back.
    async fn bracketed(
        &mut self,
        index: usize,
        sql: &str,
    ) -> Result<Result<(), Box<ServerError>>, Box<Failed>> {
        let work = &self.runner.work;
        let failed = |error| Box::new(Failed { decision: Some(index), error });
        self.runner.sends([None, Some(&self.planned.decisions[index])]);
        let (replies, error) = pipeline(work.client(), &[SAVEPOINT, sql]).await;
        match error.map(|error| work.error(error)) {
            None => {
                work.batch(RELEASE).await.map_err(failed)?;
                self.measure(index, &replies[1..]);
                Ok(Ok(()))
            }
            Some(PgError::Server(error)) => {
                work.batch(UNDO).await.map_err(failed)?;
                Ok(Err(error))
            }
            Some(error) => Err(failed(error)),
        }
    }

    async fn copy(&mut self, index: usize, sql: &str, data: &str) -> Result<(), Box<Failed>> {
        let work = &self.runner.work;
        let begun = Instant::now();
        self.runner.sends([Some(&self.planned.decisions[index]); 2]);
        let failed = |error| Box::new(Failed { decision: Some(index), error: work.error(error) });
        let sink = work.client().copy_in(sql).await.map_err(failed)?;
        let mut sink = std::pin::pin!(sink);
        // The server takes lines that end in LF; the file's may end in CRLF.
        let data = data.replace("\r\n", "\n").into_bytes();
        sink.send(bytes::Bytes::from(data)).await.map_err(failed)?;
        let rows = sink.finish().await.map_err(failed)?;
        self.measured.insert(index, (millis(begun.elapsed()), Some(rows)));
        // The statement was prepared; the answer to its end must not count as that of the next query.
        work.batch("").await.map_err(|error| Box::new(Failed { decision: Some(index), error }))?;
        self.finish(index, OperationState::Done, None);
        Ok(())
    }

    /// Sends what waits, and gives the first error with the decision it belongs to.
    async fn flush(&mut self) -> Result<(), Box<Failed>> {
        let queue = std::mem::take(&mut self.queue);
        let texts: Vec<&str> = queue.iter().map(|queued| queued.sql.as_str()).collect();
        let planned = self.planned;
        self.runner.sends(queue.iter().map(|queued| queued.decision.map(|index| &planned.decisions[index])));
        let (replies, error) = pipeline(self.runner.work.client(), &texts).await;
        match error {
            None => {
                for (queued, reply) in queue.iter().zip(&replies) {
                    if let Some(index) = queued.decision {
                        self.measure(index, std::slice::from_ref(reply));
                    }
                }
                self.tell();
                Ok(())
            }
            Some(error) => Err(Box::new(Failed {
                decision: queue.get(replies.len()).and_then(|queued| queued.decision),
                error: self.runner.work.error(error),
            })),
        }
    }

    /// Adds to what was measured of a step; the last of its texts is its statement.
    fn measure(&mut self, index: usize, replies: &[Reply]) {
        let changes = self.planned.decisions[index].analysis.changes_data();
        let (duration, rows) = self.measured.entry(index).or_default();
        for reply in replies {
            *duration += millis(reply.elapsed);
            *rows = reply.rows().filter(|_| changes);
        }
    }

    /// Tells the listener of the steps that the server has answered.
    fn tell(&mut self) {
        for (row, index) in std::mem::take(&mut self.untold) {
            let (duration_ms, rows) = self.measured.remove(&index).unwrap_or_default();
            (self.rows[row].duration_ms, self.rows[row].rows) = (duration_ms, rows);
            let step = &self.planned.plan.steps[index];
            (self.listener)(&Event::StepFinished { step, rows, duration_ms });
        }
    }

    /// Keeps the journal row of a step; the listener is told when the server has answered.
    fn finish(&mut self, index: usize, state: OperationState, diagnostic: Option<&Diagnostic>) {
        let decision = &self.planned.decisions[index];
        let step = &self.planned.plan.steps[index];
        self.rows.push(Row {
            operation: decision.operation,
            state,
            code: diagnostic.map(|diagnostic| diagnostic.code).or(decision.code),
            reason: diagnostic
                .map(|diagnostic| diagnostic.message.clone())
                .or_else(|| decision.reason.clone()),
            duration_ms: 0,
            rows: None,
            sql: (decision.sql.is_some()).then(|| step.sql.clone()),
            ensured: decision.ensure.as_ref().map(|ensure| ensure.object.to_string()),
        });
        if state != OperationState::Skipped || diagnostic.is_none() {
            self.untold.push((self.rows.len() - 1, index));
        }
    }
}

fn unsure(presence: &Presence) -> bool {
    matches!(presence, Presence::Unknown { .. })
}

/// Whether an error was raised by the statements of a DO block itself, not inside a function that it calls.
fn in_inline_block_only(context: &str) -> bool {
    context.lines().filter(|line| line.contains("function ")).all(|line| line.contains("inline_code_block"))
}
