SELECT p.oid, p.polrelid, p.polname, p.polpermissive, p.polcmd, p.polroles,
       pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
FROM pg_catalog.pg_policy p
ORDER BY p.oid
