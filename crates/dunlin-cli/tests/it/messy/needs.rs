//! Needs that are not a missing object: unique keys, NOT NULL, the place of a column, the type in two declarations.

use super::names::Names;
use super::world::World;

/// A person relies on: the seed that needs the unique key of a declaration that was passed over runs.
#[tokio::test]
async fn a_unique_key_that_only_the_declaration_has() {
    let before = "create table {member} ({id} int, {email} text); insert into {member} values (1, 'a@x');";
    let files = [(
        "members",
        "create table if not exists {member} ({id} int, {email} text, constraint {member_email} unique ({email}));
        insert into {member} ({id}, {email}) values (2, 'a@x'), (3, 'b@x') on conflict ({email}) do nothing;",
    )];
    for names in Names::ALL {
        let world = World::new(names, before, &files).await;
        let up = world.up(0, "applied");
        assert_eq!(up.operations("ensured"), [format!("{}#1", world.id("members"))]);
        world
            .is_like(
                "alter table {member} add constraint {member_email} unique ({email});
                insert into {member} values (3, 'b@x');",
            )
            .await;
        world.all_applied();
        world.stays("nothing").await;
    }
}

/// A person relies on: the same for the key that a foreign key needs, without a name of its own.
#[tokio::test]
async fn a_unique_key_for_a_foreign_key() {
    let before = "create table {member} ({id} int not null); insert into {member} values (1);";
    let files = [
        ("members", "create table if not exists {member} ({id} int primary key, {email} text);"),
        ("cards", "create table {card} ({member} int references {member} ({id}));"),
    ];
    for names in Names::ALL {
        for order in [[0, 1], [1, 0]] {
            let world = World::ordered(names, before, &files, &order).await;
            world.up(0, "applied");
            world
                .is_like(
                    "alter table {member} add primary key ({id}), add {email} text;
                    create table {card} ({member} int references {member} ({id}));",
                )
                .await;
            world.stays("nothing").await;
        }
    }
}

/// A person relies on: where the rows do not allow the key, nothing is forced: what needs it is skipped, rows stay.
#[tokio::test]
async fn rows_that_do_not_allow_the_unique_key() {
    let before = "create table {member} ({id} int, {email} text);
        insert into {member} values (1, 'a@x'), (2, 'a@x');";
    let files = [
        (
            "members",
            "create table if not exists {member} ({id} int, {email} text, constraint {member_email} unique ({email}));
            insert into {member} ({id}, {email}) values (3, 'b@x') on conflict ({email}) do nothing;",
        ),
        ("other", "create table {other} ({id} int);"),
    ];
    for names in [Names::Plain, Names::Quoted, Names::Unicode] {
        let world = World::new(names, before, &files).await;
        let up = world.up(0, "partial");
        assert_eq!(up.operations("skipped"), [format!("{}#2 DN206", world.id("members"))]);
        world.is_like("create table {other} ({id} int);").await;
        world.stays("partial").await;
    }
}

/// A person relies on: an UPDATE that sets NULL waits until the column may be NULL.
#[tokio::test]
async fn set_null_before_the_file_that_allows_it() {
    let files = [
        (
            "members",
            "create table {member} ({id} int, {phone} text not null); insert into {member} values (1, '123');",
        ),
        (
            "clear",
            "create table {cleared} ({id} int);
            update {member} set {phone} = null where {phone} = '123';
            insert into {cleared} values (1);",
        ),
        ("allow", "alter table {member} alter column {phone} drop not null;"),
    ];
    for names in Names::ALL {
        for order in [[0, 1, 2], [0, 2, 1]] {
            let world = World::ordered(names, "", &files, &order).await;
            world.up(0, "applied");
            world
                .is_like(
                    "create table {member} ({id} int, {phone} text);
                    insert into {member} values (1, null);
                    create table {cleared} ({id} int);
                    insert into {cleared} values (1);",
                )
                .await;
            world.stays("nothing").await;
        }
    }
}

/// A person relies on: the later file's function makes the earlier file's trigger possible, and rows that are written
/// in between are not touched by a trigger that did not exist where they are written.
#[tokio::test]
async fn a_trigger_whose_function_comes_later() {
    let files = [
        (
            "members",
            "create table {member} ({id} int, {email} text);
            create trigger {lower_email} before insert or update on {member} for each row execute function {lower_it}();",
        ),
        (
            "function",
            "create function {lower_it}() returns trigger language plpgsql as $$
            begin new.{email} := lower(new.{email}); return new; end $$;",
        ),
        ("seed", "insert into {member} values (1, 'A@X');"),
    ];
    for names in Names::ALL {
        for order in [[0, 1, 2], [1, 0, 2]] {
            let world = World::ordered(names, "", &files, &order).await;
            world.up(0, "applied");
            world
                .is_like(
                    "create table {member} ({id} int, {email} text);
                    create function {lower_it}() returns trigger language plpgsql as $$
            begin new.{email} := lower(new.{email}); return new; end $$;
                    create trigger {lower_email} before insert or update on {member} for each row execute function {lower_it}();
                    insert into {member} values (1, 'a@x');",
                )
                .await;
            world.stays("nothing").await;
        }
    }
}

/// A person relies on: when two files declare one table, the first one's types stand, and both places are named.
#[tokio::test]
async fn one_table_declared_with_two_shapes() {
    let files = [
        ("one", "create table if not exists {member} ({id} int, {email} text);"),
        (
            "two",
            "create table if not exists {member} ({id} bigint, {phone} text); create index {member_phone} on {member} ({phone});",
        ),
    ];
    for names in Names::ALL {
        for (order, id_type) in [([0, 1], "int"), ([1, 0], "bigint")] {
            let world = World::ordered(names, "", &files, &order).await;
            let up = world.up(0, "applied");
            let shapes = up.diagnostic("DN212").to_string();
            assert!(shapes.contains(&world.file("one")) && shapes.contains(&world.file("two")), "{shapes}");
            let after = "create table {member} ({id} ID_TYPE, {email} text, {phone} text);
                create index {member_phone} on {member} ({phone});";
            world.is_like(&after.replace("ID_TYPE", id_type)).await;
            world.stays("nothing").await;
        }
    }
}

/// A person relies on: a value never lands in another column than the one it was written for.
#[tokio::test]
async fn an_insert_without_columns_after_one_was_ensured() {
    let before = "create table {member} ({id} int, {city} text); insert into {member} values (1, 'Rome');";
    let files = [(
        "members",
        "create table if not exists {member} ({id} int, {email} text, {city} text);
        create table {log} ({said} text);
        insert into {member} values (2, 'b@x', 'Oslo');
        insert into {member} select 3, 'c@x', 'Bern';
        insert into {log} values ('done');",
    )];
    for names in Names::ALL {
        let world = World::new(names, before, &files).await;
        let up = world.up(0, "applied");
        assert_eq!(up.diagnostic("DN214")["line"], 3);
        world
            .is_like(
                "alter table {member} add column {email} text;
                create table {log} ({said} text);
                insert into {member} ({id}, {email}, {city}) values (2, 'b@x', 'Oslo'), (3, 'c@x', 'Bern');
                insert into {log} values ('done');",
            )
            .await;
        world.stays("nothing").await;
    }
}

/// A person relies on: a foreign key that PostgreSQL cannot make is left out, and nothing else with it.
#[tokio::test]
async fn a_foreign_key_between_types_that_cannot_be_compared() {
    let files = [
        ("members", "create table {member} ({id} int primary key);"),
        (
            "cards",
            "create table {card} ({member} date);
            alter table {card} add constraint {of_member} foreign key ({member}) references {member} ({id});
            create index {card_member} on {card} ({member});",
        ),
    ];
    for names in [Names::Plain, Names::Quoted, Names::Unicode] {
        let world = World::new(names, "", &files).await;
        let up = world.up(0, "partial");
        assert_eq!(up.operations("skipped"), [format!("{}#2 DN207", world.id("cards"))]);
        world
            .is_like(
                "create table {member} ({id} int primary key); create table {card} ({member} date);
                create index {card_member} on {card} ({member});",
            )
            .await;
        world.stays("partial").await;
    }
}
