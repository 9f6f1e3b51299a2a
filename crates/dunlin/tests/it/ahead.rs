//! Units are sent ahead of the answer to the one before them: none of them may run after one that failed.

use crate::execute::World;
use dunlin::execute::{ErrorKind, Outcome};

const FILES: [(&str, &str); 5] = [
    ("1_a.sql", "create table a (id int);"),
    ("2_b.sql", "create table b (id int primary key); insert into b values (1), (2);"),
    ("3_c.sql", "create table c (id int); insert into c values (1);"),
    ("4_d.sql", "create table d (id int); insert into d values (1);"),
    ("5_e.sql", "create table e (id int);"),
];

/// A world where `1_a` is applied, and where this SQL was run then, as to put a trigger on the journal.
async fn world(then: &str) -> World {
    let world = World::new(&FILES[..1]).await;
    world.up(Outcome::Applied).await;
    world.database.execute(then).await;
    for (name, sql) in &FILES[1..] {
        world.folder.write(name, sql);
    }
    world
}

/// The tables that were made, and the migrations that are recorded as applied: always the same.
async fn made(world: &World) -> String {
    let tables = "select coalesce(string_agg(relname, '' order by relname), '') from pg_class
                  where relnamespace = 'public'::regnamespace and relkind = 'r' and relname in ('a', 'b', 'c', 'd', 'e')";
    let applied =
        "select coalesce(string_agg(split_part(id, '_', 2), '' order by id), '') from dunlin.migration
                   where state = 'applied'";
    let (tables, applied) = (world.database.value(tables).await, world.database.value(applied).await);
    assert_eq!(tables, applied);
    tables
}

/// A trigger on the journal that does something when a migration is recorded: at once, or at its commit.
fn trigger(table: &str, kind: &str, action: &str) -> String {
    let column = if table == "migration" { "id" } else { "migration" };
    let deferred = if kind == "constraint" { "deferrable initially deferred" } else { "" };
    format!(
        "create function public.meddle() returns trigger language plpgsql as
           $$ begin if new.{column} = '3_c' then {action} end if; return new; end $$;
         create {kind} trigger meddle after insert on dunlin.{table} {deferred}
           for each row execute function public.meddle()"
    )
}

const FAIL: &str = "raise exception 'meddled' using errcode = 'XX001';";
const TAKE_OVER: &str = "update dunlin.meta set epoch = epoch + 1;";

#[tokio::test]
async fn all_of_them_run_once_and_in_order() {
    let world = world("").await;
    let report = world.up(Outcome::Applied).await;
    assert_eq!(report.applied, ["2_b", "3_c", "4_d", "5_e"]);
    assert_eq!(made(&world).await, "abcde");
    assert_eq!(world.database.value("select count(*) from b, c, d").await, "2");
    let order = "select id from dunlin.migration order by place";
    assert_eq!(world.database.lines(order).await, ["1_a", "2_b", "3_c", "4_d", "5_e"]);
    world.up(Outcome::Nothing).await;
}

#[tokio::test]
async fn nothing_runs_after_a_statement_that_fails() {
    let world = world("").await;
    world.folder.write("3_c.sql", "create table c (id int); insert into b values (2);");
    let report = world.up(Outcome::Failed).await;
    assert_eq!((report.failures.len(), report.failures[0].migration.as_str()), (1, "3_c"));
    assert_eq!(made(&world).await, "ab");
    assert_eq!(world.operations().await.last().unwrap(), "3_c#2 failed 23505");
    world.folder.write("3_c.sql", FILES[2].1);
    assert_eq!(world.up(Outcome::Applied).await.applied, ["3_c", "4_d", "5_e"]);
    assert_eq!(made(&world).await, "abcde");
    assert_eq!(world.database.value("select count(*) from b, c, d").await, "2");
}

#[tokio::test]
async fn what_fails_is_passed_with_keep_going_and_the_rest_runs_once() {
    let mut world = world("").await;
    world.options.keep_going = true;
    world.folder.write("3_c.sql", "create table c (id int); insert into b values (2);");
    let report = world.up(Outcome::Failed).await;
    assert_eq!(report.failures.len(), 1);
    assert_eq!(made(&world).await, "abde");
    assert_eq!(world.database.value("select count(*) from b, d").await, "2");
}

#[tokio::test]
async fn nothing_runs_after_a_journal_that_cannot_be_written() {
    for table in ["operation", "migration"] {
        let world = world(&trigger(table, "", FAIL)).await;
        // The record of the failure is refused as well.
        let report = world.up(Outcome::Failed).await;
        assert!(report.failures[0].message.contains("meddled"), "{report:?}");
        assert_eq!(made(&world).await, "ab");
        world.database.execute("drop function public.meddle() cascade").await;
        assert_eq!(world.up(Outcome::Applied).await.applied, ["3_c", "4_d", "5_e"]);
        assert_eq!(made(&world).await, "abcde");
    }
}

#[tokio::test]
async fn nothing_runs_after_a_commit_that_fails() {
    let world =
        world(&trigger("migration", "constraint", &format!("if new.state = 'applied' then {FAIL} end if;")))
            .await;
    let report = world.up(Outcome::Failed).await;
    assert_eq!((report.failures.len(), report.failures[0].sqlstate.as_str()), (1, "XX001"));
    assert_eq!(made(&world).await, "ab");
    world.database.execute("drop function public.meddle() cascade").await;
    assert_eq!(world.up(Outcome::Applied).await.applied, ["3_c", "4_d", "5_e"]);
    assert_eq!(world.database.value("select count(*) from b, c, d").await, "2");
}

#[tokio::test]
async fn nothing_runs_after_a_deferred_constraint_of_the_file_that_fails() {
    let world = world("").await;
    world.folder.write(
        "3_c.sql",
        "create table c (id int unique deferrable initially deferred); insert into c values (1), (1);",
    );
    let report = world.up(Outcome::Failed).await;
    assert_eq!((report.failures.len(), report.failures[0].sqlstate.as_str()), (1, "23505"));
    assert_eq!(made(&world).await, "ab");
}

#[tokio::test]
async fn nothing_commits_once_another_run_has_taken_over() {
    // Before the commit of `3_c`, which its own check finds; and at its commit, which the next one's finds.
    for (kind, left) in [("", "ab"), ("constraint", "abc")] {
        let world = world(&trigger("migration", kind, TAKE_OVER)).await;
        let error = world.run().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Failed, "{:?}", error.diagnostic);
        assert_eq!(made(&world).await, left);
    }
}

#[tokio::test]
async fn nothing_runs_after_a_connection_that_is_lost_at_a_commit() {
    let world =
        world(&trigger("migration", "constraint", "perform pg_terminate_backend(pg_backend_pid());")).await;
    let error = world.run().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert_eq!(made(&world).await, "ab");
    world.database.execute("drop function public.meddle() cascade").await;
    assert_eq!(world.up(Outcome::Applied).await.applied, ["3_c", "4_d", "5_e"]);
    assert_eq!(made(&world).await, "abcde");
}

#[tokio::test]
async fn a_unit_that_waits_for_a_lock_is_run_again_before_the_next() {
    let world = world("").await;
    world.folder.write("3_c.sql", "create table c (id int); alter table a add column x int;");
    world.database.execute("begin; lock table a in row exclusive mode").await;
    let run = tokio::spawn(world.run());
    while !world.heard("retry") {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(made(&world).await, "ab");
    world.database.execute("rollback").await;
    let report = run.await.unwrap().unwrap();
    assert_eq!(report.applied, ["2_b", "3_c", "4_d", "5_e"]);
    assert_eq!(world.database.value("select count(*) from d").await, "1");
}

#[tokio::test]
async fn notices_of_units_that_overlap_carry_their_places() {
    let world = world("").await;
    let names = ["2_b", "3_c", "4_d"];
    for name in names {
        let sql = "create table b (id int);\ncreate view v_b as select * from b;\ndrop table b cascade;";
        world.folder.write(
            &format!("{name}.sql"),
            sql.replace(" b", &format!(" {}", &name[2..])).replace("v_b", &format!("v_{}", &name[2..])),
        );
    }
    world.folder.write("5_e.sql", "create table f (id int);");
    world.up(Outcome::Applied).await;
    for name in names {
        let place = format!("NOTICE drop cascades to view v_{} Some((\"m/{name}.sql\", 3))", &name[2..]);
        assert!(world.heard(&place), "{place}");
    }
}

#[tokio::test]
async fn a_file_that_deallocates_prepared_statements_takes_nothing_from_the_units_after_it() {
    for sql in ["deallocate all;", "do $$ begin execute 'deallocate all'; end $$;"] {
        let world = world("").await;
        world.folder.write("3_c.sql", format!("create table c (id int); insert into c values (1); {sql}"));
        let report = world.up(Outcome::Applied).await;
        assert_eq!(report.applied, ["2_b", "3_c", "4_d", "5_e"], "{sql}");
        assert_eq!(made(&world).await, "abcde", "{sql}");
        assert_eq!(world.database.value("select count(*) from b, c, d").await, "2", "{sql}");
        let recorded =
            "select count(*) from dunlin.operation where state = 'done' and finished_at is not null";
        assert_eq!(world.database.value(recorded).await, world.operations().await.len().to_string(), "{sql}");
        world.up(Outcome::Nothing).await;
    }
}
