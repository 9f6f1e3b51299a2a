-- name kind category preferred element array base collation
SELECT concat_ws(' ', CASE n.nspname WHEN 'pg_catalog' THEN '' ELSE n.nspname || '.' END || t.typname, t.typtype,
    t.typcategory, CASE WHEN t.typispreferred THEN 'p' ELSE '-' END, coalesce(CASE n.nspname WHEN 'pg_catalog' THEN '' ELSE n.nspname || '.' END || e.typname, '-'),
    coalesce(CASE n.nspname WHEN 'pg_catalog' THEN '' ELSE n.nspname || '.' END || a.typname, '-'), coalesce(b.typname, s.typname, m.typname, '-'),
    CASE WHEN t.typcollation = 0 THEN '-' ELSE c.collname END)
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
LEFT JOIN pg_catalog.pg_type a ON a.oid = t.typarray
LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_type s ON s.oid = r.rngsubtype
LEFT JOIN pg_catalog.pg_range x ON x.rngmultitypid = t.oid
LEFT JOIN pg_catalog.pg_type m ON m.oid = x.rngtypid
LEFT JOIN pg_catalog.pg_collation c ON c.oid = t.typcollation
WHERE t.oid < 16384 AND n.nspname IN ('pg_catalog', 'information_schema')
  AND t.typtype <> 'c' AND coalesce(e.typtype, 'b') <> 'c'
