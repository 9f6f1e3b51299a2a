//! Who holds the locks that a statement waits for, and what may be done about it.

use super::error::PgError;
use super::quote::{OWN, quote_literal};
use super::session::Session;
use crate::analyze::LockMode;
use crate::history::mask;
use tokio_postgres::SimpleQueryMessage;

/// How many characters of a query are shown.
const SHOWN: usize = 80;

/// A session or a prepared transaction that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// Its server process; none for a prepared transaction.
    pub pid: Option<i32>,
    /// The identifier of a prepared transaction.
    pub gid: Option<String>,
    /// What its client calls itself.
    pub application: Option<String>,
    /// Its state, such as `idle in transaction`; none where this role may not see it.
    pub state: Option<String>,
    /// Its last query, on one line and with secrets masked.
    pub query: Option<String>,
    /// How old its transaction is, in seconds.
    pub age: Option<i64>,
    /// Whether this role may end it, and Dunlin would.
    pub may_end: bool,
}

impl std::fmt::Display for Blocker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.gid, self.pid) {
            (Some(gid), _) => write!(f, "prepared transaction {}", quote_literal(gid))?,
            (None, Some(pid)) => write!(f, "pid {pid}")?,
            (None, None) => write!(f, "a prepared transaction")?,
        }
        if let Some(application) = &self.application {
            write!(f, " ({application})")?;
        }
        if self.pid.is_some() {
            write!(f, ", {}", self.state.as_deref().unwrap_or("state unknown"))?;
        }
        if let Some(age) = self.age {
            write!(f, ", for {age} s")?;
        }
        match (&self.query, &self.gid) {
            (Some(query), _) => write!(f, ": {query}"),
            (None, Some(gid)) => {
                write!(f, ": ROLLBACK PREPARED {0} or COMMIT PREPARED {0} ends it", quote_literal(gid))
            }
            (None, None) => Ok(()),
        }
    }
}

impl Blocker {
    /// What ends its hold on the lock, as SQL and in a word; none where Dunlin leaves it alone.
    ///
    /// A statement at work is cancelled. Cancelling does nothing to a session that idles in its transaction: only
    /// that one is ended.
    pub fn remedy(&self) -> Option<(String, &'static str)> {
        let pid = self.pid.filter(|_| self.may_end)?;
        match self.state.as_deref()? {
            "active" => Some((format!("SELECT pg_catalog.pg_cancel_backend({pid})"), "cancelled")),
            state if state.starts_with("idle in transaction") => {
                Some((format!("SELECT pg_catalog.pg_terminate_backend({pid})"), "ended"))
            }
            _ => None,
        }
    }
}

/// Finds who holds locks that conflict with those wanted, each given by the relation's qualified name and how strong it is.
///
/// Who holds the lock of the units is another run, and is left alone.
///
/// # Errors
/// When the connection is lost.
pub async fn blockers(
    session: &Session,
    wanted: &[(String, LockMode)],
    unit_key: i64,
) -> Result<Vec<Blocker>, PgError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<String> = wanted
        .iter()
        .map(|(name, mode)| {
            let modes: Vec<String> =
                conflicting(*mode).map(|mode| quote_literal(&format!("{mode:?}Lock"))).collect();
            format!("({}::text, ARRAY[{}]::text[])", quote_literal(name), modes.join(", "))
        })
        .collect();
    let held = include_str!("sql/blockers_of_tables.sql").replace("{tables}", &rows.join(", "));
    ask(session, &held, unit_key).await
}

/// Finds whom the process that holds the lock of the units waits for; asked on another session than that one.
///
/// # Errors
/// When the connection is lost.
pub async fn blockers_of_worker(session: &Session, unit_key: i64) -> Result<Vec<Blocker>, PgError> {
    ask(session, include_str!("sql/blockers_of_worker.sql"), unit_key).await
}

async fn ask(session: &Session, held: &str, unit_key: i64) -> Result<Vec<Blocker>, PgError> {
    let sql =
        include_str!("sql/blockers.sql").replace("{held}", held).replace("{unit_key}", &unit_key.to_string());
    let found = session.simple(&format!("{OWN}{sql}")).await?;
    let found = found.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let text = |at: usize| row.get(at).filter(|text| !text.is_empty()).map(str::to_owned);
            Some(Blocker {
                pid: row.get(0).and_then(|pid| pid.parse().ok()),
                gid: text(1),
                application: text(2),
                state: text(3),
                query: text(4).map(|query| shown(&query)),
                age: row.get(5).and_then(|age| age.parse().ok()),
                may_end: row.get(6) == Some("t"),
            })
        }
        _ => None,
    });
    Ok(found.collect())
}

fn shown(query: &str) -> String {
    let words: Vec<&str> = query.split_whitespace().collect();
    mask(&words.join(" ")).chars().take(SHOWN).collect()
}

/// The locks that conflict with one ("Table-Level Locks" of the manual).
fn conflicting(mode: LockMode) -> impl Iterator<Item = LockMode> {
    use LockMode::{
        AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share, ShareRowExclusive,
        ShareUpdateExclusive,
    };
    let all = [
        AccessShare,
        RowShare,
        RowExclusive,
        ShareUpdateExclusive,
        Share,
        ShareRowExclusive,
        Exclusive,
        AccessExclusive,
    ];
    all.into_iter().filter(move |other| match mode {
        AccessShare => *other >= AccessExclusive,
        RowShare => *other >= Exclusive,
        RowExclusive => *other >= Share,
        ShareUpdateExclusive => *other >= ShareUpdateExclusive,
        // It does not conflict with itself.
        Share => matches!(other, RowExclusive | ShareUpdateExclusive) || *other >= ShareRowExclusive,
        ShareRowExclusive => *other >= RowExclusive,
        Exclusive => *other >= RowShare,
        AccessExclusive => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::Lock;

    #[test]
    fn names_get_their_schema() {
        let qualified = |object: &str| {
            let lock = Lock { object: object.into(), mode: LockMode::Share, relation: None };
            lock.qualified()
        };
        assert_eq!(qualified("t"), "public.t");
        assert_eq!(qualified("\"a.b\""), "public.\"a.b\"");
        assert_eq!(qualified("s.\"a.b\""), "s.\"a.b\"");
    }

    #[test]
    fn conflicts_are_mutual() {
        let all: Vec<LockMode> = conflicting(LockMode::AccessExclusive).collect();
        assert_eq!(all.len(), 8);
        for one in &all {
            for other in &all {
                let hits = |a: LockMode, b: LockMode| conflicting(a).any(|mode| mode == b);
                assert_eq!(hits(*one, *other), hits(*other, *one), "{one:?} {other:?}");
            }
        }
        assert!(!conflicting(LockMode::Share).any(|mode| mode == LockMode::Share));
    }

    #[test]
    fn only_what_idles_in_its_transaction_is_ended() {
        let blocker = |state: &str, may_end| Blocker {
            pid: Some(7),
            gid: None,
            application: None,
            state: Some(state.into()),
            query: None,
            age: None,
            may_end,
        };
        assert_eq!(blocker("active", true).remedy().map(|(_, word)| word), Some("cancelled"));
        assert_eq!(blocker("idle in transaction", true).remedy().map(|(_, word)| word), Some("ended"));
        assert_eq!(blocker("active", false).remedy(), None);
        assert_eq!(Blocker { pid: None, ..blocker("active", true) }.remedy(), None);
    }
}
