-- Small tables of names, by class.
SELECT 'extension', e.oid, e.extname::text, NULL::oid, e.extversion FROM pg_catalog.pg_extension e
UNION ALL
SELECT 'role', r.oid, r.rolname::text, NULL, NULL FROM pg_catalog.pg_roles r
UNION ALL
SELECT 'collation', c.oid, c.collname::text, c.collnamespace, NULL FROM pg_catalog.pg_collation c
WHERE c.collencoding IN (-1, (SELECT d.encoding FROM pg_catalog.pg_database d
                              WHERE d.datname = pg_catalog.current_database()))
UNION ALL
SELECT CASE WHEN o.opcdefault THEN 'default' ELSE 'opclass' END, o.oid, o.opcname::text, o.opcnamespace, NULL
FROM pg_catalog.pg_opclass o
