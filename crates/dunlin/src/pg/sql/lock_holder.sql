-- Who holds the advisory lock whose 64-bit key is $1 in this database.
-- Another role's activity is only visible to members of pg_read_all_stats, hence the outer join.
SELECT l.pid,
       pg_catalog.host(a.client_addr) AS address,
       a.application_name,
       pg_catalog.to_char(s.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since,
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) s.since)::pg_catalog.float8 AS seconds
FROM pg_catalog.pg_locks l
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid
CROSS JOIN LATERAL (SELECT coalesce(a.xact_start, a.backend_start) AS since) s
WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory'
  AND l.granted
  AND l.objsubid OPERATOR(pg_catalog.=) 1
  AND l.database OPERATOR(pg_catalog.=) (
        SELECT d.oid FROM pg_catalog.pg_database d
        WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
  AND l.classid::pg_catalog.int8 OPERATOR(pg_catalog.=) (($1 OPERATOR(pg_catalog.>>) 32) OPERATOR(pg_catalog.&) 4294967295)
  AND l.objid::pg_catalog.int8 OPERATOR(pg_catalog.=) ($1 OPERATOR(pg_catalog.&) 4294967295)
LIMIT 1
