INSERT INTO {schema}.migration AS m (id, version, checksum, tokens_digest, directives_digest, sql, state, recorded_at,
    applied_at, duration_ms, run)
VALUES ({id}, {version}, {checksum}, {tokens_digest}, {directives_digest}, {sql}, {state},
    pg_catalog.clock_timestamp(), CASE WHEN {state} OPERATOR(pg_catalog.=) 'applied' THEN pg_catalog.clock_timestamp() END,
    {duration_ms}, {run})
