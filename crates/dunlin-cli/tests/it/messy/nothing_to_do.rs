//! Nothing to do: what every start of an application does but a few.

use super::names::Names;
use super::world::{World, journal, same};
use dunlin::embedded::Embedded;
use dunlin_testkit::{Folder, Output, Program, TestServer};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const FILES: [(&str, &str); 3] = [
    (
        "tables",
        "create table {a} ({id} int primary key); create table {b} ({a_id} int references {a} ({id}));",
    ),
    ("index", "create index concurrently {b_a} on {b} ({a_id});"),
    ("rows", "insert into {a} values (1), (2); -- and no more"),
];

async fn up_to_date() -> World {
    let world = World::new(Names::Quoted, "", &FILES).await;
    world.up(0, "applied");
    world
}

/// A server of the test's own, where nobody else takes transaction ids or writes into the log.
struct Quiet {
    server: Embedded,
    folder: Folder,
}

impl Quiet {
    fn start() -> Quiet {
        let mut options = TestServer::options();
        let settings = [
            ("autovacuum", "off"),
            ("logging_collector", "on"),
            ("log_statement", "all"),
            ("log_connections", "on"),
            ("log_line_prefix", "%p "),
        ];
        options.settings.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let server = Embedded::start(options).unwrap();
        let file =
            |(at, (name, sql)): (usize, &(&str, &str))| (format!("{at}_{name}.sql"), Names::Plain.write(sql));
        let files: Vec<(String, String)> = FILES.iter().enumerate().map(file).collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).collect();
        Quiet { server, folder: Folder::new(&files) }
    }

    fn dunlin(&self, arguments: &[&str]) -> Output {
        Program::new(env!("CARGO_BIN_EXE_dunlin"))
            .env("DATABASE_URL", self.server.url("postgres"))
            .always("-m")
            .always(self.folder.path().to_str().unwrap())
            .run(arguments)
    }

    fn sql(&self, sql: &str) -> String {
        let psql = self.server.bin().join("psql");
        let psql = if psql.is_file() { psql } else { PathBuf::from("psql") };
        let mut psql = Command::new(psql);
        Output::of(psql.args(["-X", "-qAt", "-d", &self.server.url("postgres"), "-c", sql])).expect(0).stdout
    }
}

/// A person relies on: a start with nothing to do leaves no trace: no transaction id, so no wrap-around and no work
/// for a replica; and costs one connection and one query.
#[test]
fn no_transaction_id_and_one_query() {
    let quiet = Quiet::start();
    assert_eq!(quiet.dunlin(&["up", "--format", "json"]).expect(0).json()["outcome"], "applied");
    let next = "select pg_snapshot_xmax(pg_current_snapshot())";
    let before = quiet.sql(next);
    let mark = quiet.sql("select length(pg_read_file(pg_current_logfile()))");
    let up = quiet.dunlin(&["up", "--format", "json"]).expect(0).json();
    assert_eq!(up["outcome"], "nothing");
    assert_eq!(up["applied"], serde_json::json!([]));
    assert_eq!(quiet.sql(next), before);

    // The server's log comes a little later; its first connection is dunlin's, the next one psql's.
    let deadline = Instant::now() + Duration::from_secs(10);
    let log = loop {
        let log =
            quiet.sql(&format!("select substr(pg_read_file(pg_current_logfile()), {} + 1)", mark.trim()));
        if let Some(end) = log.find("pg_snapshot_xmax") {
            break log[..end].to_owned();
        }
        assert!(Instant::now() < deadline, "{log}");
    };
    let lines: Vec<&str> = log.lines().skip_while(|line| !line.contains("connection received")).collect();
    let of_dunlin = |line: &&&str| line.split(' ').next() == lines[0].split(' ').next();
    let is_statement = |line: &&str| line.contains("LOG:  statement:") || line.contains("LOG:  execute ");
    assert_eq!(lines.iter().filter(of_dunlin).filter(|line| is_statement(line)).count(), 1, "{log}");
    assert_eq!(lines.iter().filter(|line| line.contains("connection received")).count(), 2, "{log}");
}

/// A person relies on: the journal is not written either.
#[tokio::test]
async fn the_journal_stays_as_it_is_to_the_byte() {
    let world = up_to_date().await;
    let before = journal(&world.database).await;
    assert!(before.lines().count() > FILES.len(), "{before}");
    for _ in 0..2 {
        world.up(0, "nothing");
        same(&before, &journal(&world.database).await);
    }
    // In words, too, it says so and is quiet about the rest.
    let words = world.run(&["up"]).expect(0);
    assert!(!words.stdout.is_empty() || !words.stderr.is_empty());
    same(&before, &journal(&world.database).await);
}

/// A person relies on: the application starts on a read-only server; what is pending there is refused, with the reason.
#[tokio::test]
async fn a_read_only_server() {
    let mut world = up_to_date().await;
    let database = world.database.name().to_owned();
    world.execute(&format!("alter database {database} set default_transaction_read_only = on")).await;
    world.up(0, "nothing");
    assert_eq!(world.run(&["status"]).code, 0);
    assert_eq!(world.run(&["plan"]).code, 0);
    world.add("new", "create table {new} ({id} int);");
    let refused = world.run(&["up", "--format", "json"]).expect(3);
    assert!(refused.stdout.contains("DN805"), "{}", refused.stdout);
    world.execute(&format!("alter database {database} reset default_transaction_read_only")).await;
    world.up(0, "applied");
    world.is_like(&(FILES.map(|(_, sql)| sql).concat() + "\ncreate table {new} ({id} int);")).await;
}

/// A person relies on: the application's own role, which may read the journal and nothing else, is enough to start.
#[tokio::test]
async fn a_role_that_may_only_read() {
    let mut world = up_to_date().await;
    let role = format!("{}_reader", world.database.name());
    world.execute(&format!("create role {role} login")).await;
    let as_reader = |world: &World, arguments: &[&str]| {
        world.dunlin().env("DATABASE_URL", world.database.url_as(&role)).run(arguments)
    };
    // Not yet allowed: the message has the GRANT that is missing.
    let refused = as_reader(&world, &["up"]).expect(3);
    assert!((refused.stdout + &refused.stderr).to_uppercase().contains("GRANT "));

    world
        .execute(&format!(
            "grant usage on schema dunlin to {role}; grant select on all tables in schema dunlin to {role};"
        ))
        .await;
    let before = journal(&world.database).await;
    assert_eq!(as_reader(&world, &["up", "--format", "json"]).expect(0).json()["outcome"], "nothing");
    as_reader(&world, &["status"]).expect(0);
    same(&before, &journal(&world.database).await);

    // What is pending needs more, and that is said before anything is tried.
    world.add("new", "create table {new} ({id} int);");
    let refused = as_reader(&world, &["up", "--format", "json"]).expect(3);
    assert!(refused.stdout.contains("DN803"), "{}", refused.stdout);
    same(&before, &journal(&world.database).await);
    world.database.drop_roles(&[&role]).await;
}

/// A person relies on: with nothing to do nobody waits, whoever else works with the journal.
#[tokio::test]
async fn no_lock_is_taken() {
    let world = up_to_date().await;
    let mut other = world.database.connect().await;
    let transaction = other.transaction().await.unwrap();
    // The strongest mode that lets others read, on all of the journal, and every advisory lock there could be is free.
    for table in ["meta", "run", "migration", "operation"] {
        transaction.batch_execute(&format!("lock table dunlin.{table} in exclusive mode")).await.unwrap();
    }
    world.up_with(&["--lock-wait", "1s"], 0, "nothing");
    drop(transaction);
}

/// A person relies on: looking is free: `plan`, `check` and `status` make nothing in a new database.
#[tokio::test]
async fn looking_creates_nothing() {
    let world = World::new(Names::Plain, "create table {old} ({id} int)", &FILES[..2]).await;
    let before = world.lines("select nspname from pg_namespace order by 1").await;
    for arguments in
        [&["plan"][..], &["status"], &["check"], &["up", "--dry-run"], &["plan", "--format", "json"]]
    {
        world.run(arguments).expect(0);
    }
    assert_eq!(world.run(&["plan", "--exit-code"]).code, 10);
    assert_eq!(world.lines("select nspname from pg_namespace order by 1").await, before);
    world.is_untouched().await;
    assert!(world.status().iter().all(|line| line.ends_with(" pending")));
    world.up(0, "applied");
    assert_eq!(world.run(&["plan", "--exit-code"]).code, 0);
}
