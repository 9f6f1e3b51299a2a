-- Objects that are kept by class and name only; the class is what COMMENT ON says. With their catalog and identifier,
-- their schema, the types that are part of their names (0 for none), and what else is.
SELECT 'collation', c.tableoid, c.oid, c.collnamespace, c.collname::text, '{}'::oid[], NULL::text
FROM pg_catalog.pg_collation c WHERE c.oid >= 16384
UNION ALL
SELECT 'operator', o.tableoid, o.oid, o.oprnamespace, o.oprname::text, ARRAY[o.oprleft, o.oprright, o.oprresult], NULL
FROM pg_catalog.pg_operator o
-- One that is only named, as the commutator of another, is not there yet.
WHERE o.oid >= 16384 AND o.oprcode <> 0
UNION ALL
SELECT 'operator class', o.tableoid, o.oid, o.opcnamespace, o.opcname::text, '{}', am.amname::text
FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am am ON am.oid = o.opcmethod WHERE o.oid >= 16384
UNION ALL
SELECT 'operator family', o.tableoid, o.oid, o.opfnamespace, o.opfname::text, '{}', am.amname::text
FROM pg_catalog.pg_opfamily o JOIN pg_catalog.pg_am am ON am.oid = o.opfmethod WHERE o.oid >= 16384
UNION ALL
SELECT 'cast', c.tableoid, c.oid, NULL, '', ARRAY[c.castsource, c.casttarget], c.castcontext::text || c.castmethod::text
FROM pg_catalog.pg_cast c
-- Those of a range type to its multirange come with the type.
WHERE c.oid >= 16384 AND c.casttarget NOT IN (SELECT r.rngmultitypid FROM pg_catalog.pg_range r)
UNION ALL
SELECT 'conversion', c.tableoid, c.oid, c.connamespace, c.conname::text, '{}', NULL
FROM pg_catalog.pg_conversion c WHERE c.oid >= 16384
UNION ALL
SELECT 'access method', a.tableoid, a.oid, NULL, a.amname::text, '{}', NULL FROM pg_catalog.pg_am a WHERE a.oid >= 16384
UNION ALL
SELECT 'publication', p.tableoid, p.oid, NULL, p.pubname::text, '{}', NULL FROM pg_catalog.pg_publication p
UNION ALL
SELECT 'publication table', p.tableoid, p.oid, NULL, '', '{}', NULL FROM pg_catalog.pg_publication_rel p
{publication_schemas}UNION ALL
SELECT 'subscription', 'pg_catalog.pg_subscription'::regclass::oid, s.oid, NULL, s.subname::text, '{}',
       pg_catalog.array_to_string(s.subpublications, E'\n')
FROM pg_catalog.pg_subscription s
WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
UNION ALL
SELECT 'event trigger', e.tableoid, e.oid, NULL, e.evtname::text, '{}',
       e.evtevent::text || coalesce(E'\n' || pg_catalog.array_to_string(e.evttags, E'\n'), '')
FROM pg_catalog.pg_event_trigger e
UNION ALL
SELECT 'foreign data wrapper', f.tableoid, f.oid, NULL, f.fdwname::text, '{}', NULL
FROM pg_catalog.pg_foreign_data_wrapper f
UNION ALL
SELECT 'server', s.tableoid, s.oid, NULL, s.srvname::text, '{}', NULL FROM pg_catalog.pg_foreign_server s
UNION ALL
SELECT 'user mapping', 'pg_catalog.pg_user_mapping'::regclass::oid, u.umid, NULL,
       CASE WHEN u.umuser = 0 THEN 'public' ELSE u.usename::text END, '{}', u.srvname::text
FROM pg_catalog.pg_user_mappings u
UNION ALL
SELECT 'language', l.tableoid, l.oid, NULL, l.lanname::text, '{}', NULL
FROM pg_catalog.pg_language l WHERE l.oid >= 16384
UNION ALL
-- What LIKE names a copy after: the columns, and `expr` for each expression.
SELECT 'statistics', s.tableoid, s.oid, s.stxnamespace, s.stxname::text, '{}',
       pg_catalog.concat_ws('_', (SELECT pg_catalog.string_agg(a.attname, '_' ORDER BY a.attnum)
                                  FROM pg_catalog.pg_attribute a
                                  WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys::int2[])),
                            (SELECT pg_catalog.string_agg('expr', '_')
                             FROM pg_catalog.unnest(pg_catalog.pg_get_statisticsobjdef_expressions(s.oid))))
FROM pg_catalog.pg_statistic_ext s
UNION ALL
SELECT 'text search configuration', t.tableoid, t.oid, t.cfgnamespace, t.cfgname::text, '{}', NULL
FROM pg_catalog.pg_ts_config t WHERE t.oid >= 16384
UNION ALL
SELECT 'text search dictionary', t.tableoid, t.oid, t.dictnamespace, t.dictname::text, '{}', NULL
FROM pg_catalog.pg_ts_dict t WHERE t.oid >= 16384
UNION ALL
SELECT 'text search parser', t.tableoid, t.oid, t.prsnamespace, t.prsname::text, '{}', NULL
FROM pg_catalog.pg_ts_parser t WHERE t.oid >= 16384
UNION ALL
SELECT 'text search template', t.tableoid, t.oid, t.tmplnamespace, t.tmplname::text, '{}', NULL
FROM pg_catalog.pg_ts_template t WHERE t.oid >= 16384
UNION ALL
SELECT 'tablespace', t.tableoid, t.oid, NULL, t.spcname::text, '{}', NULL FROM pg_catalog.pg_tablespace t
UNION ALL
SELECT 'database', d.tableoid, d.oid, NULL, d.datname::text, '{}', NULL FROM pg_catalog.pg_database d
UNION ALL
SELECT 'transform', t.tableoid, t.oid, NULL, '', ARRAY[t.trftype], l.lanname::text
FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang WHERE t.oid >= 16384
