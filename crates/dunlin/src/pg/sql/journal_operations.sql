INSERT INTO {schema}.operation AS o (migration, digest, occurrence, number, state, code, reason, run, started_at,
    finished_at, duration_ms, rows, sqlstate, message, detail, hint, position, sql, undo_sql, backend_pid, backend_start)
SELECT n.migration, pg_catalog.decode(n.digest, 'hex'), n.occurrence, n.number, n.state, n.code, n.reason, {run},
    CASE WHEN n.state = 'started' THEN pg_catalog.clock_timestamp()
         WHEN n.duration_ms IS NOT NULL
         THEN pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => n.duration_ms / 1000.0) END,
    CASE WHEN n.duration_ms IS NOT NULL THEN pg_catalog.clock_timestamp() END,
    n.duration_ms, n.rows, n.sqlstate, n.message, n.detail, n.hint, n.position, n.sql, n.undo_sql,
    {backend_pid}, {backend_start}
FROM (VALUES {values}
) AS n (migration, digest, occurrence, number, state, code, reason, duration_ms, rows, sqlstate, message, detail,
        hint, position, sql, undo_sql)
ON CONFLICT (migration, digest, occurrence) DO UPDATE
SET number = excluded.number, state = excluded.state, code = excluded.code, reason = excluded.reason,
    run = excluded.run, started_at = COALESCE(excluded.started_at, o.started_at), finished_at = excluded.finished_at,
    duration_ms = excluded.duration_ms, rows = excluded.rows, sqlstate = excluded.sqlstate,
    message = excluded.message, detail = excluded.detail, hint = excluded.hint, position = excluded.position,
    sql = excluded.sql, undo_sql = COALESCE(excluded.undo_sql, o.undo_sql), backend_pid = excluded.backend_pid,
    backend_start = excluded.backend_start
