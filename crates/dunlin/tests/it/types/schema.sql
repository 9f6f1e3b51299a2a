create type mood as enum ('sad', 'happy');
create type pair as (a int, b varchar(7));
create domain positive as int check (value > 0);
create domain word as varchar(9);
create domain marks as int[];
create table t (
    i int, s smallint, b bigint, n numeric, n2 numeric(10, 2), r real, d double precision, x text, v varchar,
    v20 varchar(20), c char(5), nm name, q "char", f bool, dt date, ts timestamp, tz timestamptz, tz3 timestamptz(3),
    tm time, tt timetz, iv interval, ivd interval day to second(2), u uuid, j json, jb jsonb, by bytea, o oid,
    ia int[], ta text[], va varchar(5)[], m mood, ma mood[], p pair, pa pair[], po positive, w word, mk marks,
    ir int4range, imr int4multirange, dr daterange, pt point, bx box, ip inet, ci cidr, mc macaddr, mo money, xm xml,
    tsv tsvector, tsq tsquery, bi bit(4), bv bit varying(6), cx text collate "C", cp varchar(8) collate "POSIX",
    jp jsonpath, rc regclass);
create table parent (id int, name text);
create table child (extra int) inherits (parent);
create function twice(int) returns int language sql as 'select $1 * 2';
create function over(int) returns text language sql as 'select $1::text';
create function over(text) returns int language sql as 'select length($1)';
create function defaulted(a int, b text default 'x', c numeric default 0) returns date language sql as 'select current_date';
create function many(variadic x numeric[]) returns numeric language sql as 'select 1.0';
create function same(anyelement) returns anyelement language sql as 'select $1';
create function listed(anyelement, anyelement) returns anyarray language sql as 'select array[$1, $2]';
create function alike(anycompatible, anycompatible) returns anycompatible language sql as 'select $1';
create function outs(int, out a int, out b text) language sql as 'select 1, ''x''';
create function rows(int) returns table (k int, val text) language sql as 'select 1, ''x''';
create function parents() returns setof parent language sql as 'select 1, ''x''::text';
create function moody(mood) returns mood language sql as 'select $1';
create function name_of(parent) returns text language sql as 'select $1.name';
create aggregate total(numeric) (sfunc = numeric_add, stype = numeric);
create function least_of(anyelement, variadic anyarray) returns anyelement language sql as 'select $1';
create aggregate least_agg(variadic items anyarray) (stype = anyelement, sfunc = least_of);
create function close_to(int, mood) returns numeric language sql as 'select 1.0';
create operator ~~~ (leftarg = int, rightarg = mood, function = close_to);
create sequence counter;
create view base as select i, n2, v20, cx, i + b as ib, m, p from t;
