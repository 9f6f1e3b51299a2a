create type mood as enum ('sad', 'ok', 'happy');
create type empty_mood as enum ();
create type mood as enum ('again');
alter type mood add value 'great';
alter type mood add value if not exists 'great' after 'ok';
alter type mood add value 'bad' before 'sad';
alter type mood rename value 'ok' to 'fine';
alter type no_mood add value 'x';
create type pair as (a int, b text);
create type nested as (p pair, m mood[], n numeric(10, 2));
create type broken as (a no_such_type);
alter type pair add attribute c date;
alter type pair drop attribute b;
alter type pair alter attribute c type timestamptz;
alter type pair rename attribute a to first;
alter type pair add attribute d int, add attribute e int;
alter type pair drop attribute if exists no_such_attribute;
alter type pair drop attribute no_attribute;
alter type pair alter attribute nothing type text;
alter type no_pair add attribute x int;
create table of_pair of pair;
alter type pair add attribute f text cascade;
alter type pair alter attribute d type bigint cascade;
alter type pair rename attribute e to eee cascade;
alter type pair drop attribute f cascade;
create type price_range as range (subtype = numeric);
create type float_span as range (subtype = float8, subtype_diff = float8mi, multirange_type_name = float_spans);
create type bad_span as range (subtype = float8, subtype_diff = no_such_diff);
create type mood_range as range (subtype = mood);
create table with_types (m mood, p pair, r price_range, ms mood[], s float_spans);
alter type mood rename to feeling;
alter type feeling set schema pg_temp;
create schema kinds;
alter type feeling set schema kinds;
create table uses_moved (m kinds.feeling);
create type shell;
create function shell_in(cstring) returns shell language internal immutable strict as 'textin';
create function shell_out(shell) returns cstring language internal immutable strict as 'textout';
create type shell (input = shell_in, output = shell_out, like = text);
create type half (input = no_such_in, output = no_such_out);
alter type no_base set (storage = plain);
alter type pair owner to current_user;
alter type pair owner to no_such_role;
drop type no_such_type_at_all;
drop type if exists no_such_type_at_all, kinds.nothing;
drop type price_range cascade;
drop type shell cascade;
drop type kinds.feeling cascade;
drop type nested, empty_mood;
drop type pair cascade;
drop type if exists kinds.feeling;
create type kinds.level as enum ('low', 'high');
create type kinds.both as (l kinds.level, ls kinds.level[]);
select 'low'::kinds.level, row('low', array['high'])::kinds.both;
drop schema kinds cascade;
create type reused as enum ('a');
create table reused_by (c reused default 'a', check (c = 'a'));
drop type reused cascade;
create type reused as (x int);
create type reused_by as (x int);
drop type reused;

-- A range type takes its constructors along.
create type short_range as range (subtype = int2);
select short_range(1::int2, 2::int2);
drop type short_range;
select pg_typeof(unnest('1 2'::int2vector)), array_lower('3 4'::oidvector, 1);
with recursive walk (n) as (select 0 union all select (n + 1) % 3 from walk where not looped)
    cycle n set looped using way
select n, looped from walk;
-- A shell is made once; a multirange's name must be free.
create type shell_of_it;
create type public.shell_of_it;
drop type shell_of_it;
create type taken_name as enum ('old', 'new');
alter type taken_name rename value 'old' to 'new';
create type spans as range (subtype = int8, multirange_type_name = taken_name);
create type pg_temp.of_the_session as (a int);
drop type taken_name;
create type checked_row as (a int, b int);
create table of_checked_rows (y checked_row check ((y).a > 0));
alter type checked_row drop attribute a cascade;
drop table of_checked_rows;
drop type checked_row;
create role ranger noreplication nosuperuser;
set role ranger;
create schema if not exists of_ranger;
reset role;
grant create, usage on schema public to ranger;
set role ranger;
create type floats as range (subtype = float8, subtype_diff = float8mi);
create type floats_too as range (subtype = float8, multirange_type_name = many_floats);
alter type floats rename to floats_too;
alter type floats_too set schema no_schema;
reset role;

-- A function in C makes the type that it returns.
create function made_in(cstring) returns made_by_function as 'textin' language internal immutable strict;
create function made_out(made_by_function) returns cstring as 'textout' language internal immutable strict;
create type made_by_function (input = made_in, output = made_out, like = text);
create table of_made (a made_by_function);

-- An array type has a name of its own.
create type element_type as enum ('x', 'y');
create table too_early (rows _of_elements);
create table of_elements (e element_type, n int8);
create table of_arrays (plain _element_type, qualified public._element_type, rows _of_elements);
create function takes_array(_element_type) returns element_type language sql as 'select $1[1]';
select takes_array('{x}'), '{y}'::_element_type, array[null]::public._of_elements from of_arrays where plain[1] = 'x';
drop function takes_array(element_type[]);
create type _underscored as (a int, b bool, c date);
create table of_underscored (u _underscored, v __underscored);
drop type element_type;

-- A base type needs the functions that it names.
create type half (input = half_in, output = half_out, passedbyvalue);
create function half_in(cstring) returns half language internal immutable strict as 'int4in';
create function half_out(half) returns cstring language internal immutable strict as 'int4out';
create type half (input = half_in, output = half_away, like = int4);
create type half (input = half_in, output = half_out, receive = half_recv, like = int4);
create type half (input = half_in, output = half_out, like = int4, category = 'N');
create table halves (h half, t text);

-- Languages and access methods of the server are there already.
create trusted language plpgsql handler plpgsql_call_handler;
create language sql handler plpgsql_call_handler validator plpgsql_validator;
create access method heap type table handler heap_tableam_handler;
