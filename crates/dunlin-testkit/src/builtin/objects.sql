-- class (as COMMENT ON says it, with _ for spaces) name; collations of the operating system are not among them
SELECT 'collation ' || c.collname FROM pg_catalog.pg_collation c
WHERE c.oid < 10000 OR c.collname = 'ucs_basic'
UNION ALL
SELECT 'language ' || l.lanname FROM pg_catalog.pg_language l WHERE l.oid < 10000
UNION ALL
SELECT 'access_method ' || a.amname FROM pg_catalog.pg_am a WHERE a.oid < 16384
UNION ALL
SELECT 'conversion ' || c.conname FROM pg_catalog.pg_conversion c WHERE c.oid < 16384
UNION ALL
SELECT 'text_search_configuration ' || t.cfgname FROM pg_catalog.pg_ts_config t WHERE t.oid < 16384
UNION ALL
SELECT 'text_search_dictionary ' || t.dictname FROM pg_catalog.pg_ts_dict t WHERE t.oid < 16384
UNION ALL
SELECT 'text_search_parser ' || t.prsname FROM pg_catalog.pg_ts_parser t WHERE t.oid < 16384
UNION ALL
SELECT 'text_search_template ' || t.tmplname FROM pg_catalog.pg_ts_template t WHERE t.oid < 16384
