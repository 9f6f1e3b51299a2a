//! Migrations of a table that an application works on.

use dunlin_testkit::{Folder, Program, TestDb, TestServer};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What changes the table, in ways that take its strongest lock, scan it, or build on it.
const FILES: [(&str, &str); 5] = [
    (
        "0001_columns.sql",
        "alter table pgbench_accounts add column note text, add column n int not null default 0;",
    ),
    ("0002_index.sql", "create index concurrently accounts_balance on pgbench_accounts (bid, abalance);"),
    (
        "0003_check.sql",
        "alter table pgbench_accounts add constraint sane check (abalance > -1000000000) not valid;",
    ),
    ("0004_valid.sql", "alter table pgbench_accounts validate constraint sane;"),
    (
        "0005_default.sql",
        "alter table pgbench_accounts alter column note set default 'x'; drop index accounts_balance;",
    ),
];

/// What was measured.
struct Measured {
    transactions: usize,
    longest: Duration,
    migrated: Duration,
}

/// Runs pgbench, a session that holds a lock on the table for a while, and the migrations meanwhile.
async fn migrate_under_traffic(scale: u32, held: Duration, traffic: Duration) -> Measured {
    let database = TestDb::new().await;
    let server = TestServer::shared();
    let pgbench = || {
        let mut command = Command::new(server.program("pgbench"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let init = pgbench().args(["-i", "-q", "-s", &scale.to_string(), &database.url()]).status();
    assert!(init.unwrap().success(), "pgbench -i");
    let log = tempfile::tempdir().unwrap();
    let mut bench = pgbench()
        .args(["-N", "-n", "-c", "4", "-l", "-T", &traffic.as_secs().to_string(), &database.url()])
        .current_dir(log.path())
        .spawn()
        .unwrap();
    let holder = database.connect().await;
    holder.batch_execute("begin; select from pgbench_accounts limit 1").await.unwrap();
    let folder = Folder::new(&FILES);
    let begun = Instant::now();
    let up = Program::new(env!("CARGO_BIN_EXE_dunlin")).env("DATABASE_URL", database.url()).spawn(&[
        "up",
        "--format",
        "json",
        "-m",
        folder.path().to_str().unwrap(),
    ]);
    std::thread::sleep(held);
    let early = database.lines("select count(*) from pg_attribute where attrelid = 'pgbench_accounts'::regclass and attname = 'note'").await;
    assert_eq!(early, ["0"], "the lock was held all the time");
    holder.batch_execute("commit").await.unwrap();
    let output = dunlin_testkit::Output::from(up.wait_with_output().unwrap()).expect(0);
    let migrated = begun.elapsed();
    assert_eq!(output.json()["applied"].as_array().unwrap().len(), FILES.len());
    assert!(bench.wait().unwrap().success(), "no transaction of pgbench failed");
    let mut times = Vec::new();
    for file in std::fs::read_dir(log.path()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        // Client, number, microseconds.
        times.extend(text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok()));
    }
    let longest = Duration::from_micros(times.iter().copied().max().unwrap_or(0));
    Measured { transactions: times.len(), longest, migrated }
}

/// A person relies on: while somebody keeps a table locked, a migration that wants it does not keep all others waiting
/// behind it, and gets through afterwards.
#[tokio::test]
async fn the_application_goes_on_while_a_migration_waits() {
    let held = Duration::from_secs(10);
    let measured = migrate_under_traffic(1, held, Duration::from_secs(14)).await;
    assert!(measured.transactions > 100, "{}", measured.transactions);
    // Three seconds, in truth; a machine that is busy otherwise gets more.
    assert!(measured.longest < held - Duration::from_secs(2), "{:?}", measured.longest);
}

/// The same with a million rows; `scripts/traffic` runs it and shows what was measured.
#[tokio::test]
#[ignore = "takes a minute and an idle machine"]
async fn a_million_rows() {
    let measured = migrate_under_traffic(10, Duration::from_secs(20), Duration::from_secs(40)).await;
    eprintln!(
        "{} transactions of pgbench, the longest took {:?}; migrated after {:?}",
        measured.transactions, measured.longest, measured.migrated
    );
    assert!(measured.longest < Duration::from_millis(3500), "{:?}", measured.longest);
}
