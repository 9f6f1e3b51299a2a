SELECT i.inhrelid, i.inhparent
FROM pg_catalog.pg_inherits i
ORDER BY i.inhrelid, i.inhseqno
