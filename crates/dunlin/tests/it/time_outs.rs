//! Time-outs that are set for a role or a database: they end neither Dunlin's connections nor builds.

use crate::execute::World;
use dunlin::execute::Outcome;
use dunlin_testkit::TestServer;
use std::time::Duration;

const TIME_OUTS: [(&str, u32); 5] = [
    ("statement_timeout", 14),
    ("lock_timeout", 14),
    ("idle_in_transaction_session_timeout", 14),
    ("idle_session_timeout", 14),
    ("transaction_timeout", 17),
];

async fn world(files: &[(&str, &str)], time_out: &str) -> World {
    let world = World::new(files).await;
    for (name, _) in TIME_OUTS.iter().filter(|(_, since)| TestServer::shared().major() >= *since) {
        let sql = format!("alter database {} set {name} = '{time_out}'", world.database.name());
        world.database.execute(&sql).await;
    }
    world
}

#[tokio::test]
async fn builds_and_validations_take_the_time_that_they_need() {
    let slow = "create function slow(int) returns int immutable language plpgsql as
                $$ begin perform pg_sleep(2); return 1; end $$;";
    let files = [
        ("1_a.sql", "create table t (id int); insert into t values (1);"),
        ("2_b.sql", slow),
        ("3_c.sql", "create index on t (slow(id));"),
        (
            "4_d.sql",
            "alter table t add constraint c check (slow(id) = 1) not valid; alter table t validate constraint c;",
        ),
        ("5_e.sql", "create index concurrently on t (slow(id));"),
        ("6_f.sql", "insert into t values (2);"),
    ];
    let world = world(&files[..5], "1500ms").await;
    let report = world.up(Outcome::Applied).await;
    assert_eq!(report.applied.len(), 5, "{:?}", world.said());
    assert_eq!(
        world
            .database
            .value("select bool_and(indisvalid) from pg_index where indrelid = 't'::regclass")
            .await,
        "t"
    );
}

/// It is the user's wish that such a statement ends.
#[tokio::test]
async fn a_data_change_ends_as_the_role_says() {
    let files =
        [("1_a.sql", "create table t (id int);"), ("2_b.sql", "insert into t select 1 from pg_sleep(600);")];
    let world = world(&files, "3s").await;
    let report = world.up(Outcome::Failed).await;
    assert!(matches!(report.failures[0].sqlstate.as_str(), "57014" | "25P04"), "{:?}", report.failures);
    assert_eq!(world.operations().await[0], "1_a#1 done");
}

/// What ends a transaction for its length would end it each time.
#[tokio::test]
async fn a_transaction_that_takes_too_long_is_not_tried_again() {
    if TestServer::shared().major() < 17 {
        return;
    }
    let world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write("2_b.sql", "insert into t select 1 from pg_sleep(600);");
    let sql = format!("alter database {} set transaction_timeout = '2s'", world.database.name());
    world.database.execute(&sql).await;
    let error = world.run().await.unwrap_err();
    assert_eq!(error.report.unwrap().failures[0].sqlstate, "25P04");
    assert!(!world.heard("reconnecting"));
    assert_eq!(world.operations().await, ["1_a#1 done", "2_b#1 failed 25P04"]);
}

#[tokio::test]
async fn a_connection_that_is_idle_for_long_holds_the_lock() {
    let files =
        [("1_a.sql", "create table t (id int);"), ("2_b.sql", "create index concurrently on t (id);")];
    let world = world(&files, "200ms").await;
    let other = world.database.connect().await;
    other
        .batch_execute(
            "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set idle_session_timeout = 0;
             begin isolation level repeatable read; select count(*) from pg_class",
        )
        .await
        .unwrap();
    let run = tokio::spawn(world.run());
    tokio::time::sleep(Duration::from_secs(3)).await;
    other.batch_execute("commit").await.unwrap();
    assert_eq!(run.await.unwrap().unwrap().outcome, Outcome::Applied, "{:?}", world.said());
}

/// The build fails for its data; what it leaves is dropped at once, and the next try works.
#[tokio::test]
async fn a_failed_build_leaves_nothing_also_under_short_time_outs() {
    let files = [
        ("1_a.sql", "create table t (id int); insert into t values (1), (1);"),
        ("2_b.sql", "create unique index concurrently i on t (id);"),
    ];
    let world = world(&files, "3s").await;
    world.up(Outcome::Failed).await;
    let indexes = "select indexrelid::regclass, indisvalid from pg_index where indrelid = 't'::regclass";
    assert!(world.database.lines(indexes).await.is_empty());
    world.database.execute("delete from t").await;
    world.up(Outcome::Applied).await;
    assert_eq!(world.database.lines(indexes).await, ["i|t"]);
}
