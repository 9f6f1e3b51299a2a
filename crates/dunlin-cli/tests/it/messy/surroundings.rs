//! Servers that are gone, rights that are missing, journals that are not as they should be.

use super::names::Names;
use super::world::{World, same, state, text};
use dunlin::embedded::Embedded;
use dunlin_testkit::{Folder, Output, Program, TestServer};
use std::process::Command;
use std::time::{Duration, Instant};

const FILES: [(&str, &str); 2] = [
    ("tables", "create table {a} ({id} int primary key); insert into {a} values (1);"),
    ("index", "create index {a_id} on {a} ({id});"),
];

async fn applied() -> World {
    let world = World::new(Names::Plain, "", &FILES).await;
    world.up(0, "applied");
    world
}

/// Waits until a backend of the database runs a query like this, and gives its pid.
async fn working(world: &World, query: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    let sql = format!(
        "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
        and state = 'active' and query like '%{query}%'"
    );
    loop {
        if let Some(pid) = world.database.lines(&sql).await.pop() {
            return pid;
        }
        assert!(Instant::now() < deadline, "dunlin never came to {query}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A person relies on: no server, no database, no such role: exit code 6, at once, and a word on what was tried.
#[tokio::test]
async fn nothing_to_connect_to() {
    let world = World::new(Names::Plain, "", &FILES).await;
    let here = world.database.url();
    for url in [
        "postgres://nobody@127.0.0.1:1/none".to_owned(),
        "host=/nowhere user=postgres dbname=none".to_owned(),
        here.replace(world.database.name(), "no_such_database"),
        world.database.url_as("no_such_role"),
    ] {
        for command in ["up", "plan", "status"] {
            let output =
                world.dunlin().env("DATABASE_URL", &*url).run(&[command, "--format", "json"]).expect(6);
            let json = output.json();
            assert_eq!((&json["format"], &json["outcome"]), (&1.into(), &"error".into()));
            assert_eq!(json["error"]["code"], "DN801");
        }
    }
    // What needs no database needs no server.
    world.dunlin().env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none").run(&["check"]).expect(0);
}

/// A person relies on: a wrong password is said to be wrong, and is shown nowhere.
#[test]
fn a_wrong_password() {
    let server = Embedded::start(TestServer::options()).unwrap();
    let sql = |sql: &str| {
        let mut psql = Command::new(TestServer::shared().program("psql"));
        Output::of(psql.args(["-X", "-qAt", "-d", &server.url("postgres"), "-c", sql])).expect(0).stdout
    };
    sql("create role guarded login password 'correct horse'");
    let hba = sql("show hba_file");
    sql(&format!(
        "copy (values ('local all postgres trust'), ('local all all scram-sha-256')) to '{}'",
        hba.trim()
    ));
    sql("select pg_reload_conf()");
    let folder = Folder::new(&[("0001_a.sql", "select 1;")]);
    let dunlin =
        Program::new(env!("CARGO_BIN_EXE_dunlin")).always("-m").always(folder.path().to_str().unwrap());
    let url =
        server.url("postgres").replace("postgres@", "guarded@").replace("user=postgres", "user=guarded");
    for password in [Some("battery staple"), None] {
        let dunlin = dunlin.clone().env("DATABASE_URL", &*url);
        let dunlin = password.map_or(dunlin.clone(), |password| dunlin.env("PGPASSWORD", password));
        let output = dunlin.run(&["up", "--format", "json"]).expect(6);
        assert_eq!(output.json()["error"]["code"], "DN801");
        assert!(!(output.stdout + &output.stderr).contains("battery staple"));
    }
    let right = dunlin
        .env("DATABASE_URL", &*url)
        .env("PGPASSWORD", "correct horse")
        .run(&["status", "--format", "json"]);
    assert_eq!(right.expect(0).json()["migrations"][0]["state"], "pending");
    server.stop().unwrap();
}

/// A person relies on: a connection that breaks in the middle costs time, and nothing runs twice.
#[tokio::test]
async fn the_connection_breaks_in_the_middle() {
    let mut world = applied().await;
    let slow = "create table {slow} ({id} int);\ninsert into {slow} values (1);\nselect pg_sleep(3);";
    world.add("slow", slow);
    world.add("next", "create table {next} ({id} int);");
    let child = world.dunlin().spawn(&["up", "--format", "json"]);
    let pid = working(&world, "pg_sleep(3)").await;
    world.database.value(&format!("select pg_terminate_backend({pid})")).await;
    let output: Output = child.wait_with_output().unwrap().into();
    assert_eq!(output.expect(0).json()["applied"], serde_json::json!(["0003_slow", "0004_next"]));
    let slow =
        "create table {slow} ({id} int); insert into {slow} values (1); create table {next} ({id} int);";
    world.is_like(&(FILES.map(|(_, sql)| sql).concat() + slow)).await;
    world.stays("nothing").await;
}

/// A person relies on: one runner at a time; the other one says who has the lock, and gives up when told to.
#[tokio::test]
async fn the_lock_is_held() {
    let mut world = applied().await;
    world.add("slow", "create table {slow} ({id} int);\nselect pg_sleep(2.5);");
    let first = world.dunlin().spawn(&["up", "--format", "json"]);
    working(&world, "pg_sleep(2.5)").await;
    let output = world.run(&["up", "--format", "json", "--lock-wait", "200ms"]).expect(5);
    let error = output.json()["error"].clone();
    assert_eq!(error["code"], "DN802");
    let backends =
        "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
    let mut pids = world.database.lines(backends).await;
    pids.push(first.id().to_string());
    assert!(pids.iter().any(|pid| error.to_string().contains(pid)), "the holder is named: {error}");
    // One that waits finds everything done.
    let second = world.run(&["up", "--format", "json", "--lock-wait", "30s"]).expect(0);
    assert_eq!(second.json()["outcome"], "nothing");
    let first: Output = first.wait_with_output().unwrap().into();
    assert_eq!(first.expect(0).json()["applied"], serde_json::json!(["0003_slow"]));
}

/// A person relies on: missing rights are found before anything runs, and the message has the GRANT.
#[tokio::test]
async fn a_role_without_rights() {
    let world = World::new(Names::Plain, "", &FILES).await;
    let role = format!("{}_guest", world.database.name());
    world.execute(&format!("create role {role} login")).await;
    let guest = world.dunlin().env("DATABASE_URL", world.database.url_as(&role));
    let output = guest.run(&["up", "--format", "json"]).expect(3);
    assert!(
        output.stdout.contains("DN803") && output.stdout.to_uppercase().contains("GRANT "),
        "{}",
        output.stdout
    );
    world.is_untouched().await;
    // With what it asks for (and the right to make tables) it works without being a superuser.
    let database = world.database.name().to_owned();
    world
        .execute(&format!(
            "grant create on database {database} to {role}; grant create, usage on schema public to {role};"
        ))
        .await;
    assert_eq!(guest.run(&["up", "--format", "json"]).expect(0).json()["outcome"], "applied");
    assert_eq!(guest.run(&["up", "--format", "json"]).expect(0).json()["outcome"], "nothing");
    world.database.drop_roles(&[&role]).await;
}

/// A person relies on: an old Dunlin does not touch what a new one wrote.
#[tokio::test]
async fn a_journal_of_a_newer_dunlin() {
    let mut world = applied().await;
    let column = "select quote_ident(attname) from pg_attribute
        where attrelid = 'dunlin.meta'::regclass and attname like '%version%' and atttypid in (20, 21, 23)";
    let column = world.database.value(column).await;
    world.execute(&format!("update dunlin.meta set {column} = {column} + 1000")).await;
    world.add("new", "create table {new} ({id} int);");
    for command in ["up", "plan"] {
        let output = world.run(&[command, "--format", "json"]).expect(3);
        assert!(output.stdout.contains("DN605"), "{}", output.stdout);
    }
    world.is_like(&FILES.map(|(_, sql)| sql).concat()).await;
}

/// A person relies on: a journal that somebody emptied or cut does not make Dunlin repeat what was done.
#[tokio::test]
async fn a_journal_that_was_edited_by_hand() {
    for edit in [
        "delete from dunlin.operation",
        "delete from dunlin.operation; delete from dunlin.migration",
        "delete from dunlin.operation; delete from dunlin.migration; delete from dunlin.run",
    ] {
        let world = applied().await;
        let before = state(&world.database).await;
        // Foreign keys between the journal's tables may want another order.
        if world.database.try_execute(edit).await.is_err() {
            continue;
        }
        let output = world.run(&["up", "--format", "json"]);
        assert!([0, 3].contains(&output.code), "{output:?}");
        same(&before, &state(&world.database).await);
    }
    for edit in [
        "drop table dunlin.meta cascade",
        "drop table dunlin.operation cascade",
        "truncate dunlin.meta cascade",
    ] {
        let world = applied().await;
        let before = state(&world.database).await;
        world.execute(edit).await;
        let output = world.run(&["up", "--format", "json"]);
        assert!([0, 1, 3].contains(&output.code), "an error, not a crash: {output:?}");
        output.json();
        same(&before, &state(&world.database).await);
    }
}

/// A person relies on: a schema of that name which is somebody else's is left alone.
#[tokio::test]
async fn a_schema_that_is_not_dunlins() {
    let before = "create schema dunlin; create table dunlin.horse ({id} int);";
    let world = World::new(Names::Plain, before, &FILES).await;
    let output = world.run(&["up", "--format", "json"]).expect(3);
    assert!(output.stdout.contains("DN606"), "{}", output.stdout);
    world.is_untouched().await;
    world.up_with(&["--journal-schema", "my \"journal\""], 0, "applied");
    assert_eq!(world.lines("select count(*) from {a}").await, ["1"]);
    assert_eq!(world.lines("select count(*) from \"my \"\"journal\"\"\".migration").await, ["2"]);
    world.up_with(&["--journal-schema", "my \"journal\""], 0, "nothing");
}

/// A person relies on: Ctrl-C stops the run, the run says so, and the next one goes on.
#[cfg(unix)]
#[tokio::test]
async fn a_signal_in_the_middle() {
    let mut world = applied().await;
    world.add("slow", "create table {slow} ({id} int);\nselect pg_sleep(400);");
    for signal in ["-INT", "-TERM"] {
        let child = world.dunlin().spawn(&["up", "--format", "json"]);
        working(&world, "pg_sleep(400)").await;
        Output::of(Command::new("kill").args([signal, &child.id().to_string()])).expect(0);
        let output: Output = child.wait_with_output().unwrap().into();
        assert!(output.code != 0, "not done: {output:?}");
        assert!(!text(&output.json()["outcome"]).is_empty());
        world.is_like(&FILES.map(|(_, sql)| sql).concat()).await;
    }
    world.edit("slow", "create table {slow} ({id} int);");
    assert_eq!(world.up(0, "applied").ids("applied"), ["0003_slow"]);
}
