-- Runs on the connection that does the work: its process is what a later run waits for after a crash.
-- What a runner that lost the lock has under way is waited for: it is committed before the epoch moves on, or never.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = 0;
SELECT pg_catalog.pg_advisory_xact_lock({unit_key});
WITH taken AS (
    UPDATE {schema}.meta m
    SET epoch = m.epoch + 1, holder_pid = {pid}, holder_host = {host}, holder_since = pg_catalog.clock_timestamp(),
        set_digest = NULL, had_user_tables = COALESCE(m.had_user_tables, {had_user_tables})
    WHERE m.epoch = COALESCE({epoch}, m.epoch)
    RETURNING m.epoch
)
INSERT INTO {schema}.run AS r (epoch, host, pid, backend_pid, backend_start, dunlin_version, server_version, policies,
                               fingerprint_before)
SELECT taken.epoch, {host}, {pid}, {backend_pid}, {backend_start}, {dunlin_version}, {server_version}, {policies},
       {fingerprint_before}
FROM taken
RETURNING r.id, r.epoch
