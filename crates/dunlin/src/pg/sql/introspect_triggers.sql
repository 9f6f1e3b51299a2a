SELECT t.oid, t.tgrelid, t.tgname, t.tgfoid, t.tgattr::int2[],
       (SELECT above.tgname FROM pg_catalog.pg_trigger above WHERE above.oid = t.tgparentid), t.tgtype & 1 = 1,
       pg_catalog.pg_get_triggerdef(t.oid)
FROM pg_catalog.pg_trigger t
WHERE t.tgrelid >= 16384
  -- PostgreSQL 14 calls those internal that a partition has from its parent; foreign keys have such too.
  AND (NOT t.tgisinternal
       OR t.tgparentid <> 0 AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc f
                                            WHERE f.oid = t.tgfoid AND f.proname LIKE 'RI\_FKey\_%'))
