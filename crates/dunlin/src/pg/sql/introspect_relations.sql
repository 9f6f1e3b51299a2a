-- A size opens the relation, which costs 35 us each and waits behind an exclusive lock: in a database with many
-- tables, and for locked ones, the pages of the last VACUUM have to do.
-- A prepared transaction holds its locks without a process.
WITH locked AS MATERIALIZED (
    SELECT l.relation
    FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
), few AS MATERIALIZED (
    -- Whether there are at most so many: no need to count on.
    SELECT pg_catalog.count(*) <= 2000 AS tables
    FROM (SELECT FROM pg_catalog.pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm') LIMIT 2001) AS first
)
SELECT c.oid, c.relname, c.relnamespace, c.relkind, c.relowner, c.relpersistence,
       c.relrowsecurity, c.relforcerowsecurity, c.reloftype, c.reltype, c.reloptions,
       pg_catalog.pg_get_expr(c.relpartbound, 0),
       CASE WHEN {sizes} AND c.relkind IN ('r', 'm') AND (SELECT few.tables FROM few)
                 AND c.oid NOT IN (SELECT locked.relation FROM locked WHERE locked.relation IS NOT NULL)
            THEN pg_catalog.pg_relation_size(c.oid) END,
       c.relpages::bigint * 8192
FROM pg_catalog.pg_class c
WHERE c.oid >= 16384
  AND c.relnamespace <> 99 -- pg_toast
  AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c', 'i', 'I', 'S')
