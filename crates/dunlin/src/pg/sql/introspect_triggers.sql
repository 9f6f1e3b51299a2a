SELECT t.oid, t.tgrelid, t.tgname, t.tgfoid, t.tgattr::int2[], t.tgparentid <> 0, t.tgtype & 1 = 1,
       pg_catalog.pg_get_triggerdef(t.oid)
FROM pg_catalog.pg_trigger t
WHERE NOT t.tgisinternal AND t.tgrelid >= 16384
ORDER BY t.oid
