-- What every unit says to the journal: planned once in a session, not once in each unit. Nothing in it is looked for in
-- the search path, so that a unit need not set it.
PREPARE dunlin_unit_lock AS SELECT pg_catalog.pg_advisory_xact_lock({key});
PREPARE dunlin_unit_epoch AS {check_epoch};
PREPARE dunlin_unit_after (text) AS SELECT ({check_epoch}), ({check_applied});
PREPARE dunlin_unit_operations (text, text[], integer[], integer[], text[]) AS
INSERT INTO {schema}.operation (migration, digest, occurrence, number, state, run, started_at, finished_at, duration_ms)
SELECT $1, pg_catalog.decode(n.digest, 'hex'), n.occurrence, n.number, n.state, {run}, pg_catalog.clock_timestamp(),
    pg_catalog.clock_timestamp(), 0
FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5))
    AS n (digest, occurrence, number, state);
PREPARE dunlin_unit_migration (text, text, text, text, text, text, text) AS {migration}
