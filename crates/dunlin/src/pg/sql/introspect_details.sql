-- What most objects do not have, in one query: only where it differs from what PostgreSQL makes by itself.
WITH me AS MATERIALIZED (
    SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
)
SELECT d.classoid, d.objoid, d.objsubid, 'comment', d.description
FROM pg_catalog.pg_description d
-- The schema public and the extension plpgsql come with the database.
WHERE d.objoid >= 16384 OR d.classoid IN ('pg_catalog.pg_namespace'::regclass, 'pg_catalog.pg_extension'::regclass)
UNION ALL
SELECT d.classoid, d.objoid, 0, 'comment', d.description
FROM pg_catalog.pg_shdescription d
UNION ALL
SELECT c.tableoid, c.oid, 0, f.detail, f.value
FROM pg_catalog.pg_class c
CROSS JOIN LATERAL (VALUES
    ('privileges', pg_catalog.array_to_string(c.relacl::text[], E'\n')),
    ('replica identity', NULLIF(c.relreplident, CASE WHEN c.relkind IN ('r', 'p', 'm') THEN 'd' ELSE 'n' END::"char")::text),
    ('tablespace', CASE WHEN c.reltablespace <> 0
                        THEN (SELECT s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace) END::text),
    ('access method', CASE WHEN c.relkind IN ('r', 'p', 'm') AND c.relam NOT IN (0, 2)
                           THEN (SELECT a.amname FROM pg_catalog.pg_am a WHERE a.oid = c.relam) END::text)
) AS f (detail, value)
WHERE c.oid >= 16384 AND c.relnamespace <> 99 AND f.value IS NOT NULL
  AND (c.relacl IS NOT NULL OR c.reltablespace <> 0
       OR c.relkind IN ('r', 'p', 'm') AND (c.relreplident <> 'd' OR c.relam NOT IN (0, 2)))
UNION ALL
SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid, 0, f.detail, ''
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL (VALUES ('replica identity', i.indisreplident), ('clustered', i.indisclustered)) AS f (detail, there)
WHERE i.indexrelid >= 16384 AND f.there
UNION ALL
-- Columns of tables come with these. Those of indexes have options where their operator class takes some, and a
-- statistics target where they are expressions.
SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid, f.attnum::int4, f.detail, f.value
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL (
    SELECT a.attnum, v.detail, v.value
    FROM pg_catalog.pg_attribute a
    CROSS JOIN LATERAL (VALUES
        ('options', pg_catalog.array_to_string(a.attoptions, E'\n')),
        ('statistics target', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::text END)
    ) AS v (detail, value)
    WHERE a.attrelid = i.indexrelid AND a.attnum > 0 AND v.value IS NOT NULL
    -- One index at a time, by the key of pg_attribute.
    OFFSET 0
) AS f
WHERE i.indexrelid >= 16384
  AND (i.indexprs IS NOT NULL
       OR i.indclass::oid[] && ARRAY({opclasses_with_options}))
UNION ALL
SELECT p.tableoid, p.oid, 0, f.detail, f.value
FROM pg_catalog.pg_proc p
CROSS JOIN LATERAL (VALUES
    ('privileges', pg_catalog.array_to_string(p.proacl::text[], E'\n')),
    ('owner', CASE WHEN p.proowner <> (SELECT me.oid FROM me) THEN pg_catalog.pg_get_userbyid(p.proowner) END::text),
    ('strict', CASE WHEN p.proisstrict AND p.prokind <> 'a' THEN '' END),
    ('security definer', CASE WHEN p.prosecdef THEN '' END),
    ('leakproof', CASE WHEN p.proleakproof THEN '' END),
    ('parallel', NULLIF(p.proparallel, 'u')::text),
    ('cost', CASE WHEN p.procost <> CASE WHEN p.prolang IN (12, 13) THEN 1 ELSE 100 END AND p.prokind <> 'a'
                  THEN p.procost::text END),
    ('rows', CASE WHEN p.prorows NOT IN (0, 1000) THEN p.prorows::text END),
    ('support', CASE WHEN p.prosupport <> 0 THEN p.prosupport::text END),
    ('settings', pg_catalog.array_to_string(p.proconfig, E'\n'))
) AS f (detail, value)
WHERE p.oid >= 16384 AND f.value IS NOT NULL
UNION ALL
SELECT t.tableoid, t.oid, 0, f.detail, f.value
FROM pg_catalog.pg_type t
CROSS JOIN LATERAL (VALUES
    ('privileges', pg_catalog.array_to_string(t.typacl::text[], E'\n')),
    ('owner', CASE WHEN t.typowner <> (SELECT me.oid FROM me) AND t.typtype <> 'c'
                   THEN pg_catalog.pg_get_userbyid(t.typowner) END::text)
) AS f (detail, value)
WHERE t.oid >= 16384 AND f.value IS NOT NULL
  AND (t.typacl IS NOT NULL OR t.typtype <> 'c' AND t.typowner <> (SELECT me.oid FROM me))
UNION ALL
SELECT o.class, o.oid, 0, 'owner', pg_catalog.pg_get_userbyid(o.owner)
FROM (SELECT c.tableoid, c.oid, c.collowner FROM pg_catalog.pg_collation c WHERE c.oid >= 16384
      UNION ALL SELECT o.tableoid, o.oid, o.oprowner FROM pg_catalog.pg_operator o WHERE o.oid >= 16384
      UNION ALL SELECT o.tableoid, o.oid, o.opcowner FROM pg_catalog.pg_opclass o WHERE o.oid >= 16384
      UNION ALL SELECT o.tableoid, o.oid, o.opfowner FROM pg_catalog.pg_opfamily o WHERE o.oid >= 16384
      UNION ALL SELECT c.tableoid, c.oid, c.conowner FROM pg_catalog.pg_conversion c WHERE c.oid >= 16384
      UNION ALL SELECT l.tableoid, l.oid, l.lanowner FROM pg_catalog.pg_language l WHERE l.oid >= 16384
      UNION ALL SELECT f.tableoid, f.oid, f.fdwowner FROM pg_catalog.pg_foreign_data_wrapper f
      UNION ALL SELECT s.tableoid, s.oid, s.srvowner FROM pg_catalog.pg_foreign_server s
      UNION ALL SELECT e.tableoid, e.oid, e.evtowner FROM pg_catalog.pg_event_trigger e
      UNION ALL SELECT p.tableoid, p.oid, p.pubowner FROM pg_catalog.pg_publication p
      UNION ALL SELECT 'pg_catalog.pg_subscription'::regclass, s.oid, s.subowner FROM pg_catalog.pg_subscription s
      UNION ALL SELECT s.tableoid, s.oid, s.stxowner FROM pg_catalog.pg_statistic_ext s
      UNION ALL SELECT t.tableoid, t.oid, t.cfgowner FROM pg_catalog.pg_ts_config t WHERE t.oid >= 16384
      UNION ALL SELECT t.tableoid, t.oid, t.dictowner FROM pg_catalog.pg_ts_dict t WHERE t.oid >= 16384
      UNION ALL SELECT s.tableoid, s.oid, s.spcowner FROM pg_catalog.pg_tablespace s
      UNION ALL SELECT d.tableoid, d.oid, d.datdba FROM pg_catalog.pg_database d
     ) AS o (class, oid, owner)
WHERE o.owner <> (SELECT me.oid FROM me)
UNION ALL
-- The names of the options only: values may be secrets.
SELECT o.class, o.oid, 0, 'options',
       pg_catalog.array_to_string(ARRAY(SELECT pg_catalog.split_part(option.text, '=', 1)
                                        FROM pg_catalog.unnest(o.options) WITH ORDINALITY AS option (text, place)
                                        ORDER BY option.place), E'\n')
FROM (SELECT f.tableoid, f.oid, f.fdwoptions FROM pg_catalog.pg_foreign_data_wrapper f
      UNION ALL SELECT s.tableoid, s.oid, s.srvoptions FROM pg_catalog.pg_foreign_server s
     ) AS o (class, oid, options)
WHERE o.options IS NOT NULL
UNION ALL
SELECT o.class, o.oid, 0, 'privileges', pg_catalog.array_to_string(o.acl::text[], E'\n')
FROM (SELECT n.tableoid, n.oid, n.nspacl FROM pg_catalog.pg_namespace n
      UNION ALL SELECT l.tableoid, l.oid, l.lanacl FROM pg_catalog.pg_language l WHERE l.oid >= 16384
      UNION ALL SELECT f.tableoid, f.oid, f.fdwacl FROM pg_catalog.pg_foreign_data_wrapper f
      UNION ALL SELECT s.tableoid, s.oid, s.srvacl FROM pg_catalog.pg_foreign_server s
      UNION ALL SELECT s.tableoid, s.oid, s.spcacl FROM pg_catalog.pg_tablespace s
      UNION ALL SELECT d.tableoid, d.oid, d.datacl FROM pg_catalog.pg_database d
     ) AS o (class, oid, acl)
WHERE o.acl IS NOT NULL
UNION ALL
SELECT d.tableoid, d.defaclnamespace, 0, 'default ' || d.defaclobjtype::text || pg_catalog.pg_get_userbyid(d.defaclrole),
       pg_catalog.array_to_string(d.defaclacl::text[], E'\n')
FROM pg_catalog.pg_default_acl d
UNION ALL
SELECT t.tableoid, t.oid, 0, 'enabled', t.tgenabled::text
FROM pg_catalog.pg_trigger t WHERE t.tgenabled <> 'O'
UNION ALL
SELECT r.tableoid, r.oid, 0, 'enabled', r.ev_enabled::text
FROM pg_catalog.pg_rewrite r WHERE r.ev_enabled <> 'O' AND r.oid >= 16384
UNION ALL
SELECT e.tableoid, e.oid, 0, 'enabled', e.evtenabled::text
FROM pg_catalog.pg_event_trigger e WHERE e.evtenabled <> 'O'
UNION ALL
SELECT s.tableoid, s.oid, 0, 'statistics target', s.stxstattarget::text
FROM pg_catalog.pg_statistic_ext s WHERE s.stxstattarget >= 0
