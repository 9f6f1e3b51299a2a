-- A run goes on with another process of the server: the one before it may commit nothing more.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = 0;
SELECT pg_catalog.pg_advisory_xact_lock({unit_key});
WITH taken AS (
    UPDATE {schema}.meta m SET epoch = m.epoch + 1 WHERE m.epoch = COALESCE({epoch}, m.epoch) RETURNING m.epoch
)
UPDATE {schema}.run r
SET epoch = taken.epoch, backend_pid = {backend_pid}, backend_start = {backend_start}, finished_at = NULL,
    outcome = NULL
FROM taken WHERE r.id = {run}
RETURNING r.id, r.epoch
