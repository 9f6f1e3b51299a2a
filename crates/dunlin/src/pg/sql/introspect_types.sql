SELECT t.oid, t.typname, t.typnamespace, t.typtype, t.typelem, t.typarray, t.typrelid, t.typcollation,
       t.typbasetype, t.typtypmod, t.typnotnull,
       CASE WHEN t.typtype = 'd' THEN pg_catalog.pg_get_expr(t.typdefaultbin, 0) END,
       CASE WHEN t.typtypmod <> -1 AND t.typbasetype >= 16384
            THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END,
       t.typstorage
FROM pg_catalog.pg_type t
