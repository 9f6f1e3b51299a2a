//! Failures and misfits: where they are shown, what is undone with them, and what goes on without them.

use crate::execute::World;
use dunlin::execute::{Outcome, Report};

/// The first failure as `number line:column sqlstate`.
fn place(report: &Report) -> String {
    let failed = report.failed.as_ref().unwrap();
    format!("{} {}:{} {}", failed.operation, failed.line, failed.column, failed.sqlstate)
}

async fn failed(files: &[(&str, &str)]) -> (World, Report) {
    let world = World::new(files).await;
    let report = world.up(Outcome::Failed).await;
    (world, report)
}

fn skipped(report: &Report) -> Vec<String> {
    report.skipped.iter().map(|skip| format!("{}#{} {}", skip.migration, skip.operation, skip.code)).collect()
}

/// The block makes everything after it unknown: only the server can say that something is missing.
#[tokio::test]
async fn what_depends_on_a_misfit_is_skipped_with_it_and_nothing_half_done_commits() {
    let world = World::new(&[(
        "1_a.sql",
        "do $$ declare s text; begin select 'create table made (id int)' into s; execute s; end $$;\n\
         create table counted (id int);\n\
         insert into counted values (1);\n\
         create table copied (like nowhere);\n\
         insert into copied values (1);\n\
         create view above as select * from copied;\n\
         insert into made values (7);\n",
    )])
    .await;
    let report = world.up(Outcome::Partial).await;
    assert_eq!(skipped(&report), ["1_a#4 DN202", "1_a#5 DN209", "1_a#6 DN209"]);
    assert!(world.heard("StepSkipped"), "the server decides");
    assert_eq!(
        world.database.lines("select id from counted union all select id from made").await,
        ["1", "7"]
    );
    let operations = world.operations().await;
    let expected = ["#1 done", "#2 done", "#3 done 1", "#4 skipped", "#5 skipped", "#6 skipped", "#7 done 1"];
    assert_eq!(operations, expected.map(|end| format!("1_a{end}")));
    assert_eq!(skipped(&world.up(Outcome::Partial).await), skipped(&report));
    assert_eq!(world.operations().await, operations);
}

/// The server says it with a context, though no function runs.
#[tokio::test]
async fn what_a_new_functions_body_lacks_is_a_misfit_too() {
    let world = World::new(&[(
        "1_a.sql",
        "do $$ declare s text; begin select 'create table made (id int)' into s; execute s; end $$;\n\
         create function counts() returns bigint language sql as 'select count(*) from nowhere';\n\
         create function declares() returns int language plpgsql as 'declare n nowhere; begin return 1; end';\n\
         create function counts_made() returns bigint language sql as 'select count(*) from made';\n",
    )])
    .await;
    let report = world.up(Outcome::Partial).await;
    assert_eq!(skipped(&report), ["1_a#2 DN202", "1_a#3 DN205"]);
    assert!(world.heard("StepSkipped"), "the server decides");
    assert_eq!(world.database.lines("select counts_made()").await, ["0"]);
}

/// What a later block makes, a misfit before it may run with.
#[tokio::test]
async fn a_misfit_is_judged_again_after_a_barrier() {
    let world = World::new(&[
        (
            "1_a.sql",
            "do $$ declare s text; begin select 'select 1' into s; execute s; end $$;\n\
                     create view v as select * from later;",
        ),
        (
            "2_b.sql",
            "do $$ declare s text; begin select 'create table later (id int)' into s; execute s; end $$;",
        ),
    ])
    .await;
    let mut applied = world.up(Outcome::Applied).await.applied;
    applied.sort();
    assert_eq!(applied, ["1_a", "2_b"]);
    assert!(world.heard("StepSkipped"), "the server decides");
    assert_eq!(world.operations().await, ["1_a#1 done", "1_a#2 done", "2_b#1 done"]);
}

#[tokio::test]
async fn a_strict_run_fails_at_a_misfit() {
    let mut world = World::new(&[(
        "1_a.sql",
        "do $$ declare s text; begin select 'select 1' into s; execute s; end $$;\n\
         create view v as select * from nowhere;",
    )])
    .await;
    world.options.policy.invalid_operations = dunlin::plan::InvalidOperations::Fail;
    assert_eq!(place(&world.up(Outcome::Failed).await), "2 2:32 42P01");
}

/// The data does not allow the key that ON CONFLICT needs: what needs it goes, and what depends on that.
#[tokio::test]
async fn a_key_that_the_data_does_not_allow_takes_its_operation_along() {
    let world = World::new(&[]).await;
    world.database.execute("create table t (id int, v int); insert into t values (1, 1), (1, 2)").await;
    world.folder.write(
        "1_a.sql",
        "create table if not exists t (id int primary key, v int);\n\
         insert into t values (1, 3) on conflict (id) do nothing;\n\
         create table u (id int);\n",
    );
    let report = world.up(Outcome::Partial).await;
    assert_eq!(skipped(&report), ["1_a#2 DN206"]);
    assert_eq!(world.database.lines("select count(*) from t").await, ["2"]);
    assert_eq!(world.database.lines("select count(*) from u").await, ["0"]);
}

#[tokio::test]
async fn a_deferred_constraint_is_shown_at_the_operation_that_broke_it() {
    let tables = "create table parent (id int primary key);\n\
        create table child (id int, parent int references parent deferrable initially deferred);\n\
        insert into parent values (1);\n";
    let (world, report) =
        failed(&[("1_a.sql", &format!("{tables}insert into child values (1, 9);\ncreate table z ();"))])
            .await;
    assert_eq!(place(&report), "4 4:1 23503");
    assert!(world.database.lines("select 1 from pg_class where relname = 'child'").await.is_empty());
    assert_eq!(world.operations().await, ["1_a#4 failed 23503"]);
    // Two may have done it: the COMMIT of the file is shown, and which ones.
    let two = "insert into child values (1, 9);\ninsert into child values (2, 1);\n";
    let (_, report) =
        failed(&[("1_a.sql", &format!("{tables}begin;\n{two}commit;\ncreate table z ();"))]).await;
    assert_eq!(place(&report), "7 7:1 23503");
    let detail = report.failed.unwrap().detail.unwrap();
    assert!(detail.contains("COMMIT") && detail.contains("operations 5, 6"), "{detail}");
    // Without one, the last operation of the transaction.
    let (_, report) = failed(&[("1_a.sql", &format!("{tables}{two}create table z ();"))]).await;
    assert_eq!(place(&report), "6 6:1 23503");
}

#[tokio::test]
async fn a_deferred_trigger_is_shown_at_the_operation_that_fired_it() {
    let (_, report) = failed(&[(
        "1_a.sql",
        "create table t (id int);\n\
         create function f() returns trigger language plpgsql as\n\
         $$ begin raise 'no % here', new.id; end $$;\n\
         create constraint trigger d after insert on t initially deferred for each row execute function f();\n\
         insert into t values (5);\n\
         create table u (id int);\n",
    )])
    .await;
    assert_eq!(place(&report), "4 5:1 P0001");
    assert_eq!(report.failed.unwrap().message, "no 5 here");
}

/// DDL on a table with deferred events has them checked before: what fails there is not the DDL.
#[tokio::test]
async fn what_is_checked_before_ddl_is_shown_where_it_comes_from() {
    let (_, report) = failed(&[(
        "1_a.sql",
        "create table parent (id int primary key);\n\
         create table child (id int, parent int references parent deferrable initially deferred);\n\
         insert into child values (1, 9);\n\
         alter table child add column more int;\n",
    )])
    .await;
    assert_eq!(place(&report), "3 3:1 23503");
}

#[tokio::test]
async fn an_error_of_copy_is_shown_at_its_data_line() {
    let (_, report) = failed(&[(
        "1_a.sql",
        "create table t (id int, name text);\n\n\
         copy t from stdin;\n1\tone\\\nand more\n2\ttwo\nx\tthree\n\\.\n",
    )])
    .await;
    assert_eq!(place(&report), "2 7:1 22P02");
    assert_eq!(report.failed.unwrap().detail.as_deref(), Some("COPY t, line 3, column id: \"x\""));
    let (_, report) = failed(&[(
        "1_a.sql",
        "create table t (id int, name text);\ncopy t from stdin with (format csv, header);\nid,name\n1,\"a\nb\"\nx,c\n\\.\n",
    )])
    .await;
    assert_eq!(place(&report), "2 6:1 22P02");
}

#[tokio::test]
async fn a_position_is_exact_behind_wide_characters_and_in_rewritten_text() {
    let (_, report) =
        failed(&[("1_a.sql", "-- grüße\nselect 'größe 😀', 1/0 as x,\n  '日本' || 'ß'::int;")]).await;
    assert_eq!(place(&report), "1 3:11 22P02");
    // Sent with a list of columns.
    let world = World::new(&[]).await;
    world.database.execute("create table t (b text, a int)").await;
    world.folder.write(
        "1_a.sql",
        "create table if not exists t (a int, b text, c text);\ninsert into t values (1, 'ü',\n  'é'::int::text);",
    );
    assert_eq!(place(&world.up(Outcome::Failed).await), "2 3:3 22P02");
}

#[tokio::test]
async fn a_server_without_characters_counts_bytes() {
    let world = World::new(&[("1_a.sql", "select 'größe', 'ß'::int;")]).await;
    let name = format!("{}_ascii", world.database.name());
    let create =
        format!("create database {name} encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0");
    world.database.execute(&create).await;
    let url = world.database.url().replace(world.database.name(), &name);
    let report = world.run_on(&url).await.unwrap();
    world.database.execute(&format!("drop database {name} with (force)")).await;
    assert_eq!(place(&report), "1 1:17 22P02");
}

#[tokio::test]
async fn an_error_in_a_block_is_shown_at_its_line() {
    let (_, report) = failed(&[(
        "1_a.sql",
        "create table t (id int);\ndo $$\nbegin\n  insert into t values (1);\n  raise exception 'no';\nend $$;",
    )])
    .await;
    assert_eq!(place(&report), "2 5:3 P0001");
}

/// A later operation that does not commute with the failed one does not overtake it, in whichever file.
#[tokio::test]
async fn keep_going_leaves_what_does_not_commute_with_the_failure() {
    let mut world = World::new(&[
        ("1_a.sql", "create table t (id int); create table o (id int); insert into t values (-1);"),
        ("2_b.sql", "alter table t add check (id > 0);"),
        ("3_c.sql", "insert into t values (2); insert into o values (3);"),
        ("4_d.sql", "alter table o add column more int; update t set id = 4;"),
        ("5_e.sql", "create table bad (id int); select 1/0;"),
        ("6_f.sql", "insert into bad values (1);"),
    ])
    .await;
    world.options.keep_going = true;
    let report = world.up(Outcome::Failed).await;
    assert_eq!(report.applied, ["1_a"]);
    let failures: Vec<_> = report.failures.iter().map(|failure| failure.migration.as_str()).collect();
    assert_eq!(failures, ["2_b", "5_e"]);
    let expected = [
        "1_a#1 done",
        "1_a#2 done",
        "1_a#3 done 1",
        "2_b#1 failed 23514",
        "3_c#1 pending",
        "3_c#2 done 1",
        "4_d#1 done",
        "4_d#2 pending",
        "5_e#1 pending",
        "5_e#2 failed 22012",
        "6_f#1 pending",
    ];
    assert_eq!(world.operations().await, expected);
    let reasons =
        "select migration, code, reason from dunlin.operation where state = 'pending' and number = 1
                   and migration in ('3_c', '6_f') order by 1";
    let reasons = world.database.lines(reasons).await;
    assert!(reasons[0].starts_with("3_c|DN209|it does not commute with operation 1 of 2_b"), "{reasons:?}");
    assert!(reasons[1].starts_with("6_f|DN209|"), "{reasons:?}");
    world.database.execute("update t set id = 1").await;
    world.folder.write("5_e.sql", "create table bad (id int);");
    assert_eq!(world.up(Outcome::Applied).await.applied, ["2_b", "3_c", "4_d", "5_e", "6_f"]);
    assert_eq!(world.database.lines("select id from t").await, ["4", "4"]);
}

#[tokio::test]
async fn keep_going_goes_past_files_that_cannot_be_read() {
    let mut world = World::new(&[
        ("1_a.sql", "create table t (id int);"),
        ("2_b.sql", "create table u (id int);\ncreate tabel v (id int);\ncreate table w (id int);"),
        ("3_c.sql", "insert into t values (1);\ninsert into v values (1);\ninsert into w values (1);"),
        ("4_d.sql", "begin; create table x (id int);"),
        ("5_e.sql", "create table y (id int);"),
    ])
    .await;
    assert_eq!(world.up(Outcome::Refused).await.applied, [""; 0]);
    world.options.keep_going = true;
    let report = world.up(Outcome::Failed).await;
    assert_eq!(report.applied, ["1_a", "5_e"]);
    let failures: Vec<_> = report
        .failures
        .iter()
        .map(|f| format!("{}#{} {} {}", f.migration, f.operation, f.line, f.sqlstate))
        .collect();
    assert_eq!(failures, ["2_b#2 2 42601", "4_d#1 1 42601"]);
    let expected = [
        "1_a#1 done",
        "2_b#1 pending",
        "2_b#2 failed 42601",
        "2_b#3 pending",
        "3_c#1 done 1",
        "3_c#2 pending",
        "3_c#3 pending",
        "4_d#1 failed 42601",
        "4_d#2 pending",
        "5_e#1 done",
    ];
    assert_eq!(world.operations().await, expected);
    world
        .folder
        .write("2_b.sql", "create table u (id int);\ncreate table v (id int);\ncreate table w (id int);");
    world.folder.write("4_d.sql", "begin; create table x (id int); commit;");
    assert_eq!(world.up(Outcome::Applied).await.applied, ["2_b", "3_c", "4_d"]);
}
