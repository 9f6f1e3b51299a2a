//! Locks, scans and rewrites of statements against a server: each runs in a transaction, a second connection reads
//! `pg_locks` while it is open, and it is rolled back.

use dunlin::analyze::{Analysis, LockMode, Session, Work, analyze};
use dunlin::catalog::{Catalog, Id, SearchPath};
use dunlin::pg::introspect::{Snapshot, introspect};
use dunlin::source::{SourceFile, Span};
use dunlin::syntax::{ParseOptions, parse};
use dunlin_testkit::{TestDb, block_on};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

const SETUP: &str = include_str!("../cases/locks_setup.sql");
const CASES: &str = include_str!("../cases/locks.sql");

/// What a statement did, as the server tells, or would do, as the analysis does.
#[derive(Debug, PartialEq, Eq)]
struct Done {
    locks: BTreeMap<String, LockMode>,
    rewritten: BTreeSet<String>,
    scanned: BTreeSet<String>,
}

/// A relation of the database before any case.
struct Known {
    name: String,
    kind: String,
    filenode: String,
}

/// The cases that a server of this version knows: a line `-- from 17` goes for those after it.
fn cases(version: u32) -> Vec<&'static str> {
    let mut from = 0;
    let mut found = Vec::new();
    for line in CASES.lines().map(str::trim) {
        match line.strip_prefix("-- from ") {
            Some(number) => from = number.parse().unwrap(),
            None if !line.is_empty() && !line.starts_with("--") && from * 10_000 <= version => {
                found.push(line);
            }
            None => {}
        }
    }
    found
}

async fn relations(client: &Client) -> BTreeMap<String, Known> {
    let sql = "select c.oid::text, case when n.nspname = 'public' then '' else n.nspname || '.' end || c.relname, \
               c.relkind::text, c.relfilenode::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
               where n.nspname in ('public', 'other')";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), Known { name: row.get(1), kind: row.get(2), filenode: row.get(3) }))
        .collect()
}

fn mode(text: &str) -> LockMode {
    match text {
        "AccessShareLock" => LockMode::AccessShare,
        "RowShareLock" => LockMode::RowShare,
        "RowExclusiveLock" => LockMode::RowExclusive,
        "ShareUpdateExclusiveLock" => LockMode::ShareUpdateExclusive,
        "ShareLock" => LockMode::Share,
        "ShareRowExclusiveLock" => LockMode::ShareRowExclusive,
        "ExclusiveLock" => LockMode::Exclusive,
        _ => LockMode::AccessExclusive,
    }
}

/// What the open transaction of `client` did, seen from `watcher` as far as locks go.
async fn observed(
    client: &Client,
    watcher: &Client,
    pid: i32,
    before: &BTreeMap<String, Known>,
    counted: &BTreeMap<String, i64>,
) -> Done {
    let sql = "select relation::text, mode from pg_locks where pid = $1 and locktype = 'relation'";
    let mut locks: BTreeMap<String, LockMode> = BTreeMap::new();
    for row in watcher.query(sql, &[&pid]).await.unwrap() {
        let Some(known) = before.get(row.get::<_, &str>(0)) else { continue };
        let found = mode(row.get(1));
        let kept = locks.entry(known.name.clone()).or_insert(found);
        *kept = (*kept).max(found);
    }
    let after = relations(client).await;
    let is_rewritten =
        |(oid, known): &(&String, &Known)| after.get(*oid).is_some_and(|now| now.filenode != known.filenode);
    let rewritten = before.iter().filter(is_rewritten).map(|(_, known)| known.name.clone()).collect();
    let now = scans(client).await;
    let scanned = now.iter().filter(|(oid, count)| counted.get(*oid).is_none_or(|old| old < *count));
    let scanned = scanned.filter_map(|(oid, _)| before.get(oid));
    Done { locks, rewritten, scanned: scanned.map(|known| known.name.clone()).collect() }
}

/// How often each table was read through in this session, as far as it has not been passed on yet.
async fn scans(client: &Client) -> BTreeMap<String, i64> {
    let sql = "select relid::text, seq_scan from pg_stat_xact_all_tables where seq_scan > 0";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn foretold(catalog: &Catalog, analysis: &Analysis) -> Done {
    let name = |id: Id| catalog.relation_name(id).to_string();
    let costs = |work: Work| {
        let costs = analysis.costs.iter().filter(move |cost| cost.work == work);
        costs.map(|cost| name(cost.relation)).collect::<BTreeSet<String>>()
    };
    Done {
        locks: analysis.locks.iter().map(|lock| (lock.object.clone(), lock.mode)).collect(),
        rewritten: costs(Work::Rewrite),
        scanned: costs(Work::Scan),
    }
}

/// The differences, each as a line. Locks on indexes and sequences need not be foretold, and must not be foretold wrongly.
fn differences(sql: &str, done: &Done, told: &Done, before: &BTreeMap<String, Known>) -> Vec<String> {
    let kind = |name: &str| before.values().find(|known| known.name == name).map(|known| known.kind.as_str());
    let is_minor = |name: &str| matches!(kind(name), Some("i" | "I" | "S"));
    let mut found = Vec::new();
    for (name, mode) in &done.locks {
        match told.locks.get(name) {
            Some(told) if told == mode => {}
            // What is only read hinders nobody but AccessExclusive locks, and need not be told in full.
            None if is_minor(name) || *mode == LockMode::AccessShare => {}
            told => found.push(format!("lock of {name}: server {mode:?}, analysis {told:?}")),
        }
    }
    for (name, mode) in &told.locks {
        // Which partition takes a row is known only when it comes.
        let routed = *mode == LockMode::RowExclusive && sql.starts_with("insert");
        if !done.locks.contains_key(name) && *mode != LockMode::AccessShare && !routed {
            found.push(format!("lock of {name}: server none, analysis {mode:?}"));
        }
    }
    // An index follows its table; what is emptied gets a new file that nothing is written to.
    let emptied = sql.starts_with("truncate") || sql.ends_with("with no data;");
    let index_too = sql.starts_with("reindex");
    let of_server = |names: &BTreeSet<String>| -> BTreeSet<String> {
        names.iter().filter(|name| index_too || !is_minor(name)).cloned().collect()
    };
    let rewritten = if emptied { BTreeSet::new() } else { of_server(&done.rewritten) };
    let told_rewritten = of_server(&told.rewritten);
    if rewritten != told_rewritten {
        found.push(format!("rewrites: server {rewritten:?}, analysis {told_rewritten:?}"));
    }
    let reads = [
        "select",
        "table",
        "insert",
        "update",
        "delete",
        "with",
        "copy",
        "explain",
        "create table",
        "do",
        "analyze",
        "merge",
        "refresh",
        "truncate",
        "create materialized",
    ];
    if !reads.iter().any(|word| sql.starts_with(word)) {
        let left = |names: &BTreeSet<String>| -> BTreeSet<String> {
            // How the rows at the other end of a foreign key are found is the optimizer's choice.
            let other_end =
                |name: &str| name == "parent" && (sql.contains("references") || sql.contains("validate"));
            names.iter().filter(|name| !rewritten.contains(*name) && !other_end(name)).cloned().collect()
        };
        let (server, told) = (left(&done.scanned), left(&told.scanned));
        if server != told {
            found.push(format!("scans: server {server:?}, analysis {told:?}"));
        }
    }
    found
}

#[test]
fn locks_scans_and_rewrites_are_those_of_the_server() {
    let wrong = block_on(async {
        let database = TestDb::with(SETUP).await;
        let client = database.client();
        // In UTC a timestamp and a timestamptz are the same bits.
        client.batch_execute("set timezone = 'America/Lima'").await.unwrap();
        let watcher = database.connect().await;
        let pid: i32 = client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
        let catalog = introspect(client, "dunlin", Snapshot::Own).await.unwrap().catalog;
        let before = relations(client).await;
        let mut wrong = Vec::new();
        let all = cases(catalog.server_version);
        for sql in &all {
            let file = SourceFile::new("case.sql", sql);
            let script = parse(&file, Span::new(0, sql.len()), &ParseOptions::default());
            let analysis = analyze(&script.statements[0], &catalog, &Session::new(SearchPath::default()));
            client.batch_execute("begin").await.unwrap();
            let counted = scans(client).await;
            if let Err(error) = client.batch_execute(sql).await {
                let said = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
                wrong.push(format!("{sql}\n    refused: {said}"));
                client.batch_execute("rollback").await.unwrap();
                continue;
            }
            let done = observed(client, &watcher, pid, &before, &counted).await;
            client.batch_execute("rollback").await.unwrap();
            let found = differences(sql, &done, &foretold(&catalog, &analysis), &before);
            if !found.is_empty() {
                wrong.push(format!("{sql}\n    {}", found.join("\n    ")));
            }
        }
        println!("{} statements, {} with differences", all.len(), wrong.len());
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
