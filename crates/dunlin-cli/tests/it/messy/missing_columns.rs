//! CREATE TABLE IF NOT EXISTS over a table that lacks declared columns, and what uses them.

use super::names::Names;
use super::world::{World, mentions};

/// A table that is older than the migrations.
const BEFORE: &str = "
    create table {site} ({id} int primary key, {name} text not null);
    create table {page} ({id} int primary key, {body} text);
    insert into {site} values (1, 'main');
    insert into {page} values (1, 'one'), (2, 'two');
";

/// A person relies on: the folder that could never get past its first file runs, and no row is lost.
#[tokio::test]
async fn what_uses_the_declared_columns_works() {
    for names in Names::ALL {
        let world = World::new(
            names,
            BEFORE,
            &[(
                "pages",
                "create table if not exists {page} (
                    {id} int primary key,
                    {body} text,
                    {site_id} int,
                    {lang} varchar(5) not null default 'en',
                    {folded} text collate \"C\" generated always as (lower({body})) stored
                );
                create index {page_site} on {page} ({site_id}) include ({lang}) where {folded} <> '';
                alter table {page} add constraint {page_site_fk} foreign key ({site_id}) references {site} ({id});
                create view {pages_of_site} as select {site_id}, count(*) as {pages} from {page} group by {site_id};
                update {page} set {site_id} = 1 where {site_id} is null;",
            )],
        )
        .await;
        let plan = world.plan();
        let id = world.id("pages");
        assert_eq!(plan.with_action("ensure"), [format!("{id}#1"), format!("{id}#1"), format!("{id}#1")]);
        world.is_untouched().await; // by `plan`

        let up = world.up(0, "applied");
        assert_eq!(up.ids("applied"), [id.as_str()]);
        for column in ["site_id", "lang", "folded"] {
            let ensured = up.json["ensured"].as_array().unwrap();
            assert!(
                ensured.iter().any(|one| mentions(&one["object"], &names.raw(column))),
                "{column}: {ensured:?}"
            );
        }
        assert!((1..=6).contains(&up.diagnostic("DN210")["line"].as_u64().unwrap()));
        assert_eq!(world.operations("pages"), ["ensured", "done", "done", "done", "done"]);
        world.is_like(
            "alter table {page} add column {site_id} int;
            alter table {page} add column {lang} varchar(5) not null default 'en';
            alter table {page} add column {folded} text collate \"C\" generated always as (lower({body})) stored;
            create index {page_site} on {page} ({site_id}) include ({lang}) where {folded} <> '';
            alter table {page} add constraint {page_site_fk} foreign key ({site_id}) references {site} ({id});
            create view {pages_of_site} as select {site_id}, count(*) as {pages} from {page} group by {site_id};
            update {page} set {site_id} = 1;",
        )
        .await;
        world.stays("nothing").await;
    }
}

/// A person relies on: columns that nothing uses come as well, for the application uses them.
#[tokio::test]
async fn columns_that_no_statement_uses_are_added_too() {
    for names in Names::ALL {
        let declaration = "create table if not exists {page} ({id} int primary key, {seen} timestamptz default '2020-02-02 12:00+00')";
        let world = World::new(names, BEFORE, &[("pages", declaration)]).await;
        world.up(0, "applied");
        // `body` is not declared, and stays.
        world.is_like("alter table {page} add column {seen} timestamptz default '2020-02-02 12:00+00'").await;
        world.stays("nothing").await;
    }
}

/// A person relies on: rows that have no value for the column do not stop the application, and are pointed out.
#[tokio::test]
async fn not_null_without_a_default_is_nullable_on_a_table_with_rows() {
    for names in Names::ALL {
        let world = World::new(
            names,
            BEFORE,
            &[(
                "pages",
                "create table if not exists {page} (
                    {id} int primary key,
                    {site_id} int not null references {site} ({id}),
                    {slug} text unique check ({slug} <> '')
                );
                create index {page_site} on {page} ({site_id})",
            )],
        )
        .await;
        let up = world.up(0, "applied");
        assert!((1..=3).contains(&up.diagnostic("DN211")["line"].as_u64().unwrap()));
        // Nothing needs the foreign key, the unique key and the check, so they do not come along.
        world
            .is_like(
                "alter table {page} add column {site_id} int, add column {slug} text;
                create index {page_site} on {page} ({site_id})",
            )
            .await;
        world.stays("nothing").await;
    }
}

/// A person relies on: an empty table gets the column exactly as it is declared.
#[tokio::test]
async fn not_null_comes_along_on_an_empty_table() {
    for names in [Names::Plain, Names::Quoted] {
        let before = "create table {page} ({id} int primary key)";
        let declaration = "create table if not exists {page} ({id} int primary key, {site_id} int not null);
            create index {page_site} on {page} ({site_id})";
        let world = World::new(names, before, &[("pages", declaration)]).await;
        world.up(0, "applied");
        world
            .is_like(
                "alter table {page} add column {site_id} int not null;
                create index {page_site} on {page} ({site_id})",
            )
            .await;
        world.stays("nothing").await;
    }
}

/// A person relies on: identity columns and the columns of partitioned tables are made as they are declared.
#[tokio::test]
async fn identity_and_partitioned_tables() {
    for names in [Names::Plain, Names::Quoted, Names::Folded] {
        let before = "create table {page} ({day} date not null, {body} text) partition by range ({day});
            create table {page_2024} partition of {page} for values from ('2024-01-01') to ('2025-01-01');
            create table {visit} ({url} text);
            insert into {page} values ('2024-05-01', 'one');
            insert into {visit} values ('/'), ('/about');";
        let world = World::new(
            names,
            before,
            &[(
                "pages",
                "create table if not exists {page} ({day} date not null, {body} text, {site_id} int) partition by range ({day});
                create index {page_site} on {page} ({site_id});
                create table if not exists {visit} ({url} text, {number} bigint generated by default as identity);",
            )],
        )
        .await;
        world.up(0, "applied");
        world
            .is_like(
                "alter table {page} add column {site_id} int;
                create index {page_site} on {page} ({site_id});
                alter table {visit} add column {number} bigint generated by default as identity;",
            )
            .await;
        world.stays("nothing").await;
    }
}

/// A person relies on: what is not a table is never altered; what needs the column is left out and the rest runs.
#[tokio::test]
async fn a_view_gets_no_columns() {
    for names in [Names::Plain, Names::Quoted] {
        let before = "create table {site} ({id} int); create view {page} as select {id} from {site};";
        let world = World::new(
            names,
            before,
            &[(
                "pages",
                "create table if not exists {page} ({id} int, {site_id} int);
                create view {sites_of_pages} as select {site_id} from {page};
                create table {visit} ({id} int);",
            )],
        )
        .await;
        let up = world.up(0, "partial");
        assert_eq!(up.operations("skipped"), [format!("{}#2 DN203", world.id("pages"))]);
        world.is_like("create table {visit} ({id} int)").await;
        world.stays("partial").await;
    }
}

/// A person relies on: with `--missing-columns report` nothing is added that no statement adds.
#[tokio::test]
async fn the_policy_can_forbid_it() {
    let declaration = "create table if not exists {page} ({id} int primary key, {site_id} int);
        create index {page_site} on {page} ({site_id});
        create index {page_body} on {page} ({body});";
    let world = World::new(Names::Plain, BEFORE, &[("pages", declaration)]).await;
    let up = world.up_with(&["--missing-columns", "report"], 0, "partial");
    assert_eq!(up.operations("skipped"), ["0001_pages#2 DN203"]);
    world.is_like("create index {page_body} on {page} ({body})").await;
    // With --strict what cannot run stops everything else, too.
    let world = World::new(Names::Plain, BEFORE, &[("pages", declaration)]).await;
    world.up_with(&["--strict"], 3, "refused");
    world.is_untouched().await;
}
