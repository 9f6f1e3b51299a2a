//! Statements that stand before what they need.

use super::names::Names;
use super::world::World;

/// Runs files in several orders; each must end as psql does with the SQL in `after`.
async fn every_order(before: &str, files: &[(&str, &str)], orders: &[&[usize]], after: &str) {
    for names in Names::ALL {
        for order in orders {
            let world = World::ordered(names, before, files, order).await;
            world.up(0, "applied");
            world.is_like(after).await;
            world.all_applied();
            world.stays("nothing").await;
        }
    }
}

/// A person relies on: a view may stand in a file before its table, views on views and materialized ones too.
#[tokio::test]
async fn views_before_their_tables() {
    let files = [
        (
            "views",
            "create view {titles} as select {title}, {shelf} from {book} where {title} <> '';
            create or replace view {shelves} as select distinct {shelf} from {titles};
            create materialized view {counts} as select count(*) as {n} from {library}.{room} with no data;
            comment on view {titles} is 'for the reading room';",
        ),
        ("rooms", "create schema {library}; create table {library}.{room} ({id} int);"),
        ("books", "create table {book} ({title} text, {shelf} int); insert into {book} values ('Emma', 3);"),
    ];
    let after = "
        create schema {library};
        create table {library}.{room} ({id} int);
        create table {book} ({title} text, {shelf} int);
        insert into {book} values ('Emma', 3);
        create view {titles} as select {title}, {shelf} from {book} where {title} <> '';
        create view {shelves} as select distinct {shelf} from {titles};
        create materialized view {counts} as select count(*) as {n} from {library}.{room} with no data;
        comment on view {titles} is 'for the reading room';";
    every_order("", &files, &[&[0, 1, 2], &[2, 0, 1], &[1, 2, 0]], after).await;
}

/// A person relies on: a foreign key may name a table of a later file, in the declaration and in an ALTER.
#[tokio::test]
async fn foreign_keys_to_tables_of_later_files() {
    let files = [
        (
            "loans",
            "create table {loan} ({id} int primary key, {book} int references {book} on delete cascade);
            create index {loan_book} on {loan} ({book});
            create table {reminder} ({loan} int);
            alter table {reminder} add constraint {of_reader} foreign key ({loan}) references {reader} ({number});",
        ),
        ("books", "create table {book} ({id} int primary key);"),
        ("readers", "create table {reader} ({number} int);"),
        ("keys", "create unique index {reader_number} on {reader} ({number});"),
    ];
    let after = "
        create table {book} ({id} int primary key);
        create table {reader} ({number} int);
        create unique index {reader_number} on {reader} ({number});
        create table {loan} ({id} int primary key, {book} int references {book} on delete cascade);
        create index {loan_book} on {loan} ({book});
        create table {reminder} ({loan} int);
        alter table {reminder} add constraint {of_reader} foreign key ({loan}) references {reader} ({number});";
    every_order("", &files, &[&[0, 1, 2, 3], &[3, 2, 1, 0], &[1, 0, 3, 2]], after).await;
}

/// A person relies on: seeds with ON CONFLICT run once their unique index is there, and in the order that they have.
#[tokio::test]
async fn on_conflict_before_its_unique_index() {
    let files = [
        (
            "readers",
            "create table {reader} ({email} text, {name} text);
            insert into {reader} values ('a@x', 'first') on conflict ({email}) do nothing;
            insert into {reader} values ('a@x', 'second') on conflict ({email}) do update set {name} = excluded.{name};
            insert into {reader} values ('b@x', 'other') on conflict (lower({name})) do nothing;",
        ),
        ("email_key", "create unique index {reader_email} on {reader} ({email});"),
        ("name_key", "create unique index {reader_name} on {reader} (lower({name}));"),
    ];
    let after = "
        create table {reader} ({email} text, {name} text);
        create unique index {reader_email} on {reader} ({email});
        create unique index {reader_name} on {reader} (lower({name}));
        insert into {reader} values ('a@x', 'second'), ('b@x', 'other');";
    every_order("", &files, &[&[0, 1, 2], &[0, 2, 1], &[1, 2, 0]], after).await;
}

/// A person relies on: a seed into a table that was there waits in the same way; repeating it would harm nobody.
#[tokio::test]
async fn on_conflict_into_a_table_with_rows() {
    let before =
        "create table {reader} ({email} text, {name} text); insert into {reader} values ('a@x', 'first');";
    let files = [
        (
            "seed",
            "insert into {reader} ({email}, {name}) values ('a@x', 'seed'), ('b@x', 'seed') on conflict ({email}) do nothing;",
        ),
        ("key", "create unique index {reader_email} on {reader} ({email});"),
    ];
    let after = "create unique index {reader_email} on {reader} ({email}); insert into {reader} values ('b@x', 'seed');";
    every_order(before, &files, &[&[0, 1], &[1, 0]], after).await;
}

/// A person relies on: a new label of an enum can be used in the same file and in the next one; PostgreSQL wants a
/// commit between, and gets it.
#[tokio::test]
async fn an_enum_label_in_the_file_that_adds_it_and_in_the_next() {
    let start = "create type {mood} as enum ('calm'); create table {reader} ({name} text, {feels} {mood});";
    let files = [
        ("start", start),
        (
            "label",
            "alter type {mood} add value 'glad';
            insert into {reader} values ('Ada', 'glad');
            create index {glad} on {reader} ({name}) where {feels} = 'glad';",
        ),
        (
            "use",
            "insert into {reader} values ('Bob', 'glad'), ('Cyd', 'calm');
            alter table {reader} alter column {feels} set default 'glad';",
        ),
    ];
    let after = "
        create type {mood} as enum ('calm');
        create table {reader} ({name} text, {feels} {mood});
        alter type {mood} add value 'glad';
        insert into {reader} values ('Ada', 'glad'), ('Bob', 'glad'), ('Cyd', 'calm');
        create index {glad} on {reader} ({name}) where {feels} = 'glad';
        alter table {reader} alter column {feels} set default 'glad';";
    every_order("", &files, &[&[0, 1, 2]], after).await;

    // All in one file, with the type.
    let files = [(
        "type",
        "create type {mood} as enum ('calm');
        create table {reader} ({name} text, {feels} {mood} default 'calm');
        alter type {mood} add value 'glad' before 'calm';
        create index {glad} on {reader} ({name}) where {feels} = 'glad';",
    )];
    every_order("", &files, &[&[0]], files[0].1).await;

    // A type that is made in the same file needs no cut.
    let files = [(
        "type",
        "create type {mood} as enum ('calm', 'glad'); create table {reader} ({feels} {mood});
        insert into {reader} values ('glad');",
    )];
    every_order("", &files, &[&[0]], files[0].1).await;
}

/// A person relies on: a trigger waits for its function, a default for its function, a column for its type, a grant
/// for its table.
#[tokio::test]
async fn other_things_that_come_later() {
    let files = [
        (
            "readers",
            "create table {reader} ({id} int, {email} {address}, {token} text default {make_token}());
            create trigger {check_reader} before insert on {reader} for each row execute function {on_reader}();
            grant select on {reader}, {book} to public;",
        ),
        (
            "functions",
            "create function {on_reader}() returns trigger language plpgsql as $$ begin new.{id} := 7; return new; end $$;
            create function {make_token}() returns text language sql as $$ select 'token' $$;",
        ),
        ("types", "create domain {address} as text check (value like '%@%'); create table {book} ({id} int);"),
        ("data", "insert into {reader} ({email}) values ('a@x');"),
    ];
    let after = "
        create domain {address} as text check (value like '%@%');
        create table {book} ({id} int);
        create function {on_reader}() returns trigger language plpgsql as $$ begin new.{id} := 7; return new; end $$;
        create function {make_token}() returns text language sql as $$ select 'token' $$;
        create table {reader} ({id} int, {email} {address}, {token} text default {make_token}());
        create trigger {check_reader} before insert on {reader} for each row execute function {on_reader}();
        grant select on {reader}, {book} to public;
        insert into {reader} ({email}) values ('a@x');";
    every_order("", &files, &[&[0, 1, 2, 3], &[2, 1, 0, 3], &[0, 2, 1, 3]], after).await;
}
