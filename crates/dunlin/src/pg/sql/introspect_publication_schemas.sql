UNION ALL
SELECT 'publication schema', p.tableoid, p.oid, NULL, '', '{}', NULL FROM pg_catalog.pg_publication_namespace p
