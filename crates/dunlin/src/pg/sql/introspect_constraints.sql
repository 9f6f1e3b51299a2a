-- Plain keys are written by us from the columns below; the server is asked for the rest.
SELECT c.oid, c.conname, c.conrelid, c.contypid, c.contype, c.conkey, c.conindid, c.confrelid, c.confkey,
       c.confdeltype, c.confupdtype, c.confmatchtype, c.condeferrable, c.condeferred, c.convalidated, {enforced},
       c.coninhcount > 0, c.conislocal, c.connoinherit, c.conparentid,
       pg_catalog.pg_get_expr(c.conbin, c.conrelid),
       CASE WHEN c.contype = 'x' OR {odd_constraint} THEN pg_catalog.pg_get_constraintdef(c.oid) END
FROM pg_catalog.pg_constraint c
WHERE c.oid >= 16384 AND c.contype IN ('p', 'u', 'f', 'c', 'x', 'n')
