//! Introspection against a server: everything that a rich schema holds, in the words of the server.

use dunlin::catalog::{
    Catalog, ConstraintKind, Detail, Found, FunctionKind, Id, Identity, Name, ObjectRef, QName, Relation,
    RelationKind, SearchPath, Subject, TypeKind, TypeRef, difference,
};
use dunlin::pg::introspect::{
    Introspection, Sizes, Snapshot, introspect, introspect_meanwhile, introspect_over, probe_rows,
};
use dunlin::pg::{ConnInfo, ConnectOptions, Environment, Session, connect};
use dunlin_testkit::{TestDb, TestServer, block_on};
use std::time::Duration;

const RICH: &str = r#"
create schema app;
create schema "Odd Name";
create schema dunlin;
create table dunlin.meta (id boolean primary key);
create extension if not exists pgcrypto;
create type app.mood as enum ('sad', 'happy');
alter type app.mood add value 'ok' before 'happy';
commit;
create domain app.email as varchar(200) collate "C" default 'x@y' not null constraint has_at check (value like '%@%');
create type app.pair as (a integer, b text[]);
create type app.span as range (subtype = numeric);
create function app.touch() returns trigger language plpgsql as $$ begin new.changed := now(); return new; end $$;
create function app.add(a integer, b integer default 1, variadic rest integer[] default '{}') returns bigint
    language sql immutable as 'select a + b';
create function app.both(in a text, out b integer, inout c numeric) language sql as 'select 1, c';
create function app.rows(n integer) returns table (id integer, name text) language sql as 'select n, ''''::text';
create procedure app.work(p app.pair) language plpgsql as $$ begin commit; end $$;
create aggregate app.total(integer) (sfunc = int4pl, stype = integer);
create table app.account (
    id bigint generated always as identity primary key,
    email app.email,
    mood app.mood default 'ok',
    code character varying(20) collate "C",
    letter "char", fixed char(3), bits bit(4), vbits bit varying(8),
    price numeric(10,2) not null default 0 constraint positive check (price >= 0) no inherit,
    whole numeric(5), free numeric,
    at timestamp(3) with time zone default now(), t time(2), span interval day to second(3), ymd interval year,
    tags text[] not null default '{}', codes varchar(7)[],
    doubled numeric generated always as (price * 2) stored,
    token text default encode(gen_random_bytes(8), 'hex'),
    pair app.pair, pairs app.pair[],
    changed timestamptz,
    gone integer
);
alter table app.account drop column gone;
create table orders (
    id serial,
    account bigint constraint of_account references app.account on delete cascade on update set null
        deferrable initially deferred,
    parent integer, "Select" integer default app.add(1, 2),
    during tstzrange,
    primary key (id) include (account),
    unique (parent, account) deferrable,
    exclude using gist (during with &&)
);
alter table orders add constraint self foreign key (parent) references orders (id) match full not valid;
alter table orders add constraint few check (parent < 100) not valid;
create index plain on orders (parent desc, account nulls first) include ("Select") with (fillfactor = 70);
create unique index lowered on app.account (lower(code) desc nulls last, (price + 1)) where mood = 'ok';
create index pattern on app.account (code collate "POSIX" text_pattern_ops);
create index collated_key on app.account ((code || 'x') collate "POSIX");
create index hashed on app.account using hash (code);
create view app.cheap as select a.id, a.price, a.mood from app.account a where a.price < 10;
create view names as select c.id, app.add(1) as n from app.cheap c;
create materialized view counted as select count(*) as n from orders;
create unique index on counted (n);
create trigger touch before insert or update of price on app.account for each row
    when (new.code is not null) execute function app.touch();
alter table orders enable row level security;
create policy own on orders as restrictive for select to public using (account = 1);
create rule quiet as on delete to orders where old.parent = 7 do instead nothing;
create table measure (at date not null, value integer, host text) partition by range (at);
create table measure_2020 partition of measure for values from ('2020-01-01') to ('2021-01-01');
create table measure_rest partition of measure default;
create index on measure (value);
alter table measure add constraint bounded check (value > 0);
create table measure_note (at date, id integer);
create table parent_table (a integer not null, b text);
create table child_table (c integer) inherits (parent_table);
create sequence app.counter as smallint increment by 5 minvalue 5 maxvalue 500 start 10 cycle;
create table uses_counter (n integer default nextval('app.counter'));
create table "Odd Name"."A Table" ("a b" integer primary key);
create collation app.german (provider = libc, locale = 'C');
create table collated (a text collate app.german);
create statistics app.both_stats on parent, account from orders;
create publication pub for table orders;
create table typed of app.pair;
create unlogged table volatile_table (a point, b int2vector);
create function atomic() returns bigint begin atomic select id from app.cheap; end;
insert into app.account (email, price) values ('a@b', 5);
"#;

async fn read(database: &TestDb) -> Catalog {
    read_as(database, Snapshot::Own).await.catalog
}

async fn read_as(database: &TestDb, snapshot: Snapshot) -> Introspection {
    introspect(database.client(), "dunlin", snapshot).await.unwrap()
}

fn relation<'c>(catalog: &'c Catalog, schema: &str, name: &str) -> (Id, &'c Relation) {
    catalog.relation_at(&QName::new(schema, name)).unwrap_or_else(|| panic!("no {schema}.{name}"))
}

fn column_type(relation: &Relation, column: &str) -> String {
    relation.column(column).unwrap().ty.to_string()
}

#[test]
fn tables_columns_and_types() {
    block_on(async {
        let database = TestDb::with(RICH).await;
        let catalog = read(&database).await;
        let schemas: Vec<&str> = catalog.schemas().map(|(_, schema)| schema.name.as_str()).collect();
        assert_eq!(schemas, ["public", "app", "Odd Name"]);
        let (_, account) = relation(&catalog, "app", "account");
        assert_eq!(account.owner, "postgres");
        assert_eq!(account.has_rows, None);
        assert!(account.bytes > 0);
        let id = account.column("id").unwrap();
        assert!(id.identity == Some(Identity::Always) && id.not_null);
        let doubled = account.column("doubled").unwrap();
        assert_eq!(doubled.generated.as_ref().unwrap().text, "(price * (2)::numeric)");
        assert_eq!(doubled.default, None);
        let token = account.column("token").unwrap();
        assert_eq!(catalog.function(token.default_depends[0].on).unwrap().name, "gen_random_bytes");
        assert_eq!(
            catalog.function(token.default_depends[0].on).unwrap().extension.as_deref(),
            Some("pgcrypto")
        );
        assert_eq!(account.column("mood").unwrap().default.as_ref().unwrap().text, "'ok'::app.mood");
        assert_eq!(account.column("code").unwrap().collation.as_deref(), Some("\"C\""));
        let (_, collated) = relation(&catalog, "public", "collated");
        assert_eq!(collated.column("a").unwrap().collation.as_deref(), Some("app.german"));
        assert_eq!(account.column("email").unwrap().collation, None);
        let pair = account.column("pairs").unwrap().ty.clone();
        assert!(pair.array && catalog.type_by_id(pair.id.unwrap()).unwrap().kind == TypeKind::Composite);
        assert_eq!(relation(&catalog, "public", "orders").1.has_rows, Some(false));
        assert_eq!(relation(&catalog, "public", "measure").1.has_rows, Some(false));
        assert_eq!(relation(&catalog, "public", "volatile_table").1.persistence, 'u');
        assert!(catalog.relation_at(&QName::new("dunlin", "meta")).is_none());
        assert!(catalog.had_user_tables && catalog.superuser && catalog.current_role == "postgres");
        assert!(catalog.roles.as_ref().unwrap().contains("postgres"));
        assert!(catalog.extensions.contains_key("pgcrypto") && catalog.extensions.contains_key("plpgsql"));
    });
}

#[test]
fn types_are_written_as_the_server_does() {
    block_on(async {
        let database = TestDb::with(RICH).await;
        let catalog = read(&database).await;
        let lines = database
            .rows(
                "set search_path = ''; select n.nspname, c.relname, a.attname, format_type(atttypid, atttypmod)
                 from pg_attribute a join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
                 where n.nspname in ('public', 'app') and attnum > 0 and not attisdropped and relkind in ('r', 'v')",
            )
            .await;
        assert!(lines.len() > 50);
        for line in lines {
            let [schema, table, column, expected] = line.map_all();
            let (_, found) = relation(&catalog, &schema, &table);
            assert_eq!(column_type(found, &column), expected, "{table}.{column}");
        }
    });
}

/// Values of a row that are never NULL.
trait MapAll {
    fn map_all<const N: usize>(self) -> [String; N];
}

impl MapAll for Vec<Option<String>> {
    fn map_all<const N: usize>(self) -> [String; N] {
        let all: Vec<String> = self.into_iter().map(Option::unwrap_or_default).collect();
        all.try_into().unwrap()
    }
}

#[test]
fn definitions_are_written_as_the_server_does() {
    block_on(async {
        let database = TestDb::with(RICH).await;
        let catalog = read(&database).await;
        let indexes = database
            .rows(
                "set search_path = ''; select n.nspname, c.relname, pg_get_indexdef(c.oid) from pg_class c
                 join pg_namespace n on n.oid = relnamespace
                 where relkind in ('i', 'I') and nspname in ('public', 'app', 'Odd Name')",
            )
            .await;
        assert!(indexes.len() >= 12);
        for line in indexes {
            let [schema, name, expected] = line.map_all();
            let index = relation(&catalog, &schema, &name).1.index().unwrap();
            assert_eq!(index.definition.as_deref(), Some(expected.as_str()));
        }
        let constraints = database
            .rows(
                "set search_path = ''; select n.nspname, r.relname, conname, pg_get_constraintdef(c.oid)
                 from pg_constraint c join pg_class r on r.oid = conrelid join pg_namespace n on n.oid = relnamespace
                 where nspname in ('public', 'app', 'Odd Name')",
            )
            .await;
        assert!(constraints.len() >= 12);
        for line in constraints {
            let [schema, table, name, expected] = line.map_all();
            let constraint = relation(&catalog, &schema, &table).1.constraint(&name).unwrap();
            assert_eq!(constraint.definition.as_deref(), Some(expected.as_str()), "{name}");
        }
    });
}

#[test]
fn constraints_and_indexes() {
    block_on(async {
        let database = TestDb::with(RICH).await;
        let catalog = read(&database).await;
        let (account_id, account) = relation(&catalog, "app", "account");
        let (orders_id, orders) = relation(&catalog, "public", "orders");
        let reference = orders.constraint("of_account").unwrap();
        let ConstraintKind::ForeignKey(to) = &reference.kind else { panic!("{reference:?}") };
        assert_eq!(
            (to.table, to.columns.as_slice(), to.on_delete, to.on_update),
            (account_id, &[1][..], 'c', 'n')
        );
        assert!(reference.deferrable && reference.deferred && reference.index.is_some());
        assert!(!orders.constraint("self").unwrap().validated);
        let key = orders.constraint("orders_pkey").unwrap();
        let index = catalog.relation(key.index.unwrap()).unwrap().index().unwrap();
        assert!(index.primary && index.unique && index.include == [2] && index.uses == [1, 2]);
        assert!(
            !catalog
                .relation(orders.constraint("orders_parent_account_key").unwrap().index.unwrap())
                .unwrap()
                .index()
                .unwrap()
                .immediate
        );
        let (_, lowered) = relation(&catalog, "app", "lowered");
        let index = lowered.index().unwrap();
        assert_eq!(index.table, account_id);
        assert_eq!(account.names(&index.uses), ["mood", "code", "price"]);
        assert_eq!(index.keys[0].expression.as_ref().unwrap().text, "lower((code)::text)");
        assert!(index.keys[0].descending && !index.keys[0].nulls_first);
        assert_eq!(index.predicate.as_ref().unwrap().text, "(mood = 'ok'::app.mood)");
        assert!(
            lowered
                .depends
                .iter()
                .any(|needed| catalog.type_by_id(needed.on).is_some_and(|ty| ty.name == "mood"))
        );
        let pattern = &relation(&catalog, "app", "pattern").1.index().unwrap().keys[0];
        assert_eq!(pattern.opclass.as_deref(), Some("text_pattern_ops"));
        assert_eq!(pattern.collation.as_deref(), Some("\"POSIX\""));
        assert_eq!(catalog.indexes_of(orders_id).len(), 4);
        let check = account.constraint("positive").unwrap();
        assert_eq!(check.kind, ConstraintKind::Check(dunlin::catalog::Expr::new("(price >= (0)::numeric)")));
        assert_eq!(account.names(&check.columns), ["price"]);
    });
}

#[test]
fn what_depends_on_what() {
    block_on(async {
        let database = TestDb::with(RICH).await;
        let catalog = read(&database).await;
        let (account_id, account) = relation(&catalog, "app", "account");
        let (cheap_id, cheap) = relation(&catalog, "app", "cheap");
        let needs: Vec<String> = cheap
            .depends
            .iter()
            .filter(|needed| needed.on == account_id)
            .filter_map(|needed| Some(account.column_numbered(needed.column?)?.name.clone()))
            .collect();
        assert_eq!(
            needs,
            ["id", "mood", "price"].map(str::to_owned).into_iter().collect::<Vec<_>>().tap_sorted(account)
        );
        assert!(cheap.query.as_ref().unwrap().starts_with("SELECT"));
        assert!(cheap.query.as_ref().unwrap().contains("FROM app.account a"));
        let (_, names) = relation(&catalog, "public", "names");
        assert!(names.depends.iter().any(|needed| needed.on == cheap_id));
        assert!(names.depends.iter().any(|needed| catalog.function(needed.on).is_some()));
        let (counter_id, counter) = relation(&catalog, "app", "counter");
        let (uses_id, uses) = relation(&catalog, "public", "uses_counter");
        assert_eq!(uses.columns[0].default_depends[0].on, counter_id);
        assert_eq!(catalog.dependents_of(counter_id), [uses_id]);
        let RelationKind::Sequence(counter) = &counter.kind else { panic!() };
        assert_eq!(counter.owned_by, None);
        let text = "AS smallint START WITH 10 INCREMENT BY 5 MINVALUE 5 MAXVALUE 500 CACHE 1 CYCLE";
        assert_eq!(counter.definition.as_deref(), Some(text));
        let (orders_id, orders) = relation(&catalog, "public", "orders");
        let RelationKind::Sequence(owned) = &relation(&catalog, "public", "orders_id_seq").1.kind else {
            panic!()
        };
        assert!(owned.owned_by == Some((orders_id, 1)) && !owned.identity);
        let RelationKind::Sequence(owned) = &relation(&catalog, "app", "account_id_seq").1.kind else {
            panic!()
        };
        assert!(owned.owned_by == Some((account_id, 1)) && owned.identity);
        let touch = &account.triggers[0];
        assert_eq!(catalog.function(touch.function.unwrap()).unwrap().name, "touch");
        assert_eq!(account.names(&touch.columns), ["code", "price"]);
        assert_eq!(orders.row_security, (true, false));
        assert_eq!(
            orders.policies[0].definition.as_deref(),
            Some("AS RESTRICTIVE FOR SELECT TO PUBLIC USING ((account = 1))")
        );
        assert!(
            orders.policies[0]
                .depends
                .iter()
                .any(|needed| needed.on == orders_id && needed.column == Some(2))
        );
        assert!(orders.rules[0].definition.as_ref().unwrap().contains("DO INSTEAD NOTHING"));
        let (measure_id, measure) = relation(&catalog, "public", "measure");
        assert_eq!(measure.partition_key.as_deref(), Some("RANGE (at)"));
        assert_eq!(measure.partition_columns, [1]);
        let (_, partition) = relation(&catalog, "public", "measure_2020");
        assert_eq!(partition.parents, [measure_id]);
        assert_eq!(
            partition.partition_bound.as_deref(),
            Some("FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')")
        );
        assert!(partition.columns[0].inherited && partition.constraint("bounded").unwrap().inherited);
        assert_eq!(
            relation(&catalog, "public", "measure_rest").1.partition_bound.as_deref(),
            Some("DEFAULT")
        );
        let (_, child) = relation(&catalog, "public", "child_table");
        assert!(child.column("a").unwrap().inherited && !child.column("c").unwrap().inherited);
        assert!(relation(&catalog, "public", "typed").1.of_type.is_some());
    });
}

/// Puts names of columns into the order of their numbers.
trait TapSorted {
    fn tap_sorted(self, relation: &Relation) -> Self;
}

impl TapSorted for Vec<String> {
    fn tap_sorted(mut self, relation: &Relation) -> Self {
        self.sort_by_key(|name| relation.column(name).map(|column| column.number));
        self
    }
}

#[test]
fn types_functions_and_others() {
    block_on(async {
        let database = TestDb::with(RICH).await;
        let catalog = read(&database).await;
        let ty = |name: &str| catalog.type_at(&QName::new("app", name)).unwrap().1.clone();
        let TypeKind::Enum(labels) = ty("mood").kind else { panic!() };
        assert_eq!(
            labels.iter().map(|label| label.label.as_str()).collect::<Vec<_>>(),
            ["sad", "ok", "happy"]
        );
        let TypeKind::Domain(domain) = ty("email").kind else { panic!() };
        assert_eq!(domain.base, TypeRef { modifiers: Some("200".into()), ..TypeRef::builtin("varchar") });
        assert!(domain.not_null && domain.default.is_some());
        // From 17 on NOT NULL is a constraint, too.
        assert!(domain.constraints.iter().any(|constraint| constraint.name == "has_at"));
        assert_eq!(ty("pair").kind, TypeKind::Composite);
        assert_eq!(relation(&catalog, "app", "pair").1.columns.len(), 2);
        assert_eq!(ty("span").kind, TypeKind::Range);
        assert_eq!(ty("span_multirange").kind, TypeKind::Range);
        assert!(catalog.type_at(&QName::new("app", "_mood")).is_none());
        assert!(catalog.type_at(&QName::new("app", "account")).is_none());
        let function = |name: &str| {
            let (_, found) = catalog.functions().find(|(_, found)| found.name == name).unwrap();
            found.clone()
        };
        let add = function("add");
        assert_eq!(add.signature(), "integer, integer, integer[]");
        assert!(add.defaults == 2 && add.takes(1) && add.takes(9) && !add.takes(0));
        assert_eq!(
            (add.volatility, add.language.as_str(), add.body.as_deref()),
            ('i', "sql", Some("select a + b"))
        );
        assert_eq!(add.parameters[2].mode, 'v');
        let both = function("both");
        assert_eq!(both.signature(), "text, numeric");
        assert_eq!(both.parameters.iter().map(|parameter| parameter.mode).collect::<String>(), "iob");
        assert_eq!(function("rows").parameters.iter().filter(|parameter| parameter.mode == 't').count(), 2);
        let work = function("work");
        assert_eq!((work.kind, work.result), (FunctionKind::Procedure, None));
        assert_eq!(function("total").kind, FunctionKind::Aggregate);
        let atomic = function("atomic");
        assert!(atomic.depends.iter().any(|needed| catalog.relation_name(needed.on).name == "cheap"));
        assert!(atomic.body.unwrap().contains("app.cheap"));
        for (class, name) in
            [("collation", "app.german"), ("statistics", "app.both_stats"), ("publication", "pub")]
        {
            assert!(catalog.other_at(class, name).is_some(), "{class} {name}");
        }
    });
}

/// What an extension puts into PostgreSQL's own schemas is not listed, and not missing.
#[test]
fn functions_in_the_servers_own_schema_may_be_there() {
    block_on(async {
        let sql = "create function pg_catalog.brought() returns int language sql as 'select 1'";
        let database = TestDb::with(sql).await;
        let catalog = read(&database).await;
        let path = SearchPath(vec!["public".to_owned()]);
        for (name, found) in [
            ("brought", Found::Unknown),
            ("pg_catalog.brought", Found::Unknown),
            ("public.brought", Found::No),
        ] {
            let parts: Vec<String> = name.split('.').map(str::to_owned).collect();
            assert_eq!(catalog.find_function(&Name::from_parts(&parts), Some(0), &path), found, "{name}");
        }
    });
}

#[test]
fn an_open_transaction_is_seen_and_left_as_it_was() {
    block_on(async {
        let database = TestDb::with(RICH).await;
        let before = "set search_path = app, \"Odd Name\"; begin; set local jit = on; create table uncommitted (id integer)";
        database.execute(before).await;
        let read = read_as(&database, Snapshot::Within).await;
        assert_eq!(read.search_path.0, ["app", "Odd Name"]);
        assert!(read.catalog.relation_at(&QName::new("app", "uncommitted")).is_some());
        assert_eq!(database.value("show search_path").await, "app, \"Odd Name\"");
        assert_eq!(database.value("show jit").await, "on");
        // An error of the reading does not take the transaction with it.
        let other = database.connect().await;
        other.batch_execute("begin; lock table pg_catalog.pg_policy").await.unwrap();
        database.execute("set local lock_timeout = '50ms'").await;
        let refused = introspect(database.client(), "dunlin", Snapshot::Within).await.unwrap_err();
        assert_eq!(refused.sqlstate(), Some("55P03"));
        other.batch_execute("rollback").await.unwrap();
        database.execute("create table another (id integer); commit").await;
        let catalog = self::read(&database).await;
        assert!(catalog.relation_at(&QName::new("app", "another")).is_some());
    });
}

#[test]
fn temporary_tables_are_those_of_the_session() {
    block_on(async {
        let database = TestDb::with("create temporary table mine (id integer)").await;
        let other = database.connect().await;
        other.batch_execute("create temporary table theirs (id integer)").await.unwrap();
        let catalog = read(&database).await;
        let (_, mine) = relation(&catalog, "pg_temp", "mine");
        assert_eq!(mine.persistence, 't');
        assert!(catalog.relations().all(|(_, found)| found.name != "theirs"));
    });
}

#[test]
fn an_empty_database_has_no_user_tables() {
    block_on(async {
        let database = TestDb::new().await;
        let read = read_as(&database, Snapshot::Own).await;
        assert!(!read.catalog.had_user_tables);
        assert_eq!(read.search_path.0, ["$user", "public"]);
        assert_eq!(database.lines("select * from pg_prepared_statements").await, Vec::<String>::new());
    });
}

#[test]
fn a_locked_table_does_not_hold_the_reading_up() {
    block_on(async {
        let database = TestDb::with("create table held (id integer primary key, b integer default 7)").await;
        let other = database.connect().await;
        other.batch_execute("begin; lock table held").await.unwrap();
        database.execute("set lock_timeout = '5s'").await;
        let catalog = read(&database).await;
        assert_eq!(relation(&catalog, "public", "held").1.has_rows, None);
    });
}

#[test]
fn rows_are_probed_for_what_may_be_read() {
    block_on(async {
        let database = TestDb::with(
            "create table full_one (id integer); insert into full_one values (1); create table empty_one (id integer);
             create table secret (id integer); insert into secret values (1);
             create role prober; grant select on full_one, empty_one to prober",
        )
        .await;
        database.execute("insert into empty_one values (1); delete from empty_one; set role prober").await;
        let mut catalog = read(&database).await;
        assert!(!catalog.superuser && catalog.current_role == "prober");
        let ids: Vec<Id> = catalog.relations().map(|(id, _)| id).collect();
        probe_rows(database.client(), &mut catalog, &ids).await.unwrap();
        let rows = |name: &str| relation(&catalog, "public", name).1.has_rows;
        assert_eq!((rows("full_one"), rows("empty_one"), rows("secret")), (Some(true), Some(false), None));
        database.execute("reset role; drop owned by prober; drop role prober").await;
    });
}

#[test]
fn the_reading_knows_the_server_and_is_the_same_each_time() {
    block_on(async {
        let database = TestDb::with(RICH).await;
        let catalog = read(&database).await;
        assert_eq!(catalog.server_version / 10_000, TestServer::shared().major());
        let described = catalog.describe();
        assert_eq!(described, read(&database).await.describe());
        let name = QName::new("app", "lowered");
        assert_eq!(
            described[&ObjectRef::Relation { name }],
            "index app.lowered on app.account using btree (lower((code)::text) desc nulls last, ((price + (1)::numeric))) \
             unique where (mood = 'ok'::app.mood)"
        );
        database.execute("drop view public.names; alter table orders alter column parent set not null").await;
        let changed: Vec<String> = difference(&described, &read(&database).await.describe())
            .into_iter()
            .map(|difference| difference.object.to_string())
            .collect();
        assert_eq!(changed, ["names", "names.id", "names.n", "orders.parent"]);
    });
}

#[test]
fn a_prepared_transaction_holds_nothing_up() {
    block_on(async {
        let database = TestDb::with("create table locked (a int); insert into locked values (1)").await;
        database
            .execute("begin; lock table locked in access exclusive mode; prepare transaction 'held'")
            .await;
        // It would end with an error instead of waiting.
        database.execute("set lock_timeout = '2s'").await;
        let read = introspect(database.client(), "dunlin", Snapshot::Own).await;
        database.execute("rollback prepared 'held'").await;
        assert_eq!(read.unwrap().catalog.relations().count(), 1);
    });
}

/// Makes the catalogs so large that a second connection helps: rows that are gone count as well.
const LARGE: &str = "do $$
    declare columns text := (select string_agg(format('c%s int', n), ', ') from generate_series(1, 1500) n);
    begin
        for round in 1..25 loop
            execute 'create table wide (' || columns || ')';
            execute 'drop table wide';
        end loop;
    end $$;
    create table app.clustered (a text compression pglz, b int, c text);
    alter table app.clustered alter b set statistics 7, alter c set storage external, alter b set (n_distinct = 5);
    grant select (a) on app.clustered to public;
    create index clustered_lower on app.clustered (lower(a), b);
    alter index app.clustered_lower alter column 1 set statistics 9;
    create index clustered_words on app.clustered using gist (to_tsvector('simple', c) tsvector_ops (siglen = 64))";

/// What columns of the tables and indexes of a schema have beside their type.
fn details_of_columns(catalog: &Catalog, schema: &str) -> Vec<String> {
    let details =
        [Detail::Compression, Detail::Options, Detail::Privileges, Detail::StatisticsTarget, Detail::Storage];
    let mut found: Vec<String> = Vec::new();
    for detail in details {
        for (of, _) in catalog.with_detail(detail) {
            let Subject::Column(id, number) = of else { continue };
            let name = catalog.relation_name(*id);
            let relation = catalog.relation(*id).unwrap();
            let column = relation.column_numbered(*number).map(|column| column.name.clone());
            if name.schema == schema {
                let column = column.unwrap_or_else(|| number.to_string());
                found.push(format!(
                    "{}.{column} {detail:?} {}",
                    name.name,
                    catalog.detail_text(of, detail).unwrap()
                ));
            }
        }
    }
    found.sort();
    found
}

/// How many sessions the database has seen, this one included.
async fn sessions(database: &TestDb, session: &Session) -> String {
    // PostgreSQL 14 has no such function, and counts a second later.
    let _ = session.batch("select pg_stat_force_next_flush()").await;
    let _ = database.try_execute("select pg_stat_force_next_flush()").await;
    database.value("select sessions from pg_stat_database where datname = current_database()").await
}

#[test]
fn a_large_schema_is_read_over_two_connections_as_over_one() {
    block_on(async {
        let database = TestDb::with(&format!("{RICH}; {LARGE}")).await;
        let one = read(&database).await;
        let conninfo = ConnInfo::parse(&database.url(), &Environment::default()).unwrap();
        let session = connect(&conninfo, &ConnectOptions::default()).await.unwrap();
        let begun = sessions(&database, &session).await;
        let mut done = None;
        let two = introspect_meanwhile(&session, "dunlin", Sizes::Measured, |path| {
            done = Some(path.clone());
        });
        let two = two.await.unwrap();
        assert_eq!(done, Some(two.search_path));
        assert_eq!(two.catalog.describe(), one.describe());
        assert_eq!(two.catalog.relations().count(), one.relations().count());
        // The second one is counted when it has ended.
        let mut rounds = 0;
        while sessions(&database, &session).await == begun {
            rounds += 1;
            assert!(rounds < 200, "one connection read it all");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let found = details_of_columns(&one, "app");
        assert_eq!(details_of_columns(&two.catalog, "app"), found);
        let expected = [
            "clustered.a Compression p",
            "clustered.a Privileges =r/postgres",
            "clustered.b Options n_distinct=5",
            "clustered.b StatisticsTarget 7",
            "clustered.c Storage e",
            "clustered_lower.1 StatisticsTarget 9",
            "clustered_words.1 Options siglen=64",
        ];
        assert_eq!(found, expected);
        let (_, words) = relation(&two.catalog, "app", "clustered_words");
        assert!(words.index().unwrap().definition.as_deref().unwrap().contains("siglen='64'"));
        // Where there is no room for a second connection, one does.
        database.execute("create role lonely login connection limit 1").await;
        let conninfo = ConnInfo::parse(&database.url_as("lonely"), &Environment::default()).unwrap();
        let session = connect(&conninfo, &ConnectOptions::default()).await.unwrap();
        let alone = introspect_over(&session, "dunlin", Sizes::Estimated).await.unwrap();
        database.execute("drop role lonely").await;
        assert_eq!(alone.catalog.relations().count(), one.relations().count());
    });
}
