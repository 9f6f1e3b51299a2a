//! A runner that has lost its lock commits nothing once another has taken over, and what it committed before is seen.

use crate::execute::{ACTIVE, World};
use dunlin::diagnostic::Code;
use dunlin::execute::{ErrorKind, ExecuteError, Outcome, Report};
use dunlin::pg::LockKeys;
use dunlin_testkit::{Flow, Tunnel};
use tokio::task::JoinHandle;

const COUNTS: &str = "select migration || count(*) from counter group by migration order by migration";

/// A world where `counter` is there, and two data changes are pending, the first of which takes this long.
async fn world(seconds: u32) -> World {
    let world = World::new(&[("1_a.sql", "create table counter (migration text);")]).await;
    world.up(Outcome::Applied).await;
    let slow = format!("insert into counter select 'b' from pg_sleep({seconds});");
    world.folder.write("2_b.sql", &slow);
    world.folder.write("3_c.sql", "insert into counter values ('c');");
    world
}

fn keys(world: &World) -> LockKeys {
    LockKeys::new(world.database.name(), "dunlin")
}

/// Starts a run and waits until its slow statement is under way.
async fn started(world: &World) -> JoinHandle<Result<Report, ExecuteError>> {
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} '%pg_sleep%'")).await;
    run
}

/// Ends the server process that holds the lock.
async fn cut_the_lock(world: &World) {
    let pid = world.database.holder(keys(world).run).await;
    world.database.execute(&format!("select pg_terminate_backend({pid}, 5000)")).await;
}

#[tokio::test]
async fn a_runner_whose_lock_is_cut_commits_nothing_after_another_has_taken_over() {
    for through_the_network in [false, true] {
        let mut world = world(20).await;
        let tunnel = Tunnel::new().await;
        if through_the_network {
            world.url = Some(tunnel.url(world.database.name()));
        }
        let first = started(&world).await;
        world.url = None;
        match through_the_network {
            true => tunnel.set(0, Flow::Cut),
            false => cut_the_lock(&world).await,
        }
        world.folder.write("2_b.sql", "insert into counter select 'b' from pg_sleep(0);");
        let second = world.up(Outcome::Applied).await;
        assert_eq!(second.applied, ["2_b", "3_c"]);
        let error = first.await.unwrap().unwrap_err();
        assert_eq!((error.kind, error.diagnostic.code), (ErrorKind::Failed, Code::DN802));
        assert_eq!(world.database.lines(COUNTS).await, ["b1", "c1"]);
        let by_the_last = "select bool_and(run = (select max(id) from dunlin.run)) from dunlin.operation
                           where migration <> '1_a'";
        assert_eq!(world.database.value(by_the_last).await, "t");
        world.up(Outcome::Nothing).await;
    }
}

#[tokio::test]
async fn a_lost_lock_ends_the_run_also_where_nobody_takes_over() {
    let world = world(20).await;
    let run = started(&world).await;
    cut_the_lock(&world).await;
    assert_eq!(run.await.unwrap().unwrap_err().diagnostic.code, Code::DN802);
    world.wait_for("select 1 where not exists (select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database()))").await;
    // Neither the slow one nor the one that was sent ahead.
    assert!(world.database.lines(COUNTS).await.is_empty());
    world.folder.write("2_b.sql", "insert into counter select 'b' from pg_sleep(0);");
    assert_eq!(world.up(Outcome::Applied).await.applied, ["2_b", "3_c"]);
    assert_eq!(world.database.lines(COUNTS).await, ["b1", "c1"]);
}

/// The machine of the first runner is gone, and the server does not know: its process works on, and commits.
#[tokio::test]
async fn what_the_process_of_a_lost_runner_commits_is_waited_for_and_not_run_again() {
    let mut world = world(3).await;
    let tunnel = Tunnel::new().await;
    world.url = Some(tunnel.url(world.database.name()));
    let first = started(&world).await;
    tunnel.set_all(Flow::Black);
    first.abort();
    cut_the_lock(&world).await;
    world.url = None;
    // It had been sent all of it, and nobody was in its way.
    world.up(Outcome::Nothing).await;
    assert!(world.heard("former Some(\"insert into counter select 'b'"), "{:?}", world.said());
    assert_eq!(world.database.lines(COUNTS).await, ["b1", "c1"]);
    assert_eq!(world.operations().await, ["1_a#1 done", "2_b#1 done", "3_c#1 done"]);
}

/// Frozen in the middle of a transaction, it would keep its locks until the server notices that its client is gone.
#[tokio::test]
async fn a_transaction_of_a_lost_runner_that_waits_for_its_client_is_ended() {
    let world = world(0).await;
    let stale = world.database.connect().await;
    let unit = keys(&world).unit;
    stale
        .batch_execute(&format!(
            "begin; select pg_advisory_xact_lock({unit}); insert into counter values ('x')"
        ))
        .await
        .unwrap();
    world.up(Outcome::Applied).await;
    assert!(stale.batch_execute("commit").await.is_err());
    assert_eq!(world.database.lines(COUNTS).await, ["b1", "c1"]);
}

#[tokio::test]
async fn a_build_whose_runner_has_lost_its_lock_is_done_once() {
    let world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write("2_b.sql", "create index concurrently i on t (id);");
    world.folder.write("3_c.sql", "insert into t values (1);");
    let other = world.database.connect().await;
    other.batch_execute("begin isolation level repeatable read; select * from t").await.unwrap();
    let first = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} 'create index%'")).await;
    cut_the_lock(&world).await;
    let second = tokio::spawn(world.run());
    assert_eq!(first.await.unwrap().unwrap_err().diagnostic.code, Code::DN802);
    other.batch_execute("commit").await.unwrap();
    assert_eq!(second.await.unwrap().unwrap().outcome, Outcome::Applied);
    let indexes = "select indexrelid::regclass, indisvalid from pg_index where indrelid = 't'::regclass";
    assert_eq!(world.database.lines(indexes).await, ["i|t"]);
    assert_eq!(world.database.value("select count(*) from t").await, "1");
}
