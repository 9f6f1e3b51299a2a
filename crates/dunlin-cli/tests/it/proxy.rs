//! PgBouncer between Dunlin and the server.

use crate::messy::names::Names;
use crate::messy::world::World;
use dunlin_testkit::{Folder, Output, OwnServer, PgBouncer, Program, TestServer, connect_url, rows_of};
use std::time::{Duration, Instant};

/// What does much, and leaves much behind in a session that nobody cleans.
const FILES: [(&str, &str); 9] = [
    ("tables", "create table {a} ({id} int primary key, {kind} text);"),
    ("rows", "insert into {a} values (1, 'x'), (2, 'y'); create index {a_kind} on {a} ({kind});"),
    ("path", "create schema {app}; set search_path to {app}; create table {there} ({id} int);"),
    (
        "hidden",
        "set statement_timeout = '17min';
        select set_config('search_path', 'pg_catalog', false);
        do $$ begin perform set_config('lock_timeout', '23min', false);
            perform set_config('app.tenant', 'stranger', false); end $$;",
    ),
    (
        "temporary",
        "create temp table {step} ({id} int); insert into {step} values (3), (4);
        insert into {a} select {id}, 'z' from {step};
        do $$ begin create temp table hidden_step (x int); perform pg_advisory_lock(4711);
            execute 'listen strangers'; end $$;",
    ),
    ("data", "copy {a} ({id}, {kind}) from stdin;\n5\tfive\n6\tsix\n\\.\n"),
    ("plain_one", "create table {b} ({id} int primary key); insert into {b} values (1);"),
    ("plain_two", "create table {c} ({id} int references {b}); insert into {c} values (1);"),
    ("plain_three", "insert into {c} values (1); alter table {c} add column {kind} text;"),
];

/// What psql runs instead: the database must then look the same.
fn after() -> String {
    let kept = |name: &str| FILES.iter().find(|(file, _)| *file == name).unwrap().1;
    ["tables", "rows", "path"].map(kept).join("\n")
        + "reset search_path; insert into {a} values (3, 'z'), (4, 'z'), (5, 'five'), (6, 'six');"
        + &["plain_one", "plain_two", "plain_three"].map(kept).join("\n")
}

fn through(world: &World, bouncer: &PgBouncer) -> Program {
    world.dunlin().env("DATABASE_URL", bouncer.url(world.database.name()))
}

fn transactions(pool: &str) -> PgBouncer {
    TestServer::shared().bouncer(&[("pool_mode", "transaction"), ("default_pool_size", pool)])
}

/// What a session of the server keeps beyond a transaction, in one line.
const LEFT: &str = "select concat_ws(' ', current_user, session_user, current_setting('search_path'),
    current_setting('lock_timeout'), current_setting('statement_timeout'), nullif(current_setting('app.tenant', true), ''),
    current_setting('synchronous_commit'), current_setting('client_connection_check_interval'),
    current_setting('standard_conforming_strings'), current_setting('client_encoding'),
    current_setting('idle_in_transaction_session_timeout'), current_setting('transaction_read_only'),
    (select count(*) from pg_class where relnamespace = pg_my_temp_schema()),
    (select count(*) from pg_prepared_statements), (select count(*) from pg_cursors),
    (select count(*) from pg_listening_channels()),
    (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'))";

/// Tells of each of the pool's server sessions what it keeps; a transaction on each keeps them apart.
async fn left_behind(bouncer: &PgBouncer, database: &str, pool: usize) -> Vec<String> {
    let mut clients = Vec::new();
    let mut left = Vec::new();
    for _ in 0..pool {
        let client = connect_url(&bouncer.url(database)).await;
        client.batch_execute("begin").await.unwrap();
        let rows = rows_of(&client, LEFT).await;
        left.push(rows[0][0].clone().unwrap());
        clients.push(client);
    }
    left
}

/// A person relies on: through a proxy that pools transactions all runs as without, and nothing of it is left in the
/// sessions, which go on to serve the application.
#[tokio::test]
async fn through_a_proxy_that_pools_transactions() {
    for names in [Names::Plain, Names::Quoted] {
        let world = World::new(names, "", &FILES).await;
        let bouncer = transactions("3");
        let dunlin = through(&world, &bouncer);
        let fresh = left_behind(&bouncer, world.database.name(), 3).await;
        let up = dunlin.run(&["up", "--format", "json"]).expect(0).json();
        assert_eq!(
            (&up["outcome"], up["applied"].as_array().unwrap().len()),
            (&"applied".into(), FILES.len())
        );
        assert_eq!(left_behind(&bouncer, world.database.name(), 3).await, fresh);
        world.is_like(&after()).await;
        world.all_applied();
        assert_eq!(dunlin.run(&["up", "--format", "json"]).expect(0).json()["outcome"], "nothing");
        dunlin.run(&["plan"]).expect(0);
        dunlin.run(&["status"]).expect(0);
        world.stays("nothing").await;
    }
}

/// A person relies on: what fails is rolled back, and leaves nothing in the sessions of the pool either.
#[tokio::test]
async fn a_failure_leaves_nothing_in_the_pool() {
    let mut world = World::new(Names::Plain, "", &FILES[..2]).await;
    let bouncer = transactions("2");
    let fresh = left_behind(&bouncer, world.database.name(), 2).await;
    world.add(
        "broken",
        "do $$ begin create temp table hidden_step (x int); perform pg_advisory_lock(4711);
            perform set_config('lock_timeout', '23min', false); end $$;
        create table {b} ({id} int); select 1 / (select count(*) from {b});",
    );
    world.add("next", "create table {next} ({id} int);");
    let up = through(&world, &bouncer).run(&["up", "--format", "json"]).expect(1).json();
    assert_eq!(
        (&up["failed"]["migration"], &up["failed"]["sqlstate"]),
        (&"0003_broken".into(), &"22012".into())
    );
    assert_eq!(left_behind(&bouncer, world.database.name(), 2).await, fresh);
    world.is_like(&[FILES[0].1, FILES[1].1].concat()).await;
    world.edit("broken", "create table {b} ({id} int);");
    let up = through(&world, &bouncer).run(&["up", "--format", "json"]).expect(0).json();
    assert_eq!(up["applied"], serde_json::json!(["0003_broken", "0004_next"]));
}

/// A person relies on: no statement is prepared by name, which a proxy would leave in somebody else's session.
#[test]
fn nothing_is_prepared_by_name() {
    let settings =
        [("log_min_duration_statement", "0"), ("logging_collector", "on"), ("log_directory", "log")];
    let server = OwnServer::start(&settings);
    let bouncer = server.bouncer(&[("pool_mode", "transaction"), ("default_pool_size", "2")]);
    let folder = Folder::new(&[
        ("0001_a.sql", "create table a (id int primary key, system_user text); insert into a values (1);"),
        // Our grammar, which is that of 18, refuses it; the server is asked.
        ("0002_b.sql", "select system_user from a;"),
    ]);
    let dunlin = Program::new(env!("CARGO_BIN_EXE_dunlin"))
        .env("DATABASE_URL", bouncer.url("postgres"))
        .always("-m")
        .always(folder.path().to_str().unwrap());
    for command in ["doctor", "status", "plan", "up", "up", "plan", "status"] {
        let output = dunlin.run(&[command, "--format", "json"]);
        assert!([0, 3].contains(&output.code), "{output:?}");
    }
    let log: String = std::fs::read_dir(server.data_directory().join("log"))
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert!(log.contains("parse <unnamed>"), "the log tells of parsing");
    let named: Vec<&str> = log.lines().filter(|line| line.contains("parse s")).collect();
    assert!(named.is_empty(), "{named:?}");
}

/// A person relies on: what needs a session or no transaction is refused before anything runs, and the message has
/// the way out, which works.
#[tokio::test]
async fn what_cannot_go_through_is_refused_beforehand() {
    let bouncer = transactions("2");
    for sql in [
        "create index concurrently {a_id} on {a} ({id});",
        "vacuum {a};",
        "prepare {step} as select 1; execute {step};",
        "listen {step};",
        "create temp table {step} ({id} int); begin; insert into {step} values (1); commit; \
         begin; insert into {a} select * from {step}; commit;",
    ] {
        let mut world = World::new(Names::Plain, "", &[("table", "create table {a} ({id} int);")]).await;
        world.add("not_through", sql);
        let proxied = through(&world, &bouncer);
        let up = proxied.run(&["up", "--format", "json"]).expect(3);
        let found = up.json()["diagnostics"][0].clone();
        assert_eq!((&found["code"], &found["file"]), (&"DN806".into(), &up_file(&world)), "{sql}\n{found}");
        assert!(found["help"].as_str().unwrap().contains("--direct-url"), "{found}");
        world.is_untouched().await;
        let direct = world.database.url();
        let up = proxied.run(&["up", "--format", "json", "--direct-url", &direct]).expect(0).json();
        assert_eq!(up["outcome"], "applied", "{sql}");
        world.all_applied();
        assert_eq!(proxied.run(&["up", "--format", "json"]).expect(0).json()["outcome"], "nothing");
    }
}

fn up_file(world: &World) -> serde_json::Value {
    let path = world.folder.path().join(world.file("not_through"));
    path.to_str().unwrap().into()
}

/// A person relies on: a runner through the proxy and one without it exclude each other, both ways.
#[tokio::test]
async fn one_lock_for_both_ways() {
    let slow = "create table {a} ({id} int); select pg_sleep(2);";
    for first_through in [true, false] {
        let world = World::new(Names::Plain, "", &[("slow", slow)]).await;
        let bouncer = transactions("3");
        let (proxied, direct) = (through(&world, &bouncer), world.dunlin());
        let (one, other) = if first_through { (&proxied, &direct) } else { (&direct, &proxied) };
        let child = one.spawn(&["up", "--format", "json"]);
        let working = "select count(*) from pg_stat_activity where datname = current_database()
            and query like '%pg_sleep(2)%' and pid <> pg_backend_pid() and state = 'active'";
        let begun = Instant::now();
        while world.lines(working).await != ["1"] {
            assert!(begun.elapsed() < Duration::from_secs(30), "it never came to sleep");
            std::thread::sleep(Duration::from_millis(10));
        }
        other.run(&["up", "--format", "json", "--lock-wait", "0s"]).expect(5);
        assert_eq!(other.run(&["up", "--format", "json"]).expect(0).json()["outcome"], "nothing");
        let first: Output = child.wait_with_output().unwrap().into();
        assert_eq!(first.expect(0).json()["outcome"], "applied");
    }
}

/// A person relies on: a proxy that pools statements, or that has too few connections, is said to be the reason, and
/// nothing is touched.
#[tokio::test]
async fn a_proxy_that_cannot_be_used() {
    let statements = TestServer::shared().bouncer(&[("pool_mode", "statement"), ("default_pool_size", "3")]);
    let one = TestServer::shared().bouncer(&[
        ("pool_mode", "transaction"),
        ("default_pool_size", "1"),
        ("query_wait_timeout", "1"),
    ]);
    for bouncer in [&statements, &one] {
        let world = World::new(Names::Plain, "", &FILES[..2]).await;
        let proxied = through(&world, bouncer);
        let up = proxied.run(&["up", "--format", "json"]).expect(3).json();
        let found = &up["diagnostics"][0];
        assert_eq!(found["code"], "DN806", "{up}");
        assert!(found["help"].as_str().unwrap().contains("--direct-url"), "{found}");
        world.is_untouched().await;
        proxied.run(&["up", "--direct-url", &world.database.url()]).expect(0);
        world.all_applied();
    }
}

/// A person relies on: the lock is held as long as a migration takes, though the proxy ends idle transactions.
#[tokio::test]
async fn a_proxy_that_ends_idle_transactions() {
    let files = [("slow", "create table {a} ({id} int); select pg_sleep(6); insert into {a} values (1);")];
    let world = World::new(Names::Plain, "", &files).await;
    let bouncer = TestServer::shared().bouncer(&[
        ("pool_mode", "transaction"),
        ("default_pool_size", "2"),
        ("idle_transaction_timeout", "4"),
    ]);
    let up = through(&world, &bouncer).run(&["up", "--format", "json"]).expect(0).json();
    assert_eq!((&up["outcome"], &up["diagnostics"]), (&"applied".into(), &serde_json::json!([])));
    assert_eq!(world.lines("select count(*) from {a}").await, ["1"]);
    assert!(!bouncer.log().contains("idle transaction timeout"), "{}", bouncer.log());
}

/// A person relies on: with a pool for sessions, and for what the proxy itself refuses, it is as good as it gets.
#[tokio::test]
async fn sessions_and_refused_logins() {
    let world = World::new(Names::Plain, "", &FILES).await;
    let bouncer = TestServer::shared().bouncer(&[("pool_mode", "session"), ("max_client_conn", "2")]);
    let proxied = through(&world, &bouncer);
    assert_eq!(proxied.run(&["up", "--format", "json"]).expect(0).json()["outcome"], "applied");
    world.is_like(&after()).await;
    world.stays("nothing").await;
    // Not a parameter that PgBouncer lets pass.
    let refused =
        proxied.clone().env("PGOPTIONS", "-c work_mem=8MB").run(&["up", "--format", "json"]).expect(6);
    assert_eq!(refused.json()["error"]["code"], "DN801");
    // No room at first: the wait ends when there is some.
    let (one, two) =
        (connect_url(&bouncer.url("postgres")).await, connect_url(&bouncer.url("postgres")).await);
    proxied.run(&["status"]).expect(6);
    let mut waiting = proxied.command(&["status", "--connect-wait", "20s"]);
    let waiting = waiting.stdout(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    drop((one, two));
    assert!(waiting.wait_with_output().unwrap().status.success());
}
