SELECT r.oid, r.ev_class, r.rulename, r.rulename = '_RETURN',
       CASE WHEN r.rulename = '_RETURN' THEN pg_catalog.pg_get_viewdef(r.ev_class)
            ELSE pg_catalog.pg_get_ruledef(r.oid) END
FROM pg_catalog.pg_rewrite r
WHERE r.ev_class >= 16384 AND r.oid >= 16384
ORDER BY r.oid
