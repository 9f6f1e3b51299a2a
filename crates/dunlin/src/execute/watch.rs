//! Looks at a run from outside of it: whether one is under way, what it does, how it ended.

use super::report::{LastRun, Running, Status};
use super::setup::{connect_lock, journal_error};
use super::{ExecuteError, Migrations, Options, Target, event::Event};
use crate::history::{Run, mask};
use crate::pg::journal::{Journal, JournalError};
use crate::pg::{LockKeys, OWN, Session, quote_literal};
use std::time::Duration;
use tokio_postgres::SimpleQueryMessage;

/// How a run ended that did not record its end.
pub(super) const INTERRUPTED: &str = "interrupted";

/// How many characters of a statement are shown.
const SHOWN: usize = 200;

/// Says whether a run is under way, and who works; needs no migrations.
///
/// # Errors
/// When the server or the journal cannot be read.
pub async fn running(target: &Target, options: &Options) -> Result<Running, ExecuteError> {
    let session = connect_lock(target, &mut |_: &Event<'_>| {}).await?;
    look(&session, options).await
}

/// Follows the run that is under way to its end, and gives the status then; at once if there is none.
///
/// The listener is told what is seen, whenever that changes.
///
/// # Errors
/// When the files, the server or the journal cannot be read.
pub async fn watch(
    migrations: &Migrations,
    target: &Target,
    options: &Options,
    every: Duration,
    listener: &mut (dyn FnMut(&Running) + Send),
) -> Result<Status, ExecuteError> {
    let session = connect_lock(target, &mut |_: &Event<'_>| {}).await?;
    let mut told: Option<Running> = None;
    loop {
        let seen = look(&session, options).await?;
        if told.as_ref() != Some(&seen) {
            listener(&seen);
        }
        if !seen.running {
            break;
        }
        told = Some(seen);
        tokio::time::sleep(every).await;
    }
    session.close().await;
    super::status(migrations, target, options).await
}

/// What is to be seen of a run now.
async fn look(session: &Session, options: &Options) -> Result<Running, ExecuteError> {
    let run = match Journal::new(&options.journal_schema).last_run(session.client()).await {
        Ok(run) => run,
        // The lock tells as well.
        Err(JournalError::Privilege { .. }) => None,
        Err(error) => return Err(journal_error(error)),
    };
    let seen = seen(session, options, run.as_ref()).await?;
    let last_run = run.map(|run| shown(&run, &seen));
    let Seen { running, pid, address, application, since, doing, waits_for, .. } = seen;
    Ok(Running { format: 1, running, pid, address, application, since, doing, waits_for, last_run })
}

/// What the server shows of the lock and of the process that works.
#[derive(Default)]
pub(super) struct Seen {
    running: bool,
    /// Whether the run that the journal names last is surely at work no more.
    cut_off: bool,
    pid: Option<i32>,
    address: Option<String>,
    application: Option<String>,
    since: Option<String>,
    doing: Option<String>,
    waits_for: Vec<String>,
}

/// Asks the server who holds the lock, and whether the process of a run is there.
pub(super) async fn seen(
    session: &Session,
    options: &Options,
    run: Option<&Run>,
) -> Result<Seen, ExecuteError> {
    let keys = LockKeys::new(&super::setup::database(session).await?, &options.journal_schema);
    let unfinished = run.filter(|run| run.finished_at.is_none());
    let (pid, start) = unfinished.and_then(|run| run.backend.clone()).unwrap_or_default();
    let sql = include_str!("../pg/sql/run_seen.sql")
        .replace("{run_key}", &keys.run.to_string())
        .replace("{pid}", &pid.to_string())
        .replace("{start}", &quote_literal(&start));
    let found = session.simple(&format!("{OWN}{sql}")).await?;
    let row = found.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let Some(row) = row else { return Ok(Seen::default()) };
    let text = |at: usize| row.get(at).map(str::to_owned);
    let (standby, held) = (row.get(0) == Some("t"), row.get(1).is_some());
    let (there, gone) = (row.get(6) == Some("t"), row.get(6) == Some("f"));
    let doing = text(7).filter(|_| there).map(|query| {
        let words: Vec<&str> = query.split_whitespace().collect();
        mask(&words.join(" ")).chars().take(SHOWN).collect()
    });
    let waits_for = text(8).filter(|_| there).map(|list| list.lines().map(str::to_owned).collect());
    // A standby shows neither locks nor processes of the primary: there only the journal tells.
    let running = if standby { unfinished.is_some() } else { held };
    Ok(Seen {
        running,
        cut_off: unfinished.is_some() && !standby && (!held || gone),
        pid: row.get(1).and_then(|pid| pid.parse().ok()),
        address: text(2),
        application: text(3).filter(|name| !name.is_empty()),
        since: text(4),
        doing,
        waits_for: waits_for.unwrap_or_default(),
    })
}

/// The newest run as it is shown: one that is at work no more and has recorded no end was interrupted.
pub(super) fn shown(run: &Run, seen: &Seen) -> LastRun {
    let cut_off = seen.cut_off && run.finished_at.is_none();
    LastRun {
        id: run.id,
        started_at: run.started_at.clone(),
        finished_at: run.finished_at.clone(),
        outcome: if cut_off { Some(INTERRUPTED.to_owned()) } else { run.outcome.clone() },
        host: run.host.clone(),
        pid: run.pid,
    }
}
