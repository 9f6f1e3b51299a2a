-- Transient indexes of REINDEX CONCURRENTLY that was cut off, on these tables or on all.
SELECT n.nspname, c.relname
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname ~ '_cc(new|old)[0-9]*$'
  AND (pg_catalog.cardinality({tables}) = 0
       OR i.indrelid IN (SELECT pg_catalog.to_regclass(name) FROM pg_catalog.unnest({tables}) AS name))
