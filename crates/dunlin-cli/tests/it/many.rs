//! Many runners at once, as when all instances of an application start together.

use crate::messy::names::Names;
use crate::messy::world::World;
use dunlin_testkit::{Folder, Output, OwnServer, Program, TestServer};
use std::process::Child;
use std::time::{Duration, Instant};

const FILES: [(&str, &str); 4] = [
    ("tables", "create table {a} ({id} int primary key, {kind} text); create table {b} ({id} int);"),
    (
        "rows",
        "insert into {a} select n, 'x' || n from generate_series(1, 500) n; insert into {b} values (1);",
    ),
    ("index", "create index concurrently {a_kind} on {a} ({kind});"),
    ("more", "insert into {b} values (2); create unique index concurrently {b_id} on {b} ({id});"),
];

/// What must be there afterwards: each row once.
fn after() -> String {
    FILES.map(|(_, sql)| sql).concat()
}

/// The same for a proxy, which takes no concurrent builds.
fn for_proxy() -> [(&'static str, String); 4] {
    FILES.map(|(name, sql)| (name, sql.replace(" concurrently", "")))
}

/// Starts runners at the same time and gives what each of them ended with.
fn race(dunlin: &Program, runners: usize, arguments: &[&str]) -> Vec<Output> {
    let arguments = [&["up", "--format", "json"], arguments].concat();
    let children: Vec<Child> = (0..runners).map(|_| dunlin.spawn(&arguments)).collect();
    children.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect()
}

/// Expects all to have ended well, and one of them to have done everything.
#[track_caller]
fn one_has_done_it(outputs: Vec<Output>, migrations: usize) {
    let mut outcomes: Vec<String> = Vec::new();
    for output in outputs {
        let json = output.expect(0).json();
        let applied = json["applied"].as_array().unwrap().len();
        assert!(applied == 0 || applied == migrations, "{json}");
        outcomes.push(json["outcome"].as_str().unwrap().to_owned());
    }
    outcomes.retain(|outcome| outcome != "nothing");
    assert_eq!(outcomes, ["applied"]);
}

async fn deadlocks(world: &World) -> Vec<String> {
    world
        .lines("select pg_stat_get_db_deadlocks(oid) from pg_database where datname = current_database()")
        .await
}

/// A person relies on: fifty instances start on an empty database; one migrates it, the others wait and go on.
#[tokio::test]
async fn fifty_start_together() {
    let world = World::new(Names::Plain, "", &FILES).await;
    let before = deadlocks(&world).await;
    one_has_done_it(race(&world.dunlin(), 50, &[]), FILES.len());
    world.is_like(&after()).await;
    world.all_applied();
    assert_eq!(world.lines("select count(*) from dunlin.run").await, ["1"]);
    assert_eq!(deadlocks(&world).await, before);
    world.stays("nothing").await;
}

/// A person relies on: the same through a proxy with a few server connections.
#[tokio::test]
async fn fifty_start_together_through_a_proxy() {
    let files = for_proxy();
    let files = files.each_ref().map(|(name, sql)| (*name, sql.as_str()));
    let world = World::new(Names::Plain, "", &files).await;
    let bouncer = TestServer::shared().bouncer(&[("pool_mode", "transaction"), ("default_pool_size", "4")]);
    let dunlin = world.dunlin().env("DATABASE_URL", bouncer.url(world.database.name()));
    one_has_done_it(race(&dunlin, 50, &[]), FILES.len());
    world.is_like(&after()).await;
    world.all_applied();
    world.stays("nothing").await;
}

/// A person relies on: when the one that works is killed, another one finishes, and nothing runs twice.
#[tokio::test]
async fn the_one_that_works_is_killed_behind_a_proxy() {
    let mut world =
        World::new(Names::Plain, "", &[("tables", "create table {a} ({id} int, {n} int);")]).await;
    for file in 0..8 {
        let sql =
            format!("insert into {{a}} values ({file}); update {{a}} set {{n}} = coalesce({{n}}, 0) + 1;");
        world.add(&format!("rows_{file}"), &sql);
    }
    world.add("slow", "select pg_sleep(1.5); insert into {a} values (100);");
    world.add("last", "update {a} set {n} = coalesce({n}, 0) + 1;");
    let bouncer = TestServer::shared().bouncer(&[("pool_mode", "transaction"), ("default_pool_size", "4")]);
    let dunlin = world.dunlin().env("DATABASE_URL", bouncer.url(world.database.name()));
    let mut children: Vec<Child> = (0..10).map(|_| dunlin.spawn(&["up", "--format", "json"])).collect();
    let holder =
        "select coalesce(max(holder_pid), 0) from dunlin.meta where exists (select from pg_stat_activity
        where datname = current_database() and state = 'active' and query like '%pg_sleep(1.5)%'
        and pid <> pg_backend_pid())";
    let begun = Instant::now();
    let killed = loop {
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody came to sleep");
        let there = world.lines("select to_regclass('dunlin.meta') is not null").await;
        let pid = if there == ["t"] { world.lines(holder).await[0].clone() } else { "0".to_owned() };
        if let Some(at) = children.iter().position(|child| child.id().to_string() == pid) {
            break children.swap_remove(at);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut killed = killed;
    killed.kill().unwrap();
    killed.wait().unwrap();
    for child in children {
        let output: Output = child.wait_with_output().unwrap().into();
        output.expect(0);
    }
    let rows = world.lines("select {id}, {n} from {a} order by {id}").await;
    let expected: Vec<String> =
        (0..8).map(|row| format!("{row}|{}", 9 - row)).chain(["100|1".to_owned()]).collect();
    assert_eq!(rows, expected);
    world.all_applied();
    world.stays("nothing").await;
}

/// A person relies on: where the server has few connections to spare, those that wait do not take them from the one
/// that works.
#[test]
fn more_runners_than_the_server_has_connections() {
    let server = OwnServer::start(&[("max_connections", "10"), ("superuser_reserved_connections", "2")]);
    server.sql("postgres", "create role app login");
    server.sql("postgres", "create database app owner app");
    let files = FILES.map(|(name, sql)| (format!("{name}.sql"), Names::Plain.write(sql)));
    let folder = Folder::new(&files.each_ref().map(|(name, sql)| (name.as_str(), sql.as_str())));
    let dunlin = Program::new(env!("CARGO_BIN_EXE_dunlin"))
        .env("DATABASE_URL", server.url("app").replace("user=postgres", "user=app"))
        .always("-m")
        .always(folder.path().to_str().unwrap());
    one_has_done_it(race(&dunlin, 30, &["--connect-wait", "60s"]), FILES.len());
    assert_eq!(server.sql("app", "select count(*), sum(id) from b"), "2|3");
    // Without patience the reason is said.
    server.sql("postgres", "alter role app connection limit 1");
    let full = dunlin.run(&["status", "--format", "json"]);
    assert!([0, 6].contains(&full.code), "{full:?}");
}
