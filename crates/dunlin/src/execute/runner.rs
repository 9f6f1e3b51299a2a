//! The loop: plan, run units, plan anew where something could not be foreseen, until nothing is left.

use super::brake::Brake;
use super::event::Event;
use super::record::{Journalled, Row};
use super::report::Failure;
use super::unit::{Failed, Running, UnitEnd, may_set};
use super::{ExecuteError, Options};
use crate::catalog::{Catalog, SearchPath};
use crate::diagnostic::{Code, Diagnostic};
use crate::history::OperationState;
use crate::migration::MigrationSet;
use crate::pg::introspect::{Sizes, introspect_over};
use crate::pg::journal::{Journal, RunHandle, UnitStatements};
use crate::pg::{OWN, ServerError, Session, sqlstate};
use crate::plan::{
    Action, Decision, Input, Operations, Past, PastMigration, PastOperation, PastState, Planned, SetAside,
};
use crate::syntax::{drop_aside, on_large_stack};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A run under way: everything that does not change, and what has happened so far.
pub(super) struct Runner<'p> {
    pub(super) set: &'p MigrationSet,
    pub(super) operations: &'p Operations,
    pub(super) options: &'p Options,
    pub(super) search_path: SearchPath,
    pub(super) work: &'p Session,
    pub(super) journal: &'p Journal,
    pub(super) run: RunHandle,
    pub(super) unit_key: i64,
    pub(super) statements: UnitStatements,
    pub(super) accepted: &'p HashSet<usize>,
    pub(super) proxy: bool,
    /// Whether the database has constraints that are deferred from the start of a transaction.
    pub(super) deferred: bool,
    pub(super) brake: &'p Brake,
    notices: &'p super::notices::Notices,
    state: Mutex<State>,
}

/// What has happened so far.
#[derive(Default, Clone)]
pub(super) struct State {
    pub(super) past: Past,
    /// Operations that the server refused at run time, or that failed.
    pub(super) set_aside: HashMap<usize, SetAside>,
    /// Those of them that the server refused, and that a catalog read after more was done may still let run.
    pub(super) judged_again: HashSet<usize>,
    pub(super) notes: Vec<Diagnostic>,
    /// The last outcome of each operation.
    pub(super) outcomes: BTreeMap<usize, Row>,
    pub(super) ensured: Vec<Row>,
    pub(super) failures: Vec<(usize, Failure)>,
    /// What was measured after the journal row was sent: operation, milliseconds, rows.
    pub(super) measured: Vec<(usize, u64, Option<u64>)>,
    /// The record of a failure that could not be written when it happened.
    pub(super) unrecorded: Option<String>,
    /// What was under way when the connection was lost.
    pub(super) lost: Option<Lost>,
    pub(super) ran: bool,
    /// Who was cancelled since it was in the way, by operation.
    pub(super) ended: BTreeMap<usize, Vec<String>>,
    /// Migrations whose rows were sent to the journal in this run.
    pub(super) recorded: HashSet<usize>,
}

impl State {
    /// How many operations have been committed.
    pub(super) fn committed(&self) -> usize {
        self.outcomes.len() + self.ensured.len()
    }

    /// Counts what was under way when the connection was lost as failed; gives the journal's record of it.
    pub(super) fn give_up(&mut self) -> Option<String> {
        let unrecorded = self.unrecorded.take();
        let Some(Lost { operation, failure, record }) = self.lost.take() else { return unrecorded };
        self.failures.push((operation, failure));
        record.or(unrecorded)
    }
}

/// An operation whose connection was lost.
#[derive(Clone)]
pub(super) struct Lost {
    /// Index of the operation.
    pub(super) operation: usize,
    /// What the report says if it is not tried again.
    pub(super) failure: Failure,
    /// What the journal says then, where it is known that nothing of it was committed.
    pub(super) record: Option<String>,
}

impl<'p> Runner<'p> {
    #[expect(clippy::too_many_arguments, reason = "the parts of a run, each of its own kind")]
    pub(super) fn new(
        set: &'p MigrationSet,
        operations: &'p Operations,
        options: &'p Options,
        search_path: SearchPath,
        work: &'p Session,
        proxy: bool,
        journal: &'p Journal,
        run: RunHandle,
        unit_key: i64,
        accepted: &'p HashSet<usize>,
        state: State,
        deferred: bool,
        brake: &'p Brake,
        notices: &'p super::notices::Notices,
    ) -> Runner<'p> {
        Runner {
            set,
            operations,
            options,
            search_path,
            work,
            journal,
            run,
            unit_key,
            statements: UnitStatements::new(journal.clone(), run, unit_key),
            accepted,
            proxy,
            deferred,
            brake,
            notices,
            state: Mutex::new(state),
        }
    }

    /// Takes over what has happened on an earlier connection; what was committed then is known from the journal.
    pub(super) fn go_on_from(&self, earlier: State) {
        let mut state = self.state();
        let past = std::mem::take(&mut state.past);
        *state = State { past, lost: None, ..earlier };
    }

    /// What has happened; a listener that panicked does not matter here.
    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn into_state(self) -> State {
        self.state.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Tells which operations the statements of the next queries belong to, from this number on, so that notices get
    /// their place.
    pub(super) fn sends<'a, Q: IntoIterator<Item = Option<&'a Decision>>>(
        &self,
        first: u64,
        queries: impl IntoIterator<Item = Q>,
    ) {
        let place = |decision: Option<&Decision>| {
            let operation = &self.operations.all[decision?.operation];
            Some((operation.file.path.to_string(), operation.line))
        };
        let queries = queries.into_iter().map(|decisions| decisions.into_iter().map(place).collect());
        self.notices.running((first..).zip(queries));
    }

    /// Plans what is left, from a catalog.
    pub(super) fn plan(&self, catalog: Catalog) -> Planned {
        let state = self.state();
        let input = Input {
            set: self.set,
            operations: self.operations,
            catalog,
            past: &state.past,
            policy: &self.options.policy,
            to: self.options.to.as_deref(),
            accepted: self.accepted,
            set_aside: &state.set_aside,
            check: false,
        };
        on_large_stack(|| crate::plan::plan(&input))
    }

    /// Runs a plan to its end; what cannot be foreseen leads to a new plan for the rest.
    pub(super) async fn run_all(
        &self,
        mut planned: Planned,
        listener: &mut super::Listener<'p>,
    ) -> Result<Vec<Diagnostic>, ExecuteError> {
        // Each new plan has less to do, or one more operation is set aside, each twice at most; the bound only
        // guards against a fault of ours.
        for _ in 0..self.operations.all.len() * 3 + 3 {
            listener(&Event::Planned { plan: &planned.plan, again: self.state().ran });
            match self.run_units(&planned, listener).await? {
                Progress::Again => self.judge_again(),
                Progress::Without => {}
                Progress::On | Progress::Stop => break,
            }
            let schema = &self.options.journal_schema;
            let now =
                introspect_over(self.work, schema, Sizes::Measured).await.map_err(ExecuteError::from)?;
            drop_aside(std::mem::replace(&mut planned, self.plan(now.catalog)));
            if planned.plan.refused {
                let diagnostics = planned.plan.diagnostics.clone();
                self.state().notes.extend(diagnostics.iter().cloned());
                let refused = ExecuteError::refused(diagnostics);
                return Err(if self.state().ran { refused.in_the_middle() } else { refused });
            }
            if self.proxy {
                super::proxy::refuse(&planned, self.operations)?;
            }
        }
        let diagnostics = std::mem::take(&mut planned.plan.diagnostics);
        drop_aside(planned);
        Ok(diagnostics)
    }

    /// Runs the units of a plan, up to one after which the rest has to be planned anew.
    async fn run_units(
        &self,
        planned: &Planned,
        listener: &mut super::Listener<'p>,
    ) -> Result<Progress, ExecuteError> {
        let mut ahead = None;
        self.prepare_statements(planned).await;
        for position in 0..planned.units.len() {
            // A unit that is under way is waited for.
            if ahead.is_none()
                && let Some(stopped) = self.brake.pulled()
            {
                return Err(stopped);
            }
            let progress = self.run_one(planned, position, &mut ahead, listener).await?;
            let last = position + 1 == planned.units.len();
            match progress {
                Progress::Stop | Progress::Without => return Ok(progress),
                Progress::Again if !last || self.something_left(planned) => return Ok(Progress::Again),
                Progress::Again | Progress::On => {}
            }
        }
        Ok(Progress::On)
    }

    /// Prepares what units say to the journal, where there are several, and the session is not shared with others.
    async fn prepare_statements(&self, planned: &Planned) {
        let units = planned.units.iter().filter(|unit| unit.number > 0).count();
        if self.proxy || self.statements.is_prepared() || units < WORTH_PREPARING {
            return;
        }
        // Without them the same is said in full; a lost connection shows at the next statement.
        let prepared = self.work.batch(&self.statements.prepare_sql()).await;
        self.statements.set_prepared(prepared.is_ok());
    }

    /// Whether something of the plan was skipped that could be judged otherwise on the catalog as it is now.
    fn something_left(&self, planned: &Planned) -> bool {
        let state = self.state();
        planned.decisions.iter().any(|decision| {
            decision.action == Action::Skip
                && match state.set_aside.get(&decision.operation) {
                    Some(aside) => !aside.pending && !state.judged_again.contains(&decision.operation),
                    None => true,
                }
        })
    }

    /// Lets what the server refused be judged once more: what was done since may have made what it lacked.
    fn judge_again(&self) {
        let state = &mut *self.state();
        let State { set_aside, judged_again, .. } = state;
        set_aside.retain(|operation, aside| aside.pending || !judged_again.insert(*operation));
    }

    /// Whether the operation of a decision was set aside when it ran.
    fn was_set_aside(&self, planned: &Planned, failed: &Failed) -> bool {
        let at = failed.decision.map(|at| planned.decisions[at].at);
        at.is_some_and(|operation| self.state().set_aside.contains_key(&operation))
    }

    async fn run_one<'r>(
        &'r self,
        planned: &'r Planned,
        position: usize,
        ahead: &mut Option<Running<'r, 'p>>,
        listener: &mut super::Listener<'p>,
    ) -> Result<Progress, ExecuteError> {
        let unit = &planned.units[position];
        let id = &self.set.migrations[unit.migration].id;
        let begun = Instant::now();
        if unit.number > 0 {
            listener(&Event::UnitStarted {
                unit: unit.number,
                migration: id,
                operations: unit.decisions.len(),
            });
        }
        let end = self.run_until_unlocked(planned, position, ahead, listener).await?;
        match end {
            UnitEnd::Committed { again } => {
                let barrier = planned.decisions[unit.decisions.clone()]
                    .iter()
                    .any(|decision| decision.action == Action::Run && decision.analysis.opaque.is_some());
                let decisions = &planned.decisions[unit.decisions.clone()];
                if !self.proxy && decisions.iter().any(may_set) {
                    self.reset_session().await;
                }
                if unit.number > 0 {
                    self.state().ran = true;
                    let duration_ms = millis(begun.elapsed());
                    listener(&Event::UnitCommitted { unit: unit.number, migration: id, duration_ms });
                }
                Ok(if again || barrier { Progress::Again } else { Progress::On })
            }
            // Nothing half-done commits: the unit runs again without the operation, and without what depends on it.
            UnitEnd::Failed(failed) if self.was_set_aside(planned, &failed) => Ok(Progress::Without),
            UnitEnd::Failed(failed) => self.failed(planned, unit, &failed).await,
        }
    }

    /// Brings the session back to where it started: settings of a file, or of a function that it calls, must not
    /// outlive it.
    pub(super) async fn reset_session(&self) {
        // A lost connection has lost them anyway, and shows at the next statement.
        let _ = self.work.batch("RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL").await;
        if !self.proxy {
            let _ = self.work.prepare_for_work(super::setup::CHECK_INTERVAL).await;
        }
    }

    /// Runs a unit; one that could not get its locks, or lost against another, is run again after a while.
    async fn run_until_unlocked<'r>(
        &'r self,
        planned: &'r Planned,
        position: usize,
        ahead: &mut Option<Running<'r, 'p>>,
        listener: &mut super::Listener<'p>,
    ) -> Result<UnitEnd, ExecuteError> {
        let unit = &planned.units[position];
        let begun = Instant::now();
        let mut tries: u32 = 0;
        loop {
            let end = match unit.transactional {
                true => {
                    self.run_unit(planned, position, ahead, listener).await.map_err(ExecuteError::from)?
                }
                false => self.run_alone(planned, unit, tries > 0, listener).await?,
            };
            let UnitEnd::Failed(failed) = &end else { return Ok(end) };
            let Some(error) = failed.error.server() else { return Ok(end) };
            if self.statements.are_lost(error) {
                // Something deallocated them: the unit was rolled back, and goes without.
                self.statements.set_prepared(false);
                continue;
            }
            let decisions = &planned.decisions[unit.decisions.clone()];
            let may_repeat = unit.transactional || decisions.iter().all(is_repeatable);
            if !sqlstate::is_transient(&error.sqlstate)
                || !may_repeat
                || begun.elapsed() > self.options.lock_wait
            {
                return Ok(end);
            }
            tries += 1;
            let wait = Duration::from_millis(100 * u64::from(tries.min(20)))
                + Duration::from_millis(fastrand::u64(0..100));
            let blockers = self.in_the_way(planned, unit, failed, listener).await;
            let migration = &self.set.migrations[unit.migration].id;
            listener(&Event::Retrying {
                migration,
                reason: error.message.clone(),
                blockers,
                wait_ms: millis(wait),
            });
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.brake.wait() => {}
            }
            if let Some(stopped) = self.brake.pulled() {
                return Err(stopped);
            }
        }
    }

    /// Whether deferred events have to be settled before an operation: DDL on a table whose rows the unit changed.
    pub(super) fn settles(&self, decision: &Decision, planned: &Planned, index: usize) -> bool {
        let ddl =
            matches!(decision.analysis.class, crate::analyze::Class::Adds | crate::analyze::Class::Changes)
                && !decision.analysis.locks.is_empty();
        if !ddl || index == 0 || !(self.deferred || planned.deferred) {
            return false;
        }
        let migration = self.operations.all[decision.at].migration;
        planned.decisions[..index]
            .iter()
            .rev()
            .take_while(|earlier| self.operations.all[earlier.at].migration == migration)
            .any(|earlier| {
                earlier.action == Action::Run
                    && (earlier.analysis.changes_data() || earlier.analysis.opaque.is_some())
            })
    }

    /// The diagnostic for an operation that the server refused since something is missing.
    pub(super) fn misfit(
        &self,
        decision: &Decision,
        error: &ServerError,
        dependent_on: Option<usize>,
    ) -> Diagnostic {
        let operation = &self.operations.all[decision.operation];
        if let Some(skipped) = dependent_on {
            let other = &self.operations.all[skipped];
            let message = format!("{}, since the operation that makes it is skipped", error.message);
            return Diagnostic::new(Code::DN209, message)
                .at(&operation.file, operation.statement.span)
                .because(&other.file, other.statement.span, "would make it")
                .help("it is judged again once that operation can run");
        }
        let code = match error.sqlstate.as_str() {
            "42P01" => Code::DN202,
            "42703" | "42702" => Code::DN203,
            "42883" => Code::DN204,
            "3F000" => Code::DN201,
            "42P10" | "42830" => Code::DN206,
            _ => Code::DN208,
        };
        let mut diagnostic = Diagnostic::new(code, error.message.clone())
            .at(&operation.file, operation.statement.span)
            .note(format!("the server refused it when it ran (SQLSTATE {})", error.sqlstate));
        if let Some(hint) = &error.hint {
            diagnostic = diagnostic.note(hint.clone());
        }
        diagnostic.help("it is judged again when its file or the schema has changed; `dunlin show` prints it")
    }

    /// Keeps something to be said at the end; a unit that runs again says it once.
    pub(super) fn note(&self, diagnostic: Diagnostic) {
        let mut state = self.state();
        if !state.notes.contains(&diagnostic) {
            state.notes.push(diagnostic);
        }
    }

    /// Takes an operation out of this run: the unit fails, and is run again without it.
    pub(super) fn set_aside(&self, operation: usize, diagnostic: Diagnostic) {
        self.state().set_aside.insert(operation, SetAside { diagnostic, pending: false });
    }

    /// Begins a transaction of Dunlin's own, in which it is sure that no other run has begun.
    pub(super) fn begin_sql(&self) -> String {
        begin_sql(self.journal, self.run, self.unit_key)
    }

    /// The journal's part of a unit.
    pub(super) fn journal_sql(&self, rows: &[Row], migration: usize, took: Option<u64>) -> Journalled {
        // What was applied stays so: an edit does not make the whole file pending again.
        let applied = self.was_applied(migration) || self.complete_after(migration, rows);
        super::record::unit_sql(self, rows, migration, applied, took)
    }

    /// Whether all operations of a migration are done once these rows are.
    fn complete_after(&self, migration: usize, rows: &[Row]) -> bool {
        let id = &self.set.migrations[migration].id;
        let state = self.state();
        let last: HashMap<usize, OperationState> = rows
            .iter()
            .filter(|row| row.state != OperationState::Ensured)
            .map(|row| (row.operation, row.state))
            .collect();
        self.operations.ranges[migration].clone().all(|index| match last.get(&index) {
            Some(state) => matches!(state, OperationState::Done | OperationState::Satisfied),
            None => state
                .past
                .operation(id, &self.operations.all[index].identity)
                .is_some_and(|past| past.state == PastState::Done),
        })
    }

    /// Says that rows of these migrations are sent now, and whether the journal surely has none of them yet.
    pub(super) fn records_first(&self, migrations: impl IntoIterator<Item = usize>) -> bool {
        let mut state = self.state();
        let mut first = true;
        for migration in migrations.into_iter().collect::<HashSet<_>>() {
            first &= !state.past.migrations.contains_key(&self.set.migrations[migration].id)
                & state.recorded.insert(migration);
        }
        first
    }

    /// Whether all of a migration was done once.
    pub(super) fn was_applied(&self, migration: usize) -> bool {
        let id = &self.set.migrations[migration].id;
        self.state().past.migrations.get(id).is_some_and(|past| past.applied)
    }

    /// Whether a migration was edited after it was applied: its record is renewed at the end, if the edit counts.
    pub(super) fn was_edited(&self, migration: usize) -> bool {
        let id = &self.set.migrations[migration].id;
        self.state().past.migrations.get(id).is_some_and(|past| past.applied && !past.unchanged)
    }

    /// Whether an operation has failed in this run.
    pub(super) fn has_failed(&self, index: usize) -> bool {
        self.state().failures.iter().any(|(failed, _)| *failed == index)
    }

    /// Whether an operation is recorded as done.
    pub(super) fn is_done(&self, index: usize) -> bool {
        let operation = &self.operations.all[index];
        let id = &self.set.migrations[operation.migration].id;
        let state = self.state();
        state.past.operation(id, &operation.identity).is_some_and(|past| past.state == PastState::Done)
    }

    /// Takes over what a committed unit did.
    pub(super) fn committed(&self, rows: Vec<Row>) {
        let mut state = self.state();
        for row in rows {
            let operation = &self.operations.all[row.operation];
            let id = self.set.migrations[operation.migration].id.clone();
            if row.state == OperationState::Ensured {
                state.ensured.push(row);
                continue;
            }
            let kept = match row.state {
                OperationState::Done | OperationState::Satisfied => Some(PastState::Done),
                // A new plan of this run must not decide otherwise.
                OperationState::Held => Some(PastState::Held),
                _ => None,
            };
            if let Some(kept) = kept {
                let past = state.past.migrations.entry(id).or_insert_with(|| PastMigration {
                    unchanged: true,
                    new: true,
                    ..PastMigration::default()
                });
                let done = PastOperation {
                    state: kept,
                    ran: row.state == OperationState::Done,
                    code: row.code,
                    reason: row.reason.clone(),
                };
                past.operations.insert(operation.identity.clone(), done);
            }
            state.outcomes.insert(row.operation, row);
        }
    }

    /// Keeps what was measured after the journal rows had been sent with the unit, for the end of the run.
    pub(super) fn measured<'r>(&self, rows: impl Iterator<Item = &'r Row>) {
        let found = rows.filter(|row| row.duration_ms > 0 || row.rows.is_some());
        self.state().measured.extend(found.map(|row| (row.operation, row.duration_ms, row.rows)));
    }
}

/// From how many units on the time for preparing statements is less than what they save.
const WORTH_PREPARING: usize = 4;

/// What comes after a unit.
pub(super) enum Progress {
    /// The next one.
    On,
    /// A new plan, unless nothing is left.
    Again,
    /// A new plan: the unit was rolled back, and runs without an operation of it.
    Without,
    /// Nothing more.
    Stop,
}

/// Whether a statement outside a transaction does nothing more when it is run again after a failure.
fn is_repeatable(decision: &Decision) -> bool {
    decision.analysis.opaque.is_none() && !matches!(decision.analysis.kind, "CALL" | "DO" | "SELECT")
}

/// Begins a transaction that only writes the journal: whatever time-outs and isolation the role or a file has set.
pub(super) fn begin_sql(journal: &Journal, run: RunHandle, unit_key: i64) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {OWN}SET LOCAL statement_timeout = 0; \
         SET LOCAL lock_timeout = '5s'; SELECT pg_catalog.pg_advisory_xact_lock({unit_key}); {}",
        journal.check_epoch_sql(run)
    )
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
