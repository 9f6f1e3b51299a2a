-- Who holds the lock of the runs, and whether the server process of the last run is there: NULL where this role may
-- not see that. A process is known by its number and its start.
SELECT pg_catalog.pg_is_in_recovery(),
       held.pid, pg_catalog.host(holder.client_addr), holder.application_name,
       pg_catalog.to_char(coalesce(holder.xact_start, holder.backend_start) AT TIME ZONE 'UTC',
                          'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       NULL,
       CASE WHEN worker.pid IS NULL THEN false
            WHEN worker.backend_start IS NULL THEN NULL
            ELSE pg_catalog.to_char(worker.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') = {start}
       END,
       CASE WHEN worker.state = 'active' THEN worker.query END,
       (SELECT pg_catalog.string_agg(
                   CASE WHEN blocking.pid = 0 THEN 'a prepared transaction'
                        ELSE pg_catalog.concat('process ', blocking.pid, ' (', blocker.application_name, ')') END,
                   E'\n')
        FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(worker.pid)) AS blocking (pid)
        LEFT JOIN pg_catalog.pg_stat_activity AS blocker ON blocker.pid = blocking.pid)
FROM (SELECT 1) AS one
LEFT JOIN pg_catalog.pg_locks AS held
       ON held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
      AND held.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                           WHERE d.datname = pg_catalog.current_database())
      AND held.classid::bigint = (({run_key} >> 32) & 4294967295)
      AND held.objid::bigint = ({run_key} & 4294967295)
LEFT JOIN pg_catalog.pg_stat_activity AS holder ON holder.pid = held.pid
LEFT JOIN pg_catalog.pg_stat_activity AS worker ON worker.pid = {pid}
LIMIT 1
