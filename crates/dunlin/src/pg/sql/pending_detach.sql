-- What ends a DETACH PARTITION ... CONCURRENTLY that was cut off after its first half.
SELECT pg_catalog.format('ALTER TABLE %I.%I DETACH PARTITION %I.%I FINALIZE', pn.nspname, p.relname, cn.nspname,
                         c.relname)
FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
WHERE i.inhdetachpending
  AND i.inhrelid IN (SELECT pg_catalog.to_regclass(name) FROM pg_catalog.unnest({tables}) AS name)
