//! What is tried again within a run: lost connections, deadlocks, conflicts with other transactions.

use crate::execute::{ACTIVE, World};
use crate::server::{Server, Tls};
use dunlin::execute::{ErrorKind, Outcome};
use dunlin_testkit::{Flow, Tunnel};
use std::time::Duration;

const COUNTS: &str = "select migration || count(*) from counter group by migration order by migration";

async fn world(then: &str) -> World {
    let world = World::new(&[("1_a.sql", "create table counter (migration text);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write("2_b.sql", then);
    world.folder.write("3_c.sql", "insert into counter values ('c');");
    world
}

#[tokio::test]
async fn a_run_goes_on_where_its_connection_was_lost() {
    let world =
        world("insert into counter values ('b'); insert into counter select 'b' from pg_sleep(3);").await;
    let run = tokio::spawn(world.run());
    let sleeping = format!("{ACTIVE} '%pg_sleep(3)%'");
    world.wait_for(&sleeping).await;
    world.database.execute(&sleeping.replace("select 1", "select pg_terminate_backend(pid)")).await;
    let report = run.await.unwrap().unwrap();
    assert_eq!((report.outcome, report.failures.len()), (Outcome::Applied, 0));
    assert_eq!(report.applied, ["2_b", "3_c"]);
    assert!(world.heard("reconnecting"), "{:?}", world.said());
    assert_eq!(world.database.lines(COUNTS).await, ["b2", "c1"]);
    // It is one run.
    assert_eq!(world.database.lines("select outcome from dunlin.run").await, ["applied", "applied"]);
    world.up(Outcome::Nothing).await;
}

/// The server has committed, and its answer never came.
#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_looked_up() {
    let mut world = world("insert into counter select 'b' from pg_sleep(2);").await;
    let tunnel = Tunnel::new().await;
    world.url = Some(tunnel.url(world.database.name()));
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} '%pg_sleep(2)%'")).await;
    tunnel.set(1, Flow::Deaf);
    world.wait_for("select from counter where migration = 'b'").await;
    tunnel.set(1, Flow::Cut);
    let report = run.await.unwrap().unwrap();
    assert_eq!(
        (report.outcome, report.applied),
        (Outcome::Applied, vec!["2_b".to_owned(), "3_c".to_owned()])
    );
    assert_eq!(world.database.lines(COUNTS).await, ["b1", "c1"]);
    assert!(world.heard("reconnecting"), "{:?}", world.said());
}

#[tokio::test]
async fn a_statement_that_ends_its_connection_each_time_fails_in_the_end() {
    let world =
        world("insert into counter values ('b'); select pg_terminate_backend(pg_backend_pid());").await;
    let error = world.run().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert_eq!(world.said().iter().filter(|line| line.starts_with("reconnecting")).count(), 2);
    let report = error.report.unwrap();
    assert_eq!((report.failures.len(), report.failures[0].sqlstate.as_str()), (1, "57P01"));
    assert_eq!(world.operations().await, ["1_a#1 done", "2_b#2 failed 57P01"]);
    assert_eq!(
        world.database.lines("select outcome from dunlin.run order by id").await,
        ["applied", "failed"]
    );
    world.folder.write("2_b.sql", "insert into counter values ('b');");
    assert_eq!(world.up(Outcome::Applied).await.applied, ["2_b", "3_c"]);
    assert_eq!(world.database.lines(COUNTS).await, ["b1", "c1"]);
}

/// With the server both connections go: the lock has to be taken anew.
#[tokio::test]
async fn a_run_goes_on_after_the_server_was_restarted() {
    for mode in ["fast", "immediate"] {
        let server = Server::start(&Tls::Off, "");
        let mut world = World::new(&[
            ("1_a.sql", "create table counter (migration text); insert into counter values ('a');"),
            ("2_b.sql", "insert into counter select 'b' from pg_sleep(5);"),
            ("3_c.sql", "insert into counter values ('c');"),
        ])
        .await;
        world.url = Some(server.socket());
        world.connect_wait = Duration::from_secs(120);
        let run = tokio::spawn(world.run());
        let observer = server.session().await;
        let sleeping =
            "select from pg_stat_activity where state = 'active' and query like 'insert%pg_sleep(5)%'";
        for _ in 0..400 {
            if observer.query(sleeping, &[]).await.is_ok_and(|rows| !rows.is_empty()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let server = tokio::task::spawn_blocking(move || {
            server.restart(mode);
            server
        })
        .await
        .unwrap();
        let report = run.await.unwrap().unwrap_or_else(|error| panic!("{mode}: {error:?}"));
        assert_eq!(report.applied, ["1_a", "2_b", "3_c"], "{mode}: {:?}", world.said());
        let rows = server.session().await.query(COUNTS, &[]).await.unwrap();
        let counts: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(counts, ["a1", "b1", "c1"], "{mode}");
        let runs = server.session().await.query("select id from dunlin.run", &[]).await.unwrap();
        assert_eq!(runs.len(), 1, "{mode}");
    }
}

/// The server notices nothing: the old process holds the lock, and the other one commits what it has been sent.
#[tokio::test]
async fn a_run_goes_on_after_the_network_has_forgotten_its_connections() {
    let mut world = world("insert into counter select 'b' from pg_sleep(4);").await;
    let tunnel = Tunnel::new().await;
    world.url = Some(tunnel.url(world.database.name()));
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} '%pg_sleep(4)%'")).await;
    tunnel.set(0, Flow::Gone);
    tunnel.set(1, Flow::Gone);
    let report = run.await.unwrap().unwrap_or_else(|error| panic!("{error:?}: {:?}", world.said()));
    assert_eq!(report.applied, ["2_b", "3_c"], "{:?}", world.said());
    assert!(world.heard("former"), "{:?}", world.said());
    assert_eq!(world.database.lines(COUNTS).await, ["b1", "c1"]);
    assert_eq!(world.database.value("select count(*) from dunlin.run").await, "2");
}

/// Deadlocks are common where an index is built beside traffic.
#[tokio::test]
async fn a_build_that_loses_a_deadlock_is_run_again() {
    let world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write("2_b.sql", "create index concurrently i on t (id);");
    let other = world.database.connect().await;
    other.batch_execute("set deadlock_timeout = '1h'; begin; insert into t values (1)").await.unwrap();
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} 'create index%' and wait_event_type = 'Lock'")).await;
    // It waits for this transaction, and this one waits for its lock on the table.
    other.batch_execute("lock table t in share update exclusive mode; commit").await.unwrap();
    assert_eq!(run.await.unwrap().unwrap().outcome, Outcome::Applied);
    assert!(world.heard("retry deadlock detected"), "{:?}", world.said());
    let indexes = "select indexrelid::regclass, indisvalid from pg_index where indrelid = 't'::regclass";
    assert_eq!(world.database.lines(indexes).await, ["i|t"]);
}

/// Nobody reads what it would answer: the server's process ends by itself.
#[tokio::test]
async fn the_process_of_a_runner_that_is_gone_ends_by_itself() {
    let world = world("insert into counter select 'b' from pg_sleep(600);").await;
    let run = tokio::spawn(world.run());
    let sleeping = format!("{ACTIVE} '%pg_sleep(600)%'");
    world.wait_for(&sleeping).await;
    run.abort();
    for _ in 0..600 {
        if world.database.lines(&sleeping).await.is_empty() {
            world.folder.write("2_b.sql", "insert into counter values ('b');");
            assert_eq!(world.up(Outcome::Applied).await.applied, ["2_b", "3_c"]);
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it works on");
}

#[tokio::test]
async fn a_server_that_does_not_come_back_ends_the_run_as_failed() {
    let mut world = world("insert into counter select 'b' from pg_sleep(20);").await;
    let tunnel = Tunnel::new().await;
    world.url = Some(tunnel.url(world.database.name()));
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} '%pg_sleep(20)%'")).await;
    tunnel.set_all(Flow::Cut);
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Failed, "{:?}", error.diagnostic);
    assert!(error.diagnostic.help.is_some_and(|help| help.contains("dunlin up")));
}

#[tokio::test]
async fn a_transaction_that_cannot_be_serialised_is_run_again() {
    let world = World::new(&[("1_a.sql", "create table t (n int); insert into t values (0);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write(
        "2_b.sql",
        "begin isolation level repeatable read; update t set n = n + 1 from pg_sleep(2); commit;",
    );
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} '%pg_sleep(2)%'")).await;
    world.database.execute("update t set n = n + 10").await;
    assert_eq!(run.await.unwrap().unwrap().outcome, Outcome::Applied);
    assert!(world.heard("retry could not serialize"), "{:?}", world.said());
    assert_eq!(world.database.value("select n from t").await, "11");
}

#[tokio::test]
async fn a_unit_that_loses_a_deadlock_is_run_again() {
    let world = World::new(&[(
        "1_a.sql",
        "create table a (n int); create table b (n int); insert into a values (0); insert into b values (0);",
    )])
    .await;
    world.up(Outcome::Applied).await;
    world.folder.write(
        "2_b.sql",
        "update a set n = n + 1; update b set n = n + 1 from pg_sleep(1); alter table b add column m int;",
    );
    // The other one never looks for deadlocks, so ours is the one that ends.
    let other = world.database.connect().await;
    other
        .batch_execute("set deadlock_timeout = '1h'; begin; lock table b in row exclusive mode")
        .await
        .unwrap();
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} '%pg_sleep(1)%'")).await;
    other.batch_execute("update a set n = n + 10; commit").await.unwrap();
    assert_eq!(run.await.unwrap().unwrap().outcome, Outcome::Applied);
    assert!(world.heard("retry deadlock detected"), "{:?}", world.said());
    assert_eq!(world.database.value("select a.n + b.n from a, b").await, "12");
}
