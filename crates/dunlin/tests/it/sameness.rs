//! What a server writes of a definition is the same as the definition, and another one is not.

use dunlin::analyze::sameness::{self, Sameness};
use dunlin::catalog::TypeRef;
use dunlin::pg::introspect::{Snapshot, introspect};
use dunlin_testkit::{TestDb, TestServer, block_on};

const SCHEMA: &str = "
create type mood as enum ('sad', 'ok', 'happy');
create function f(int) returns int language sql immutable as 'select $1';
create function tf() returns trigger language plpgsql as $$ begin return null; end $$;
create schema app;
create function app.g(text) returns text language sql immutable as 'select $1';
create sequence seq;
create domain email as text;
create table r (id int primary key);
create table app.r (id int primary key);
create table u (
    id int primary key, n numeric(10,2), s varchar(20), c char(3), x text, d date, ts timestamp, tz timestamptz,
    b bool, big bigint, sm smallint, f8 float8, arr text[], iarr int[], j jsonb, m mood, iv interval, em email,
    uid uuid, \"Mixed\" text, ip inet);
set client_min_messages = error";

/// Both ways of reading back: with the names that the path hides, and with full names.
const PATHS: [&str; 2] = ["public", "''"];

type Compare = fn(&str, &str) -> Sameness;

/// Makes something, reads it with `query` under each search path, and ends it.
async fn read_back(db: &TestDb, make: &str, query: &str, end: &str) -> Vec<String> {
    db.execute(make).await;
    let mut all = Vec::new();
    for path in PATHS {
        db.execute(&format!("set search_path = {path}")).await;
        all.push(db.value(query).await);
    }
    db.execute("set search_path = public").await;
    db.execute(end).await;
    all
}

fn written(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().skip(1).map(|line| line.split('\t').collect())
}

/// Each definition, and how the server writes it; what is compared with what it is not stays quiet.
fn check(rows: &[(String, Vec<String>)], compare: Compare) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, (definition, forms)) in rows.iter().enumerate() {
        for form in forms {
            let answer = compare(definition, form);
            if answer != Sameness::Same {
                wrong.push(format!("{answer:?}: {definition}  <>  {form}"));
            }
        }
        let (next, others) = &rows[(at + 1) % rows.len()];
        for other in others.iter().filter(|other| !forms.contains(other)) {
            // Neighbours in the tables that are only spelled differently.
            let alike = compare(next, definition) == Sameness::Same;
            if !alike && compare(definition, other) == Sameness::Same {
                wrong.push(format!("the same by accident: {definition}  <>  {other}"));
            }
        }
    }
    wrong
}

#[test]
fn expressions_as_this_server_writes_them_are_the_same() {
    block_on(async {
        let db = TestDb::with(SCHEMA).await;
        let mut rows = Vec::new();
        for row in written(include_str!("../../src/analyze/sameness/expressions.txt")) {
            let make = format!("alter table u add constraint cc check ({}) not valid", row[0]);
            let query =
                "select pg_catalog.pg_get_expr(conbin, conrelid) from pg_constraint where conname = 'cc'";
            let forms = read_back(&db, &make, query, "alter table u drop constraint cc").await;
            rows.push((row[0].to_owned(), forms));
        }
        assert!(rows.len() > 150);
        assert_eq!(check(&rows, sameness::expressions), Vec::<String>::new());
    });
}

#[test]
fn defaults_as_this_server_writes_them_are_the_same() {
    block_on(async {
        let db = TestDb::with(SCHEMA).await;
        let mut wrong = Vec::new();
        for row in written(include_str!("../../src/analyze/sameness/defaults.txt")) {
            let [expression, _, ty] = row.as_slice() else { panic!("{row:?}") };
            let make = format!("create table v (a {ty}); alter table v alter a set default {expression}");
            let query = "select coalesce((select pg_get_expr(adbin, adrelid) from pg_attrdef
                where adrelid = 'public.v'::regclass), '')";
            let forms = read_back(&db, &make, query, "drop table v").await;
            for form in forms {
                // The server says the type itself wherever it matters.
                let answer = sameness::defaults(expression, &form, &TypeRef::unknown());
                if answer != Sameness::Same {
                    wrong.push(format!("{answer:?}: {expression}  <>  {form}"));
                }
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
    });
}

#[test]
fn statements_as_this_server_writes_them_are_the_same() {
    block_on(async {
        let db = TestDb::with(SCHEMA).await;
        let table = || written(include_str!("../../src/analyze/sameness/statements.txt"));
        let kinds: [(&str, Compare, &str, &str, &str); 5] = [
            (
                "index",
                sameness::index_definitions,
                "",
                "pg_get_indexdef('public.i'::regclass)",
                "drop index i",
            ),
            (
                "constraint",
                sameness::constraints,
                "alter table u add constraint kk ",
                "pg_get_constraintdef(oid) from pg_constraint where conname = 'kk'",
                "alter table u drop constraint kk",
            ),
            (
                "trigger",
                sameness::triggers,
                "",
                "pg_get_triggerdef(oid) from pg_trigger where tgname = 't'",
                "drop trigger t on u",
            ),
            (
                "function",
                sameness::functions,
                "",
                "pg_get_functiondef(oid) from pg_proc where proname = 'ff'",
                "drop function ff",
            ),
            (
                "view",
                sameness::queries,
                "create view vv as ",
                "pg_get_viewdef('public.vv'::regclass)",
                "drop view vv",
            ),
        ];
        for (kind, compare, before, query, end) in kinds {
            let mut rows: Vec<(String, Vec<String>)> = Vec::new();
            for row in table().filter(|row| row[0] == kind && known_to_this_server(row[1])) {
                if rows.iter().any(|(definition, _)| definition == row[1]) {
                    continue;
                }
                let make = format!("{before}{}", row[1]);
                rows.push((row[1].to_owned(), read_back(&db, &make, &format!("select {query}"), end).await));
            }
            assert!(rows.len() > 5, "{kind}");
            assert_eq!(check(&rows, compare), Vec::<String>::new(), "{kind}");
        }
    });
}

/// Whether the server has the forms of a statement: two came with PostgreSQL 15.
fn known_to_this_server(statement: &str) -> bool {
    let new = statement.contains("nulls not distinct") || statement.contains("set null (");
    !new || TestServer::shared().major() >= 15
}

#[test]
fn policies_as_they_are_read_are_the_same() {
    block_on(async {
        let db = TestDb::with(SCHEMA).await;
        let mut rows = Vec::new();
        for row in written(include_str!("../../src/analyze/sameness/statements.txt")) {
            if row[0] != "policy" {
                continue;
            }
            db.execute(row[1]).await;
            let catalog = introspect(db.client(), "dunlin", Snapshot::Own).await.unwrap().catalog;
            let mut policies = catalog.relations().flat_map(|(_, relation)| &relation.policies);
            let definition = policies.next().and_then(|policy| policy.definition.clone());
            rows.push((row[1].to_owned(), vec![definition.unwrap()]));
            db.execute("drop policy pp on u").await;
        }
        assert!(rows.len() > 5);
        assert_eq!(check(&rows, sameness::policies), Vec::<String>::new());
    });
}
