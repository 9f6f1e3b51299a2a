//! The analysis of DDL against a server: what is simulated must be what the server makes.

use dunlin::analyze::{Analysis, Presence, Session, SessionChange, analyze};
use dunlin::catalog::{Catalog, Origin, SearchPath};
use dunlin::pg::introspect::{Snapshot, introspect};
use dunlin::source::{SourceFile, Span};
use dunlin::syntax::{ParseOptions, Statement, parse};
use dunlin_testkit::{TestDb, block_on};
use std::collections::BTreeMap;

fn statements(sql: &str) -> Vec<Statement> {
    let file = SourceFile::new("test.sql", sql);
    parse(&file, Span::new(0, file.text.len()), &ParseOptions::default()).statements
}

/// Analyses each statement where it stands, and applies it.
fn simulate(catalog: &mut Catalog, sql: &str) -> Vec<(String, Analysis)> {
    let mut session = Session::new(SearchPath::default());
    let mut all = Vec::new();
    for (at, statement) in statements(sql).iter().enumerate() {
        let analysis = analyze(statement, catalog, &session);
        catalog.apply(&analysis.effects, Origin::Simulated(u32::try_from(at).unwrap()));
        analysis.session.iter().for_each(|change: &SessionChange| session.apply(change));
        all.push((statement.sql.to_string(), analysis));
    }
    all
}

/// The description without what the server writes in its own way: expressions and definitions.
fn facts(catalog: &Catalog) -> BTreeMap<String, String> {
    let cut = |line: &str| {
        let ends = [
            " default ",
            " check (",
            " as ",
            " AS ",
            " where ",
            " generated ",
            " CREATE ",
            " exclude",
            " EXCLUDE",
            " using (",
            " with check",
            " FOR VALUES",
            " DEFAULT",
            " of (",
            " execute ",
            " language ",
        ];
        let end = ends.iter().filter_map(|end| line.find(end)).min().unwrap_or(line.len());
        let line = &line[..end];
        // The server writes expressions in its own way: parentheses, spaces, line ends.
        let index = line.starts_with("index ");
        if index { line.replace("\\n", "").replace(['(', ')', ' '], "") } else { line.to_owned() }
    };
    let wanted = |object: &dunlin::catalog::ObjectRef| {
        !matches!(
            object,
            dunlin::catalog::ObjectRef::Other { class, .. } if class == "language" || class == "cast"
        ) && !matches!(object, dunlin::catalog::ObjectRef::Extension { .. })
    };
    let lines = catalog.describe().into_iter().filter(|(object, _)| wanted(object));
    lines.map(|(object, line)| (format!("{object:?}"), cut(&line))).collect()
}

fn start(live: &Catalog) -> Catalog {
    let mut catalog = Catalog::empty();
    catalog.server_version = live.server_version;
    catalog.current_role.clone_from(&live.current_role);
    catalog
}

/// Runs a script on the server and in the simulation; the two must agree.
fn agrees(sql: &str) {
    let sql = sql.to_owned();
    block_on(async move {
        let sql = sql.as_str();
        let database = TestDb::with(sql).await;
        let live = introspect(database.client(), "dunlin", Snapshot::Own).await.unwrap().catalog;
        let mut simulated = start(&live);
        for (sql, analysis) in simulate(&mut simulated, sql) {
            assert_eq!(analysis.opaque, None, "{sql}");
            let invalid: Vec<String> = analysis.invalid().map(|need| need.message.clone()).collect();
            assert_eq!(invalid, Vec::<String>::new(), "{sql}");
            let fine = analysis.presence == Presence::Absent || sql.contains("if exists");
            assert!(fine, "{sql}: {:?}", analysis.presence);
        }
        let (expected, actual) = (facts(&live), facts(&simulated));
        let mut wrong = Vec::new();
        for (object, line) in &expected {
            if actual.get(object) != Some(line) {
                wrong.push(format!("server:    {line}\nsimulated: {:?}", actual.get(object)));
            }
        }
        wrong.extend(
            actual
                .iter()
                .filter(|(object, _)| !expected.contains_key(*object))
                .map(|(_, line)| format!("server:    nothing\nsimulated: {line}")),
        );
        assert!(wrong.is_empty(), "{}\n\n{sql}", wrong.join("\n"));
    });
}

/// On the database that a script has made, every statement of it is satisfied.
fn is_satisfied(sql: &str) {
    let sql = sql.to_owned();
    block_on(async move {
        let sql = sql.as_str();
        let database = TestDb::with(sql).await;
        let live = introspect(database.client(), "dunlin", Snapshot::Own).await.unwrap().catalog;
        for (sql, analysis) in simulate(&mut live.clone(), sql) {
            let fine = analysis.or_replace
                || matches!(analysis.presence, Presence::Same { .. })
                || (analysis.effects.is_empty() && analysis.presence == Presence::Absent);
            assert!(fine, "{sql}: {:?} {:?}", analysis.presence, analysis.effects);
        }
    });
}

const TABLES: &str = r#"
create table parent (id int primary key, a int, b int, unique (a, b), code text unique);
create table a_table_with_a_name_that_is_really_quite_long_indeed (
    a_column_with_a_long_name int references parent, "ééééééééééééééééééééééééééééééé" int unique,
    x int check (x > 0), y int check (y > x), check (x < 10), check (true), id serial,
    z int generated always as identity primary key, unique (x, y), a int, b int,
    foreign key (a, b) references parent (a, b), exclude using btree (a with =),
    exclude using btree ((a + b) with =, (lower(b::text)) with =));
create table widget (
    id bigserial primary key, name varchar(40) not null default 'x', price numeric(10, 2), tags text[] not null,
    made timestamptz(3) default now(), owner_id int references parent (id) on delete cascade on update set null,
    twice numeric generated always as (price * 2) stored, kind "char", span interval day to second,
    letter char(3) collate "C", unique (name, price) deferrable initially deferred,
    constraint positive check (price >= 0), parent_id bigint references widget);
create unlogged table fast (n smallserial, unique (n), unique (n));
create table "Mixed Case" ("a B" int primary key, "select" text);
create table like_all (like widget including all, extra int);
create table like_plain (like widget);
create table base (a int not null, b text default 'z', constraint positive_a check (a > 0));
create table child (c int) inherits (base);
create table measure (at date not null, host int, v numeric check (v > 0), primary key (at, host)) partition by range (at);
create table measure_1 partition of measure for values from ('2020-01-01') to ('2021-01-01');
create table measure_2 partition of measure (constraint more check (host > 0)) default;
create type pair as (a int, b text);
create table typed of pair;
create table self_key (a int, b int, unique (a), foreign key (b) references self_key (a));
create table copied as select id, name, price as same, made from widget;
create table copied_named (x, y) as select 1, 'a'::text;
select id, name into into_table from widget;
create table tables_own (like base including defaults including constraints);
"#;

const INDEXES: &str = r#"
create table p (id int primary key, a int, b int, c text);
create index on p (lower(a::text), (a + b), (b + a));
create index on p (a) include (b);
create index on p ((a::text));
create index on p ((coalesce(a, b)));
create index on p ((case when a > 0 then b else a end));
create unique index named on p (a desc, b nulls first) where c is not null;
create index if not exists hashed on p using hash (c);
create index pattern on p (c text_pattern_ops);
create table part (a int, b int) partition by list (a);
create index on only part (b);
"#;

const ALTERED: &str = r#"
create table parent (id int primary key);
create table t (a int, gone int, old_name text, n int);
create view v as select a from t;
alter table t add column b text not null default 'x', add column c int references parent, add unique (b),
    drop column gone, add constraint few check (a < 100) not valid;
alter table t add column d serial, add e int generated by default as identity, add primary key (d);
alter table only t alter column n type bigint using n::bigint, alter n set default 7, alter n set not null;
alter table t rename column old_name to new_name;
alter table t rename constraint few to fewer;
alter table t validate constraint fewer;
alter table t add check (a > 0), add check (a > 1);
alter table t drop constraint t_a_check;
alter table t alter b drop default, alter b drop not null;
alter table t enable row level security, force row level security;
alter table t set (fillfactor = 70);
create unique index by_n on t (n);
alter table t add constraint n_key unique using index by_n;
create schema app;
alter table t set schema app;
alter table app.t rename to renamed;
alter index app.n_key rename to n_key_2;
alter sequence app.t_d_seq rename to numbers;
alter table app.renamed alter column e drop identity;
create table range_table (a int) partition by range (a);
create table range_1 (a int);
alter table range_table attach partition range_1 for values from (1) to (2);
create table range_2 partition of range_table default;
alter table range_table detach partition range_2;
alter table range_table add column b int;
create table base (a int);
create table derived (a int);
alter table derived inherit base;
alter table base add column more text;
create table dropped (a int primary key);
create table refers (a int references dropped);
create view of_dropped as select * from dropped;
drop table dropped cascade;
drop view if exists nothing, v;
drop index if exists nothing_at_all;
create table quiet (a int);
alter table quiet disable trigger all, replica identity full, set unlogged, alter a set statistics 100;
"#;

const OTHERS: &str = r#"
create schema authorization postgres create table in_it (a int primary key) create view seen as select a from in_it
    create index on in_it (a);
create schema if not exists app;
create type mood as enum ('sad', 'happy');
alter type mood add value 'ok' before 'happy';
alter type mood rename value 'sad' to 'blue';
create domain email as varchar(100) not null default 'x' constraint has_at check (value like '%@%') check (length(value) > 2);
alter domain email drop not null;
alter domain email add constraint short check (length(value) < 90);
create type pair as (a int, b mood[]);
alter type pair add attribute c text;
create type span as range (subtype = numeric);
create type other_range as range (subtype = int, multirange_type_name = many);
create sequence counter as smallint increment 5;
create table t (id int primary key default nextval('counter'), m mood, e email, s app_type_missing_is_fine);
"#;

const ROUTINES: &str = r#"
create table t (id int primary key, m text, changed timestamptz);
create function touch() returns trigger language plpgsql as $$ begin new.changed := now(); return new; end $$;
create function add(a integer, b integer default 1, variadic rest integer[] default '{}') returns bigint
    language sql immutable as 'select a + b';
create function two(in a text, out b integer, inout c numeric) language sql as 'select 1, c';
create function rows(n integer) returns table (id integer, name text) language sql as 'select n, ''''::text';
create function few(n numeric(10, 2)) returns setof t language sql as 'select * from t';
create procedure work(p t) language plpgsql as $$ begin commit; end $$;
create aggregate total(integer) (sfunc = int4pl, stype = integer);
create function atomic() returns integer begin atomic select id from t; end;
create or replace function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger touched before insert or update of m on t for each row when (new.m is not null) execute function touch();
alter trigger touched on t rename to touches;
create policy own on t for select to public using (id = 1);
create rule quiet as on delete to t where old.id = 7 do instead nothing;
create view v as select id, m as mood from t where id > 1;
create or replace view v as select id, m as mood, changed from t;
create view named (x, y) as select id, m from t;
create materialized view counted as select count(*) as n, 1 as top from t;
create unique index on counted (n);
create statistics st on id, m from t;
create publication pub for table t;
create collation german (provider = libc, locale = 'C');
alter function add(integer, integer, integer[]) rename to plus;
drop function plus(integer, integer, integer[]);
drop aggregate total(integer);
alter view v rename column mood to feeling;
alter materialized view counted rename to tally;
drop policy own on t;
drop rule quiet on t;
drop trigger if exists nothing on t;
comment on table t is 'a table';
comment on column t.m is 'a column';
comment on function touch() is 'a function';
comment on constraint t_pkey on t is 'a key';
comment on trigger touches on t is 'a trigger';
grant select on t to public;
revoke all on t from public;
grant execute on function touch() to pg_monitor;
alter default privileges in schema public grant select on tables to public;
"#;

#[test]
fn tables_are_made_as_the_server_makes_them() {
    agrees(TABLES);
}

#[test]
fn indexes_are_made_as_the_server_makes_them() {
    agrees(INDEXES);
}

#[test]
fn tables_are_altered_as_the_server_alters_them() {
    agrees(ALTERED);
}

#[test]
fn types_are_made_as_the_server_makes_them() {
    agrees(&OTHERS.replace(", s app_type_missing_is_fine", ""));
}

#[test]
fn routines_and_what_hangs_on_tables_are_made_as_the_server_makes_them() {
    agrees(ROUTINES);
}

#[test]
fn what_is_there_already_is_satisfied() {
    is_satisfied(TABLES.split("create table copied as").next().unwrap());
    is_satisfied(&INDEXES.lines().filter(|line| !line.contains("index on")).collect::<Vec<_>>().join("\n"));
    is_satisfied(
        "create table parent (id int primary key);
         create table t (a int);
         alter table t add column b text not null default 'x', add column c int default 1 + 1;
         alter table t add constraint few check (a in (1, 2)), add constraint fk foreign key (c) references parent;
         alter table t alter a set default 7, alter a set not null;
         alter table t add unique (b);
         create type mood as enum ('a', 'b');
         create domain email as text check (value like '%@%');
         create function f() returns trigger language plpgsql as $$ begin return new; end $$;
         create trigger tr before insert on t for each row execute function f();
         alter table t enable row level security;
         create policy own on t using (a = 1);
         create sequence s;
         create schema app;
         create view v as select a from t;
         create view named (x, y) as select a, b from t;
         create table empty (a varchar(5) default null, b email default null, c int default null);
         create materialized view m as select a from t;
         drop table if exists nothing;",
    );
}
