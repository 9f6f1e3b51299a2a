-- name kind volatility set result arguments; an argument is [mode/][name:]type[= where it has a default]
SELECT concat_ws(' ', CASE n.nspname WHEN 'pg_catalog' THEN '' ELSE n.nspname || '.' END || p.proname,
    CASE WHEN p.prokind = 'a' AND g.aggkind <> 'n' THEN g.aggkind ELSE p.prokind END, p.provolatile,
    CASE WHEN p.proretset THEN 's' ELSE '-' END, r.typname, coalesce(l.list, '-'))
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_type r ON r.oid = p.prorettype
LEFT JOIN pg_catalog.pg_aggregate g ON g.aggfnoid = p.oid
CROSS JOIN LATERAL (
    SELECT string_agg(CASE a.mode WHEN 'i' THEN '' ELSE a.mode::text || '/' END
        || CASE a.name WHEN '' THEN '' ELSE a.name || ':' END
        || CASE tn.nspname WHEN 'pg_catalog' THEN '' ELSE tn.nspname || '.' END || t.typname
        || CASE WHEN a.mode IN ('i', 'b', 'v') AND a.input > p.pronargs - p.pronargdefaults THEN '=' ELSE '' END,
        ',' ORDER BY a.place) AS list
    FROM (
        SELECT u.place, u.type, coalesce(p.proargmodes[u.place], 'i') AS mode, coalesce(p.proargnames[u.place], '') AS name,
            count(*) FILTER (WHERE coalesce(p.proargmodes[u.place], 'i') IN ('i', 'b', 'v')) OVER (ORDER BY u.place) AS input
        FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS u (type, place)
    ) a
    JOIN pg_catalog.pg_type t ON t.oid = a.type
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
) l
WHERE p.oid < 16384 AND n.nspname IN ('pg_catalog', 'information_schema')
