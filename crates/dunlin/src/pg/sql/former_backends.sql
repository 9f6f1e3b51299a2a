-- Server processes of former runs that are at work still.
SELECT pg_catalog.format('server process %s of a run that was cut off (%s)', activity.pid,
                         pg_catalog.left(pg_catalog.regexp_replace(activity.query, '\s+', ' ', 'g'), 60))
FROM pg_catalog.pg_stat_activity AS activity
JOIN (VALUES {backends}) AS former (pid, start) ON former.pid = activity.pid
 AND former.start
     = pg_catalog.to_char(activity.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
WHERE activity.state = 'active' AND activity.pid <> pg_catalog.pg_backend_pid()
