-- Whom the process that holds the lock of the units waits for, whatever kind of lock that is.
worker AS (
    SELECT l.pid
    FROM pg_catalog.pg_locks AS l
    WHERE l.granted AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.pid IS NOT NULL
      AND ((l.classid::bigint << 32) | l.objid::bigint) = {unit_key}
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
), held AS (
    SELECT DISTINCT blocker.pid, NULL::text AS virtualtransaction
    FROM worker
    CROSS JOIN pg_catalog.unnest(pg_catalog.pg_blocking_pids(worker.pid)) AS blocker (pid)
    WHERE blocker.pid <> 0
    UNION
    SELECT NULL, l.virtualtransaction
    FROM worker
    JOIN pg_catalog.pg_locks AS waits ON waits.pid = worker.pid AND NOT waits.granted
    JOIN pg_catalog.pg_locks AS l ON l.pid IS NULL AND l.granted
     AND (l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid, l.objid, l.objsubid)
         IS NOT DISTINCT FROM
         (waits.locktype, waits.database, waits.relation, waits.page, waits.tuple, waits.virtualxid, waits.transactionid,
          waits.classid, waits.objid, waits.objsubid)
)
