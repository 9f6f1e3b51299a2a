//! Statements that remove or rename: they never wait for what comes after them.

use super::names::Names;
use super::world::World;

async fn run(before: &str, files: &[(&str, &str)], after: &str) {
    for names in Names::ALL {
        let world = World::new(names, before, files).await;
        world.up(0, "applied");
        world.is_like(after).await;
        world.all_applied();
        world.stays("nothing").await;
    }
}

/// A person relies on: the table that a file makes is there afterwards, though the file begins by dropping it.
#[tokio::test]
async fn drop_and_create_on_an_empty_database() {
    let made = "create table {foo} ({id} int); create type {kind} as enum ('a');
        create view {v} as select {id} from {foo}; create sequence {s};
        create function {f}() returns int language sql as 'select 1';";
    let drops = "drop view {v}; drop table {foo}; drop type {kind}; drop sequence {s}; drop function {f}();";
    run("", &[("all", &(drops.to_owned() + made))], made).await;
    run("", &[("drops", drops), ("made", made)], made).await;
    let if_exists =
        drops.replace("drop view", "drop view if exists").replace("drop table", "drop table if exists");
    run("", &[("all", &(if_exists + made))], made).await;
}

/// A person relies on: on a database that has the old table, it is dropped, and the new one is empty.
#[tokio::test]
async fn drop_and_create_of_what_is_there() {
    let before =
        "create table {foo} ({old} text); insert into {foo} values ('old'); create table {kept} ({id} int);";
    let files = [(
        "renew",
        "drop table {foo}; create table {foo} ({id} int); create index {foo_id} on {foo} ({id});",
    )];
    run(before, &files, files[0].1).await;
    let files = [
        ("drop", "drop table {foo};"),
        ("make", "create table {foo} ({id} int);"),
        ("use", "create index {foo_id} on {foo} ({id});"),
    ];
    run(
        before,
        &files,
        "drop table {foo}; create table {foo} ({id} int); create index {foo_id} on {foo} ({id});",
    )
    .await;
}

/// A person relies on: an index that is dropped and made anew has the new definition, whether the old one was there or not.
#[tokio::test]
async fn drop_and_create_of_an_index() {
    let table = "create table {foo} ({id} int, {n} int);";
    let files = [("index", "drop index {foo_i}; create index {foo_i} on {foo} ({n});")];
    run(table, &files, "create index {foo_i} on {foo} ({n});").await;
    let with_old = table.to_owned() + "create index {foo_i} on {foo} ({id});";
    run(&with_old, &files, files[0].1).await;
    let column = [("column", "alter table {foo} drop column {n}; alter table {foo} add column {n} text;")];
    run(table, &column, column[0].1).await;
}

/// A person relies on: the old table keeps its rows under the new name, the new one starts empty.
#[tokio::test]
async fn rename_and_create() {
    let before = "create table {a} ({id} int); insert into {a} values (1), (2);";
    let sql = "alter table {a} rename to {b}; create table {a} ({id} bigint, {more} text);";
    run(before, &[("all", sql)], sql).await;
    let files = [
        ("rename", "alter table {a} rename to {b};"),
        ("make", "create table {a} ({id} bigint, {more} text);"),
        ("use", "create index {a_more} on {a} ({more}); create index {b_id} on {b} ({id});"),
    ];
    let after = sql.to_owned() + "create index {a_more} on {a} ({more}); create index {b_id} on {b} ({id});";
    run(before, &files, &after).await;
    let columns = "alter table {a} rename column {id} to {old}; alter table {a} add column {id} text;";
    run(before, &[("columns", columns)], columns).await;
}

/// A person relies on: a rename without its object does not take the object that a later statement makes.
#[tokio::test]
async fn a_rename_does_not_wait() {
    for names in Names::ALL {
        let sql = "alter table {a} rename to {b}; create table {a} ({id} int);";
        let world = World::new(names, "", &[("all", sql)]).await;
        let up = world.up(0, "partial");
        assert_eq!(up.operations("skipped"), [format!("{}#1 DN202", world.id("all"))]);
        world.is_like("create table {a} ({id} int);").await;
        world.stays("partial").await;
    }
}

/// A person relies on: DELETE and TRUNCATE do not empty what a later file fills.
#[tokio::test]
async fn deletes_do_not_wait() {
    let files = [
        ("clean", "delete from {a}; truncate {a};"),
        ("make", "create table {a} ({id} int); insert into {a} values (1);"),
    ];
    for names in Names::ALL {
        let world = World::new(names, "", &files).await;
        let up = world.up(0, "partial");
        let clean = world.id("clean");
        assert_eq!(up.operations("skipped"), [format!("{clean}#1 DN202"), format!("{clean}#2 DN202")]);
        world.is_like("create table {a} ({id} int); insert into {a} values (1);").await;
        world.stays("partial").await;
    }
}
