//! What a file does to its session, its transaction, and to statements that it has twice.

use super::names::Names;
use super::world::World;

/// A person relies on: a statement that stands there twice runs twice, also when the run stops between the two.
#[tokio::test]
async fn the_same_statement_twice() {
    let twice = "create table {step} ({n} int generated always as identity, {said} text);
        insert into {step} ({said}) values ('go');
        insert into {step} ({said}) values ('go');
        create index on {step} ({said});
        create index on {step} ({said});";
    for names in Names::ALL {
        let world = World::new(names, "", &[("twice", twice)]).await;
        world.up(0, "applied");
        world.is_like(twice).await;
        assert_eq!(world.operations("twice"), ["done"; 5]);
        world.stays("nothing").await;

        // The commit between them makes the first one stay when the third statement fails.
        let cut = "create table {step} ({said} text);
            begin; insert into {step} values ('go'); commit;
            begin; insert into {step} values ('go'); select 1 / (select count(*) from {other}); commit;";
        let world = World::new(names, "create table {other} ({id} int)", &[("cut", cut)]).await;
        world.up(1, "failed");
        world.is_like("create table {step} ({said} text); insert into {step} values ('go');").await;
        world.execute("insert into {other} values (1)").await;
        world.up(0, "applied");
        world
            .is_like(
                "insert into {other} values (1);
                create table {step} ({said} text); insert into {step} values ('go'), ('go');",
            )
            .await;
        world.stays("nothing").await;
    }
}

/// A person relies on: a search_path holds to the end of its file, for statements that are moved too, and no longer.
#[tokio::test]
async fn search_path_in_the_middle_of_a_file() {
    let files = [
        (
            "app",
            "create schema {app};
            create table {here} ({id} int);
            set search_path to {app}, public;
            create table {there} ({id} int, {kind} text);
            create view {later_view} as select {code} from {later};
            insert into {there} values (1, 'a');
            create table if not exists {here} ({id} int, {added} text);",
        ),
        ("public", "create table {outside} ({id} int);"),
        ("later", "create table {app}.{later} ({code} text);"),
        (
            "select",
            "select set_config('search_path', {'app'}, false);
            insert into {there} values (2, 'b');
            reset search_path;
            insert into {app}.{there} values (3, 'c'); create table {again_outside} ({id} int);",
        ),
    ];
    let after = "
        create schema {app};
        create table {here} ({id} int);
        create table {app}.{here} ({id} int, {added} text);
        create table {app}.{there} ({id} int, {kind} text);
        create table {app}.{later} ({code} text);
        create view {app}.{later_view} as select {code} from {app}.{later};
        insert into {app}.{there} values (1, 'a'), (2, 'b'), (3, 'c');
        create table {outside} ({id} int);
        create table {again_outside} ({id} int);";
    for names in Names::ALL.into_iter().filter(|names| *names != Names::Quoted) {
        let world = World::new(names, "", &files).await;
        world.up(0, "applied");
        world.is_like(after).await;
        world.all_applied();
        world.stays("nothing").await;
    }
    // As a value of search_path a name is quoted in another way than in a string.
    let mut files = files;
    let select = files[3].1.replace("{'app'}", "quote_ident({'app'})");
    files[3].1 = &select;
    let world = World::new(Names::Quoted, "", &files).await;
    world.up(0, "applied");
    world.is_like(after).await;
    world.stays("nothing").await;
}

/// A person relies on: SET ROLE makes objects of that role, the journal is written all the same, and the next file
/// works as the role that logged in.
#[tokio::test]
async fn set_role_in_the_middle_of_a_file() {
    for names in Names::ALL {
        let mut world = World::new(names, "", &[]).await;
        let role = format!("{}_owner", world.database.name());
        world.execute(&format!("create role {role}; grant create, usage on schema public to {role};")).await;
        let sql = "create table {mine} ({id} int); set role ROLE; create table {theirs} ({id} int);
            insert into {theirs} values (1); create index concurrently {theirs_id} on {theirs} ({id});
            create table {also} ({id} int); reset role; create table {mine_again} ({id} int);";
        world.add("roles", &sql.replace("ROLE", &role));
        world.add("local", &"set local role ROLE; create table {local} ({id} int);".replace("ROLE", &role));
        world.add("next", "create table {next} ({id} int);");
        world.up(0, "applied");
        let owner = "select tableowner = '{role}' from pg_tables where tablename = ";
        for (table, theirs) in [
            ("mine", "f"),
            ("theirs", "t"),
            ("also", "t"),
            ("mine_again", "f"),
            ("local", "t"),
            ("next", "f"),
        ] {
            let sql = owner.replace("{role}", &role) + &format!("{{'{table}'}}");
            assert_eq!(world.lines(&sql).await, [theirs], "{table}");
        }
        world.all_applied();
        world.stays("nothing").await;
        world.database.drop_roles(&[&role]).await;
    }
}

/// A person relies on: what a file takes back with ROLLBACK TO is not there, counts as done, and what comes after it
/// runs.
#[tokio::test]
async fn a_savepoint_that_the_file_rolls_back() {
    for transaction in [("", ""), ("begin;", "commit;")] {
        let sql = format!(
            "create table {{kept}} ({{id}} int); {} insert into {{kept}} values (1);
            savepoint {{here}};
            create table {{taken_back}} ({{id}} int);
            insert into {{kept}} values (2);
            rollback to savepoint {{here}};
            release {{here}};
            insert into {{kept}} values (3); {}
            create table {{last}} ({{id}} int);",
            transaction.0, transaction.1
        );
        for names in Names::ALL {
            let world = World::new(names, "", &[("savepoint", &sql)]).await;
            world.up(0, "applied");
            world
                .is_like(
                    "create table {kept} ({id} int); insert into {kept} values (1), (3);
                    create table {last} ({id} int);",
                )
                .await;
            assert!(world.operations("savepoint").iter().all(|state| state == "done"));
            world.all_applied();
            world.stays("nothing").await;
        }
    }
}

/// A person relies on: statements that PostgreSQL refuses inside a transaction run all the same, without a mark.
#[tokio::test]
async fn what_cannot_run_in_a_transaction() {
    let sql = "create table {big} ({id} int, {n} int);
        insert into {big} values (1, 1);
        create index concurrently {big_n} on {big} ({n});
        insert into {big} values (2, 2);
        vacuum {big};
        drop index concurrently {big_n};
        create unique index concurrently if not exists {big_id} on {big} ({id});";
    for names in Names::ALL {
        for mark in ["", "-- dunlin: no transaction\n"] {
            let world = World::new(names, "", &[("big", &(mark.to_owned() + sql))]).await;
            world.up(0, "applied");
            world
                .is_like(
                    "create table {big} ({id} int, {n} int); insert into {big} values (1, 1), (2, 2);
                    create unique index {big_id} on {big} ({id});",
                )
                .await;
            assert_eq!(world.operations("big"), ["done"; 7]);
            world.stays("nothing").await;
        }
    }
}

/// A person relies on: rows with deferred keys that are written before an ALTER of their table do not stop it.
#[tokio::test]
async fn deferred_keys_and_an_alter_in_one_file() {
    let sql = "create table {owner} ({id} int primary key);
        create table {cat} ({id} int, {owner} int references {owner} ({id}) deferrable initially deferred);
        insert into {cat} values (1, 7);
        insert into {owner} values (7);
        alter table {cat} add column {name} text;
        insert into {cat} values (2, 8, 'Tom');
        insert into {owner} values (8);";
    for names in [Names::Plain, Names::Quoted, Names::Unicode] {
        let world = World::new(names, "", &[("cats", sql)]).await;
        world.up(0, "applied");
        world
            .is_like(
                "create table {owner} ({id} int primary key);
                create table {cat} ({id} int, {owner} int references {owner} ({id}) deferrable initially deferred, {name} text);
                insert into {owner} values (7), (8);
                insert into {cat} values (1, 7, null), (2, 8, 'Tom');",
            )
            .await;
        world.stays("nothing").await;
    }
}

/// A person relies on: tables of their own that are called like those of migration tools are tables like any other.
#[tokio::test]
async fn a_table_called_schema_migrations() {
    let files = [
        (
            "one",
            "create table schema_migrations (version bigint primary key); insert into schema_migrations values (1);",
        ),
        ("two", "alter table schema_migrations add column dirty boolean not null default false;"),
        (
            "three",
            "create table if not exists migration ({id} int); create table operation ({id} int);
            update schema_migrations set dirty = true; delete from schema_migrations where version = 0;
            insert into migration values (3);",
        ),
        ("four", "drop table operation; alter table migration rename to run; create schema {dunlin_too};"),
    ];
    let after: String = files.iter().map(|(_, sql)| *sql).collect();
    for names in Names::ALL {
        let world = World::new(names, "", &files).await;
        world.up(0, "applied");
        world.is_like(&after).await;
        world.stays("nothing").await;
    }
    // It was there before, made by the tool of that name: it is still the user's.
    let before = "create table schema_migrations (version bigint primary key); insert into schema_migrations values (7);";
    let world = World::new(Names::Plain, before, &files[1..2]).await;
    world.up(0, "applied");
    world.is_like(files[1].1).await;
}
