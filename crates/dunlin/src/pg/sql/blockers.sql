-- Sessions that hold a lock on one of these tables, oldest transaction first.
SELECT DISTINCT format('pid %s%s, %s, since %s: %s', activity.pid,
                       CASE WHEN activity.application_name <> '' THEN ' (' || activity.application_name || ')' ELSE '' END,
                       coalesce(activity.state, 'state unknown'),
                       coalesce(pg_catalog.to_char(activity.xact_start, 'HH24:MI:SS'), '?'),
                       pg_catalog.left(pg_catalog.regexp_replace(coalesce(activity.query, ''), '\s+', ' ', 'g'), 80))
FROM pg_catalog.pg_locks AS held
JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = held.pid
WHERE held.granted
  AND held.locktype = 'relation'
  AND held.pid <> pg_catalog.pg_backend_pid()
  AND held.relation IN (SELECT pg_catalog.to_regclass(name) FROM pg_catalog.unnest(ARRAY[{tables}]::text[]) AS name)
