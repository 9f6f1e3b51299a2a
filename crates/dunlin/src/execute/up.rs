//! `dunlin up`: brings the database up to date.

use super::attempt::{Carried, Place, attempts};
use super::brake::{Brake, Why};
use super::event::Event;
use super::report::{Ensured, NotRun, Outcome, Report};
use super::runner::{State, millis};
use super::setup::{Prepared, connect_lock, journal_error};
use super::{ErrorKind, ExecuteError, Listener, Migrations, Options, Target};
use crate::diagnostic::{Code, Diagnostic};
use crate::history::OperationState;
use crate::migration::MigrationSet;
use crate::pg::fault::point;
use crate::pg::introspect::{Sizes, introspect_over};
use crate::pg::journal::{Journal, RunEnd, RunHandle, UpToDate};
use crate::pg::{LockEvent, LockKeys, LockOptions, Session, with_lock};
use crate::plan::{Past, PastState, Plan, Planned};
use std::time::Instant;

/// From how many bytes on the time that the server takes to compress a text is more than it takes to ask how.
const MUCH: usize = 64 << 10;

/// Lets the rest of a transaction compress what is large in a tenth of the time, where the server can.
const COMPRESS_FAST: &str = include_str!("../pg/sql/compress_fast.sql");

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
    let mut carried = Carried::default();
    // On the heap: whoever awaits this may do it on the small stack of a thread of the runtime.
    let result = loop {
        match Box::pin(locked_up(migrations, target, options, &mut carried, listener)).await {
            // With both connections the server is gone; with the lock alone, somebody else may hold it now.
            Err(error) if carried.goes_on_after(&error) => {
                if let Err(stopped) = carried.pause(&error, options, listener).await {
                    break Err(stopped);
                }
            }
            other => break other,
        }
    };
    let mut report = result.map_err(|error| carried.reported(error))?;
    report.duration_ms = millis(begun.elapsed());
    Ok(report)
}

/// Does something while the server starts our backend.
pub(super) async fn while_connecting<T>(work: impl FnOnce() -> T) -> T {
    // The connection is polled in between: it opens the socket, then sends its first message, then waits.
    for _ in 0..CONNECT_POLLS {
        tokio::task::yield_now().await;
    }
    work()
}

/// Connects, and asks in one query whether there is nothing to do.
async fn connected(
    migrations: &Migrations,
    target: &Target,
    options: &Options,
    carried: &mut Carried,
    listener: &mut Listener<'_>,
) -> Result<(Session, bool), ExecuteError> {
    let (digest, session) =
        tokio::join!(while_connecting(|| migrations.digest()), connect_lock(target, listener));
    // What is wrong with the files is said first.
    let digest = digest.map_err(ExecuteError::from)?;
    let session = session.map_err(|error| carried.not_again(error))?;
    if options.to.is_some() || options.expected_plan.is_some() || carried.has_begun() {
        return Ok((session, false));
    }
    let journal = Journal::new(&options.journal_schema);
    match journal.is_up_to_date(session.client(), &digest).await.map_err(journal_error)? {
        UpToDate::Yes => Ok((session, true)),
        UpToDate::Newer(version) => Err(ExecuteError::journal_newer(version)),
        UpToDate::No | UpToDate::NoJournal => Ok((session, false)),
    }
}

/// Takes the lock and does what is to be done.
async fn locked_up(
    migrations: &Migrations,
    target: &Target,
    options: &Options,
    carried: &mut Carried,
    listener: &mut Listener<'_>,
) -> Result<Report, ExecuteError> {
    let brake = Brake::new(options.grace);
    let (session, nothing) =
        unless_interrupted(options, connected(migrations, target, options, carried, listener)).await?;
    if nothing {
        return Ok(Report::nothing());
    }
    let database = unless_interrupted(options, super::setup::database(&session)).await?;
    let keys = LockKeys::new(&database, &options.journal_schema);
    let lock = LockOptions { orphan: carried.orphan, ..super::commands::lock_options(keys, options) };
    let listener = std::sync::Mutex::new(listener);
    let tell = |event: &Event<'_>| {
        let mut listener = listener.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (listener)(event);
    };
    let on_event = |event: LockEvent| {
        if let LockEvent::Waiting { holder, waited } = event {
            let holder = holder.map(|holder| holder.to_string());
            tell(&Event::WaitingForLock { holder, waited_ms: millis(waited) });
        }
    };
    let working = std::sync::atomic::AtomicBool::new(false);
    let work = with_lock(session, lock, on_event, async |locked| {
        carried.orphan = Some(locked.pid());
        working.store(true, std::sync::atomic::Ordering::Relaxed);
        point!("locked");
        let notices = super::notices::Notices::default();
        let mut told = |event: &Event<'_>| {
            let mut listener = listener.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            notices.tell(&mut **listener);
            (listener)(event);
        };
        let place = Place {
            migrations,
            target,
            options,
            unit_key: locked.keys().unit,
            notices: &notices,
            brake: &brake,
        };
        let mut run = Box::pin(attempts(&place, carried, &mut told));
        let mut stopped = std::pin::pin!(brake.stop());
        loop {
            tokio::select! {
                result = &mut run => return result,
                // The epoch check refuses any commit once another has taken over; this ends the work before that.
                lost = locked.lost(), if !brake.is_lock_lost() => brake.pull(Why::LockLost(lost.to_string())),
                () = interrupted(options), if brake.pulled().is_none() => brake.pull(Why::Interrupted),
                () = notices.arrived() => {
                    let mut listener = listener.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    notices.tell(&mut **listener);
                }
                () = &mut stopped => {
                    let stopped = brake.pulled();
                    return Err(stopped.unwrap_or_else(ExecuteError::interrupted));
                }
            }
        }
    });
    let work = std::pin::pin!(work);
    // Who waits for the lock has nothing to end in order.
    let waits = async || {
        interrupted(options).await;
        if working.load(std::sync::atomic::Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        result = work => result.map_err(ExecuteError::from),
        () = waits() => Err(ExecuteError::interrupted()),
    }
}

/// Ends when the user wants the run to end.
async fn interrupted(options: &Options) {
    let Some(receiver) = &options.interrupt else { return std::future::pending().await };
    if receiver.clone().wait_for(|wanted| *wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Waits for what may be dropped at any time.
pub(super) async fn unless_interrupted<T>(
    options: &Options,
    wait: impl Future<Output = Result<T, ExecuteError>>,
) -> Result<T, ExecuteError> {
    tokio::select! {
        result = wait => result,
        () = interrupted(options) => Err(ExecuteError::interrupted()),
    }
}

/// Writes the end of the run: rows of migrations that no unit has written, the schema as it is now, the outcome.
#[expect(clippy::too_many_arguments, reason = "the parts of a run, each of its own kind")]
pub(super) async fn finish(
    set: &MigrationSet,
    prepared: &Prepared,
    options: &Options,
    work: &Session,
    journal: &Journal,
    run: RunHandle,
    unit_key: i64,
    report: &Report,
    settled: bool,
    measured: &[(usize, u64, Option<u64>)],
    forgotten: &[String],
    past: &Past,
    hurried: bool,
) -> Result<(), ExecuteError> {
    let mut sql = super::runner::begin_sql(journal, run, unit_key);
    sql.push_str("; ");
    if !measured.is_empty() {
        sql.push_str(&super::record::measured_sql(journal, set, &prepared.operations, measured));
        sql.push_str("; ");
    }
    let unwritten = prepared.unwritten(set, options, journal, run, report, past);
    for statement in unwritten.iter().chain(forgotten) {
        sql.push_str(statement);
        sql.push_str("; ");
    }
    let now = match hurried {
        true => None,
        false => Some(introspect_over(work, &options.journal_schema, Sizes::Estimated).await?.catalog),
    };
    let mut fingerprint = None;
    if let Some(now) = &now {
        // Both write the whole schema down, and nobody else has anything to do.
        std::thread::scope(|scope| {
            let other = scope.spawn(|| now.fingerprint());
            let snapshot = journal.snapshot_sql(run, &now.describe());
            if snapshot.len() > MUCH {
                sql.push_str(COMPRESS_FAST);
                sql.push_str("; ");
            }
            sql.push_str(&snapshot);
            fingerprint = other.join().ok();
        });
        sql.push_str("; ");
    }
    // A file that is missing is said each time.
    let clean = matches!(report.outcome, Outcome::Applied | Outcome::Nothing)
        && options.to.is_none()
        && prepared.past.missing.is_empty();
    let digest = clean.then(|| set.digest());
    let outcome =
        serde_json::to_value(report.outcome).ok().and_then(|value| value.as_str().map(str::to_owned));
    let end = RunEnd {
        outcome: &outcome.unwrap_or_default(),
        fingerprint,
        set_digest: digest.as_ref().map(|digest| &digest[..]),
        // Up to a migration only: what comes after it was not decided.
        settled: settled && options.to.is_none(),
    };
    sql.push_str(&journal.finish_run_sql(run, &end));
    sql.push_str("; COMMIT");
    work.batch(&sql).await?;
    Ok(())
}

/// Diagnostics of the first plan and of the last one, each once.
pub(super) fn merged(first: Vec<Diagnostic>, last: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut all = first;
    for diagnostic in last {
        if !all.contains(&diagnostic) {
            all.push(diagnostic);
        }
    }
    all
}

pub(super) fn same_plan(expected: &Plan, now: &Plan) -> Result<(), ExecuteError> {
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
pub(super) fn summary(
    set: &MigrationSet,
    prepared: &Prepared,
    before: &Past,
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
    report.applied = applied(set, prepared, before, options, &state);
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
fn applied(
    set: &MigrationSet,
    prepared: &Prepared,
    before: &Past,
    options: &Options,
    state: &State,
) -> Vec<String> {
    let all_done = |past: &Past, position: usize| {
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
            let was_applied = before.migrations.get(id).is_some_and(|past| past.applied);
            let empty = prepared.operations.ranges[*position].is_empty();
            let reached = prepared.reaches(set, *position, options.to.as_deref())
                && (options.keep_going || state.failures.is_empty());
            let anew = migration.kind == crate::migration::Kind::Repeatable
                && before.migrations.get(id).is_some_and(|past| !past.unchanged);
            (!was_applied || anew) && (if empty { reached } else { all_done(&state.past, *position) })
        })
        .map(|position| set.migrations[position].id.clone())
        .collect()
}
