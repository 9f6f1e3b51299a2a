-- Only the expression of a generated column names columns; without a relation nothing has to be opened. The tree
-- tells which: to join pg_attribute would cost more than all the rest.
SELECT d.oid, d.adrelid, d.adnum,
       pg_catalog.pg_get_expr(d.adbin, CASE WHEN d.adbin::text LIKE '%{VAR %' THEN d.adrelid ELSE 0 END)
FROM pg_catalog.pg_attrdef d
WHERE d.adrelid >= 16384
