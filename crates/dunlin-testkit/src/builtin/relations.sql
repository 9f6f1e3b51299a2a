-- name kind columns; a column is name:type[/collation where it is not the type's]
SELECT concat_ws(' ', n.nspname || '.' || c.relname, c.relkind,
    string_agg(a.attname || ':' || CASE tn.nspname WHEN 'pg_catalog' THEN '' ELSE tn.nspname || '.' END || t.typname
        || CASE WHEN a.attcollation <> t.typcollation THEN '/' || l.collname ELSE '' END, ' ' ORDER BY a.attnum))
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
WHERE c.oid < 16384 AND n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v')
GROUP BY n.nspname, c.relname, c.relkind
