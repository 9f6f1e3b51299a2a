WITH released AS (
    UPDATE {schema}.meta m
    SET holder_pid = NULL, holder_host = NULL, holder_since = NULL, set_digest = {set_digest},
        settled = m.settled OR {settled}
)
UPDATE {schema}.run
SET finished_at = pg_catalog.clock_timestamp(), outcome = {outcome}, fingerprint_after = {fingerprint_after}
WHERE id = {run}
