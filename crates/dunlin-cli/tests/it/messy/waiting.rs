//! Statements that wait behind others that wait: sets that chance has found (`random.rs`), made as small as they get.

use super::names::Names;
use super::world::World;

async fn run(files: &[(&str, &str)], after: &str) {
    for names in Names::ALL {
        let world = World::new(names, "", files).await;
        world.up(0, "applied");
        world.is_like(after).await;
        world.all_applied();
        world.stays("nothing").await;
    }
}

/// A person relies on: a row is changed after it was inserted, though the INSERT waits for several columns and a view
/// of the table waits as well.
#[tokio::test]
async fn an_update_never_overtakes_the_insert_of_its_row() {
    let files = [
        (
            "table",
            "create table {t} ({id} int primary key, {a} int); create view {w} as select {id}, {y} from {v};",
        ),
        (
            "rows",
            "insert into {t} ({id}, {a}, {c}, {d}) values (11, 25, 1, 2); update {t} set {a} = 88 where {id} = 11;",
        ),
        (
            "view",
            "create view {v} as select {x}.{id}, {x}.{d} as {y} from {t} {x} join {t} {z} on {z}.{id} = {x}.{a};",
        ),
        ("columns", "alter table {t} add column {c} int; alter table {t} add column {d} int;"),
    ];
    let after = "
        create table {t} ({id} int primary key, {a} int, {c} int, {d} int);
        create view {v} as select {x}.{id}, {x}.{d} as {y} from {t} {x} join {t} {z} on {z}.{id} = {x}.{a};
        create view {w} as select {id}, {y} from {v};
        insert into {t} values (11, 88, 1, 2);";
    run(&files, after).await;
}

/// A person relies on: that a provider touches the same table as what waits for it is no circle.
#[tokio::test]
async fn a_provider_may_stand_behind_what_waits() {
    let files = [
        ("index", "create index {t_c} on {t} ({c}, {id});"),
        (
            "table",
            "create table {t} ({id} int primary key);
            alter table {t} add constraint {positive} check ({b} is null or {id} > 0);
            insert into {t} ({id}) values (14);",
        ),
        (
            "columns",
            "alter table {t} add column {b} int references {t} ({id}); alter table {t} add column {c} int;",
        ),
    ];
    let after = "
        create table {t} ({id} int primary key, {b} int references {t} ({id}), {c} int);
        alter table {t} add constraint {positive} check ({b} is null or {id} > 0);
        insert into {t} ({id}) values (14);
        create index {t_c} on {t} ({c}, {id});";
    run(&files, after).await;
}

/// A person relies on: the same with a key that waits behind a row, which waits for a column behind the key.
#[tokio::test]
async fn a_key_and_a_column_that_different_rows_wait_for() {
    let files = [
        ("seed", "insert into {t} ({id}, {b}) values (7, 'u7') on conflict ({b}) do nothing;"),
        (
            "table",
            "create table {t} ({id} int primary key, {name} text);
            alter table {t} add column {b} text;
            insert into {t} ({id}, {b}, {c}) values (9, 'u9', 'u9');",
        ),
        ("index", "create index {t_id} on {t} ({id}) include ({name});"),
        ("key", "create unique index {t_b} on {t} ({b}); alter table {t} add column {c} text;"),
    ];
    let after = "
        create table {t} ({id} int primary key, {name} text, {b} text, {c} text);
        create index {t_id} on {t} ({id}) include ({name});
        create unique index {t_b} on {t} ({b});
        insert into {t} values (7, null, 'u7', null), (9, null, 'u9', 'u9');";
    run(&files, after).await;
}

/// A person relies on: what waits for something that nobody makes is skipped; it does not make a circle of those that
/// wait for each other's table.
#[tokio::test]
async fn one_that_waits_in_vain_makes_no_circle() {
    let files = [
        (
            "early",
            "insert into {t} ({id}, {b}) values (5, 'u5') on conflict ({b}) do nothing;
            alter table {t} add constraint {to_itself} foreign key ({nowhere}) references {t} ({id});",
        ),
        ("table", "create table {t} ({id} int primary key);"),
        ("key", "create unique index {t_b} on {t} ({b});"),
        ("column", "alter table {t} add column {b} text;"),
    ];
    for names in Names::ALL {
        let world = World::new(names, "", &files).await;
        let up = world.up(0, "partial");
        assert_eq!(up.operations("skipped"), [format!("{}#2 DN203", world.id("early"))]);
        world
            .is_like(
                "create table {t} ({id} int primary key, {b} text);
                create unique index {t_b} on {t} ({b});
                insert into {t} values (5, 'u5');",
            )
            .await;
        world.stays("partial").await;
    }
}
