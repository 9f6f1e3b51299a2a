-- Operations of which nothing is recorded: without what a conflict needs, it is planned in a third of the time.
INSERT INTO {schema}.operation (migration, digest, occurrence, number, state, code, reason, run, started_at, finished_at,
    duration_ms, rows, sql)
VALUES {values}
