//! What is seen of a run from outside of it, and who is in its way.

use crate::execute::World;
use dunlin::execute::{Migrations, Outcome, Running, Status, Target, running, status, watch};
use dunlin::pg::{ConnInfo, Environment};
use std::time::Duration;

fn target(world: &World) -> Target {
    let conninfo = ConnInfo::parse(&world.database.url(), &Environment::default()).unwrap();
    Target { conninfo, direct: None, connect_wait: Duration::ZERO }
}

fn migrations(world: &World) -> Migrations {
    Migrations::Folder { path: world.folder.path().to_owned(), shown_as: "m".into() }
}

async fn look(world: &World) -> Running {
    running(&target(world), &world.options).await.unwrap()
}

async fn state(world: &World) -> Status {
    status(&migrations(world), &target(world), &world.options).await.unwrap()
}

/// Waits until the server shows a statement like this at work.
async fn at_work(world: &World, query: &str) {
    let sql = format!(
        "select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
         and state = 'active' and query like '{query}%'"
    );
    world.wait_for(&sql).await;
}

#[tokio::test]
async fn a_run_is_seen_from_outside_to_its_end() {
    let world =
        World::new(&[("1_a.sql", "create table t (id int);"), ("2_b.sql", "select pg_advisory_lock(77);")])
            .await;
    assert!(!look(&world).await.running);
    world.database.execute("select pg_advisory_lock(77)").await;
    let run = tokio::spawn(world.run());
    at_work(&world, "select pg_advisory_lock(77)").await;
    let seen = look(&world).await;
    assert!(seen.running && seen.pid.is_some() && seen.since.is_some(), "{seen:?}");
    assert_eq!(seen.last_run.as_ref().map(|run| (run.id, run.outcome.as_deref())), Some((1, None)));
    assert_eq!(state(&world).await.last_run.unwrap().outcome, None);
    let (target, migrations, options) = (target(&world), migrations(&world), world.options.clone());
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let following = tokio::spawn(async move {
        let mut listener = |seen: &Running| sender.send(seen.clone()).unwrap();
        watch(&migrations, &target, &options, Duration::from_millis(50), &mut listener).await.unwrap()
    });
    assert!(told.recv().await.unwrap().running);
    world.database.execute("select pg_advisory_unlock(77)").await;
    let end = following.await.unwrap();
    assert_eq!(run.await.unwrap().unwrap().outcome, Outcome::Applied);
    let states: Vec<_> = end.migrations.iter().map(|migration| migration.state.as_str()).collect();
    assert_eq!(states, ["applied", "applied"]);
    assert_eq!(end.last_run.unwrap().outcome.as_deref(), Some("applied"));
    assert!(!look(&world).await.running);
}

/// Cut off as by `kill -9`: nobody has recorded the end.
#[tokio::test]
async fn a_run_that_was_cut_off_is_shown_as_interrupted() {
    let world =
        World::new(&[("1_a.sql", "create table t (id int);"), ("2_b.sql", "select pg_sleep(60);")]).await;
    let run = tokio::spawn(world.run());
    at_work(&world, "select pg_sleep").await;
    run.abort();
    let _ = run.await;
    let ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
                 and pid <> pg_backend_pid()";
    world.database.execute(ended).await;
    for _ in 0..200 {
        if !look(&world).await.running {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let run = state(&world).await.last_run.unwrap();
    assert_eq!((run.outcome.as_deref(), run.finished_at), (Some("interrupted"), None));
    assert_eq!(look(&world).await.last_run.unwrap().outcome.as_deref(), Some("interrupted"));
}

#[tokio::test]
async fn a_prepared_transaction_in_the_way_is_named() {
    let world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write("2_b.sql", "alter table t add column more int;");
    let gid = format!("left by {}", world.database.name());
    world.database.execute(&format!("begin; insert into t values (1); prepare transaction '{gid}'")).await;
    let run = tokio::spawn(world.run());
    for _ in 0..200 {
        if world.heard("retry") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.database.execute(&format!("rollback prepared '{gid}'")).await;
    let report = run.await.unwrap().unwrap();
    assert_eq!(report.applied, ["2_b"]);
    let named = world.heard(&format!("prepared transaction '{gid}'")) && world.heard("ROLLBACK PREPARED");
    assert!(named, "{:?}", world.said.lock().unwrap());
    let told =
        report.diagnostics.iter().any(|found| found.code.as_str() == "DN814" && found.message.contains(&gid));
    assert!(told, "{:?}", report.diagnostics);
}

/// One idles in its transaction, where cancelling does nothing; one works.
#[tokio::test]
async fn blockers_are_cancelled_where_that_is_asked_for() {
    let mut world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write("2_b.sql", "alter table t add column more int;");
    let (idle, busy) = (world.database.connect().await, world.database.connect().await);
    idle.batch_execute("begin; select * from t").await.unwrap();
    let working = tokio::spawn(async move { busy.batch_execute("select *, pg_sleep(60) from t").await });
    world.database.execute("insert into t values (1)").await;
    world.options.cancel_blockers = true;
    // It works on the row now, or sees none: then it has ended.
    let report = world.up(Outcome::Applied).await;
    assert_eq!(report.applied, ["2_b"]);
    assert!(world.heard("BlockerEnded") && world.heard("idle in transaction"));
    assert!(idle.batch_execute("select 1").await.is_err(), "it was ended");
    drop(working);
    let reason = "select reason from dunlin.operation where migration = '2_b'";
    let reason = world.database.value(reason).await;
    assert!(reason.contains("was ended (--cancel-blockers)"), "{reason}");
}

/// What may not be ended, and what is not asked for, is waited for.
#[tokio::test]
async fn blockers_of_others_are_left_alone() {
    let mut world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    world.up(Outcome::Applied).await;
    let role = format!("{}_me", world.database.name());
    let grant = format!(
        "create role {role} login; grant create on database {} to {role}; alter table t owner to {role};
         grant usage on schema dunlin to {role}; grant all on all tables in schema dunlin to {role};
         grant all on all sequences in schema dunlin to {role}; grant usage, create on schema public to {role}",
        world.database.name()
    );
    world.database.execute(&grant).await;
    world.url = Some(world.database.url_as(&role));
    world.options.cancel_blockers = true;
    world.folder.write("2_b.sql", "alter table t add column more int;");
    let superuser = world.database.connect().await;
    superuser.batch_execute("begin; select * from t").await.unwrap();
    let run = tokio::spawn(world.run());
    for _ in 0..200 {
        if world.heard("retry") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    superuser.batch_execute("commit").await.unwrap();
    assert_eq!(run.await.unwrap().unwrap().applied, ["2_b"]);
    assert!(!world.heard("BlockerEnded"));
    world.database.drop_roles(&[&role]).await;
}

/// A build beside the traffic has no time-out: it waits until older transactions have ended.
#[tokio::test]
async fn who_is_in_the_way_of_a_long_wait_is_named_and_ended_where_that_is_asked_for() {
    for cancel in [false, true] {
        let mut world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
        world.up(Outcome::Applied).await;
        world.folder.write("2_b.sql", "create index concurrently t_id on t (id);");
        world.options.cancel_blockers = cancel;
        let idle = world.database.connect().await;
        idle.batch_execute("begin; insert into t values (1)").await.unwrap();
        let run = tokio::spawn(world.run());
        world.hear("waits for").await;
        if !cancel {
            idle.batch_execute("commit").await.unwrap();
        }
        assert_eq!(run.await.unwrap().unwrap().applied, ["2_b"]);
        assert!(world.heard("idle in transaction") && world.heard("insert into t values (1)"));
        assert_eq!(world.heard("BlockerEnded"), cancel);
        assert_eq!(idle.batch_execute("select 1").await.is_err(), cancel);
        let reason = "select coalesce(reason, '') from dunlin.operation where migration = '2_b'";
        let reason = world.database.value(reason).await;
        assert_eq!(reason.contains("was ended (--cancel-blockers)"), cancel, "{reason}");
    }
}

#[tokio::test]
async fn a_prepared_transaction_is_named_to_a_data_change_that_waits() {
    let world = World::new(&[("1_a.sql", "create table t (id int); insert into t values (1);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write("2_b.sql", "update t set id = 2;");
    let gid = format!("row of {}", world.database.name());
    world.database.execute(&format!("begin; update t set id = 3; prepare transaction '{gid}'")).await;
    let run = tokio::spawn(world.run());
    world.hear("waits for").await;
    world.database.execute(&format!("rollback prepared '{gid}'")).await;
    assert_eq!(run.await.unwrap().unwrap().applied, ["2_b"]);
    assert!(world.heard(&format!("ROLLBACK PREPARED '{gid}'")), "{:?}", world.said());
}
