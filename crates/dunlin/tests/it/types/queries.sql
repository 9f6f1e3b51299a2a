select 1, 2147483648, 9223372036854775808, 1.5, 1e10, 'x', null, true, b'101', x'1F', -1, - 2147483648 from t
select i + s, i + b, s + s, s * b, i + n, i + n2, i + r, i + d, n + d, r + r, r + d, i / s, b % i, n ^ 2, d ^ 2, i ^ i from t
select i + 1, s + 1, b + 1, n + 1, n2 + 1, d + 1, i + 1.5, i || 'x', 'x' || i, x || v, v || v20, c || c, x || x, ia || 1, 1 || ia, ia || ia, ta || 'x', 'x' || ta from t
select i = 1, i = b, x = 'a', m = 'sad', m > 'sad', p = p, ia = ia, i is null, not f, f and f, i between 1 and 2, x like 'a', x ~ 'a', x ilike 'a', i in (1, 2), x similar to 'a' from t
select (i is distinct from 1) as a from t
select dt + 1, dt - dt, ts - ts, ts + iv, tz + iv, dt + iv, iv + dt, tm + iv, tm - tm, iv * 2, iv / 2, dt + tm, ts - iv, tz - tz, iv + iv, 2 * iv, tt + iv, dt - iv from t
select now(), current_date, current_time, current_timestamp, localtime, localtimestamp, current_user, session_user, current_catalog, current_schema, current_time(2), current_timestamp(3), localtime(1), localtimestamp(0), current_role, user
select extract(year from ts), date_part('year', ts), date_trunc('day', ts), date_trunc('day', tz), date_trunc('day', iv), age(ts), age(tz, tz), to_char(ts, 'x'), to_date('x', 'y'), to_timestamp(1), make_date(1, 2, 3), make_interval(days => 3), justify_days(iv), tz at time zone 'utc', ts at time zone 'utc', date_trunc('day', dt), tt at time zone 'utc' from t
select upper(x), lower(v), length(x), length(by), substring(x from 1 for 2), substring(x, 'a'), substring(v20 from 2), trim(x), trim(both 'a' from v20), position('a' in x), overlay(x placing 'a' from 1), left(v, 1), lpad(x, 3), repeat(x, 2), replace(x, 'a', 'b'), split_part(x, ',', 1), md5(x), md5(by), concat(x, i), concat_ws(',', x, i), format('%s', i), quote_ident(x), quote_literal(i), initcap(x), reverse(x), ascii(x), chr(65), strpos(x, 'a'), translate(x, 'a', 'b'), btrim(x), encode(by, 'hex'), decode(x, 'hex'), to_hex(i), char_length(x), octet_length(x), bit_length(by), starts_with(x, 'a'), substring(by from 1 for 2), substring(bi from 1 for 2) from t
select abs(i), abs(n), abs(d), abs(s), ceil(n), ceil(d), ceil(i), floor(n), round(n), round(n, 2), round(d), trunc(n, 1), mod(i, s), mod(n, i), power(i, 2), power(n, 2), power(d, 2), sqrt(n), sqrt(d), sqrt(i), exp(1), ln(n), log(n), log(2, n), random(), sign(n), sign(d), div(n, 2), gcd(i, i), greatest(i, b), least(i, n), pi(), degrees(d), width_bucket(n, 1, 2, 3) from t
select count(*), count(i), sum(i), sum(s), sum(b), sum(n), sum(n2), sum(r), sum(d), sum(iv), sum(mo), avg(i), avg(n), avg(d), avg(iv), min(i), min(x), min(v20), min(c), max(dt), max(tz3), max(m), max(ia), bool_and(f), every(f), array_agg(i), array_agg(x), array_agg(v20), array_agg(ia), array_agg(m), array_agg(p), string_agg(x, ','), string_agg(v, ','), string_agg(by, by), json_agg(i), jsonb_agg(i), json_object_agg(i, x), xmlagg(xm), bit_and(i), stddev(i), stddev(d), variance(n), corr(d, d), total(i), total(n2), count(distinct x), max(ip), min(o), range_agg(ir), max(nm) from t
select percentile_cont(0.5) within group (order by d), percentile_cont(0.5) within group (order by i), percentile_disc(0.5) within group (order by i), percentile_disc(0.5) within group (order by x), mode() within group (order by x), percentile_cont(array[0.1, 0.9]) within group (order by d), percentile_cont(0.5) within group (order by iv), rank(1) within group (order by i), percentile_disc(array[0.1]) within group (order by m) from t
select row_number() over (), rank() over (order by i), lag(i) over (), lag(x, 1) over (), lag(i, 1, 0) over (), lead(n2) over (), first_value(m) over (), last_value(v20) over (), nth_value(tz3, 2) over (), ntile(4) over (), cume_dist() over (), percent_rank() over (), sum(i) over (partition by x), count(*) filter (where f) over () from t
select case when f then 1 else 2 end, case when f then 1 end, case when f then 'a' else 'b' end, case when f then i else b end, case when f then n2 else n2 end, case when f then n2 end, case when f then v20 else v20 end, case when f then v20 else x end, case when f then v20 else 'a' end, case i when 1 then m else 'sad' end, case when f then null end, case when f then 1 else 1.5 end, case when f then w else w end, case when f then w else v end from t
select coalesce(i, 0), coalesce(i, b), coalesce(v20, ''), coalesce(v20, v20), coalesce(n2, 0), coalesce(n2, n2), coalesce(x, v20), coalesce(m, 'sad'), coalesce(ia, '{}'), coalesce(po, 1), coalesce(po, po), nullif(i, 1), nullif(i, 1.5), nullif(x, ''), nullif(v20, ''), nullif(v20, v20), nullif(m, 'sad'), nullif(n2, 0), nullif(n2, n2), greatest(dt, ts), greatest(x, v), greatest('a', 'b'), least(n2, n2), coalesce(c, 'x'), nullif(c, 'x'), nullif(po, 1), nullif(w, 'a') from t
select i::text, x::int, x::varchar(5), n::numeric(5, 1), n2::numeric, x::mood, '{1}'::int[], x::char(3), x::char, i::bool, x::pair, x::word, cast(i as positive), x::timestamptz(2), x::interval hour, i::oid::regclass, ia::text[], ia::text, x::name, nm::text, x::"char", 'a'::bpchar, x::bit(3), x::varchar(4)[], ta::varchar(4)[] from t
select array[1, 2], array[1, 2.5], array['a', 'b'], array[i, b], array[x, v20], array[v20, v20], array[n2, n2], array[m], array[p], array[[1], [2]], array[ia, ia], array[null, 1], array[]::int[], array(select i from t), array(select v20 from t), array(select ia from t), array[array['a']], array[dt, ts], array[po], array[w, w] from t
select ia[1], ia[1:2], ta[1], va[1], va[1:2], ma[1], pa[1], pa[1].a, (pa[1]).b, mk[1], jb['a'], jb['a']['b'], pt[0], bx[0], (array[1, 2])[1], (p).a, (p).b, (t.p).b, nm[0], (array_agg(v20))[1] from t
select (row(1, 'a', i)).f1, (row(i, v20)).f2, (outs(1)).a, (outs(1)).b, (jsonb_each(jb)).key, (jsonb_each(jb)).value, t.p, t.m from t
select j -> 'a', j ->> 'a', j #> '{a}', j #>> '{a}', jb -> 'a', jb -> 1, jb ->> 'a', jb #>> '{a}', jb @> '{}', jb ? 'a', jb || jb, jb - 'a', jb - 1, jb #- '{a}', jb @? '$', jb @@ '$', jsonb_build_object('a', 1), json_build_array(1), to_json(i), to_jsonb(x), row_to_json(p), jsonb_typeof(jb), jsonb_array_length(jb), jsonb_set(jb, '{a}', '1'), json_extract_path_text(j, 'a'), jsonb_path_query_array(jb, '$'), jsonb_pretty(jb), jsonb_strip_nulls(jb), array_to_json(ia), jsonb_path_exists(jb, '$.a') from t
select array_length(ia, 1), array_append(ia, 1), array_prepend(1, ia), array_cat(ia, ia), array_position(ia, 1), array_remove(ia, 1), array_replace(ta, 'a', 'b'), array_to_string(ia, ','), string_to_array(x, ','), cardinality(ia), unnest(ia), unnest(ta), unnest(va), unnest(ma), array_ndims(ia), array_dims(ia), array_fill(1, array[2]), array_append(va, 'a'), array_upper(ia, 1), array_append(ia, b), array_cat(ia, array[1.5]), ia @> array[1], ia && ia, i = any (ia), x = any (ta), i > all (ia), array_positions(ta, 'a') from t
select ir * ir, ir @> 1, lower(ir), upper(dr), isempty(ir), ir && ir, int4range(1, 2), daterange(dt, dt), range_merge(ir, ir), multirange(ir), unnest(imr), lower(imr), imr + imr, ir - ir, ir -|- ir, tstzrange(tz, tz, '[)'), lower_inc(ir), range_merge(imr), imr @> ir from t
select pt <-> pt, pt + pt, bx && bx, bx @> pt, area(bx), point(1, 2), box(pt, pt), center(bx), ip << ci, host(ip), masklen(ip), ip + 1, ip - ip, network(ip), family(ip), mc = mc, mo * 2, mo + mo, mo / mo, tsv @@ tsq, to_tsvector(x), to_tsvector('english', x), to_tsquery('a'), ts_rank(tsv, tsq), tsv || tsv, tsq && tsq, setweight(tsv, 'A'), ts_headline(x, tsq), plainto_tsquery('x'), abbrev(ip), text(ip), ip & ip from t
select gen_random_uuid(), nextval('t') is null, pg_typeof(i), version(), current_setting('a'), pg_size_pretty(b), txid_current(), generate_series(1, 2), generate_series(1, b), generate_series(1.0, 2), generate_series(ts, ts, iv), generate_series(tz, tz, '1 day'), generate_subscripts(ia, 1), regexp_replace(x, 'a', 'b'), regexp_matches(x, 'a'), regexp_split_to_array(x, 'a'), regexp_match(x, 'a'), hashtext(x), pg_column_size(x), obj_description(o), format_type(o, 1), has_table_privilege('t', 'select'), inet_client_addr(), pg_backend_pid(), num_nulls(i, x), col_description(o, 1), to_regclass('x'), pg_get_viewdef(o) from t
select twice(1), twice(s), over(1), over('a'), over(x), over(v20), over(s), defaulted(1), defaulted(1, 'a'), defaulted(a => 1, c => 2), defaulted(1, c => 2), many(1), many(1, 2, 3), many(variadic array[1.0]), same(1), same(x), same(v20), same(m), same(ia), same(p), same(c), listed(1, 2), listed(m, 'sad'), alike(1, 2.5), alike(x, v20), alike('a', 'b'), moody('sad'), moody(m), same(po), alike(po, 1), same(nm) from t
select int4(x::int8), text(i), date(ts), float8(i), bool(i), timestamptz(ts), mood('sad'), word('a'), date('2020-01-01'), name(x) from t
select * from (values (1, 'a', null), (2, 'b', 1.5)) as y
select * from (values (1::smallint), (2), (3::bigint)) as y (a)
select * from (values ('a'::varchar(3)), ('b'::varchar(3))) as y (a)
select * from (values ('a'::varchar(3)), ('b'::varchar(4))) as y (a)
select i from t union select b from t
select v20 from t union select v20 from t
select v20 from t union all select x from t
select 'a' union select 'b'
select null union select 1
select 'a' as a union select x from t
select null as a union all select null
select n2 from t intersect select n2 from t
select n2 from t union select i from t
select dt from t union select ts from t except select tz from t
select m from t union select 'sad'
select nm from t union select x from t
select po from t union select po from t
select po from t union select 1
with c as (select i, 'a' as a, n2, v20 from t) select * from c
with c (a, b) as (values (1, 'x')) select a, b || 'y' as b from c
with recursive c as (select 1 as n union all select n + 1 from c where n < 3) select n, n * 1.5 as m from c
with recursive c (n, path) as (select i, array[i] from t union all select c.n, path || t.i from c join t on t.i = c.n) select * from c
with recursive c as (select id, name, 1 as depth from parent union all select p.id, p.name, c.depth + 1 from parent p join c on p.id = c.id) select * from c
select * from base
select i, ib, v20 || 'a' as va, (p).b as pb from base
select s.a, s.b from (select i + 1 as a, 'x' as b from t) s
select id, name, extra from parent left join child using (id, name)
select parent.*, child.extra, id from parent full join child using (id)
select a.i from (select i::smallint from t) a join (select b as i from t) b using (i)
select i from (select i from t) a join (select b as i from t) b using (i)
select i from (select s as i from t) a full join (select b as i from t) b using (i)
select * from generate_series(1, 3) g, generate_series(now(), now(), '1 day') with ordinality as h (at, place)
select * from unnest(array[1, 2], array['a', 'b']) as u (a, b)
select e, q.* from t cross join lateral unnest(t.ia) e, lateral unnest(t.pa) as q
select * from jsonb_each('{}') as e, json_array_elements_text('[]') as x (y), jsonb_object_keys('{}') as k
select * from rows(1), outs(2), parents(), twice(3), over('a')
select * from json_to_recordset('[]') as x (a int, b varchar(4)), jsonb_to_record('{}') as y (c numeric(3, 1))
select * from regexp_matches('a', 'b') r, string_to_table('a', 'b'), current_date as d, regexp_split_to_table('a', 'b')
select r.a, r.b from jsonb_populate_record(null::pair, '{}') r
select (select i from t limit 1), (select v20 from t limit 1), exists (select 1 from t), i in (select b from t), (select 'a'), (select array_agg(x) from t), array(select m from t) from t
select parent, p.* from parent, (select 1 as a) p
select name(parent), name_of(parent), parent.name_of, parent.name from parent
select ctid, tableoid, xmin, cmin, tableoid::regclass from t
select cx, cx || 'a', cx || x, upper(cx), cx::varchar(3), cp, cp || x, coalesce(cx, x), x collate "C", (x collate "POSIX") || cx, cx || 'a' collate "default", nm, nm || 'a', nm::text, lower(nm), w, substring(cx from 1), case when f then cx else x end, string_agg(cx, ','), array_agg(cx), min(cx), array[cx], ta[1], x < cx, length(cx), (array[cx])[1] from t
select cx from t union select x from t
select relname, relnamespace, relkind, reltuples, relacl, reloptions, oid, oid::regclass from pg_class
select relname::text, relname || 'x' as y, relname = 'a' as z, relkind = 'r' as k from pg_catalog.pg_class c where c.oid > 5
select table_schema, table_name, column_name, ordinal_position, is_nullable, character_maximum_length from information_schema.columns
select * from information_schema.schemata
select * from pg_stat_activity
select * from pg_settings s join pg_database d on d.datname = s.name
select table_name || 'a' as a, ordinal_position + 1 as b, upper(table_name) as c, coalesce(is_nullable, 'x') as d, lower(is_nullable) as e from information_schema.columns
select xmlelement(name a, 'b'), xmlforest(x), xmlconcat(xm, xm), xmlparse(document '<a/>'), xmlserialize(content xm as text), xmlserialize(content xm as varchar(9)), xm is document, xmlpi(name a), xmlroot(xm, version '1.0'), xpath('/a', xm), xmlcomment('a') from t
select * from xmltable('/a' passing '<a/>' columns id for ordinality, a int path 'a', b varchar(3), c xml)
select grouping(i), i from t group by rollup (i)
select sum(sum(i)) over () from t
select - i, + n, ~ i, @ d, |/ d, # path '((1,2),(3,4))', -iv, !! tsq, ~ bi, - s, -b, -r from (select *, f as ff from t where not f) t where (not f) is null
select bi & bi, bi || bv, bi << 1, length(bi), get_bit(by, 1), bv, by || by, set_bit(by, 1, 1), bi::int, by || '\x' from t
select i::numeric / 3, round(n2 / 3, 2), sum(n2) / count(*), avg(n2)::numeric(10, 2), sum(i * n2), count(*) * 1.0 / 2, coalesce(sum(n2), 0) from t
select date_trunc('month', tz)::date, (tz at time zone 'utc')::date, extract(epoch from tz - tz), to_char(dt, 'YYYY'), dt::timestamp, now() - tz, now() - interval '1 day', (now() - tz) > interval '1 hour', current_date - dt, tz::time, age(now(), tz), dt - current_date, dt + interval '1 day' * i from t
select x || coalesce(' ' || v20, ''), concat(x, ' ', v20), i::text || x, x || i::text || 'a', 'a' || 'b', 'a' || i || 'b', x || null, x || m from t
select null || 'a', 'a' = 'b', null + 1, 1 + null, '1' + 1, '1' < '2', null is null, 'a' like 'b', length('a'), abs('-1'), '1'::int + '2', now() > '2020-01-01', '{1}' = array[1], date '2020-01-01' + 1
select bool_or(f) filter (where i > 1), array_agg(i order by b), array_agg(distinct x), jsonb_object_agg(x, i), json_agg(t), jsonb_agg(p), row_to_json(t), to_jsonb(t), array_agg(t.*), count(t) from t
select (case when f then p end).a, (coalesce(p, p)).b, (select p from t limit 1), ((select t from t limit 1)).v20, (t).n2, (t.*).i from t
select lower(x) collate "C", min(x collate "C"), x = any (array['a']), x in ('a', 'b'), (i, x) = (1, 'a'), (i, b) < (1, 2), row(1, 2) is null, (1, 2) in (select i, s from t), i not in (1, 2) from t
select pg_catalog.lower('A'), pg_catalog.int4pl(1, 2), 1 operator(pg_catalog.+) 2, pg_catalog.now(), "left"('a', 1), pg_catalog.count(*)
select ts::date - 1, tz3, tz3 + iv, tz3 - tz3, coalesce(tz3, tz3), coalesce(tz3, now()), max(tz3), ivd, ivd * 2, coalesce(ivd, '1 day'), va, va || va, va || 'a'::varchar, bi, bi || bi, nullif(tz3, tz3), nullif(ivd, ivd), case when f then ivd else ivd end, min(ivd), v20 || v20, c, c || 'x', coalesce(c, c), lower(c), c = 'a', max(v20), max(c), greatest(c, c), least(v20, v20), array[c, c], array[tz3], (array[c, c])[1] from t
select string_agg(distinct x, ',' order by x), count(*)::int, sum(i)::float / count(*), every(i > 1), max(i) - min(i), array_length(array_agg(i), 1), (array_agg(x order by i))[1], json_build_object('a', count(*)), bool_and(f) and true from t
select p.id, (select count(*) from child c where c.id = p.id) as n, exists (select from child) as e, lag(p.name) over w as l, rank() over w from parent p window w as (order by id)
select width_bucket(i, array[1, 2]), array_agg(ia)::text, trim_scale(n), scale(n), factorial(5), bit_count(by), lcm(i, 2), string_to_array(x, null), unistr('a'), date_bin('1 day', tz, tz), split_part(x, 'a', -1), trim_array(ia, 1), num_nonnulls(1, 2), jsonb_build_array(variadic ta) from t
select * from only parent p natural join child
select t.* from t
select parents() as x, outs(1) is null, (rows(2)).val, (parents()).name
select i ~~~ m, i ~~~ 'sad', s ~~~ m, po ~~~ m, (r).a, r is null from (select *, v as r from t, (select 1 as a, 'x' as b) v) w
select last_value, log_cnt, is_called from counter
select '{a}'::information_schema.sql_identifier as a, null::information_schema.cardinal_number as b
