//! What is done under the lock: planned and run on one connection, and gone on with on another when that is lost.

use super::brake::Brake;
use super::event::Event;
use super::notices::Notices;
use super::runner::{Runner, State, millis};
use super::setup::{Opening, Prepared, Work, connect_work, open_run, prepare};
use super::up::{finish, merged, same_plan, summary, unless_interrupted, while_connecting};
use super::{ErrorKind, ExecuteError, Listener, Migrations, Options, Outcome, Report, Target};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::migration::MigrationSet;
use crate::pg::fault::point;
use crate::pg::journal::{Journal, RunHandle};
use crate::pg::sqlstate::is_time_out;
use crate::pg::{PgError, Session};
use crate::plan::{Past, Planned};
use crate::syntax::drop_aside;
use std::sync::Arc;
use std::time::Duration;

/// How often in a row a connection may be lost before a run gives up, if nothing is committed in between.
///
/// Not more: the statement that is under way each time may be what ends the server's process.
const LOSSES: u32 = 3;

/// How often a run is opened anew since somebody else begins one at the same moment.
const OPENINGS: u32 = 20;

/// What does not change from one connection to the next.
pub(super) struct Place<'a> {
    pub(super) migrations: &'a Migrations,
    pub(super) target: &'a Target,
    pub(super) options: &'a Options,
    pub(super) unit_key: i64,
    pub(super) notices: &'a Notices,
    pub(super) brake: &'a Brake,
}

/// What one connection leaves to the next.
#[derive(Default)]
pub(super) struct Carried {
    /// The run that goes on.
    run: Option<RunHandle>,
    /// What was recorded before this run.
    before: Option<Past>,
    /// What has happened so far.
    state: Option<State>,
    /// Connections lost since something was committed.
    losses: u32,
    /// What had happened when the last connection was lost.
    report: Option<Report>,
    /// Whether the connection that works was lost last.
    work_lost: bool,
    /// The server process that held the lock on a connection that was lost.
    pub(super) orphan: Option<i32>,
}

impl Carried {
    /// Whether something was written already.
    pub(super) fn has_begun(&self) -> bool {
        self.run.is_some()
    }

    fn may_lose(&self) -> bool {
        self.losses + 1 < LOSSES
    }

    /// Whether the run may go on with a lock that is taken anew.
    pub(super) fn goes_on_after(&self, error: &ExecuteError) -> bool {
        let lock_lost = error.kind == ErrorKind::Failed && error.diagnostic.code == Code::DN802;
        self.may_lose() && (error.is_loss() || lock_lost && self.work_lost)
    }

    /// Tells of the loss and waits a little.
    pub(super) async fn pause(
        &mut self,
        error: &ExecuteError,
        options: &Options,
        listener: &mut Listener<'_>,
    ) -> Result<(), ExecuteError> {
        self.losses += 1;
        self.work_lost = true;
        let wait = Duration::from_millis(200 * u64::from(self.losses))
            + Duration::from_millis(fastrand::u64(0..100));
        listener(&Event::Reconnecting { reason: error.diagnostic.message.clone(), wait_ms: millis(wait) });
        unless_interrupted(options, async {
            tokio::time::sleep(wait).await;
            Ok(())
        })
        .await
    }

    /// Gives an error the report on what had happened before, where it has none.
    pub(super) fn reported(self, mut error: ExecuteError) -> ExecuteError {
        error.report = error.report.or(self.report.map(Box::new));
        error
    }

    /// What to say when a connection that was lost cannot be made again: the run has failed in the middle.
    pub(super) fn not_again(&mut self, mut error: ExecuteError) -> ExecuteError {
        if self.losses > 0 && error.kind == ErrorKind::Connection {
            self.losses = LOSSES;
            error.kind = ErrorKind::Failed;
            error.diagnostic.message =
                format!("the connection was lost and could not be made again: {}", error.diagnostic.message);
            error.diagnostic.help =
                Some("run `dunlin up` again: what was committed is kept, the rest was rolled back".into());
        }
        error
    }
}

/// Plans and runs what is pending; where the connection is lost, the journal tells how far that came.
pub(super) async fn attempts(
    place: &Place<'_>,
    carried: &mut Carried,
    listener: &mut Listener<'_>,
) -> Result<Report, ExecuteError> {
    let (set, first) = tokio::join!(while_connecting(|| place.migrations.load()), connected(place));
    let set = set.map_err(ExecuteError::from)?;
    super::commands::unknown_target(&set, place.options)?;
    let mut first = Some(first);
    loop {
        let connected = match first.take() {
            Some(first) => first,
            None => connected(place).await,
        };
        match attempt(place, &set, connected, carried, listener).await {
            Err(error) if error.is_loss() && carried.may_lose() => {
                place.brake.reading(None).await;
                carried.pause(&error, place.options, listener).await?;
            }
            other => return other,
        }
    }
}

async fn connected(place: &Place<'_>) -> Result<Work, ExecuteError> {
    connect_work(place.target, place.notices.listener()).await
}

/// A run that was opened, or a report that needs none.
enum Begun {
    Nothing(Box<Report>),
    Run { prepared: Box<Prepared>, planned: Box<Planned>, journal: Journal, run: RunHandle },
}

async fn attempt(
    place: &Place<'_>,
    set: &MigrationSet,
    connected: Result<Work, ExecuteError>,
    carried: &mut Carried,
    listener: &mut Listener<'_>,
) -> Result<Report, ExecuteError> {
    let work = connected.map_err(|error| carried.not_again(error))?;
    carried.work_lost = false;
    place.brake.reading(Some(work.session.canceller())).await;
    let (prepared, planned, journal, run) = match begin(place, set, carried, &work, listener).await? {
        Begun::Nothing(report) => return Ok(*report),
        Begun::Run { prepared, planned, journal, run } => (*prepared, *planned, journal, run),
    };
    let earlier = carried.state.take();
    let committed_before = earlier.as_ref().map_or(0, State::committed);
    let runner = Runner::new(
        set,
        &prepared.operations,
        place.options,
        prepared.search_path.clone(),
        &work.session,
        work.proxy,
        &journal,
        run,
        place.unit_key,
        &prepared.accepted,
        prepared.start(set),
        prepared.catalog.has_deferred(),
        place.brake,
        place.notices,
    );
    let first_attempt = earlier.is_none();
    if let Some(earlier) = earlier {
        runner.go_on_from(earlier);
    }
    let first = planned.plan.diagnostics.clone();
    let ended = match planned.plan.refused {
        true => Err(ExecuteError::refused(first.clone())),
        false => match runner.record_broken(if first_attempt { &prepared.broken } else { &[] }).await {
            Ok(()) => runner.run_all(planned, listener).await,
            Err(error) => Err(error),
        },
    };
    let mut state = runner.into_state();
    place.brake.recording().await;
    if state.committed() > committed_before {
        carried.losses = 0;
    }
    carried.work_lost = ended.is_err() && is_lost(&work.session).await;
    if state.lost.as_ref().is_some_and(|lost| is_time_out(&lost.failure.sqlstate)) {
        // It would end the same way.
        carried.losses = LOSSES;
    }
    if ended.as_ref().is_err_and(ExecuteError::is_loss) && carried.may_lose() {
        let mut shown = state.clone();
        shown.give_up();
        let before = carried.before.as_ref().unwrap_or(&prepared.past);
        let mut report = summary(set, &prepared, before, place.options, first, shown, None);
        report.outcome = Outcome::Failed;
        (carried.state, carried.report) = (Some(state), Some(report));
        return ended.map(|_| Report::nothing());
    }
    let unrecorded = state.give_up();
    let end = End { place, set, prepared: &prepared, journal: &journal, run, work: &work.session };
    let before = carried.before.as_ref().unwrap_or(&prepared.past);
    let result = end.report(before, first, ended, state, unrecorded).await;
    point!("run-ended");
    work.session.close().await;
    drop_aside(prepared);
    result
}

/// Reads, plans, and opens the run.
async fn begin(
    place: &Place<'_>,
    set: &MigrationSet,
    carried: &mut Carried,
    work: &Work,
    listener: &mut Listener<'_>,
) -> Result<Begun, ExecuteError> {
    let Place { options, unit_key, .. } = *place;
    for _ in 0..OPENINGS {
        let mut prepared = prepare(set, options, &work.session).await?;
        if let Some(history) = &prepared.history
            && super::resume::wait_for_former_runs(history, options, &work.session, unit_key, listener)
                .await?
        {
            prepared = prepare(set, options, &work.session).await?;
        }
        let mut planned = prepared.plan(set, options, &work.session).await?;
        let cut_off = prepared.is_cut_off();
        let nothing = match carried.has_begun() {
            true => None,
            false => nothing_to_begin(set, options, &prepared, &planned, work, listener).await?,
        };
        // A run that was cut off before it wrote its end is ended by this one, where that can be written.
        if let Some(report) = nothing.as_ref()
            && !cut_off
        {
            return Ok(Begun::Nothing(Box::new(report.clone())));
        }
        let warnings = match carried.has_begun() || nothing.is_some() {
            true => Vec::new(),
            false => fit_to_begin(options, &prepared, &planned, work).await?,
        };
        point!("planned");
        let opening = Opening {
            epoch: prepared.history.as_ref().map(|history| history.epoch),
            unit_key,
            proxy: work.proxy,
            run: carried.run,
        };
        let opened = open_run(options, &work.session, &prepared.catalog, &opening).await;
        if let (Err(_), Some(report)) = (&opened, nothing) {
            return Ok(Begun::Nothing(Box::new(report)));
        }
        let Some((journal, run)) = opened? else { continue };
        point!("run-begun");
        carried.run = Some(run);
        place.brake.recording().await;
        if cut_off {
            // Its last transaction may have been committed after the journal was read, and not after this.
            prepared = prepare(set, options, &work.session).await?;
            planned = prepared.plan(set, options, &work.session).await?;
        }
        planned.plan.diagnostics.extend(warnings);
        if carried.before.is_none() {
            carried.before = Some(prepared.past.clone());
        }
        prepared.rename(set, &journal, &work.session).await?;
        return Ok(Begun::Run { prepared: Box::new(prepared), planned: Box::new(planned), journal, run });
    }
    Err(ExecuteError::new(
        ErrorKind::Lock,
        Code::DN802,
        "other runs begin at the same moment, again and again",
    )
    .help("`dunlin doctor` shows who holds the lock"))
}

/// What ends a run before it begins: the plan is refused, or there is nothing to do.
async fn nothing_to_begin(
    set: &MigrationSet,
    options: &Options,
    prepared: &Prepared,
    planned: &Planned,
    work: &Work,
    listener: &mut Listener<'_>,
) -> Result<Option<Report>, ExecuteError> {
    if let Some(expected) = &options.expected_plan {
        same_plan(expected, &planned.plan)?;
    }
    if planned.plan.refused {
        listener(&Event::Planned { plan: &planned.plan, again: false });
        return Err(ExecuteError::refused(planned.plan.diagnostics.clone()));
    }
    if prepared.nothing_to_record(set, planned, options.to.as_deref()) {
        let past = State { past: prepared.past.clone(), ..State::default() };
        let diagnostics = planned.plan.diagnostics.clone();
        let report = summary(set, prepared, &prepared.past, options, diagnostics, past, Some(planned));
        prepared.keep_digest(set, options, &work.session, &report).await;
        return Ok(Some(report));
    }
    if let Err(error) = super::setup::refuse_read_only(&work.session).await {
        // Without migrations only a journal would be made.
        let nothing = Report { diagnostics: planned.plan.diagnostics.clone(), ..Report::nothing() };
        return if set.migrations.is_empty() { Ok(Some(nothing)) } else { Err(error) };
    }
    if work.proxy {
        super::proxy::refuse(planned, &prepared.operations)?;
    }
    Ok(None)
}

/// Refuses what would fail in the middle; gives what is to be said before.
async fn fit_to_begin(
    options: &Options,
    prepared: &Prepared,
    planned: &Planned,
    work: &Work,
) -> Result<Vec<Diagnostic>, ExecuteError> {
    let found = super::preflight::preflight(&work.session, prepared, planned, options).await?;
    if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        let mut all = planned.plan.diagnostics.clone();
        all.extend(found);
        return Err(ExecuteError::refused(all));
    }
    Ok(found)
}

/// Whether the connection is gone, as told a moment after the server's last words on a statement.
async fn is_lost(session: &Session) -> bool {
    session.is_closed() || tokio::time::timeout(Duration::from_millis(100), session.closed()).await.is_ok()
}

/// Says that a run could not record its end; what it did is recorded with each unit.
fn unfinished(error: &ExecuteError) -> Diagnostic {
    let text = format!("the end of the run could not be recorded: {}", error.diagnostic.message);
    let diagnostic = Diagnostic::new(error.diagnostic.code, text).severity(Severity::Warning);
    match &error.diagnostic.help {
        Some(help) => diagnostic.help(help.clone()),
        None => diagnostic,
    }
}

/// The end of a run.
struct End<'a> {
    place: &'a Place<'a>,
    set: &'a MigrationSet,
    prepared: &'a Prepared,
    journal: &'a Journal,
    run: RunHandle,
    work: &'a Session,
}

impl End<'_> {
    /// Records the end, and folds what happened into a report.
    async fn report(
        &self,
        before: &Past,
        first: Vec<Diagnostic>,
        ended: Result<Vec<Diagnostic>, ExecuteError>,
        mut state: State,
        unrecorded: Option<String>,
    ) -> Result<Report, ExecuteError> {
        let (diagnostics, error) = match ended {
            Ok(diagnostics) => (merged(first, diagnostics), None),
            Err(error) => (first, Some(error)),
        };
        let measured = std::mem::take(&mut state.measured);
        let forgotten = self.prepared.forgotten(self.set, self.journal, &state.past);
        let past = state.past.clone();
        let options = self.place.options;
        let mut report = summary(self.set, self.prepared, before, options, diagnostics, state, None);
        if error.is_some() {
            // As the journal shall have it.
            report.outcome = Outcome::Failed;
        }
        // Who has lost the lock writes nothing, and has not come to the end.
        let finished = match self.place.brake.is_lock_lost() {
            true => Err(self.place.brake.pulled().unwrap_or_else(ExecuteError::interrupted)),
            false => self.record(&report, error.is_none(), &measured, &forgotten, &past, unrecorded).await,
        };
        match (error, finished) {
            (Some(mut error), _) => {
                error.report = Some(Box::new(report));
                Err(error)
            }
            (None, Ok(())) => Ok(report),
            // The failure is what the user has to know first.
            (None, Err(error)) if report.failed.is_some() => {
                report.diagnostics.push(unfinished(&error));
                Ok(report)
            }
            (None, Err(mut error)) => {
                report.outcome = Outcome::Failed;
                error.kind = ErrorKind::Failed;
                error.report = Some(Box::new(report));
                Err(error)
            }
        }
    }

    /// Records the end, on another connection where the one that worked is lost, if there is one to be had.
    async fn record(
        &self,
        report: &Report,
        ended: bool,
        measured: &[(usize, u64, Option<u64>)],
        forgotten: &[String],
        past: &Past,
        unrecorded: Option<String>,
    ) -> Result<(), ExecuteError> {
        let settled = ended && report.failed.is_none();
        let mut another: Option<Work> = None;
        for last in [false, false, true] {
            let work = another.as_ref().map_or(self.work, |another| &another.session);
            if !work.is_closed() {
                if let Some(sql) = &unrecorded
                    && work.batch(sql).await.is_err()
                {
                    // Its transaction is still open, and what follows would be refused in it.
                    let _ = work.batch("ROLLBACK").await;
                }
                let Place { options, unit_key, .. } = *self.place;
                let done = finish(
                    self.set,
                    self.prepared,
                    options,
                    work,
                    self.journal,
                    self.run,
                    unit_key,
                    report,
                    settled,
                    measured,
                    forgotten,
                    past,
                    // A lost lock is no hurry: nobody waits for the end, and the epoch is checked.
                    self.place.brake.pulled().is_some() && !self.place.brake.is_lock_lost(),
                )
                .await;
                // A commit whose answer was lost is as good when it is made again.
                if last || !done.as_ref().is_err_and(ExecuteError::is_loss) {
                    return done;
                }
            }
            // A run that failed does not wait for the server.
            let connect_wait = if ended { self.place.target.connect_wait } else { Duration::ZERO };
            let target = Target { connect_wait, ..self.place.target.clone() };
            another = Some(connect_work(&target, Arc::new(|_, _| {})).await?);
        }
        Err(ExecuteError::from(PgError::Closed { cause: None, sqlstate: None }))
    }
}
