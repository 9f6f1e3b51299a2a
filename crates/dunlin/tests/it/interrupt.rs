//! Ctrl-C and SIGTERM: the run ends, whatever it waits for, and the next one goes on.

use crate::execute::{ACTIVE, World};
use dunlin::execute::{ExecuteError, Outcome, Report};
use dunlin::pg::LockKeys;
use dunlin_testkit::{Flow, Tunnel};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Longer than any machine needs, and much less than what the runs below wait for.
const SOON: Duration = Duration::from_secs(60);

async fn world(files: &[(&str, &str)]) -> (World, watch::Sender<bool>) {
    let mut world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    world.up(Outcome::Applied).await;
    for (name, sql) in files {
        world.folder.write(name, sql);
    }
    let (wish, interrupt) = watch::channel(false);
    world.options.interrupt = Some(interrupt);
    // So that a machine under load has the time to record it.
    world.options.grace = Duration::from_secs(30);
    (world, wish)
}

async fn ended(run: JoinHandle<Result<Report, ExecuteError>>) -> Result<Report, ExecuteError> {
    tokio::time::timeout(SOON, run).await.expect("it has not ended").unwrap()
}

/// What is left is done by the next run, once.
async fn goes_on(mut world: World, applied: &[&str]) -> World {
    world.options.interrupt = None;
    world.url = None;
    assert_eq!(world.up(Outcome::Applied).await.applied, applied);
    world.up(Outcome::Nothing).await;
    world
}

#[tokio::test]
async fn in_a_data_change() {
    let (world, wish) = world(&[
        ("2_b.sql", "insert into t select 1 from pg_sleep(600);"),
        ("3_c.sql", "create table u (id int);"),
    ])
    .await;
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} '%pg_sleep(600)%'")).await;
    wish.send_replace(true);
    assert_eq!(ended(run).await.unwrap().outcome, Outcome::Failed);
    assert_eq!(world.operations().await, ["1_a#1 done", "2_b#1 failed 57014"]);
    assert_eq!(
        world.database.lines("select outcome from dunlin.run order by id").await,
        ["applied", "failed"]
    );
    world.folder.write("2_b.sql", "insert into t values (1);");
    goes_on(world, &["2_b", "3_c"]).await;
}

#[tokio::test]
async fn in_a_concurrent_build() {
    let (world, wish) = world(&[("2_b.sql", "create index concurrently i on t (id);")]).await;
    let other = world.database.connect().await;
    other.batch_execute("begin isolation level repeatable read; select * from t").await.unwrap();
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} 'create index%'")).await;
    wish.send_replace(true);
    assert_eq!(ended(run).await.unwrap().outcome, Outcome::Failed);
    other.batch_execute("commit").await.unwrap();
    let indexes = "select indexrelid::regclass, indisvalid from pg_index where indrelid = 't'::regclass";
    assert!(world.database.lines(indexes).await.iter().all(|line| line == "i|f"));
    let world = goes_on(world, &["2_b"]).await;
    assert_eq!(world.database.lines(indexes).await, ["i|t"]);
}

#[tokio::test]
async fn while_waiting_for_another_runner() {
    let (world, wish) = world(&[("2_b.sql", "insert into t values (1);")]).await;
    let other = world.database.connect().await;
    let key = LockKeys::new(world.database.name(), "dunlin").run;
    other.batch_execute(&format!("select pg_advisory_lock({key})")).await.unwrap();
    let run = tokio::spawn(world.run());
    world.hear("waiting").await;
    wish.send_replace(true);
    assert!(ended(run).await.unwrap_err().diagnostic.message.contains("interrupted"));
    other.batch_execute(&format!("select pg_advisory_unlock({key})")).await.unwrap();
    goes_on(world, &["2_b"]).await;
}

#[tokio::test]
async fn while_waiting_for_a_table() {
    let (world, wish) = world(&[("2_b.sql", "alter table t add column n int;")]).await;
    let other = world.database.connect().await;
    other.batch_execute("begin; lock table t").await.unwrap();
    let run = tokio::spawn(world.run());
    world.hear("retry").await;
    wish.send_replace(true);
    match ended(run).await {
        Ok(report) => assert_eq!(report.outcome, Outcome::Failed),
        Err(error) => assert!(error.diagnostic.message.contains("interrupted"), "{:?}", error.diagnostic),
    }
    other.batch_execute("commit").await.unwrap();
    goes_on(world, &["2_b"]).await;
}

#[tokio::test]
async fn while_connecting_to_a_server_that_does_not_answer() {
    let (mut world, wish) = world(&[("2_b.sql", "insert into t values (1);")]).await;
    let tunnel = Tunnel::new().await;
    tunnel.set_all(Flow::Black);
    world.url = Some(tunnel.url(world.database.name()));
    let run = tokio::spawn(world.run());
    while tunnel.connections() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    wish.send_replace(true);
    assert!(ended(run).await.unwrap_err().diagnostic.message.contains("interrupted"));
    goes_on(world, &["2_b"]).await;
}

/// Nothing of what is sent arrives, not even the wish to cancel.
#[tokio::test]
async fn when_the_network_swallows_everything() {
    let (mut world, wish) = world(&[("2_b.sql", "insert into t select 1 from pg_sleep(3);")]).await;
    let tunnel = Tunnel::new().await;
    world.url = Some(tunnel.url(world.database.name()));
    world.options.grace = Duration::from_millis(500);
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} '%pg_sleep(3)%'")).await;
    tunnel.set_all(Flow::Black);
    wish.send_replace(true);
    assert!(ended(run).await.unwrap_err().diagnostic.message.contains("interrupted"));
    // The server notices at last, when the network is gone altogether.
    tunnel.set_all(Flow::Cut);
    world.options.interrupt = None;
    world.url = None;
    world.run().await.unwrap();
    assert_eq!(world.database.value("select count(*) from t").await, "1");
    world.up(Outcome::Nothing).await;
}
