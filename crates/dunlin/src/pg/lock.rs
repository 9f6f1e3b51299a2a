//! The run lock: a session advisory lock on a connection of its own, taken by polling.
//!
//! A waiter sleeps outside any transaction and holds no snapshot, so `CREATE INDEX CONCURRENTLY` in the
//! holder cannot wait for a waiter that waits for the holder. `pg_advisory_lock`, which other tools block
//! in, has exactly that deadlock.

use super::error::PgError;
use super::session::{KEEPALIVES, Session};
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::Type;

/// The two advisory keys of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockKeys {
    /// Held for a whole run.
    pub run: i64,
    /// Held by each unit's transaction.
    pub unit: i64,
}

impl LockKeys {
    /// Derives the keys from the names of the database and of the journal's schema.
    pub fn new(database: &str, journal_schema: &str) -> Self {
        let key = |purpose: &str| {
            let mut hash = Sha256::new();
            for part in ["dunlin", purpose, database, journal_schema] {
                hash.update(part.as_bytes());
                // No name holds a NUL, so different parts never give the same input.
                hash.update([0]);
            }
            hash.finalize().iter().take(8).fold(0_i64, |key, byte| key << 8 | i64::from(*byte))
        };
        Self { run: key("run"), unit: key("unit") }
    }
}

/// How the lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// By the session.
    Session,
    /// By an open transaction, since a proxy may give each transaction another session.
    Transaction,
}

/// How to take the lock.
#[derive(Debug, Clone, Copy)]
pub struct LockOptions {
    /// Which lock.
    pub keys: LockKeys,
    /// How long to wait for it.
    pub wait: Duration,
    /// How long the work may go on to end by itself after the lock is lost.
    pub grace: Duration,
    /// Where the jitter of the polling comes from.
    pub seed: u64,
    /// The server process that held it for us on a connection that was lost: it is ended if it holds it still.
    pub orphan: Option<i32>,
}

/// Who holds the lock. What the server does not let this role see is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Holder {
    /// The process id of the holder's backend.
    pub pid: i32,
    /// The address that the holder comes from; none also for a local socket.
    pub address: Option<String>,
    /// What the holder calls itself.
    pub application_name: Option<String>,
    /// Since when its session (or transaction) has been there, in UTC, such as `2024-05-01T10:00:00Z`.
    pub since: Option<String>,
    /// How long that is by the server's clock.
    pub held_for: Option<Duration>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "backend {}", self.pid)?;
        if let Some(name) = self.application_name.as_ref().filter(|name| !name.is_empty()) {
            write!(f, " ({name})")?;
        }
        if let Some(address) = &self.address {
            write!(f, " from {address}")?;
        }
        if let Some(since) = &self.since {
            write!(f, " since {since}")?;
        }
        Ok(())
    }
}

/// What happens while the lock is being taken.
#[derive(Debug, Clone, PartialEq)]
pub enum LockEvent {
    /// Somebody else holds it; sent at first and when the holder changes.
    Waiting {
        /// Who; none if the holder left meanwhile or cannot be seen.
        holder: Option<Holder>,
        /// How long the wait lasts already.
        waited: Duration,
    },
    /// It is ours.
    Taken {
        /// How it is held.
        mode: LockMode,
        /// How long the wait lasted.
        waited: Duration,
    },
}

/// Why work under the lock did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum LockError<E> {
    /// Somebody else held it all the time.
    #[error("the lock was not free within {} s{}", waited.as_secs(), by(holder))]
    NotFree {
        /// Who held it last.
        holder: Option<Holder>,
        /// How long we waited.
        waited: Duration,
    },
    /// The connection that held it broke, and the work did not end by itself in time.
    #[error("the connection that holds the lock was lost: {0}")]
    Lost(PgError),
    /// The server did not let us take it.
    #[error("the lock could not be taken: {0}")]
    Server(PgError),
    /// The work under the lock failed.
    #[error("{0}")]
    Work(E),
}

fn by(holder: &Option<Holder>) -> String {
    holder.as_ref().map(|holder| format!("; it is held by {holder}")).unwrap_or_default()
}

/// The proof that the run lock is held; only [`with_lock`] makes one.
#[derive(Debug)]
pub struct Locked {
    keys: LockKeys,
    mode: LockMode,
    pid: i32,
    lost: watch::Receiver<Option<PgError>>,
}

impl Locked {
    /// Gives the keys of the lock.
    pub fn keys(&self) -> LockKeys {
        self.keys
    }

    /// Says how the lock is held; by a transaction means that a proxy stands between.
    pub fn mode(&self) -> LockMode {
        self.mode
    }

    /// Gives the process id that came with the cancel key of the session that holds it.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Says that the lock has been lost; nothing may be committed any more.
    pub fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    /// Gives a future that ends when the lock is lost; it does not borrow the lock.
    pub fn lost(&self) -> impl Future<Output = PgError> + Send + 'static {
        let mut lost = self.lost.clone();
        async move {
            let error = lost.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
            match error {
                Some(error) => error,
                // The lock was released in order: this is no loss, so there is nothing to tell.
                None => std::future::pending().await,
            }
        }
    }
}

/// Takes the run lock on `session`, does `work` and releases the lock.
///
/// `session` is used for nothing else and is gone afterwards, which releases the lock even where the server
/// does not answer. If its connection is lost, [`Locked::lost`] ends; work that has not ended by itself
/// after the grace time is dropped.
///
/// # Errors
/// The work's own error always comes back as it is; nothing that fails at release hides it.
pub async fn with_lock<T, E, W>(
    session: Session,
    options: LockOptions,
    mut on_event: impl FnMut(LockEvent),
    work: W,
) -> Result<T, LockError<E>>
where
    W: AsyncFnOnce(&Locked) -> Result<T, E>,
{
    let (session, mode) = acquire(session, &options, &mut on_event).await?;
    let (sender, lost) = watch::channel(None);
    let locked = Locked { keys: options.keys, mode, pid: session.info().handshake_pid, lost };
    let result = watch_over(&session, mode, &sender, options.grace, work(&locked)).await?;
    match result {
        Ok(value) => {
            release(session, mode, options.keys.run).await;
            Ok(value)
        }
        Err(error) => {
            session.close().await;
            Err(LockError::Work(error))
        }
    }
}

/// Runs the work, tells it when the lock's connection is lost, and drops it if it then does not end.
async fn watch_over<T, E>(
    session: &Session,
    mode: LockMode,
    sender: &watch::Sender<Option<PgError>>,
    grace: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<Result<T, E>, LockError<E>> {
    let mut work = pin!(work);
    let mut closed = pin!(session.closed());
    let mut beating = pin!(beat(session, mode));
    let lost = tokio::select! {
        biased;
        // First, so that the work starts nothing more on a lock that is gone.
        lost = &mut closed => lost,
        result = &mut work => return Ok(result),
        never = &mut beating => match never {},
    };
    sender.send_replace(Some(lost.clone()));
    match tokio::time::timeout(grace, poll_fn(|cx| Pin::new(&mut work).poll(cx))).await {
        Ok(result) => Ok(result),
        Err(_) => Err(LockError::Lost(lost)),
    }
}

/// Lets a transaction that holds the lock do something now and then: a proxy may end those that are idle.
async fn beat(session: &Session, mode: LockMode) -> Infallible {
    if mode == LockMode::Session {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(BEAT).await;
        // What is wrong with the connection shows where it is watched.
        let _ = session.batch("SELECT 1").await;
    }
}

/// Polls until the lock is ours; gives the session that holds it.
///
/// Who waits for longer than [`KEEPS`] lets its connection go between two tries: the server may have no more of them
/// than there are waiters, and the one that works needs another one.
async fn acquire<E>(
    session: Session,
    options: &LockOptions,
    on_event: &mut impl FnMut(LockEvent),
) -> Result<(Session, LockMode), LockError<E>> {
    let start = Instant::now();
    let mut random = fastrand::Rng::with_seed(options.seed);
    // Known before any setting of the session is changed: through a proxy, that would reach strangers.
    let pid = session.backend_pid().await.map_err(LockError::Server)?;
    let mode = if session.is_proxy(pid) { LockMode::Transaction } else { LockMode::Session };
    let way = session.way();
    let mut connected = Some(session);
    let mut pause = Duration::from_millis(50);
    let mut told: Option<Option<i32>> = None;
    let mut last = None;
    loop {
        let waited = start.elapsed();
        let left = options.wait.saturating_sub(waited);
        let session = match connected.take() {
            Some(session) => session,
            None => match way.open().await {
                Ok(session) => session,
                Err(error) if is_not_there_yet(&error) && !left.is_zero() => {
                    tokio::time::sleep(pause.mul_f64(0.75 + random.f64() / 2.0).min(left)).await;
                    continue;
                }
                Err(error) if is_not_there_yet(&error) => {
                    return Err(LockError::NotFree { holder: last, waited });
                }
                Err(error) => return Err(LockError::Server(error)),
            },
        };
        if try_lock(&session, mode, options.keys.run).await.map_err(LockError::Server)? {
            on_event(LockEvent::Taken { mode, waited: start.elapsed() });
            return Ok((session, mode));
        }
        let holder = holder(&session, options.keys.run).await.map_err(LockError::Server)?;
        if left.is_zero() {
            return Err(LockError::NotFree { holder, waited });
        }
        let pid = holder.as_ref().map(|holder| holder.pid);
        if pid.is_some() && pid == options.orphan {
            // The server has not noticed yet that its client is gone. If it cannot be ended, it is waited for.
            let sql = "SELECT pg_catalog.pg_terminate_backend($1)";
            let _ = session.query(sql, &[(&pid, Type::INT4)]).await;
        }
        // A holder that has just left is no news: the next try will probably succeed.
        if told != Some(pid) && (pid.is_some() || told.is_some()) {
            told = Some(pid);
            on_event(LockEvent::Waiting { holder: holder.clone(), waited });
        }
        last = holder;
        if waited < KEEPS {
            connected = Some(session);
        } else {
            session.close().await;
        }
        tokio::time::sleep(pause.mul_f64(0.75 + random.f64() / 2.0).min(left)).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

/// How long a transaction that holds the lock is idle.
const BEAT: Duration = Duration::from_secs(2);

/// How long a waiter keeps its connection.
const KEEPS: Duration = Duration::from_secs(1);

/// Says that there may be room for a connection later.
fn is_not_there_yet(error: &PgError) -> bool {
    error.is_transient() || error.sqlstate().is_some_and(super::sqlstate::is_not_ready)
}

/// Tries once to take the lock.
async fn try_lock(session: &Session, mode: LockMode, key: i64) -> Result<bool, PgError> {
    if mode == LockMode::Session {
        // The server's own keepalives free the lock of a runner whose machine is gone; on a local socket
        // they have no effect. No time-out may end a session that waits for long.
        let version = session.info().version;
        let time_outs = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
            .into_iter()
            .chain((version >= 140_000).then_some("idle_session_timeout"))
            .chain((version >= 170_000).then_some("transaction_timeout"));
        let settings: String = KEEPALIVES
            .into_iter()
            .chain(time_outs.map(|name| (name, "0")))
            .map(|(name, value)| format!(", pg_catalog.set_config('{name}', '{value}', false)"))
            .collect();
        let sql = format!("SELECT pg_catalog.pg_try_advisory_lock($1){settings}");
        let rows = session.query(&sql, &[(&key, Type::INT8)]).await?;
        return Ok(rows.first().is_some_and(|row| row.get(0)));
    }
    let transaction_timeout =
        if session.info().version >= 170_000 { "SET LOCAL transaction_timeout = 0; " } else { "" };
    let sql = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = 0; \
         SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; {transaction_timeout}\
         SELECT pg_catalog.pg_try_advisory_xact_lock({key})"
    );
    let taken = session
        .simple(&sql)
        .await?
        .iter()
        .any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t")));
    if !taken {
        session.batch("ROLLBACK").await?;
    }
    Ok(taken)
}

/// Finds who holds the lock.
async fn holder(session: &Session, key: i64) -> Result<Option<Holder>, PgError> {
    let rows = session.query(include_str!("sql/lock_holder.sql"), &[(&key, Type::INT8)]).await?;
    Ok(rows.first().map(|row| Holder {
        pid: row.get(0),
        address: row.get(1),
        application_name: row.get(2),
        since: row.get(3),
        held_for: row
            .get::<_, Option<f64>>(4)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok()),
    }))
}

/// Gives the lock back and closes the session; what fails here is settled by the closed connection.
async fn release(session: Session, mode: LockMode, key: i64) {
    let released = async {
        match mode {
            LockMode::Session => {
                let sql = "SELECT pg_catalog.pg_advisory_unlock($1)";
                session.query(sql, &[(&key, Type::INT8)]).await.map(drop)
            }
            LockMode::Transaction => session.batch("ROLLBACK").await,
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(5), released).await;
    session.close().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_purpose_database_and_schema() {
        let keys = LockKeys::new("app", "dunlin");
        assert_eq!(keys, LockKeys::new("app", "dunlin"));
        let others = [LockKeys::new("app", "dunlin2"), LockKeys::new("appdunlin", "")];
        let mut all: Vec<i64> = others.iter().chain([&keys]).flat_map(|keys| [keys.run, keys.unit]).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 6);
    }

    #[test]
    fn the_keys_stay_the_same_in_every_version() {
        // Two versions of Dunlin at work on one database must meet at the same lock.
        assert_eq!(LockKeys::new("app", "dunlin").run, -80484698626400743);
    }
}
