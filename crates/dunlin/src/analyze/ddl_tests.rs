//! DDL against catalogs that are built by running statements from an empty database on.

use super::*;
use crate::catalog::{Origin, SearchPath};
use crate::source::{SourceFile, Span};
use crate::syntax::{ParseOptions, parse};

fn statements(sql: &str) -> Vec<Statement> {
    let file = SourceFile::new("t.sql", sql);
    parse(&file, Span::new(0, file.text.len()), &ParseOptions::default()).statements
}

/// Runs all statements but the last, and analyses the last.
fn last(sql: &str) -> Analysis {
    let mut catalog = Catalog::empty();
    // As if all had been there before the run.
    let mut session = Session::new(SearchPath::default());
    let mut all = statements(sql);
    let last = all.pop().expect("a statement");
    for statement in &all {
        let analysis = analyze(statement, &catalog, &session);
        assert_eq!(analysis.opaque, None, "{}", statement.sql);
        assert!(!analysis.effects.is_empty() || !analysis.session.is_empty(), "{}", statement.sql);
        catalog.apply(&analysis.effects, Origin::Live);
        analysis.session.iter().for_each(|change| session.apply(change));
    }
    analyze(&last, &catalog, &session)
}

fn missing(sql: &str) -> Vec<String> {
    last(sql).invalid().map(|need| format!("{} {}", need.code, need.message)).collect()
}

fn presence(sql: &str) -> &'static str {
    match last(sql).presence {
        Presence::Absent => "absent",
        Presence::Same { .. } => "same",
        Presence::Different { tolerated: true, .. } => "different, tolerated",
        Presence::Different { .. } => "different",
        Presence::Unknown { tolerated: true, .. } => "unknown, tolerated",
        Presence::Unknown { .. } => "unknown",
    }
}

const START: &str = "create table p (id int primary key, code text, u uuid);
    create table t (a int not null default 7, b text, constraint few check (a < 5), unique (b));
    create view v as select a from t; create type mood as enum ('sad', 'happy');
    create function f() returns trigger language plpgsql as 'begin return new; end';
    create index by_a on t (a); create schema app; ";

fn on_start(sql: &str) -> String {
    format!("{START}{sql}")
}

#[test]
fn what_is_lacking_is_said_at_its_place() {
    let cases = [
        ("create index on t (project_id)", "DN203 table `t` has no column `project_id`"),
        ("create index on nowhere (a)", "DN202 table `nowhere` does not exist"),
        ("create index on t (lower(c))", "DN203 table `t` has no column `c`"),
        ("create table x (a nope)", "DN205 type `nope` does not exist"),
        ("create table none.x (a int)", "DN201 schema `none` does not exist"),
        ("create table x (a int references nowhere)", "DN202 table `nowhere` does not exist"),
        ("create table x (a int references t)", "DN206 table `t` has no primary key"),
        ("create table x (a text references p (code))", "DN206 table `p` has no unique key on (code)"),
        ("create table x (a uuid references p)", "DN207 `a` is uuid and the referenced column is integer"),
        ("create table x (a int, unique (c))", "DN203 table `x` has no column `c`"),
        ("alter table t alter column c set not null", "DN203 table `t` has no column `c`"),
        ("alter table t add foreign key (c) references p", "DN203 table `t` has no column `c`"),
        ("alter table t validate constraint nope", "DN208 `t` has no constraint `nope`"),
        ("alter table nowhere add column a int", "DN202 table `nowhere` does not exist"),
        (
            "create trigger x before insert on t for each row execute function g()",
            "DN204 function `g()` does not exist",
        ),
        ("comment on column t.c is 'x'", "DN203 column `t.c` does not exist"),
        ("comment on function g(int) is 'x'", "DN204 function `g(integer)` does not exist"),
        ("alter type mood rename value 'angry' to 'calm'", "DN205 type `mood` has no label 'angry'"),
        ("grant select on nowhere to public", "DN202 table `nowhere` does not exist"),
        ("alter table t rename column c to d", "DN203 table `t` has no column `c`"),
    ];
    for (sql, expected) in cases {
        assert_eq!(missing(&on_start(sql)), [expected], "{sql}");
    }
    let sql = on_start("create index on t (a, project_id)");
    let analysis = last(&sql);
    let need = analysis.invalid().next().expect("one");
    assert_eq!(&sql[need.span.range()], "project_id");
}

#[test]
fn what_a_server_accepts_lacks_nothing() {
    for sql in [
        "create table x (a int references p, b int references x2 (b)) partition by list (a)",
        "create table x (id bigint references p (id), self int unique references x (self))",
        "create table x (like t including all, primary key (a))",
        "create temp table t (c int); create index on t (c)",
        "create temp table pg_x (c int); insert into pg_x values (1)",
        "create view w as select pg_class.oid, t.* from pg_class, t",
        "alter table t add constraint k foreign key (a) references p (id), add column a2 int, add check (a2 > 0)",
        "set search_path = app, public; create table y (a int); alter table app.y add b mood; select * from y, t",
        "alter table if exists nowhere add column a int",
        "create policy x on t to current_user, public using (a > 0)",
        "comment on type mood is 'x'",
        "drop function if exists f(int, nope)",
        "revoke all on schema public from public",
    ] {
        let sql = sql.replace(", b int references x2 (b)", "");
        let all = on_start(&sql);
        assert_eq!(missing(&all), Vec::<String>::new(), "{sql}");
    }
}

#[test]
fn what_is_there_is_compared() {
    let cases = [
        ("create table t (a int, b text)", "same"),
        ("create table t (a bigint, b text)", "different"),
        ("create table if not exists t (a int, c int)", "different, tolerated"),
        ("create view t as select 1", "different"),
        ("alter table t add column b text default 'x'", "same"),
        ("alter table t add column b varchar(7)", "different"),
        ("alter table t add column if not exists b int", "different, tolerated"),
        ("alter table t drop column c", "same"),
        ("alter table t alter a set default 7", "same"),
        ("alter table t alter a set default 8", "absent"),
        ("alter table t alter a set not null, alter b drop not null, alter b drop default", "same"),
        ("alter table t alter a type integer", "same"),
        ("alter table t alter a type bigint", "absent"),
        ("alter table t add constraint few check (a < 5)", "same"),
        ("alter table t add constraint few check (b is null)", "different"),
        ("alter table t add constraint if not exists few check (b is null)", "different, tolerated"),
        ("alter table t add unique (b)", "same"),
        ("alter table p add primary key (id)", "same"),
        ("alter table p add primary key (code)", "different"),
        ("alter table t drop constraint gone", "same"),
        ("alter table t rename column c to b", "same"),
        ("alter table gone rename to t", "same"),
        ("alter table t set schema public", "same"),
        ("alter table t disable row level security", "same"),
        ("create index by_a on t (a)", "same"),
        ("create index by_a on t using btree (a asc)", "same"),
        ("create index by_a on t (b)", "different"),
        ("create index if not exists by_a on p (id)", "different, tolerated"),
        ("create index on t (a)", "absent"),
        ("create type mood as enum ('sad', 'happy')", "same"),
        ("create type mood as enum ('sad', 'angry')", "different"),
        ("create type if not exists mood as enum ('sad', 'angry')", "different, tolerated"),
        ("alter type mood add value 'sad'", "same"),
        ("alter type mood rename value 'old' to 'sad'", "same"),
        ("create schema app", "same"),
        ("create function f() returns trigger language plpgsql as 'begin return new; end'", "same"),
        ("create function f() returns trigger language plpgsql as 'begin return old; end'", "different"),
        ("create or replace function f() returns trigger language plpgsql as 'x'", "absent"),
        ("create function f(a int) returns int language sql as 'select 1'", "absent"),
        ("drop table gone", "same"),
        ("drop table if exists gone, t", "absent"),
        ("drop type gone", "same"),
        ("drop function gone()", "same"),
        ("drop function f(int)", "same"),
        ("drop trigger gone on t", "same"),
        ("create extension plpgsql", "same"),
    ];
    for (sql, expected) in cases {
        assert_eq!(presence(&on_start(sql)), expected, "{sql}");
    }
}

#[test]
fn only_what_is_left_is_sent() {
    let analysis =
        last(&on_start("alter table only t add column b text, add column c int, alter a set not null"));
    assert_eq!(analysis.presence, Presence::Absent);
    assert_eq!(analysis.rewrite.as_deref(), Some("alter table only t add column c int"));
    assert_eq!(analysis.effects.len(), 1);
    let analysis = last(&on_start("drop table gone, t cascade"));
    assert_eq!(analysis.rewrite.as_deref(), Some("DROP TABLE t CASCADE"));
}

#[test]
fn what_is_made_is_provided_also_when_it_cannot_run() {
    let provides = |sql: &str, object: &str| {
        let all = last(sql).provides;
        let texts: Vec<String> = all
            .iter()
            .map(|facet| match facet {
                Facet::Exists(object) => object.to_string(),
                Facet::Nullable { relation, column } => format!("nullable {relation}.{column}"),
            })
            .collect();
        assert!(texts.iter().any(|text| text == object), "{sql}: {texts:?}");
    };
    provides("alter table later add column c int", "later.c");
    provides("alter table later add primary key (b, a)", "unique key later (a, b)");
    provides("create unique index i on later (b, a)", "unique key later (a, b)");
    provides("create unique index i on later (b, a)", "i");
    provides("alter table later rename column a to b", "later.b");
    provides("create table t (id serial primary key)", "t_id_seq");
    provides("create table t (id serial primary key)", "t_pkey");
    provides("alter type mood add value 'new'", "label 'new' of mood");
    provides(&on_start("alter table t alter a drop not null"), "nullable t.a");
    provides(&on_start("alter table t rename to s"), "s.b");
    provides(&on_start("create view w as select a as x from t"), "w.x");
}

#[test]
fn classes_locks_and_transactions() {
    let cases = [
        ("create index concurrently i on t (a)", Class::Adds, Transactional::No, "t ShareUpdateExclusive"),
        ("create index i on t (a)", Class::Adds, Transactional::Yes, "t Share"),
        ("alter table t add column c int", Class::Adds, Transactional::Yes, "t AccessExclusive"),
        ("alter table t add c int, drop column b", Class::Changes, Transactional::Yes, "t AccessExclusive"),
        (
            "alter table t add foreign key (a) references p",
            Class::Adds,
            Transactional::Yes,
            "t ShareRowExclusive",
        ),
        ("alter table t validate constraint few", Class::Adds, Transactional::Yes, "t ShareUpdateExclusive"),
        ("drop index concurrently by_a", Class::Changes, Transactional::No, "t ShareUpdateExclusive"),
        ("vacuum t", Class::Maintains, Transactional::No, "t ShareUpdateExclusive"),
        ("analyze t", Class::Maintains, Transactional::Yes, "t ShareUpdateExclusive"),
        ("reindex table concurrently t", Class::Maintains, Transactional::No, "t ShareUpdateExclusive"),
        ("lock table t in share mode", Class::Reads, Transactional::Yes, "t Share"),
    ];
    for (sql, class, transactional, lock) in cases {
        let analysis = last(&on_start(sql));
        assert_eq!((analysis.class, analysis.transactional), (class, transactional), "{sql}");
        let locks: Vec<String> =
            analysis.locks.iter().map(|lock| format!("{} {:?}", lock.object, lock.mode)).collect();
        assert!(locks.iter().any(|found| found == lock), "{sql}: {locks:?}");
    }
    for sql in ["cluster", "reindex database x", "alter system set a = 1", "create database d", "vacuum"] {
        assert_eq!(last(sql).transactional, Transactional::No, "{sql}");
    }
    assert_eq!(last(&on_start("revoke select on t from public")).class, Class::Changes);
    assert_eq!(last(&on_start("comment on table t is 'x'")).class, Class::Adds);
}

#[test]
fn footprints_commute_only_where_they_may() {
    let both = |a: &str, b: &str| last(&on_start(a)).footprint.commutes_with(&last(&on_start(b)).footprint);
    assert!(both("create index i on t (a)", "alter table t add column c int"));
    assert!(both("create table x (a int)", "create index i on t (a)"));
    assert!(both("alter table t add column c int", "alter table t add column d int"));
    assert!(!both("create index i on t (a)", "alter table t rename column a to z"));
    assert!(both("create index i on t (a)", "insert into t values (1, 'x')"));
    assert!(!both("create unique index i on t (a)", "insert into t values (1, 'x')"));
    assert!(!both("drop table t", "alter table t add column c int"));
    assert!(!both("drop type mood", "create table x (m mood)"));
    assert!(!both("create view w as select b from t", "alter table t drop column b"));
    assert!(both("comment on table t is 'x'", "create index i on t (a)"));
}

#[test]
fn sessions_and_transactions() {
    let set = last("set local search_path = app, public");
    assert!(matches!(&set.session[..], [SessionChange::Set { name, values: Some(values), local: true, .. }]
        if name == "search_path" && *values == ["app", "public"]));
    assert!(
        matches!(&last("reset role").session[..], [SessionChange::Set { name, values: None, .. }] if name == "role")
    );
    assert!(matches!(&last("set role none").session[..], [SessionChange::Set { values: None, .. }]));
    assert!(matches!(&last("reset all").session[..], [SessionChange::ResetAll]));
    assert!(
        matches!(&last("set time zone 'UTC'").session[..], [SessionChange::Set { name, .. }] if name == "timezone")
    );
    assert_eq!(last("savepoint s").transaction, Some(TransactionStatement::Savepoint("s".into())));
    assert!(matches!(last("discard all").transaction, Some(TransactionStatement::Refused(_))));
    assert!(matches!(last("prepare transaction 'x'").transaction, Some(TransactionStatement::Refused(_))));
}

#[test]
fn declarations_name_columns_and_defaults() {
    let analysis =
        last("create table if not exists t (id serial, b int references t2, constraint k unique (b))");
    let declaration = analysis.declaration.expect("a declaration");
    let id = declaration.relation.column("id").expect("id");
    let default = id.default.as_ref().map(|default| default.text.as_str());
    assert_eq!(default, Some("nextval('public.t_id_seq'::regclass)"));
    assert!(id.not_null && declaration.if_not_exists);
    assert_eq!(declaration.column_spans.len(), 2);
    assert!(declaration.relation.constraint("k").is_some());
    let statement = &statements("create table t (\n  a int,\n  b text)")[0];
    let analysis = analyze(statement, &Catalog::empty(), &Session::default());
    let (_, span) = &analysis.declaration.expect("a declaration").column_spans[1];
    assert_eq!(&statement.sql[span.range()], "b");
}

#[test]
fn elements_of_a_new_schema_see_each_other() {
    let analysis =
        last("create schema s create view v as select a from t create table t (a int primary key)");
    assert_eq!(analysis.invalid().count(), 0);
    let mut catalog = Catalog::empty();
    catalog.apply(&analysis.effects, Origin::Live);
    let at =
        |name: &str| catalog.relation_at(&QName::new("s", name)).map(|(_, relation)| relation.columns.len());
    assert_eq!((at("t"), at("v")), (Some(1), Some(1)));
}
