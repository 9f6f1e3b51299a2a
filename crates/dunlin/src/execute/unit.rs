//! Runs one unit: its statements pipelined in one transaction, with its journal rows in the same transaction.

use super::event::Event;
use super::message::{self, Message, Part, Queued};
use super::pipeline::{Reply, Sent, WINDOW, send};
use super::record::Row;
use super::runner::{Runner, millis};
use super::settings::{apply, switch};
use crate::analyze::{Class, Presence, Session, SessionChange, TransactionStatement, isolation};
use crate::catalog::QName;
use crate::diagnostic::Diagnostic;
use crate::history::OperationState;
use crate::pg::PgError;
use crate::pg::fault::point;
use crate::plan::{Action, Decision, PastState, Planned, Unit, is_mark};
use futures_util::SinkExt as _;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

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

/// Messages that the server has not answered yet.
struct UnderWay<'r> {
    /// The number of the first one's query in the session.
    first: u64,
    /// What each is made of.
    messages: Vec<Vec<Part>>,
    sent: Sent<'r>,
}

/// A transactional unit while it runs.
pub(super) struct Running<'r, 'p> {
    pub(super) runner: &'r Runner<'p>,
    pub(super) planned: &'r Planned,
    pub(super) unit: &'r Unit,
    /// Whether its commit waits for the disk: the last one, and one before what is not transactional.
    durable: bool,
    /// The migration that must be recorded as applied: this unit was sent before that was known.
    after: Option<usize>,
    /// Whether its migration is recorded as applied when it commits.
    applies: bool,
    pub(super) queue: Vec<Queued>,
    under_way: Option<UnderWay<'r>>,
    /// The relations that its operations so far make.
    made: HashSet<QName>,
    rows: Vec<Row>,
    session: Session,
    pub(super) again: bool,
    /// Rows whose statements are not answered yet: place in `rows`, index of the decision.
    untold: Vec<(usize, usize)>,
    /// Milliseconds and rows of statements that were answered, by decision.
    measured: HashMap<usize, (u64, Option<u64>)>,
}

impl<'p> Runner<'p> {
    /// Runs a transactional unit once; it may be under way already, and the next one may be when this one ends.
    pub(super) async fn run_unit<'r>(
        &'r self,
        planned: &'r Planned,
        position: usize,
        ahead: &mut Option<Running<'r, 'p>>,
        listener: &mut super::Listener<'p>,
    ) -> Result<UnitEnd, PgError> {
        self.brake.working().await;
        let mut running = ahead.take().unwrap_or_else(|| Running::new(self, planned, position));
        let result = match running.start(listener).await {
            Ok(()) => {
                point!("unit-sent");
                *ahead = running.next(position + 1, listener).await;
                running.end(listener).await
            }
            failed => failed,
        };
        match result {
            Ok(()) => {
                point!("unit-committed");
                self.committed(running.rows);
                Ok(UnitEnd::Committed { again: running.again })
            }
            Err(failed) => {
                // The server refuses whatever was sent after it, up to this ROLLBACK.
                *ahead = None;
                self.brake.recording().await;
                self.roll_back().await;
                Ok(UnitEnd::Failed(failed))
            }
        }
    }

    pub(super) async fn roll_back(&self) {
        // A lost connection has rolled back by itself; any other error here shows at the next statement.
        let _ = self.work.batch(if self.proxy { super::proxy::ROLLBACK } else { "ROLLBACK" }).await;
    }

    /// Whether a unit is sent without looking at an answer in between, and leaves nothing that could not be foreseen.
    fn is_plain(&self, planned: &Planned, unit: &Unit) -> bool {
        unit.transactional
            && planned.decisions[unit.decisions.clone()].iter().all(|decision| {
                let operation = &self.operations.all[decision.operation];
                match decision.action {
                    Action::Satisfied => true,
                    Action::Run if is_mark(decision) => true,
                    Action::Run => {
                        !may_set(decision)
                            && !is_careful(decision)
                            && operation.copy_data.is_none()
                            && operation.transaction.is_none()
                    }
                    Action::Ensure | Action::Skip | Action::Held => false,
                }
            })
    }
}

impl<'r, 'p> Running<'r, 'p> {
    fn new(runner: &'r Runner<'p>, planned: &'r Planned, position: usize) -> Running<'r, 'p> {
        Running {
            runner,
            planned,
            unit: &planned.units[position],
            durable: is_durable(planned, position),
            after: None,
            applies: false,
            queue: Vec::new(),
            under_way: None,
            made: HashSet::new(),
            rows: Vec::new(),
            session: Session::new(runner.search_path.clone()),
            again: false,
            untold: Vec::new(),
            measured: HashMap::new(),
        }
    }

    /// Sends it, up to its COMMIT; what has to be known on the way is waited for.
    async fn start(&mut self, listener: &mut super::Listener<'p>) -> Result<(), Box<Failed>> {
        if self.under_way.is_some() {
            return Ok(());
        }
        self.build(listener).await?;
        while self.queue.len() > self.window() {
            self.send(self.runner.work.answers());
            self.answers(listener).await?;
        }
        self.send(self.runner.work.answers());
        Ok(())
    }

    /// Queues its texts.
    async fn build(&mut self, listener: &mut super::Listener<'p>) -> Result<(), Box<Failed>> {
        // Nothing that was not written here is in one message with BEGIN: what cannot be parsed does not begin.
        self.queue.push(Queued::alone(self.prelude(), None));
        for index in self.unit.decisions.clone() {
            self.add(index, listener).await?;
        }
        let journalled = self.runner.journal_sql(&self.rows, self.unit.migration, None);
        self.applies = journalled.applied && !self.runner.was_edited(self.unit.migration);
        let own_path = !journalled.settled;
        let mut journal = self.journal_prelude(own_path);
        journal.push_str(&journalled.sql);
        journal.push_str(&self.journal_epilogue(own_path));
        // On its own, COMMIT would report success after an error. In one message with the journal it is not
        // reached: the server refuses the first statement of the message and drops the rest.
        journal.push_str("; COMMIT");
        let joins = journal.is_ascii();
        self.queue.push(Queued { sql: journal, decision: None, joins });
        Ok(())
    }

    /// Sends the unit after this one while the server still works on this one.
    ///
    /// Should this one fail, the server refuses the next one: in the transaction that failed, or, when only the
    /// COMMIT failed, by the check that this one's migration is recorded as applied.
    async fn next(&mut self, position: usize, listener: &mut super::Listener<'p>) -> Option<Running<'r, 'p>> {
        let (runner, planned) = (self.runner, self.planned);
        let plain = |unit| runner.is_plain(planned, unit);
        let unit = planned.units.get(position)?;
        let first = self.under_way.as_ref().map(|sent| sent.first + sent.messages.len() as u64)?;
        if runner.proxy
            || !self.applies
            || runner.brake.pulled().is_some()
            || !plain(self.unit)
            || !plain(unit)
        {
            return None;
        }
        let mut next = Running::new(runner, planned, position);
        next.after = Some(self.unit.migration);
        next.build(listener).await.ok()?;
        if next.queue.len() > WINDOW {
            return None;
        }
        next.send(first);
        Some(next)
    }

    /// Waits until it is committed.
    async fn end(&mut self, listener: &mut super::Listener<'p>) -> Result<(), Box<Failed>> {
        let unmeasured: Vec<usize> = self.untold.iter().map(|(row, _)| *row).collect();
        self.answers(listener).await?;
        self.tell(listener);
        self.runner.measured(unmeasured.iter().map(|row| &self.rows[*row]));
        Ok(())
    }

    /// BEGIN, the transaction-level lock, the epoch, time-outs and the role, in one message.
    fn prelude(&self) -> String {
        let runner = self.runner;
        let isolation = runner.isolation(self.planned, self.unit).unwrap_or(READ_COMMITTED);
        let mut sql = format!("BEGIN ISOLATION LEVEL {isolation} READ WRITE");
        if !self.durable {
            sql.push_str("; SET LOCAL synchronous_commit = off");
        }
        sql.push_str(&self.time_outs());
        let statements = &runner.statements;
        sql.push_str("; ");
        sql.push_str(&statements.lock());
        if isolation != READ_COMMITTED {
            // Its snapshot may be older than the lock.
            sql.push_str("; ");
            sql.push_str(&runner.journal.hold_epoch_sql());
        }
        sql.push_str("; ");
        sql.push_str(&match self.after {
            Some(migration) => statements.check_after(&runner.set.migrations[migration].id),
            None => statements.check_epoch(),
        });
        if let Some(role) = &runner.options.role {
            sql.push_str("; ");
            sql.push_str(&super::settings::set_role(Some(role), true));
        }
        sql
    }

    /// The time-outs of its statements, as they follow other settings in one message.
    fn time_outs(&self) -> String {
        let decisions = &self.planned.decisions[self.unit.decisions.clone()];
        let mut sql = String::new();
        let locks = decisions.iter().any(|decision| {
            decision.action == Action::Run
                && !decision.analysis.changes_data()
                && !decision.analysis.locks.is_empty()
                || decision.action == Action::Ensure
        });
        if locks {
            sql.push_str("; SET LOCAL lock_timeout = '3s'");
        }
        let version = self.runner.work.info().version;
        let builds = decisions
            .iter()
            .any(|decision| matches!(decision.analysis.class, Class::Adds | Class::Maintains));
        if builds {
            sql.push_str("; SET LOCAL statement_timeout = 0");
            if version >= 170_000 {
                sql.push_str("; SET LOCAL transaction_timeout = 0");
            }
        }
        if self.runner.proxy {
            sql.push_str("; SET LOCAL idle_in_transaction_session_timeout = 0");
        }
        sql
    }

    /// Journal rows are written under Dunlin's own role and settings, and in a search path of their own if they need it.
    fn journal_prelude(&self, own_path: bool) -> String {
        let mut sql = match self.runner.proxy {
            true => super::proxy::forget(self.runner.work),
            false => String::new(),
        };
        if !self.session.is_plain() {
            sql.push_str(
                "SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL statement_timeout = 0; \
                 SET LOCAL lock_timeout = 0; SET LOCAL row_security = on; ",
            );
        }
        sql.push_str("SET LOCAL role TO DEFAULT; ");
        if own_path {
            sql.push_str("SET LOCAL search_path = pg_catalog; ");
        }
        sql
    }

    /// What is deferred to the commit runs under the file's own role and settings again.
    fn journal_epilogue(&self, own_path: bool) -> String {
        let mut statements = Vec::new();
        // Where nothing else is of the file, it could matter to a trigger that was made deferred in this very unit.
        if own_path || !self.session.is_plain() {
            statements.push("SET LOCAL search_path TO DEFAULT".to_owned());
        }
        let plain = Session::new(self.runner.search_path.clone());
        if let Some(role) = &self.runner.options.role {
            statements.push(super::settings::set_role(Some(role), true));
        }
        statements.extend(switch(&plain, &self.session, self.runner.options.role.as_deref()));
        statements.iter().fold(String::new(), |sql, statement| sql + "; " + statement)
    }

    async fn add(&mut self, index: usize, listener: &mut super::Listener<'p>) -> Result<(), Box<Failed>> {
        let planned = self.planned;
        let decision = &planned.decisions[index];
        match decision.action {
            Action::Run if is_mark(decision) && !self.is_late(index) => {
                self.finish(index, OperationState::Done, None);
            }
            Action::Run => self.run_operation(index, decision, listener).await?,
            Action::Ensure => self.run_ensure(index, decision, listener).await?,
            // A run that was cut off had begun it, and it is there: that run did it.
            Action::Satisfied if self.runner.recorded(decision) == Some(PastState::Started) => {
                self.finish(index, OperationState::Done, None);
            }
            Action::Satisfied => self.finish(index, OperationState::Satisfied, None),
            // Its record tells of the failure.
            Action::Skip if self.runner.has_failed(decision.operation) => {}
            Action::Skip if decision.pending => self.finish(index, OperationState::Pending, None),
            Action::Skip => self.finish(index, OperationState::Skipped, None),
            Action::Held => self.finish(index, OperationState::Held, None),
        }
        Ok(())
    }

    /// Whether it is a SET TRANSACTION that comes after the transaction's first statement: the server refuses it.
    fn is_late(&self, index: usize) -> bool {
        let decisions = &self.planned.decisions;
        matches!(decisions[index].analysis.transaction, Some(TransactionStatement::Set(_)))
            && decisions[self.unit.decisions.start..index].iter().any(is_first_query)
    }

    async fn run_operation(
        &mut self,
        index: usize,
        decision: &Decision,
        listener: &mut super::Listener<'p>,
    ) -> Result<(), Box<Failed>> {
        let operation = &self.runner.operations.all[decision.operation];
        if matches!(operation.transaction, Some(TransactionStatement::RollbackTo(_))) {
            // It would take the transaction out of its error, and what is sent after it would commit.
            self.flush(listener).await?;
        }
        self.switch_to(&operation.session, index);
        let is_set = operation.session_statement() && !decision.analysis.session.is_empty();
        if !is_set {
            if self.runner.settles(decision, self.planned, index) {
                let sql = include_str!("../pg/sql/settle_constraints.sql").to_owned();
                self.queue.push(Queued::alone(sql, Some(index)));
            }
            let sql = self.planned.plan.steps[index].sql.clone();
            if let Some(data) = &operation.copy_data {
                self.flush(listener).await?;
                return self.copy(index, &sql, data, listener).await;
            }
            // Savepoints of our own would hide the file's: what it brackets itself runs plainly.
            if is_careful(decision) && operation.transaction.is_none() && !operation.rolled_back {
                return self.run_carefully(index, decision, sql, listener).await;
            }
            let joins = !may_set(decision)
                && operation.transaction.is_none()
                && message::joins(self.planned, decision, &sql, &self.made);
            self.queue.push(Queued { sql, decision: Some(index), joins });
            if !joins && decision.analysis.changes_data() {
                // How many rows there are now is not known.
                self.made.clear();
            }
            self.made.extend(message::makes(decision).cloned());
        } else {
            let role = self.runner.options.role.as_deref();
            let statements = decision.analysis.session.iter().map(|change| apply(change, role));
            self.queue.extend(statements.map(|sql| Queued::alone(sql, Some(index))));
            let time_outs = self.time_outs();
            if decision.analysis.session.contains(&SessionChange::ResetAll) && !time_outs.is_empty() {
                let sql = time_outs.trim_start_matches("; ").to_owned();
                self.queue.push(Queued::alone(sql, Some(index)));
            }
        }
        decision.analysis.session.iter().for_each(|change| self.session.apply(change));
        self.finish(index, OperationState::Done, None);
        Ok(())
    }

    pub(super) fn switch_to(&mut self, session: &Session, index: usize) {
        let statements = switch(&self.session, session, self.runner.options.role.as_deref());
        self.queue.extend(statements.into_iter().map(|sql| Queued::alone(sql, Some(index))));
        self.session = session.clone();
    }

    async fn copy(
        &mut self,
        index: usize,
        sql: &str,
        data: &str,
        listener: &mut super::Listener<'p>,
    ) -> Result<(), Box<Failed>> {
        let (runner, work) = (self.runner, self.runner.work);
        let begun = Instant::now();
        runner.sends(work.answers(), [[Some(&self.planned.decisions[index])]; 2]);
        let failed = |error| Box::new(Failed { decision: Some(index), error: work.error(error) });
        let copied = async {
            let mut sink = std::pin::pin!(work.client().copy_in(sql).await?);
            // The server takes lines that end in LF; the file's may end in CRLF.
            sink.send(bytes::Bytes::from(data.replace("\r\n", "\n").into_bytes())).await?;
            sink.finish().await
        };
        let operation = Some(self.planned.decisions[index].operation);
        let rows = runner.answered(self.unit.migration, operation, listener, copied).await.map_err(failed)?;
        self.measured.insert(index, (millis(begun.elapsed()), Some(rows)));
        // The statement was prepared; the answer to its end must not count as that of the next query.
        work.batch("").await.map_err(|error| Box::new(Failed { decision: Some(index), error }))?;
        self.finish(index, OperationState::Done, None);
        Ok(())
    }

    /// Sends what waits, and gives the first error with the decision it belongs to.
    pub(super) async fn flush(&mut self, listener: &mut super::Listener<'p>) -> Result<(), Box<Failed>> {
        while !self.queue.is_empty() {
            self.send(self.runner.work.answers());
            self.answers(listener).await?;
        }
        self.tell(listener);
        Ok(())
    }

    /// How many texts are under way at once.
    fn window(&self) -> usize {
        // A proxy that ends idle transactions takes one for idle when an answer passes while the next query waits.
        if self.runner.proxy { 1 } else { WINDOW }
    }

    /// Sends the first of what waits, as queries from this number on.
    fn send(&mut self, first: u64) {
        let count = self.queue.len().min(self.window());
        let messages = Message::all(self.queue.drain(..count));
        let (texts, messages): (Vec<_>, Vec<_>) =
            messages.into_iter().map(|message| (message.text, message.parts)).unzip();
        let planned = self.planned;
        let decision = |part: &Part| part.decision.map(|index| &planned.decisions[index]);
        self.runner.sends(first, messages.iter().map(|parts| parts.iter().map(decision)));
        let sent = send(self.runner.work.client(), texts);
        self.under_way = Some(UnderWay { first, messages, sent });
    }

    /// Waits for the answers to what was sent.
    async fn answers(&mut self, listener: &mut super::Listener<'p>) -> Result<(), Box<Failed>> {
        let Some(UnderWay { messages, sent, .. }) = self.under_way.take() else { return Ok(()) };
        let (runner, migration) = (self.runner, self.unit.migration);
        let operation = messages
            .iter()
            .flatten()
            .find_map(|part| part.decision)
            .map(|index| self.planned.decisions[index].operation);
        let (replies, refused) = runner.answered(migration, operation, listener, sent.replies()).await;
        let Some(refused) = refused else {
            for (parts, reply) in messages.iter().zip(&replies) {
                self.measure_parts(parts, reply);
            }
            return Ok(());
        };
        let mut error = runner.work.error(refused.error);
        let parts = messages.get(replies.len()).map_or(&[][..], Vec::as_slice);
        let decision = message::blamed(parts, refused.completed, &mut error);
        Err(Box::new(Failed { decision, error }))
    }

    /// Adds to what was measured of the steps of a message: the server says only how long all of them took.
    fn measure_parts(&mut self, parts: &[Part], reply: &Reply) {
        let told = u32::try_from(parts.iter().filter(|part| part.decision.is_some()).count()).unwrap_or(1);
        for (at, part) in parts.iter().enumerate() {
            let rows = if parts.len() == 1 { reply.rows() } else { reply.tags.get(at).copied() };
            if let Some(index) = part.decision {
                self.measure(index, reply.elapsed / told, rows);
            }
        }
    }

    /// Adds to what was measured of a step; the last of its texts is its statement.
    pub(super) fn measure(&mut self, index: usize, elapsed: Duration, rows: Option<u64>) {
        let changes = self.planned.decisions[index].analysis.changes_data();
        let (duration, told) = self.measured.entry(index).or_default();
        *duration += millis(elapsed);
        *told = rows.filter(|_| changes);
    }

    /// Tells the listener of the steps that the server has answered.
    fn tell(&mut self, listener: &mut super::Listener<'p>) {
        for (row, index) in std::mem::take(&mut self.untold) {
            let (duration_ms, rows) = self.measured.remove(&index).unwrap_or_default();
            (self.rows[row].duration_ms, self.rows[row].rows) = (duration_ms, rows);
            let step = &self.planned.plan.steps[index];
            listener(&Event::StepFinished { step, rows, duration_ms });
        }
    }

    /// Keeps the journal row of a step; the listener is told when the server has answered.
    pub(super) fn finish(&mut self, index: usize, state: OperationState, diagnostic: Option<&Diagnostic>) {
        let decision = &self.planned.decisions[index];
        let step = &self.planned.plan.steps[index];
        // What was done needs no reason, and when it was done is nothing that a later run would find the same.
        let planned = Some(decision).filter(|_| state != OperationState::Done);
        self.rows.push(Row {
            operation: decision.operation,
            state,
            code: diagnostic.map(|diagnostic| diagnostic.code).or(planned.and_then(|planned| planned.code)),
            reason: diagnostic
                .map(|diagnostic| diagnostic.message.clone())
                .or_else(|| planned.and_then(|planned| planned.reason.clone())),
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

/// The isolation level of a unit whose file says nothing else.
const READ_COMMITTED: &str = "READ COMMITTED";

/// Whether a transaction that begins with this decision is under way after it.
fn is_first_query(decision: &Decision) -> bool {
    matches!(decision.action, Action::Run | Action::Ensure)
        && !is_mark(decision)
        && decision.analysis.session.is_empty()
}

impl Runner<'_> {
    /// The isolation level that its file gives a unit, by BEGIN, SET TRANSACTION, or what SET makes the default.
    fn isolation(&self, planned: &Planned, unit: &Unit) -> Option<&'static str> {
        let mut decisions = planned.decisions[unit.decisions.clone()].iter();
        let first = decisions.find(|decision| is_first_query(decision))?.operation;
        let mut level = None;
        for operation in
            self.operations.ranges[unit.migration].clone().take_while(|operation| *operation < first)
        {
            match self.operations.all[operation].transaction {
                Some(TransactionStatement::Begin(begun)) => level = begun,
                Some(TransactionStatement::Set(set)) => level = set.or(level),
                Some(TransactionStatement::Commit) => level = None,
                _ => {}
            }
        }
        let default = || self.operations.all[first].session.setting("default_transaction_isolation");
        level.or_else(|| default().and_then(isolation))
    }
}

/// Whether the server decides about an operation: it runs under a savepoint.
fn is_careful(decision: &Decision) -> bool {
    let analysis = &decision.analysis;
    analysis.only_checks && analysis.kind == "DO"
        || analysis.has_unknown()
        || matches!(analysis.presence, Presence::Unknown { .. })
}

/// Whether an operation may have changed settings of the session that nobody has seen: functions and blocks can.
pub(super) fn may_set(decision: &Decision) -> bool {
    decision.action == Action::Run
        && (decision.analysis.opaque.is_some()
            || matches!(decision.analysis.kind, "DO" | "CALL" | "SELECT" | "DISCARD"))
}

/// Whether a unit's commit waits for the disk. The last one's does: a run whose server crashes after it ends on another
/// connection, and must not call applied what the server has forgotten.
fn is_durable(planned: &Planned, position: usize) -> bool {
    let rest = &planned.units[position + 1..];
    rest.iter().find(|next| next.number > 0).is_none_or(|next| !next.transactional)
        || planned.decisions[planned.units[position].decisions.clone()]
            .iter()
            .any(|decision| decision.analysis.opaque.is_some())
}
