-- name left right result
SELECT concat_ws(' ', o.oprname, coalesce(l.typname, '-'), r.typname, s.typname)
FROM pg_catalog.pg_operator o
LEFT JOIN pg_catalog.pg_type l ON l.oid = o.oprleft
JOIN pg_catalog.pg_type r ON r.oid = o.oprright
JOIN pg_catalog.pg_type s ON s.oid = o.oprresult
WHERE o.oid < 16384
