-- The invalid index of a name, or of that name with a number behind it.
SELECT n.nspname, c.relname
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname = {schema}
  AND CASE WHEN {numbered} THEN pg_catalog.rtrim(c.relname, '0123456789') ELSE c.relname END = {name}
