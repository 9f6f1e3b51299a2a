//! Reading the schema of a live database into a [`Catalog`], in one snapshot and two round trips; a large one over a
//! second connection too, which imports the snapshot.
//!
//! The catalogs' own columns are read and put together here; the server's `pg_get_*` functions, which are
//! slow, are asked only for the text of expressions, views, rules and triggers. They write names that are not
//! on the search path with their schema, so it is emptied meanwhile and comes back with the transaction or
//! savepoint that surrounds the reading.

mod build;
mod definition;
mod details;
mod finish;
mod modifiers;
mod parts;
mod read;
mod rows;

use crate::catalog::{Catalog, Id, RelationKind, SearchPath};
use crate::pg::{OWN, PgError, quote_ident, quote_literal, sqlstate};
use futures_util::future::join3;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

/// In what surroundings the schema is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// In a read-only transaction of its own, `REPEATABLE READ`.
    Own,
    /// Within the transaction that is open, with its uncommitted changes; its settings stay as they are.
    Within,
}

/// Whether the sizes of tables are measured, by which empty ones are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// Where there are few tables: to measure one opens it.
    Measured,
    /// Those of the last VACUUM have to do: what is wanted is the schema alone.
    Estimated,
}

/// A database's schema as it was read, with what the session knew.
#[derive(Debug, Clone)]
pub struct Introspection {
    /// The schema.
    pub catalog: Catalog,
    /// The session's `search_path`.
    pub search_path: SearchPath,
}

/// The SQLSTATE of errors that the server did not foresee.
const INTERNAL_ERROR: &str = "XX000";

/// Facts of the session, from the first round trip.
struct Session {
    search_path: String,
    role: String,
    superuser: bool,
    server_version: u32,
    backend_pid: i32,
    /// Whether there is so much to read that a second connection is worth its while, and may see the same.
    large: bool,
}

/// Reads the whole schema of the connected database; the schema `journal` is left out.
///
/// # Errors
/// Fails when a query fails; an own transaction is then over, one that was open is as it was before.
pub async fn introspect(
    client: &Client,
    journal: &str,
    snapshot: Snapshot,
) -> Result<Introspection, PgError> {
    let mut attempts = 0;
    loop {
        let result =
            introspect_once(client, None, journal, snapshot, Sizes::Measured, &mut |_: &SearchPath| {}).await;
        match result {
            Err(error) if is_worth_another(&error, &mut attempts) => {}
            result => return result,
        }
    }
}

/// Reads the whole schema in a snapshot of its own; a large one over a second connection too, which is made for that.
///
/// # Errors
/// Fails when a query fails; the transaction is then over.
pub async fn introspect_over(
    session: &crate::pg::Session,
    journal: &str,
    sizes: Sizes,
) -> Result<Introspection, PgError> {
    introspect_meanwhile(session, journal, sizes, |_| {}).await
}

/// The same, and does something with the session's `search_path` while the server works on the answers.
///
/// # Errors
/// Fails when a query fails; the transaction is then over.
pub async fn introspect_meanwhile(
    session: &crate::pg::Session,
    journal: &str,
    sizes: Sizes,
    meanwhile: impl FnOnce(&SearchPath) + Send,
) -> Result<Introspection, PgError> {
    let mut work = Some(meanwhile);
    let mut meanwhile = |path: &SearchPath| {
        if let Some(work) = work.take() {
            work(path);
        }
    };
    let (client, mut attempts) = (session.client(), 0);
    let mut second = true;
    loop {
        let helped = AtomicBool::new(false);
        let helper = second.then_some(Helper { of: session, used: &helped });
        match introspect_once(client, helper, journal, Snapshot::Own, sizes, &mut meanwhile).await {
            Err(error) if is_worth_another(&error, &mut attempts) => {}
            // Whatever went wrong with the second one: one will do.
            Err(error)
                if helped.load(Ordering::Relaxed)
                    && !session.is_closed()
                    && !error.sqlstate().is_some_and(sqlstate::is_cancelled) =>
            {
                second = false;
            }
            result => return result,
        }
    }
}

/// Whether an error may be that the server's own functions see later commits than our snapshot does: an object that was
/// dropped in between ends in an internal error ("cache lookup failed", "could not open relation with OID").
fn is_worth_another(error: &PgError, attempts: &mut u32) -> bool {
    *attempts += 1;
    error.sqlstate() == Some(INTERNAL_ERROR) && *attempts <= 3
}

async fn introspect_once(
    client: &Client,
    helper: Option<Helper<'_>>,
    journal: &str,
    snapshot: Snapshot,
    sizes: Sizes,
    meanwhile: &mut (dyn FnMut(&SearchPath) + Send),
) -> Result<Introspection, PgError> {
    let session = begin(client, snapshot).await?;
    let search_path = SearchPath::parse(&session.search_path);
    let exported = match helper {
        Some(helper) => helper.export(&session).await?,
        None => None,
    };
    // The snapshot lasts as long as the transaction, and the second connection may not come to be.
    let commits_later = exported.is_some();
    let second = async {
        match (helper, exported) {
            (Some(helper), Some(exported)) => helper.open(&exported).await,
            _ => None,
        }
    };
    let end = async {
        match commits_later {
            true => Ok(()),
            false => client.batch_execute(end_of(snapshot)).await,
        }
    };
    let work = async {
        // The queries were handed to the connection before; now it sends them.
        tokio::task::yield_now().await;
        meanwhile(&search_path);
    };
    let read = read::read(client, second, session.server_version, sizes);
    let (rows, mut ended, ()) = join3(read, end, work).await;
    if commits_later {
        ended = client.batch_execute(end_of(snapshot)).await;
    }
    let rows = rows?;
    ended?;
    let mut catalog = build::catalog(&rows, journal);
    catalog.server_version = session.server_version;
    catalog.current_role = session.role;
    catalog.superuser = session.superuser;
    catalog.had_user_tables = catalog.has_user_tables();
    Ok(Introspection { catalog, search_path })
}

/// What opens a second connection like the first.
#[derive(Clone, Copy)]
struct Helper<'s> {
    of: &'s crate::pg::Session,
    used: &'s AtomicBool,
}

impl Helper<'_> {
    /// Gives the name of the first one's snapshot, where that is of use.
    async fn export(&self, session: &Session) -> Result<Option<String>, PgError> {
        // Behind a proxy the second one may be on another server.
        if !session.large || self.of.is_proxy(session.backend_pid) {
            return Ok(None);
        }
        self.used.store(true, Ordering::Relaxed);
        let messages = self.of.simple("SELECT pg_catalog.pg_export_snapshot()").await?;
        Ok(first_row(&messages).and_then(|row| row.get(0)).map(str::to_owned))
    }

    /// Opens it in that snapshot; none where that cannot be, as with too many connections.
    async fn open(&self, exported: &str) -> Option<crate::pg::Session> {
        let way = self.of.way().unheard();
        let session = tokio::time::timeout(PATIENCE, way.open()).await.ok()?.ok()?;
        let sql = format!(
            "{READ_ONLY}; SET TRANSACTION SNAPSHOT {}; {PLAIN}; SET LOCAL statement_timeout = 0; \
             SET LOCAL search_path = ''",
            quote_literal(exported)
        );
        session.batch(&sql).await.ok()?;
        Some(session)
    }
}

/// How long a second connection may take to come to be: the first one has half of the answers by then.
const PATIENCE: Duration = Duration::from_secs(2);

/// Begins a transaction that reads in one snapshot.
const READ_ONLY: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// After an error, COMMIT is a ROLLBACK; ROLLBACK TO brings the settings back in any case.
fn end_of(snapshot: Snapshot) -> &'static str {
    match snapshot {
        Snapshot::Own => "COMMIT",
        Snapshot::Within => {
            "ROLLBACK TO SAVEPOINT dunlin_introspection; RELEASE SAVEPOINT dunlin_introspection"
        }
    }
}

/// Values are written in one way, whatever the session's is: they are part of defaults and other expressions.
const PLAIN: &str = "SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL quote_all_identifiers = off; SET LOCAL datestyle = 'ISO, MDY'; \
     SET LOCAL intervalstyle = 'postgres'; SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; \
     SET LOCAL extra_float_digits = 1";

async fn begin(client: &Client, snapshot: Snapshot) -> Result<Session, PgError> {
    let start = match snapshot {
        Snapshot::Own => format!("{READ_ONLY}; SET LOCAL statement_timeout = 0"),
        Snapshot::Within => "SAVEPOINT dunlin_introspection".to_owned(),
    };
    let sql = format!(
        "{start};\n{};\n{PLAIN};\nSET LOCAL search_path = ''",
        include_str!("../sql/introspect_session.sql")
    );
    let messages = client.simple_query(&sql).await?;
    let row = first_row(&messages).ok_or(PgError::Protocol("no row of session facts".to_owned()))?;
    let text = |index: usize| row.get(index).unwrap_or_default().to_owned();
    Ok(Session {
        search_path: text(0),
        role: text(1),
        superuser: text(2) == "t",
        server_version: text(3)
            .parse()
            .map_err(|_| PgError::Protocol("server_version_num is no number".to_owned()))?,
        backend_pid: text(4).parse().unwrap_or(0),
        large: text(5) == "t",
    })
}

fn first_row(messages: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

/// Finds out which of the given tables hold rows, and how large they are, in one round trip.
///
/// Views and what cannot be read by the current role are left unknown.
///
/// # Errors
/// Fails when the query fails.
pub async fn probe_rows(client: &Client, catalog: &mut Catalog, tables: &[Id]) -> Result<(), PgError> {
    let probed: Vec<(Id, String)> = tables
        .iter()
        .filter_map(|id| {
            let relation = catalog.relation(*id)?;
            let holds_rows = relation.is_table() || relation.kind == RelationKind::MaterializedView;
            let name = format!(
                "{}.{}",
                quote_ident(catalog.schema_name(relation.schema)),
                quote_ident(&relation.name)
            );
            holds_rows.then_some((*id, name))
        })
        .collect();
    if probed.is_empty() {
        return Ok(());
    }
    let probed = readable(client, probed).await?;
    let parts: Vec<String> =
        probed.iter().enumerate().map(|(place, (id, name))| probe(catalog, *id, place, name)).collect();
    let sql =
        format!("BEGIN READ ONLY; {OWN}SET LOCAL lock_timeout = '500ms';\n{};\nCOMMIT", parts.join(";\n"));
    let messages = match client.simple_query(&sql).await.map_err(PgError::from) {
        Ok(messages) => messages,
        Err(error) => {
            client.batch_execute("ROLLBACK").await?;
            // Somebody took an exclusive lock meanwhile: whether there are rows stays unknown, and is no reason to wait.
            return if error.sqlstate().is_some_and(sqlstate::is_lock_timeout) { Ok(()) } else { Err(error) };
        }
    };
    for message in &messages {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let place = row.get(0).and_then(|place| place.parse::<usize>().ok());
        let Some((id, _)) = place.and_then(|place| probed.get(place)) else { continue };
        if let Some(relation) = catalog.relation_mut(*id) {
            relation.has_rows = row.get(1).map(|value| value == "t");
            relation.bytes = row.get(2).and_then(|bytes| bytes.parse().ok()).unwrap_or(relation.bytes);
        }
    }
    Ok(())
}

/// Keeps the tables that the role may read, since one that it may not would fail the whole question, and that
/// nobody has locked against reading.
async fn readable(client: &Client, tables: Vec<(Id, String)>) -> Result<Vec<(Id, String)>, PgError> {
    let names: Vec<String> = tables.iter().map(|(_, name)| quote_literal(name)).collect();
    let sql = format!(
        "{OWN}SELECT pg_catalog.has_table_privilege(name, 'SELECT') IS TRUE \
         AND pg_catalog.row_security_active(name) IS NOT TRUE AND NOT EXISTS (SELECT FROM \
         pg_catalog.pg_locks l WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted \
         AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() AND l.relation = pg_catalog.to_regclass(name) AND l.database = \
         (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())) \
         FROM pg_catalog.unnest(ARRAY[{}]::text[]) WITH ORDINALITY AS list (name, place) ORDER BY place",
        names.join(", ")
    );
    let messages = client.simple_query(&sql).await?;
    let answers = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0) == Some("t")),
        _ => None,
    });
    Ok(tables.into_iter().zip(answers).filter_map(|(table, may)| may.then_some(table)).collect())
}

/// A partitioned table has no rows of its own: there the partitions are asked too.
fn probe(catalog: &Catalog, id: Id, place: usize, name: &str) -> String {
    let only = match catalog.relation(id).map(|relation| &relation.kind) {
        Some(RelationKind::Table) => "ONLY ",
        _ => "",
    };
    format!(
        "SELECT {place}, EXISTS (SELECT FROM {only}{name}), pg_catalog.pg_relation_size({})",
        quote_literal(name)
    )
}
