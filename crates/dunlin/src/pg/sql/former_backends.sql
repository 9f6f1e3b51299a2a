-- Server processes of former runs: those of a recorded process and start, and whoever holds the lock of the units,
-- since the lock of the runs is ours. What this role may not see is NULL.
WITH former AS (
    SELECT activity.pid
    FROM pg_catalog.pg_stat_activity AS activity
    JOIN (VALUES {backends}) AS recorded (pid, start) ON recorded.pid = activity.pid
     AND recorded.start
         = pg_catalog.to_char(activity.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    UNION
    SELECT held.pid
    FROM pg_catalog.pg_locks AS held
    WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
      AND held.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                           WHERE d.datname = pg_catalog.current_database())
      AND held.classid::bigint = (({unit_key} >> 32) & 4294967295)
      AND held.objid::bigint = ({unit_key} & 4294967295)
)
SELECT former.pid,
       -- Whoever waits for a client that is gone never ends by itself.
       COALESCE(activity.state LIKE 'idle%' OR activity.wait_event_type = 'Client', false)
       AND activity.state_change < pg_catalog.clock_timestamp() - interval '1 second',
       pg_catalog.to_char(activity.query_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       activity.query,
       (SELECT pg_catalog.concat_ws(', ', progress.phase,
                   CASE WHEN progress.blocks_total > 0
                        THEN progress.blocks_done || ' of ' || progress.blocks_total || ' blocks' END,
                   CASE WHEN progress.current_locker_pid > 0
                        THEN 'waiting for process ' || progress.current_locker_pid END)
        FROM pg_catalog.pg_stat_progress_create_index AS progress WHERE progress.pid = former.pid)
FROM former
LEFT JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = former.pid
WHERE former.pid <> pg_catalog.pg_backend_pid()
ORDER BY former.pid
