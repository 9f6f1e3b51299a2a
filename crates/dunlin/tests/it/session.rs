//! What a file sets for its session and its transaction, and what Dunlin's own statements make of it.

use crate::execute::{ACTIVE, World};
use dunlin::diagnostic::Code;
use dunlin::execute::Outcome;
use dunlin::pg::LockKeys;

#[tokio::test]
async fn the_isolation_level_of_a_file_is_that_of_its_transaction() {
    let level = "select current_setting('transaction_isolation')";
    let files = [
        ("01_a.sql", format!("create table a as {level};"), "read committed"),
        (
            "02_b.sql",
            format!("begin isolation level serializable; create table b as {level}; commit;"),
            "serializable",
        ),
        (
            "03_c.sql",
            format!("set transaction isolation level repeatable read; create table c as {level};"),
            "repeatable read",
        ),
        (
            "04_d.sql",
            format!("set default_transaction_isolation = 'serializable'; create table d as {level};"),
            "serializable",
        ),
        (
            "05_e.sql",
            format!(
                "set session characteristics as transaction isolation level repeatable read; create table e as {level};"
            ),
            "repeatable read",
        ),
        (
            "06_f.sql",
            format!(
                "start transaction; set transaction isolation level serializable, read write; create table f as {level}; commit;"
            ),
            "serializable",
        ),
        (
            "07_g.sql",
            format!("set transaction_isolation = 'serializable'; create table g as {level};"),
            "serializable",
        ),
        (
            "08_h.sql",
            format!(
                "begin isolation level serializable; create table h0 (); commit; create table h as {level};"
            ),
            "read committed",
        ),
        (
            "09_i.sql",
            format!("begin isolation level repeatable read, read only; create table i as {level}; end;"),
            "repeatable read",
        ),
        (
            "10_j.sql",
            format!(
                "set default_transaction_isolation to serializable; create table j0 (id int);
                     create index concurrently on j0 (id); create table j as {level};"
            ),
            "serializable",
        ),
    ];
    let texts: Vec<(&str, &str)> = files.iter().map(|(name, sql, _)| (*name, sql.as_str())).collect();
    let world = World::new(&texts).await;
    assert_eq!(world.up(Outcome::Applied).await.applied.len(), files.len());
    for (name, _, expected) in &files {
        let table = &name[3..4];
        assert_eq!(world.database.value(&format!("select * from {table}")).await, *expected, "{name}");
    }
    world.up(Outcome::Nothing).await;
}

#[tokio::test]
async fn set_transaction_after_the_first_statement_is_refused_by_the_server() {
    let world =
        World::new(&[("1_a.sql", "create table t (id int); set transaction isolation level serializable;")])
            .await;
    let report = world.up(Outcome::Failed).await;
    assert_eq!((report.failures[0].operation, report.failures[0].sqlstate.as_str()), (2, "25001"));
}

/// Its snapshot is older than the lock that it waited for: a take-over in between must be seen all the same.
#[tokio::test]
async fn a_takeover_is_seen_under_repeatable_read() {
    let world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write("2_b.sql", "insert into t select 1 from pg_sleep(3);");
    world.folder.write("3_c.sql", "begin isolation level repeatable read; create table c (); commit;");
    let other = world.database.connect().await;
    let unit = LockKeys::new(world.database.name(), "dunlin").unit;
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} '%pg_sleep(3)%'")).await;
    // In the queue for the lock before the next unit is.
    other.batch_execute(&format!("select pg_advisory_lock({unit})")).await.unwrap();
    let waits = "select from pg_locks where locktype = 'advisory' and not granted
                 and database = (select oid from pg_database where datname = current_database())";
    world.wait_for(waits).await;
    other
        .batch_execute(&format!(
            "update dunlin.meta set epoch = epoch + 1; select pg_advisory_unlock({unit})"
        ))
        .await
        .unwrap();
    assert_eq!(run.await.unwrap().unwrap_err().diagnostic.code, Code::DN802, "{:?}", world.said());
    assert!(world.database.lines("select from pg_class where relname = 'c'").await.is_empty());
}

#[tokio::test]
async fn whatever_a_file_sets_the_journal_is_written() {
    let world = World::new(&[(
        "1_a.sql",
        r"create role world_stranger nologin; create schema world_s authorization world_stranger;
          set role world_stranger;
          set search_path = world_s; set row_security = off; set standard_conforming_strings = off;
          set default_transaction_isolation = 'repeatable read';
          set client_encoding = 'LATIN1'; set DateStyle = 'German'; set IntervalStyle = 'sql_standard';
          set statement_timeout = '60s'; set lock_timeout = '60s'; set bytea_output = 'escape';
          set array_nulls = off; set escape_string_warning = off; set backslash_quote = off;
          create table t (x text default 'a\\b ü');
          insert into t default values;
          create index concurrently on t (x);
          insert into t default values;
          set default_transaction_read_only = on;
          reset all;
          comment on table world_s.t is 'ü''s';",
    )])
    .await;
    let report = world.up(Outcome::Applied).await;
    assert_eq!(report.applied, ["1_a"]);
    assert_eq!(world.database.lines("select x from world_s.t").await, [r"a\b ü", r"a\b ü"]);
    assert_eq!(world.database.value("select obj_description('world_s.t'::regclass)").await, "ü's");
    let owner = "select tableowner from pg_tables where tablename = 't'";
    assert_eq!(world.database.value(owner).await, "world_stranger");
    assert_eq!(
        world.database.value("select count(*) from dunlin.operation where state <> 'done'").await,
        "0"
    );
    world.up(Outcome::Nothing).await;
    world.database.drop_roles(&["world_stranger"]).await;
}

/// What is large is compressed in the fast way, where the server has it; what was kept is read back whole.
#[tokio::test]
async fn the_description_of_a_large_schema_is_kept_compressed() {
    let tables: String = (0..300)
        .map(|number| {
            format!(
                "create table a_table_with_a_long_name_{number} (id int primary key, at date, what text);\n"
            )
        })
        .collect();
    let world = World::new(&[("1_a.sql", &tables)]).await;
    world.up(Outcome::Applied).await;
    let fast = "select 'lz4' = any (enumvals) from pg_settings where name = 'default_toast_compression'";
    let expected = if world.database.value(fast).await == "t" { "lz4" } else { "pglz" };
    let method = "select pg_column_compression(description) from dunlin.snapshot";
    assert_eq!(world.database.value(method).await, expected);
    let kept = dunlin::pg::journal::Journal::new("dunlin").snapshot(world.database.client()).await;
    // Each with its row of its own, three columns, a key and the index of it.
    assert!(kept.unwrap().unwrap().len() > 300 * 6);
    assert_eq!(world.database.value("show default_toast_compression").await, "pglz");
    world.up(Outcome::Nothing).await;
}

/// In a block what is set is in force at once, and SET without LOCAL for the rest of the file.
#[tokio::test]
async fn what_a_block_sets_is_in_force_for_what_follows() {
    let world = World::new(&[
        (
            "1_a.sql",
            "create schema app;
             do $$ begin
                 set local search_path = app;
                 create table in_block (id int);
                 perform count(*) from in_block;
             end $$;
             create table after_local (id int);
             do $$ begin perform set_config('search_path', 'app', false); end $$;
             create table after_set (id int references in_block_key);
             reset search_path;
             create table after_reset (id int);
             do $$ begin
                 if not exists (select from pg_namespace where nspname = 'app') then set search_path = app; end if;
             end $$;
             create table after_perhaps (id int);",
        ),
        ("2_b.sql", "create table in_next (id int); create table app.in_block_key (id int primary key);"),
    ])
    .await;
    world.up(Outcome::Applied).await;
    let sql = "select schemaname || '.' || tablename from pg_tables where schemaname in ('app', 'public') order by 1";
    assert_eq!(
        world.database.lines(sql).await,
        [
            "app.after_set",
            "app.in_block",
            "app.in_block_key",
            "public.after_local",
            "public.after_perhaps",
            "public.after_reset",
            "public.in_next"
        ]
    );
}
