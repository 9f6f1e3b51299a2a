SELECT p.oid, p.proname, p.pronamespace, p.prokind, p.proargtypes::oid[], p.proallargtypes, p.proargmodes,
       p.proargnames, p.pronargdefaults::int4, p.prorettype, p.proretset, l.lanname,
       CASE WHEN l.lanname NOT IN ('c', 'internal')
            THEN COALESCE(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) END,
       p.provolatile, p.provariadic <> 0
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.oid >= 16384
ORDER BY p.oid
