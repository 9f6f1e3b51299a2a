-- Transient indexes of REINDEX CONCURRENTLY that was cut off, on these tables, their partitions and what they keep
-- outside of the row (TOAST), or on all.
WITH RECURSIVE touched (oid) AS (
    SELECT pg_catalog.to_regclass(name)::oid FROM pg_catalog.unnest({tables}) AS name
    UNION
    SELECT below.oid
    FROM touched
    CROSS JOIN LATERAL (
        SELECT h.inhrelid FROM pg_catalog.pg_inherits h WHERE h.inhparent = touched.oid
        UNION ALL
        SELECT t.reltoastrelid FROM pg_catalog.pg_class t WHERE t.oid = touched.oid
    ) AS below (oid)
)
SELECT n.nspname, c.relname
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname ~ '_cc(new|old)[0-9]*$'
  AND (pg_catalog.cardinality({tables}) = 0 OR i.indrelid IN (SELECT touched.oid FROM touched))
