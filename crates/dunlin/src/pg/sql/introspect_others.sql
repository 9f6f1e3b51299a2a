-- Objects that are kept by class and name only; the class is what COMMENT ON says.
SELECT 'collation', c.collnamespace, c.collname::text, NULL::text FROM pg_catalog.pg_collation c WHERE c.oid >= 16384
UNION ALL
SELECT 'operator', o.oprnamespace, o.oprname::text,
       '(' || COALESCE(pg_catalog.format_type(NULLIF(o.oprleft, 0), NULL), 'NONE') || ', '
           || COALESCE(pg_catalog.format_type(NULLIF(o.oprright, 0), NULL), 'NONE') || ')'
FROM pg_catalog.pg_operator o WHERE o.oid >= 16384
UNION ALL
SELECT 'operator class', o.opcnamespace, o.opcname::text, ' USING ' || am.amname
FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am am ON am.oid = o.opcmethod WHERE o.oid >= 16384
UNION ALL
SELECT 'operator family', o.opfnamespace, o.opfname::text, ' USING ' || am.amname
FROM pg_catalog.pg_opfamily o JOIN pg_catalog.pg_am am ON am.oid = o.opfmethod WHERE o.oid >= 16384
UNION ALL
SELECT 'cast', NULL, '(' || pg_catalog.format_type(c.castsource, NULL) || ' AS '
                         || pg_catalog.format_type(c.casttarget, NULL) || ')', NULL
FROM pg_catalog.pg_cast c WHERE c.oid >= 16384
UNION ALL
SELECT 'conversion', c.connamespace, c.conname::text, NULL FROM pg_catalog.pg_conversion c WHERE c.oid >= 16384
UNION ALL
SELECT 'access method', NULL, a.amname::text, NULL FROM pg_catalog.pg_am a WHERE a.oid >= 16384
UNION ALL
SELECT 'publication', NULL, p.pubname::text, NULL FROM pg_catalog.pg_publication p
UNION ALL
SELECT 'subscription', NULL, s.subname::text, NULL FROM pg_catalog.pg_subscription s
WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
UNION ALL
SELECT 'event trigger', NULL, e.evtname::text, NULL FROM pg_catalog.pg_event_trigger e
UNION ALL
SELECT 'foreign data wrapper', NULL, f.fdwname::text, NULL FROM pg_catalog.pg_foreign_data_wrapper f
UNION ALL
SELECT 'server', NULL, s.srvname::text, NULL FROM pg_catalog.pg_foreign_server s
UNION ALL
SELECT 'language', NULL, l.lanname::text, NULL FROM pg_catalog.pg_language l
UNION ALL
SELECT 'statistics', s.stxnamespace, s.stxname::text, NULL FROM pg_catalog.pg_statistic_ext s
UNION ALL
SELECT 'text search configuration', t.cfgnamespace, t.cfgname::text, NULL
FROM pg_catalog.pg_ts_config t WHERE t.oid >= 16384
UNION ALL
SELECT 'text search dictionary', t.dictnamespace, t.dictname::text, NULL
FROM pg_catalog.pg_ts_dict t WHERE t.oid >= 16384
UNION ALL
SELECT 'text search parser', t.prsnamespace, t.prsname::text, NULL
FROM pg_catalog.pg_ts_parser t WHERE t.oid >= 16384
UNION ALL
SELECT 'text search template', t.tmplnamespace, t.tmplname::text, NULL
FROM pg_catalog.pg_ts_template t WHERE t.oid >= 16384
UNION ALL
SELECT 'tablespace', NULL, t.spcname::text, NULL FROM pg_catalog.pg_tablespace t
UNION ALL
SELECT 'database', NULL, d.datname::text, NULL FROM pg_catalog.pg_database d
UNION ALL
SELECT 'transform', NULL, 'FOR ' || pg_catalog.format_type(t.trftype, NULL) || ' LANGUAGE ' || l.lanname, NULL
FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang
