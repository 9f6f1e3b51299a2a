SELECT n.oid, n.nspname, n.nspowner, n.oid = pg_catalog.pg_my_temp_schema()
FROM pg_catalog.pg_namespace n
ORDER BY n.oid
