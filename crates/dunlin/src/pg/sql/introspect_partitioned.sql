SELECT p.partrelid, p.partattrs::int2[], pg_catalog.pg_get_partkeydef(p.partrelid)
FROM pg_catalog.pg_partitioned_table p
ORDER BY p.partrelid
