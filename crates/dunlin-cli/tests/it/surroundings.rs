//! Odd servers, databases and roles.

use crate::messy::world::state;
use dunlin_testkit::{Folder, OwnServer, Program, SmallDisk, TestDb, TestServer};
use std::fmt::Write as _;

/// Declares, fills, changes; with values that sessions write in different ways.
const FILES: [(&str, &str); 5] = [
    (
        "0001_tables.sql",
        "create table a (id int generated always as identity primary key, name text not null default 'x''y',
            born date default '2024-02-01', since timestamptz default '2024-02-01 12:00:00+00',
            span interval default '1 day 02:03:04', raw bytea default '\\x00ff'::bytea, part float8 default 0.1,
            tags text[] default '{a,b}');
        create type mood as enum ('ok', 'sad');",
    ),
    (
        "0002_rows.sql",
        "insert into a (name) values ('one'), ('two');
        update a set part = part * 3 where name = 'two';
        alter table a add column mood mood default 'ok', add constraint parts check (part > 0.05);
        create index a_name on a (name) where born > '2020-01-01';",
    ),
    (
        "0003_code.sql",
        "create function twice(n int) returns int language plpgsql immutable as $$ begin return n * 2; end $$;
        create view later as select id, twice(id) as double, since + interval '1 day' as next from a;
        do $$ begin if not exists (select from a where name = 'three') then
            insert into a (name) values ('three'); end if; end $$;",
    ),
    ("0004_alone.sql", "create index concurrently a_born on a (born); alter type mood add value 'glad';"),
    ("0005_last.sql", "insert into a (name, mood) select name || '!', 'glad' from a where id <= 2;"),
];

fn dunlin(folder: &Folder, url: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_dunlin"))
        .env("DATABASE_URL", url)
        .always("-m")
        .always(folder.path().to_str().unwrap())
}

fn up(dunlin: &Program, outcome: &str) {
    let output = dunlin.run(&["up", "--format", "json"]).expect(0);
    assert_eq!(output.json()["outcome"], outcome, "{}", output.stdout);
}

/// Settings of the database that change how values, messages or statements are written and run. Those of one line are
/// set together.
const SETTINGS: [&str; 12] = [
    "timezone = 'Asia/Kathmandu'; datestyle = 'SQL, DMY'; intervalstyle = 'sql_standard'; bytea_output = 'escape';
     extra_float_digits = '-15'; xmloption = 'document'; xmlbinary = 'hex'",
    "quote_all_identifiers = on; array_nulls = off; transform_null_equals = on; backslash_quote = off;
     escape_string_warning = off; check_function_bodies = off; plpgsql.extra_errors = 'none'",
    "default_transaction_isolation = 'serializable'; default_transaction_deferrable = on",
    "default_transaction_isolation = 'repeatable read'; lock_timeout = '10ms'",
    "session_replication_role = 'replica'; row_security = off; password_encryption = 'md5'",
    "jit = on; jit_above_cost = 0; jit_optimize_above_cost = 0; plan_cache_mode = 'force_generic_plan'",
    "work_mem = '64kB'; enable_seqscan = off; parallel_setup_cost = 0; min_parallel_table_scan_size = 0;
     max_parallel_workers_per_gather = 4; from_collapse_limit = 1; constraint_exclusion = on",
    "client_min_messages = 'debug1'; log_statement = 'all'; log_min_duration_statement = 0",
    "client_min_messages = 'error'; client_encoding = 'LATIN1'",
    "search_path = ''",
    "search_path = '\"$user\"'",
    "statement_timeout = '20s'; idle_in_transaction_session_timeout = '20s'; synchronous_commit = 'remote_apply'",
];

/// A person relies on: the same is done whatever the database has as its settings, and a second run finds it done.
#[tokio::test]
async fn settings_of_the_database_make_no_difference() {
    let folder = Folder::new(&FILES);
    let plain = TestDb::new().await;
    up(&dunlin(&folder, &plain.url()), "applied");
    let expected = state(&plain).await;
    for settings in SETTINGS {
        let database = TestDb::new().await;
        let mut sql = String::new();
        for setting in settings.split(';') {
            let (name, value) = setting.split_once('=').unwrap();
            let _ = write!(sql, "alter database {} set {name} = {value};", database.name());
        }
        database.execute(&sql).await;
        // Where no schema is to be found, the files have to say which one is meant.
        let named = Folder::new(&[("0000_path.sql", "create schema if not exists public;")]);
        let pathless = settings.contains("search_path");
        for (name, text) in FILES {
            let text = if pathless { format!("set search_path = public; {text}") } else { text.to_owned() };
            named.write(name, text);
        }
        let dunlin = dunlin(if pathless { &named } else { &folder }, &database.url());
        let first = dunlin.run(&["up", "--format", "json"]);
        assert_eq!(first.code, 0, "{settings}\n{}{}", first.stdout, first.stderr);
        assert_eq!(first.json()["outcome"], "applied", "{settings}\n{}", first.stdout);
        assert_eq!(state(&database).await, expected, "{settings}");
        up(&dunlin, "nothing");
        let plan = dunlin.run(&["plan", "--exit-code"]);
        assert_eq!(plan.code, 0, "{settings}\n{}", plan.stdout);
    }
}

/// A person relies on: a schema that was made under other settings is known again, though the server writes its
/// defaults in another way now.
#[tokio::test]
async fn what_is_there_is_known_again_under_other_settings() {
    let folder = Folder::new(&[("0001_tables.sql", FILES[0].1)]);
    let database = TestDb::new().await;
    database.execute(FILES[0].1).await;
    for setting in SETTINGS[0].split(';') {
        let (name, value) = setting.split_once('=').unwrap();
        database.execute(&format!("alter database {} set {name} = {value}", database.name())).await;
    }
    let dunlin = dunlin(&folder, &database.url());
    let plan = dunlin.run(&["plan", "--format", "json"]).expect(0).json();
    let actions: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|step| step["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["satisfied", "satisfied"], "{plan}");
}

/// Functions, operators, types and relations that fit better than those of the server, or come before them. Each
/// would end the statement that uses it.
fn traps() -> String {
    let mut sql = "create schema evil;
        create function evil.trap() returns boolean language plpgsql as $$ begin raise exception 'trapped'; end $$;
        create domain evil.text as pg_catalog.text check (evil.trap());
        create domain evil.bigint as pg_catalog.int8 check (evil.trap());
        create domain evil.int8 as pg_catalog.int8 check (evil.trap());
        create domain evil.regclass as pg_catalog.regclass check (evil.trap());
        create table evil.pg_class (trap int); create table evil.pg_namespace (trap int);
        create table evil.meta (trap int); create table evil.pg_stat_activity (trap int);\n"
        .to_owned();
    for (name, arguments) in [
        ("format", "text, text"),
        ("lower", "text"),
        ("count", "bigint"),
        ("current_setting", "text"),
        ("set_config", "text, text, bool"),
        ("pg_backend_pid", ""),
        ("pg_try_advisory_lock", "bigint"),
        ("clock_timestamp", ""),
        ("to_char", "timestamptz, text"),
        ("quote_ident", "text"),
        ("encode", "bytea, text"),
        ("decode", "text, text"),
    ] {
        let arguments: Vec<String> = arguments
            .split(", ")
            .filter(|argument| !argument.is_empty())
            .map(|argument| format!("pg_catalog.{}", if argument == "bigint" { "int8" } else { argument }))
            .collect();
        let _ = writeln!(
            sql,
            "create function evil.{name}({}) returns pg_catalog.text language sql as 'select evil.trap()::pg_catalog.text';",
            arguments.join(", ")
        );
    }
    for (at, (operator, left, right)) in [
        ("=", "int4", "int4"),
        ("=", "int8", "int8"),
        ("=", "int8", "int4"),
        ("=", "text", "text"),
        ("=", "name", "name"),
        ("=", "name", "text"),
        ("=", "oid", "oid"),
        ("=", "bytea", "bytea"),
        ("=", "bool", "bool"),
        ("=", "\"char\"", "\"char\""),
        ("<>", "int4", "int4"),
        (">", "int4", "int4"),
        ("-", "timestamptz", "timestamptz"),
        ("-", "timestamptz", "interval"),
        ("+", "int8", "int4"),
        ("||", "text", "text"),
        (">>", "int8", "int4"),
        ("&", "int8", "int8"),
        ("~", "text", "text"),
        ("~", "name", "text"),
    ]
    .into_iter()
    .enumerate()
    {
        let _ = writeln!(
            sql,
            "create function evil.trap_{at}(pg_catalog.{left}, pg_catalog.{right}) returns pg_catalog.bool language sql
                as 'select evil.trap()';
            create operator evil.{operator} (function = evil.trap_{at}, leftarg = pg_catalog.{left},
                rightarg = pg_catalog.{right});"
        );
    }
    sql
}

/// A person relies on: what somebody has put before the server's own functions, operators and types is never called
/// by Dunlin, whose role may do more than his.
#[tokio::test]
async fn functions_and_operators_before_those_of_the_server() {
    let database = TestDb::with(&traps()).await;
    let name = database.name().to_owned();
    database.execute(&format!("alter database {name} set search_path = evil, pg_catalog, public")).await;
    let folder = Folder::new(&[
        ("0001_a.sql", "create table public.a (id int, b pg_catalog.text);"),
        ("0002_b.sql", "insert into public.a values (1, 'x');"),
        ("0003_c.sql", "create index concurrently a_id on public.a (id);"),
        ("0004_d.sql", "alter table public.a add column c int; alter table public.a add column d int;"),
        ("0005_e.sql", "create table if not exists public.a (id int, e date);"),
    ]);
    let dunlin = dunlin(&folder, &database.url());
    up(&dunlin, "applied");
    up(&dunlin, "nothing");
    for command in [&["plan", "--exit-code"][..], &["status"], &["doctor"], &["show", "0001_a"]] {
        dunlin.run(command).expect(0);
    }
    // A failure is recorded; the next run looks for what the failed build has left; the one after it skips.
    folder.write("0006_f.sql", "insert into public.a values (1, 'y');");
    up(&dunlin, "applied");
    folder.write("0007_g.sql", "create unique index concurrently a_unique on public.a (id);");
    let failed = dunlin.run(&["up", "--format", "json"]).expect(1).json();
    assert_eq!(failed["failed"]["sqlstate"], "23505", "{failed}");
    let failed = dunlin.run(&["up", "--format", "json"]).expect(1).json();
    assert_eq!(failed["failed"]["sqlstate"], "23505", "{failed}");
    dunlin.run(&["skip", "0007_g#1"]).expect(0);
    up(&dunlin, "nothing");
    // The same through a proxy, where the lock is a transaction.
    folder.write("0008_h.sql", "create table public.h (id int);");
    let bouncer = TestServer::shared().bouncer(&[("pool_mode", "transaction"), ("default_pool_size", "2")]);
    up(&self::dunlin(&folder, &bouncer.url(&name)), "applied");
    // The lock's holder is looked up.
    database.execute("begin; select pg_catalog.pg_advisory_xact_lock(1)").await;
}

/// A person relies on: backslashes in strings mean what they mean in this database.
#[tokio::test]
async fn strings_as_they_were_before_the_standard() {
    let database = TestDb::new().await;
    let sql = format!("alter database {} set standard_conforming_strings = off", database.name());
    database.execute(&sql).await;
    let text = "create table a (b text default 'it\\'s'); insert into a values ('a\\\\b; c'), (default);
        create table \"q\\\\\" (c text); comment on table a is 'x\\'; drop table a; --';";
    let folder = Folder::new(&[("0001_a.sql", text)]);
    let dunlin = dunlin(&folder, &database.url());
    up(&dunlin, "applied");
    assert_eq!(database.lines("select b from a order by b").await, ["a\\b; c", "it's"]);
    up(&dunlin, "nothing");
    folder.write("0002_b.sql", "insert into a values (E'c\\\\d');");
    up(&dunlin, "applied");
    up(&dunlin, "nothing");
}

/// A person relies on: a login whose role, path and time-outs ALTER ROLE has set works as that says, also where the
/// files change the role.
#[tokio::test]
async fn a_login_that_starts_as_another_role() {
    let database = TestDb::new().await;
    let name = database.name().to_owned();
    let (login, owner, other) = (format!("{name}_login"), format!("{name}_owner"), format!("{name}_other"));
    database
        .execute(&format!(
            "create role {owner}; create role {other}; create role {login} login noinherit;
            grant {owner}, {other} to {login}; grant {other} to {owner};
            create schema app authorization {owner}; grant usage, create on schema app to {other};
            grant create on database {name} to {owner};
            alter role {login} set role = {owner}; alter role {login} set search_path = app;
            alter role {login} set lock_timeout = '7s'; alter role {login} set statement_timeout = '1min';"
        ))
        .await;
    let folder = Folder::new(&[
        ("0001_a.sql", "create table a (id int); insert into a values (1);"),
        (
            "0002_b.sql",
            &format!(
                "set role {other}; create table b (id int); reset role; create table c (id int);
                select 1 / (case when current_setting('lock_timeout') = '0' then 0 else 1 end);"
            ),
        ),
        ("0003_c.sql", "create index concurrently a_id on a (id); create table d (id int);"),
    ]);
    let dunlin = dunlin(&folder, &database.url_as(&login));
    up(&dunlin, "applied");
    up(&dunlin, "nothing");
    dunlin.run(&["status"]).expect(0);
    let owners = "select tablename || ' ' || tableowner from pg_tables where schemaname = 'app' order by 1";
    let expected = [("a", &owner), ("b", &other), ("c", &owner), ("d", &owner)];
    assert_eq!(database.lines(owners).await, expected.map(|(table, owner)| format!("{table} {owner}")));
    database.drop_roles(&[&login, &owner, &other]).await;
}

/// A person relies on: row security that hides the journal's rows is an error with a remedy; nothing runs again.
#[tokio::test]
async fn row_security_on_the_journal_and_on_tables() {
    let database = TestDb::new().await;
    let name = database.name().to_owned();
    let role = format!("{name}_app");
    database
        .execute(&format!(
            "create role {role} login; grant create on database {name} to {role};
            create schema app authorization {role}; alter role {role} set search_path = app;"
        ))
        .await;
    let folder = Folder::new(&[(
        "0001_a.sql",
        "create table a (id int); insert into a values (1), (2); alter table a enable row level security;
        alter table a force row level security; create policy mine on a using (id = 1) with check (true);",
    )]);
    let dunlin = dunlin(&folder, &database.url_as(&role));
    up(&dunlin, "applied");
    // The table is not taken for empty, though its owner sees no row.
    folder
        .write("0002_b.sql", "drop policy mine on a; create table if not exists a (id int, n int not null);");
    let ensured = dunlin.run(&["up", "--format", "json"]).expect(0).json();
    assert_eq!(ensured["ensured"].as_array().unwrap().len(), 1, "{ensured}");
    for table in ["meta", "migration", "operation"] {
        let on = format!(
            "alter table dunlin.{table} enable row level security; alter table dunlin.{table} force row level security"
        );
        database.execute(&on).await;
        for command in ["up", "plan", "status"] {
            let refused = dunlin.run(&[command, "--format", "json"]);
            if refused.code == 0 {
                // Nothing to do is told by `meta` and the number of migrations.
                assert!(command == "up" && table == "operation", "{table} {command}: {refused:?}");
                continue;
            }
            assert_eq!(refused.code, 3, "{table} {command}: {refused:?}");
            let said = &refused.stdout;
            assert!(said.contains("DN803") && said.contains("DISABLE ROW LEVEL SECURITY"), "{said}");
        }
        database.execute(&format!("alter table dunlin.{table} disable row level security")).await;
        database.execute(&format!("alter table dunlin.{table} no force row level security")).await;
    }
    up(&dunlin, "nothing");
    assert_eq!(database.lines("select count(*) from app.a").await, ["2"]);
    database.drop_roles(&[&role]).await;
}

/// A person relies on: event triggers fire as for anybody, and one that forbids is told as the reason.
#[tokio::test]
async fn event_triggers() {
    let database = TestDb::with(
        "create table audit (tag text, object text);
        create function audit() returns event_trigger language plpgsql as $$ begin
            insert into public.audit select command_tag, object_identity from pg_event_trigger_ddl_commands();
        end $$;
        create event trigger audit on ddl_command_end execute function audit();",
    )
    .await;
    let folder = Folder::new(&FILES);
    let dunlin = dunlin(&folder, &database.url());
    up(&dunlin, "applied");
    up(&dunlin, "nothing");
    assert_ne!(database.value("select count(*) from audit where object like 'public.%'").await, "0");

    let forbidding = "create function forbid() returns event_trigger language plpgsql as
            $$ begin raise exception 'no changes on Fridays' using hint = 'come back on Monday'; end $$;
        create event trigger forbid on ddl_command_start execute function forbid();";
    let database = TestDb::with(forbidding).await;
    let output = self::dunlin(&folder, &database.url()).run(&["up", "--format", "json"]).expect(1);
    assert!(output.stdout.contains("no changes on Fridays"), "{}", output.stdout);
    assert!(output.stdout.contains("come back on Monday"), "{}", output.stdout);
    assert_eq!(database.value("select count(*) from pg_namespace where nspname = 'dunlin'").await, "0");
}

/// A person relies on: a server that lets nothing be written is no error while there is nothing to write.
#[tokio::test]
async fn transactions_that_are_read_only() {
    let database = TestDb::new().await;
    let folder = Folder::new(&FILES);
    let dunlin = dunlin(&folder, &database.url());
    let set = |value: &str| {
        format!("alter database {} set default_transaction_read_only = {value}", database.name())
    };
    database.execute(&set("on")).await;
    let refused = dunlin.run(&["up", "--format", "json"]).expect(3).json();
    assert_eq!(refused["diagnostics"][0]["code"], "DN805", "{refused}");
    database.execute("set default_transaction_read_only = off").await;
    assert_eq!(database.value("select count(*) from pg_namespace where nspname = 'dunlin'").await, "0");
    database.execute(&set("off")).await;
    up(&dunlin, "applied");
    database.execute(&set("on")).await;
    up(&dunlin, "nothing");
    dunlin.run(&["plan", "--exit-code"]).expect(0);
    dunlin.run(&["status"]).expect(0);
}

/// A person relies on: builds and validations are not cut off by the time-outs that are made for the application.
#[tokio::test]
async fn time_outs_that_are_made_for_the_application() {
    let database = TestDb::with(
        "create table a (id int); insert into a values (1);
        create function slow(n int) returns int immutable language plpgsql as
            $$ begin perform pg_sleep(1.6); return n; end $$;",
    )
    .await;
    let name = database.name();
    let newer = match TestServer::shared().major() >= 17 {
        true => format!("alter database {name} set transaction_timeout = '1s';"),
        false => String::new(),
    };
    let sql = format!(
        "alter database {name} set statement_timeout = '1s';
        alter database {name} set idle_in_transaction_session_timeout = '1s'; {newer}"
    );
    database.execute(&sql).await;
    let folder = Folder::new(&[
        ("0001_build.sql", "create index a_slow on a (slow(id));"),
        ("0002_concurrent.sql", "create index concurrently a_slower on a (slow(id));"),
        ("0003_check.sql", "alter table a add constraint slow check (slow(id) > 0);"),
    ]);
    let dunlin = dunlin(&folder, &database.url());
    up(&dunlin, "applied");
    // What the application's own statements may take is for data changes, too.
    folder.write("0004_data.sql", "update a set id = slow(id);");
    let failed = dunlin.run(&["up", "--format", "json"]).expect(1).json();
    assert_eq!(failed["failed"]["migration"], "0004_data", "{failed}");
}

/// A person relies on: the log of a server that logs everything has no password of the connection, and a secret of a
/// migration only where the statement itself was logged.
#[test]
fn a_log_of_everything() {
    let server = OwnServer::start(&[
        ("logging_collector", "on"),
        ("log_directory", "log"),
        ("log_statement", "all"),
        ("log_min_duration_statement", "0"),
        ("log_min_error_statement", "debug5"),
        ("log_connections", "on"),
        ("log_parser_stats", "off"),
    ]);
    server.sql("postgres", "create role app login superuser");
    let folder = Folder::new(&[
        ("0001_a.sql", "create role reader password 'hunter2'; create table a (id int);"),
        ("0002_b.sql", "create table b (id int); select 1 / 0;"),
    ]);
    let url = server.url("postgres").replace("user=postgres", "user=app&password=correct-horse");
    let dunlin = dunlin(&folder, &url);
    dunlin.run(&["up"]).expect(1);
    folder.write("0002_b.sql", "create table b (id int);");
    dunlin.run(&["up"]).expect(0);
    dunlin.run(&["status"]).expect(0);
    let log: String = std::fs::read_dir(server.data_directory().join("log"))
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert!(!log.contains("correct-horse"));
    assert!(log.contains("dunlin.migration"), "the log holds what Dunlin says");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("hunter2")).collect();
    assert!(!told.is_empty() && told.iter().all(|line| !line.contains("dunlin.")), "{told:#?}");
    let kept = "select count(*) from dunlin.migration where sql like '%hunter2%'";
    assert_eq!(server.sql("postgres", kept), "0");
}

/// A person relies on: too few locks is said with the setting that gives more.
#[test]
fn too_few_locks() {
    let server = OwnServer::start(&[
        ("max_locks_per_transaction", "10"),
        ("max_connections", "10"),
        ("max_prepared_transactions", "0"),
        ("max_wal_senders", "0"),
        ("wal_level", "minimal"),
    ]);
    let one =
        "do $$ begin for m in 1..50 loop execute format('create table t%s_%s (id int primary key)', N, m);
        end loop; end $$";
    for n in 0..40 {
        server.sql("postgres", &one.replace('N', &n.to_string()));
    }
    let folder = Folder::new(&[
        ("0001_a.sql", "create table a (id int);"),
        ("0002_drop.sql", "drop schema public cascade; create schema public;"),
        ("0003_b.sql", "create table b (id int);"),
    ]);
    let dunlin = dunlin(&folder, &server.url("postgres"));
    let failed = dunlin.run(&["up", "--format", "json"]).expect(1).json();
    assert_eq!(failed["failed"]["migration"], "0002_drop", "{failed}");
    assert_eq!(failed["failed"]["sqlstate"], "53200", "{failed}");
    assert!(failed["failed"]["hint"].as_str().unwrap().contains("max_locks_per_transaction"), "{failed}");
    folder.write("0002_drop.sql", "drop table t1_1;");
    up(&dunlin, "applied");
}

/// A person relies on: a full disk stops the run, is told with what to do, and the next run goes on from there.
#[test]
fn a_full_disk() {
    let disk = match SmallDisk::mount(24) {
        Ok(disk) => disk,
        Err(reason) => {
            eprintln!("SKIPPED: a small file system cannot be mounted here ({reason})");
            return;
        }
    };
    let server = OwnServer::start(&[]);
    let place = disk.directory(server.account());
    server.sql("postgres", &format!("create tablespace small location '{}'", place.display()));
    server.sql("postgres", "create database app tablespace small");
    let folder = Folder::new(&[
        ("0001_a.sql", "create table a (id int, filler text);"),
        (
            "0002_full.sql",
            "create table b (id int);\ninsert into a select n, repeat('x', 1000) from generate_series(1, 40000) n;",
        ),
        ("0003_c.sql", "create table c (id int);"),
    ]);
    let dunlin = dunlin(&folder, &server.url("app"));
    let output = dunlin.run(&["up", "--format", "json"]).expect(1);
    let json = output.json();
    assert_eq!(
        (&json["failed"]["migration"], &json["failed"]["sqlstate"]),
        (&"0002_full".into(), &"53100".into()),
        "{json}"
    );
    assert!(!json["failed"]["hint"].is_null(), "{json}");
    assert_eq!(server.sql("app", "select to_regclass('b') is null, count(*) from a"), "t|0");
    let status = dunlin.run(&["status", "--format", "json"]).expect(0).json();
    let states: Vec<&str> =
        status["migrations"].as_array().unwrap().iter().map(|m| m["state"].as_str().unwrap()).collect();
    // The record of the failure may have found no room either.
    assert!(
        states == ["applied", "failed", "pending"] || states == ["applied", "pending", "pending"],
        "{states:?}"
    );
    // Room is made.
    let room = std::process::Command::new("mount")
        .args(["-o", "remount,size=120m"])
        .arg(place.parent().unwrap())
        .status();
    assert!(room.unwrap().success());
    up(&dunlin, "applied");
    assert_eq!(server.sql("app", "select count(*) from a"), "40000");
    up(&dunlin, "nothing");
    drop(server);
}

/// A person relies on: a database in another encoding works, and what cannot be written in it is said where it is.
#[tokio::test]
async fn other_encodings() {
    for (encoding, fits, does_not) in
        [("LATIN1", "café", "日本"), ("EUC_JP", "日本", "ǆ"), ("SQL_ASCII", "日本é", "")]
    {
        let admin = TestDb::new().await;
        let name = format!("{}_{}", admin.name(), encoding.to_lowercase());
        admin
            .execute(&format!(
                "create database {name} template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'"
            ))
            .await;
        let url = TestServer::shared().url(&name);
        let folder = Folder::new(&[
            ("0001_a.sql", &format!("create table \"{fits}\" (id int, word text default '{fits}');")),
            ("0002_b.sql", &format!("insert into \"{fits}\" values (1, '{fits}');\n-- a remark: 日本 é ǆ\n")),
        ]);
        folder.write(&format!("0003_{fits}.sql"), "create table c (id int);");
        let dunlin = dunlin(&folder, &url);
        up(&dunlin, "applied");
        up(&dunlin, "nothing");
        let status = dunlin.run(&["status", "--format", "json"]).expect(0);
        assert!(status.stdout.contains(fits), "{}", status.stdout);
        if !does_not.is_empty() {
            folder.write(
                "0004_d.sql",
                format!("create table d (id int);\ninsert into \"{fits}\" values (2, '{does_not}');"),
            );
            let failed = dunlin.run(&["up", "--format", "json"]).expect(1).json();
            assert_eq!(
                (&failed["failed"]["sqlstate"], &failed["failed"]["line"]),
                (&"22P05".into(), &2.into()),
                "{failed}"
            );
            folder.write("0004_d.sql", "create table d (id int);");
            up(&dunlin, "applied");
            folder.write(&format!("0005_{does_not}.sql"), "create table e (id int);");
            let refused = dunlin.run(&["up", "--format", "json"]).expect(3);
            assert!(refused.stdout.contains(encoding), "{}", refused.stdout);
        }
        admin.execute(&format!("drop database {name} with (force)")).await;
    }
}

/// A person relies on: large files and many of them are no problem.
#[tokio::test]
async fn a_large_file() {
    let database = TestDb::new().await;
    let mut text = "create table a (id int, filler text);\ncopy a from stdin;\n".to_owned();
    let filler = "x".repeat(200);
    for row in 0..50_000 {
        let _ = writeln!(text, "{row}\t{filler}");
    }
    text.push_str("\\.\n");
    let folder = Folder::new(&[("0001_large.sql", &text)]);
    let dunlin = dunlin(&folder, &database.url());
    up(&dunlin, "applied");
    assert_eq!(database.value("select count(*) from a").await, "50000");
    up(&dunlin, "nothing");
}
