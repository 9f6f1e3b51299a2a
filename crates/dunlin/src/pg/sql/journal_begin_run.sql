-- Runs on the connection that does the work: its process is what a later run waits for after a crash.
WITH taken AS (
    UPDATE {schema}.meta m
    SET epoch = m.epoch + 1, holder_pid = {pid}, holder_host = {host}, holder_since = pg_catalog.clock_timestamp(),
        set_digest = NULL, had_user_tables = COALESCE(m.had_user_tables, {had_user_tables})
    RETURNING m.epoch
)
INSERT INTO {schema}.run AS r (epoch, host, pid, backend_pid, backend_start, dunlin_version, server_version, policies,
                               fingerprint_before)
SELECT taken.epoch, {host}, {pid}, pg_catalog.pg_backend_pid(),
       (SELECT a.backend_start FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a),
       {dunlin_version}, {server_version}, {policies}, {fingerprint_before}
FROM taken
RETURNING r.id, r.epoch
