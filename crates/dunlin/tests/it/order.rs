//! Statements of one schema in any order: each finds what it needs, wherever in the set that is.

use crate::execute::World;
use dunlin::catalog::difference;
use dunlin::execute::Outcome;
use dunlin::pg::introspect::{Snapshot, introspect};
use dunlin_testkit::{TestDb, block_on};

/// In an order that works as it is written, none of which adds to the columns of a table.
const STATEMENTS: [&str; 45] = [
    "create schema shop",
    "create extension pg_trgm with schema shop",
    "create type shop.mood as enum ('good', 'bad')",
    "alter type shop.mood add value 'odd'",
    "create domain shop.amount as numeric check (value >= 0)",
    "create type shop.pair as (x int, y shop.mood)",
    "create sequence shop.customer_id_seq",
    "create table shop.customer (id bigint not null, name text not null, mood shop.mood default 'good')",
    "alter table shop.customer alter column id set default nextval('shop.customer_id_seq')",
    "alter sequence shop.customer_id_seq owned by shop.customer.id",
    "alter table shop.customer add constraint customer_pkey primary key (id)",
    "create table shop.bill (id bigint generated always as identity primary key, customer bigint,
        total shop.amount, detail shop.pair)",
    "alter table shop.bill add constraint bill_customer foreign key (customer) references shop.customer (id)",
    "create index bill_customer on shop.bill (customer) where total > 0",
    "create statistics shop.bill_depends (dependencies) on customer, total from shop.bill",
    "create view shop.total as select c.name, sum(b.total) as total
        from shop.customer c left join shop.bill b on b.customer = c.id group by c.id, c.name",
    "create materialized view shop.summary as select * from shop.total",
    "create unique index summary_name on shop.summary (name)",
    "create rule keep as on delete to shop.total do instead nothing",
    "create function shop.bills(bigint) returns setof shop.bill language sql
        as $$ select * from shop.bill where customer = $1 $$",
    "create function shop.spent(customer bigint) returns numeric language sql
        as $$ select sum(b.total) from shop.bills(customer) b $$",
    "create function shop.spent(customer bigint, since bigint) returns numeric language sql
        as $$ select shop.spent(customer) - since $$",
    "create function shop.rounded(real) returns bigint language sql as $$ select 1::bigint $$",
    "create function shop.rounded(double precision) returns bigint language sql as $$ select 2::bigint $$",
    "create function shop.doubled(a double precision) returns bigint language sql
        as $$ select 2 * shop.rounded(a) $$",
    "create function shop.touch() returns trigger language plpgsql
        as $$ declare c shop.customer%rowtype; p shop.pair; begin return new; end $$",
    "create trigger touched before update on shop.bill for each row execute function shop.touch()",
    "create function shop.mood_of(id bigint) returns text language plpgsql set search_path = shop
        as $$ declare m customer.mood%type; begin return m; end $$",
    "create function shop.first_mood() returns shop.mood language sql set search_path = shop
        as $$ select mood from customer order by id limit 1 $$",
    "create function shop.shout(text) returns text language sql immutable return upper($1)",
    "create index customer_like on shop.customer using gin (name shop.gin_trgm_ops)",
    "create index customer_shout on shop.customer (shop.shout(name))",
    "create policy own on shop.bill using (shop.spent(customer) > 0)",
    "alter table shop.bill enable row level security",
    "create function shop.longer(text, text) returns text language sql immutable
        as $$ select case when length($2) > coalesce(length($1), 0) then $2 else $1 end $$",
    "create aggregate shop.longest (text) (sfunc = shop.longer, stype = text)",
    "create view shop.names as select shop.longest(name) as longest from shop.customer",
    "create table shop.log (at timestamptz not null, what text) partition by range (at)",
    "create table shop.log_2026 partition of shop.log for values from ('2026-01-01') to ('2027-01-01')",
    "create table shop.log_2027 (at timestamptz not null, what text)",
    "alter table shop.log attach partition shop.log_2027 for values from ('2027-01-01') to ('2028-01-01')",
    "create index log_at on shop.log (at)",
    "comment on column shop.customer.name is 'as it is written on the bill'",
    "grant select on shop.total to public",
    "alter table shop.customer alter column mood set default 'bad'",
];

const ORDERS: u64 = 12;

/// A database that was made by these statements, each in a migration of its own.
async fn made(order: &[usize]) -> TestDb {
    let names: Vec<String> = (1..=order.len()).map(|number| format!("{number:02}_part.sql")).collect();
    let files: Vec<(&str, &str)> =
        names.iter().zip(order).map(|(name, place)| (name.as_str(), STATEMENTS[*place])).collect();
    let world = World::new(&files).await;
    let report = world.up(Outcome::Applied).await;
    assert_eq!(report.applied.len(), STATEMENTS.len(), "{order:?}: {report:?}");
    world.database
}

#[test]
fn a_schema_is_the_same_in_whatever_order_its_statements_are_written() {
    block_on(async {
        let straight = made(&(0..STATEMENTS.len()).collect::<Vec<_>>()).await;
        let straight =
            introspect(straight.client(), "dunlin", Snapshot::Own).await.unwrap().catalog.describe();
        for seed in 0..ORDERS {
            let mut order: Vec<usize> = (0..STATEMENTS.len()).collect();
            match seed {
                0 => order.reverse(),
                seed => fastrand::Rng::with_seed(seed).shuffle(&mut order),
            }
            let database = made(&order).await;
            let there =
                introspect(database.client(), "dunlin", Snapshot::Own).await.unwrap().catalog.describe();
            let differences = difference(&straight, &there);
            assert!(differences.is_empty(), "seed {seed}: {differences:?}");
        }
    });
}
