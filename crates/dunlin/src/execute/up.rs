//! `dunlin up`: brings the database up to date.

use super::event::Event;
use super::report::{Ensured, NotRun, Outcome, Report};
use super::runner::{Runner, State, millis};
use super::setup::{Prepared, connect_lock, connect_work, journal_error, open_run, prepare};
use super::{ErrorKind, ExecuteError, Listener, Migrations, Options, Target};
use crate::diagnostic::{Code, Diagnostic};
use crate::history::OperationState;
use crate::migration::MigrationSet;
use crate::pg::introspect::{Snapshot, introspect};
use crate::pg::journal::{Journal, RunEnd, RunHandle, UpToDate};
use crate::pg::{LockEvent, LockKeys, LockOptions, OWN, Session, with_lock};
use crate::plan::{PastState, Plan, Planned};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a new connection is polled until its first message is sent.
const CONNECT_POLLS: usize = 3;

/// Brings the database up to date.
///
/// # Errors
/// See [`ErrorKind`]; what was done before is in the error's report.
pub async fn up(
    migrations: &Migrations,
    target: &Target,
    options: &Options,
    listener: &mut Listener<'_>,
) -> Result<Report, ExecuteError> {
    let begun = Instant::now();
    let (digest, session) = tokio::try_join!(digest(migrations), async {
        // Kept for after the digest: what is wrong with the files is said first.
        Ok(connect_lock(target, listener).await)
    })?;
    let session = session?;
    if options.to.is_none() && options.expected_plan.is_none() {
        let journal = Journal::new(&options.journal_schema);
        match journal.is_up_to_date(session.client(), &digest).await.map_err(journal_error)? {
            UpToDate::Yes { .. } => {
                return Ok(Report { duration_ms: millis(begun.elapsed()), ..Report::nothing() });
            }
            UpToDate::Newer(version) => return Err(ExecuteError::journal_newer(version)),
            UpToDate::No | UpToDate::NoJournal => {}
        }
    }
    let keys = LockKeys::new(&super::setup::database(&session).await?, &options.journal_schema);
    let lock = super::commands::lock_options(keys, options);
    // On the heap: whoever awaits this may do it on the small stack of a thread of the runtime.
    let mut report = Box::pin(locked_up(migrations, target, options, session, lock, listener)).await?;
    report.duration_ms = millis(begun.elapsed());
    Ok(report)
}

/// Digests the set while the server starts our backend.
async fn digest(migrations: &Migrations) -> Result<[u8; 32], ExecuteError> {
    // The connection is polled in between: it opens the socket, then sends its first message, then waits.
    for _ in 0..CONNECT_POLLS {
        tokio::task::yield_now().await;
    }
    migrations.digest().map_err(ExecuteError::from)
}

async fn locked_up(
    migrations: &Migrations,
    target: &Target,
    options: &Options,
    session: Session,
    lock: LockOptions,
    listener: &mut Listener<'_>,
) -> Result<Report, ExecuteError> {
    let waiting = std::sync::Mutex::new(listener);
    let on_event = |event: LockEvent| {
        if let LockEvent::Waiting { holder, waited } = event {
            let mut listener = waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            (listener)(&Event::WaitingForLock {
                holder: holder.map(|holder| holder.to_string()),
                waited_ms: millis(waited),
            });
        }
    };
    let result = with_lock(session, lock, on_event, async |locked| {
        let notices = super::notices::Notices::default();
        let work = connect_work(target, notices.listener()).await?;
        let canceller = work.session.canceller();
        let mut told = |event: &Event<'_>| {
            let mut listener = waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            notices.tell(&mut **listener);
            (listener)(event);
        };
        let run = run_locked(migrations, target, options, &work, locked.keys().unit, &notices, &mut told);
        let mut run = Box::pin(run);
        let mut asked = false;
        loop {
            tokio::select! {
                result = &mut run => return result,
                lost = locked.lost() => {
                    // Nothing may commit any more: the epoch check would refuse it; this only ends it sooner.
                    let _ = canceller.cancel().await;
                    return Err(ExecuteError::new(ErrorKind::Failed, Code::DN802, format!("the lock was lost: {lost}"))
                        .help("what was committed is recorded: run `dunlin up` again, and it goes on from there"));
                }
                () = notices.arrived() => {
                    let mut listener = waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    notices.tell(&mut **listener);
                }
                () = interrupted(options), if !asked => {
                    asked = true;
                    // The statement ends with an error, which is recorded like any other.
                    let _ = canceller.cancel().await;
                }
            }
        }
    })
    .await;
    result.map_err(ExecuteError::from)
}

/// Ends when the user wants the run to end.
async fn interrupted(options: &Options) {
    let Some(receiver) = &options.interrupt else { return std::future::pending().await };
    if receiver.clone().wait_for(|wanted| *wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn run_locked(
    migrations: &Migrations,
    target: &Target,
    options: &Options,
    connected: &super::setup::Work,
    unit_key: i64,
    notices: &super::notices::Notices,
    listener: &mut Listener<'_>,
) -> Result<Report, ExecuteError> {
    let (work, proxy) = (&connected.session, connected.proxy);
    let set = migrations.load().map_err(ExecuteError::from)?;
    super::commands::unknown_target(&set, options)?;
    let mut prepared = prepare(&set, options, work).await?;
    if let Some(history) = &prepared.history
        && super::resume::wait_for_former_runs(history, options, work, proxy, listener).await?
    {
        prepared = prepare(&set, options, work).await?;
    }
    let planned = prepared.plan(&set, options);
    if let Some(expected) = &options.expected_plan {
        same_plan(expected, &planned.plan)?;
    }
    if planned.plan.refused {
        listener(&Event::Planned { plan: &planned.plan, again: false });
        return Err(ExecuteError::refused(planned.plan.diagnostics));
    }
    if prepared.nothing_to_record(&set, &planned, options.to.as_deref()) {
        let past = State { past: prepared.past.clone(), ..State::default() };
        let report =
            summary(&set, &prepared, options, planned.plan.diagnostics.clone(), past, Some(&planned));
        prepared.keep_digest(&set, options, work, &report).await;
        return Ok(report);
    }
    super::setup::refuse_read_only(work).await?;
    if proxy {
        super::proxy::refuse(&planned, &prepared.operations)?;
    }
    let (journal, run) = open_run(options, work, &prepared.catalog).await?;
    prepared.rename(&set, &journal, work).await?;
    let runner = Runner::new(
        &set,
        &prepared.operations,
        options,
        prepared.search_path.clone(),
        work,
        proxy,
        &journal,
        run,
        unit_key,
        &prepared.accepted,
        prepared.past.clone(),
        prepared.catalog.has_deferred(),
        notices,
    );
    let first = planned.plan.diagnostics.clone();
    let ended = runner.run_all(planned, listener).await;
    let mut state = runner.into_state();
    let (diagnostics, error) = match ended {
        Ok(diagnostics) => (merged(first, diagnostics), None),
        Err(error) => (first, Some(error)),
    };
    let measured = std::mem::take(&mut state.measured);
    let unrecorded = state.unrecorded.take();
    let forgotten = prepared.forgotten(&set, &journal, &state.past);
    let past = state.past.clone();
    let mut report = summary(&set, &prepared, options, diagnostics, state, None);
    if error.is_some() {
        report.outcome = Outcome::Failed;
    }
    // The end of a run whose connection was lost is recorded on another one, if there is one to be had.
    let another = match work.is_closed() {
        true => connect_work(&Target { connect_wait: Duration::ZERO, ..target.clone() }, Arc::new(|_, _| {}))
            .await
            .ok(),
        false => None,
    };
    let work = another.as_ref().map_or(work, |another| &another.session);
    if let Some(sql) = &unrecorded {
        let _ = work.batch(sql).await;
    }
    let settled = error.is_none() && report.failed.is_none();
    let finished =
        finish(&set, &prepared, options, work, &journal, run, &report, settled, &measured, &forgotten, &past)
            .await;
    match error {
        Some(mut error) => {
            error.report = Some(Box::new(report));
            Err(error)
        }
        None => finished.map(|()| report),
    }
}

/// Writes the end of the run: rows of migrations that no unit has written, the schema as it is now, the outcome.
#[expect(clippy::too_many_arguments, reason = "the parts of a run, each of its own kind")]
async fn finish(
    set: &MigrationSet,
    prepared: &Prepared,
    options: &Options,
    work: &Session,
    journal: &Journal,
    run: RunHandle,
    report: &Report,
    settled: bool,
    measured: &[(usize, u64, Option<u64>)],
    forgotten: &[String],
    past: &crate::plan::Past,
) -> Result<(), ExecuteError> {
    let mut sql = format!("BEGIN; {OWN}{}; ", journal.check_epoch_sql(run));
    if !measured.is_empty() {
        sql.push_str(&super::record::measured_sql(journal, set, &prepared.operations, measured));
        sql.push_str("; ");
    }
    let unwritten = prepared.unwritten(set, options, journal, run, report, past);
    for statement in unwritten.iter().chain(forgotten) {
        sql.push_str(statement);
        sql.push_str("; ");
    }
    let now = introspect(work.client(), &options.journal_schema, Snapshot::Own).await?;
    sql.push_str(&journal.snapshot_sql(run, &now.catalog.describe()));
    // A file that is missing is said each time.
    let clean = matches!(report.outcome, Outcome::Applied | Outcome::Nothing)
        && options.to.is_none()
        && prepared.past.missing.is_empty();
    let digest = clean.then(|| set.digest());
    let outcome =
        serde_json::to_value(report.outcome).ok().and_then(|value| value.as_str().map(str::to_owned));
    let end = RunEnd {
        outcome: &outcome.unwrap_or_default(),
        fingerprint: Some(now.catalog.fingerprint()),
        set_digest: digest.as_ref().map(|digest| &digest[..]),
        // Up to a migration only: what comes after it was not decided.
        settled: settled && options.to.is_none(),
    };
    sql.push_str("; ");
    sql.push_str(&journal.finish_run_sql(run, &end));
    sql.push_str("; COMMIT");
    work.batch(&sql).await?;
    Ok(())
}

/// Diagnostics of the first plan and of the last one, each once.
fn merged(first: Vec<Diagnostic>, last: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut all = first;
    for diagnostic in last {
        if !all.contains(&diagnostic) {
            all.push(diagnostic);
        }
    }
    all
}

fn same_plan(expected: &Plan, now: &Plan) -> Result<(), ExecuteError> {
    let same = expected.steps.len() == now.steps.len()
        && expected.steps.iter().zip(&now.steps).all(|(a, b)| {
            a.migration == b.migration && a.operation == b.operation && a.action == b.action && a.sql == b.sql
        });
    if same {
        return Ok(());
    }
    Err(ExecuteError::new(
        ErrorKind::Refused,
        Code::DN809,
        "the plan is another one now than the one in the file: the database, the journal or the files have changed",
    )
    .help("look at `dunlin plan` again and save it with `--out`"))
}

/// Folds what happened, and what is left, into the report.
fn summary(
    set: &MigrationSet,
    prepared: &Prepared,
    options: &Options,
    diagnostics: Vec<Diagnostic>,
    mut state: State,
    untouched: Option<&Planned>,
) -> Report {
    let operations = &prepared.operations;
    let id = |index: usize| set.migrations[operations.all[index].migration].id.clone();
    let mut report = Report { diagnostics, ..Report::nothing() };
    report.diagnostics.append(&mut state.notes);
    for row in &state.ensured {
        report.ensured.push(Ensured {
            migration: id(row.operation),
            operation: operations.all[row.operation].number,
            object: row.ensured.clone().unwrap_or_default(),
            sql: row.sql.clone().unwrap_or_default(),
        });
    }
    // What is left is told by the outcomes of this run, or by the plan where nothing was to be recorded.
    let mut not_run: std::collections::BTreeMap<usize, (OperationState, Code, String)> =
        std::collections::BTreeMap::new();
    for decision in untouched.iter().flat_map(|planned| &planned.decisions) {
        let state = match decision.action {
            crate::plan::Action::Skip => OperationState::Skipped,
            crate::plan::Action::Held => OperationState::Held,
            _ => continue,
        };
        let code = decision.code.unwrap_or(Code::DN208);
        not_run.insert(decision.operation, (state, code, decision.reason.clone().unwrap_or_default()));
    }
    for (index, row) in &state.outcomes {
        match row.state {
            OperationState::Skipped | OperationState::Held => {
                let code = row.code.unwrap_or(Code::DN208);
                not_run.insert(*index, (row.state, code, row.reason.clone().unwrap_or_default()));
            }
            _ => {
                not_run.remove(index);
            }
        }
    }
    for (index, (state, code, reason)) in not_run {
        let entry = NotRun { migration: id(index), operation: operations.all[index].number, code, reason };
        match state {
            OperationState::Held => report.held.push(entry),
            _ => report.skipped.push(entry),
        }
    }
    report.applied = applied(set, prepared, options, &state);
    report.failures = state.failures.iter().map(|(_, failure)| failure.clone()).collect();
    report.failed = report.failures.first().cloned();
    let edited = report.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::DN602);
    report.outcome = if report.failed.is_some() {
        Outcome::Failed
    } else if !report.skipped.is_empty() || !report.held.is_empty() || edited {
        Outcome::Partial
    } else if state.ran || !report.applied.is_empty() || !report.ensured.is_empty() {
        Outcome::Applied
    } else {
        Outcome::Nothing
    };
    report
}

/// The migrations that became applied in this run: all their operations are done now, and were not before.
fn applied(set: &MigrationSet, prepared: &Prepared, options: &Options, state: &State) -> Vec<String> {
    let all_done = |past: &crate::plan::Past, position: usize| {
        let id = &set.migrations[position].id;
        prepared.operations.ranges[position].clone().all(|index| {
            past.operation(id, &prepared.operations.all[index].identity)
                .is_some_and(|operation| operation.state == PastState::Done)
        })
    };
    (0..set.migrations.len())
        .filter(|position| {
            let migration = &set.migrations[*position];
            let id = &migration.id;
            let before = prepared.past.migrations.get(id).is_some_and(|past| past.applied);
            let empty = prepared.operations.ranges[*position].is_empty();
            let reached = prepared.reaches(set, *position, options.to.as_deref())
                && (options.keep_going || state.failures.is_empty());
            let anew = migration.kind == crate::migration::Kind::Repeatable
                && prepared.past.migrations.get(id).is_some_and(|past| !past.unchanged);
            (!before || anew) && (if empty { reached } else { all_done(&state.past, *position) })
        })
        .map(|position| set.migrations[position].id.clone())
        .collect()
}
