SELECT 'meta' AS kind, m.epoch AS epoch, m.had_user_tables AS had_user_tables, m.settled AS settled,
       pg_catalog.encode(m.set_digest, 'hex') AS set_digest
FROM {schema}.meta m;
SELECT 'migration' AS kind, r.id AS id, r.version AS version, pg_catalog.encode(r.checksum, 'hex') AS checksum,
       pg_catalog.encode(r.tokens_digest, 'hex') AS tokens_digest,
       pg_catalog.encode(r.directives_digest, 'hex') AS directives_digest, r.sql AS sql, r.state AS state,
       {applied_at} AS applied_at, r.duration_ms AS duration_ms, r.run AS run
FROM {schema}.migration r ORDER BY r.place;
SELECT 'operation' AS kind, r.migration AS migration, pg_catalog.encode(r.digest, 'hex') AS digest,
       r.occurrence AS occurrence, r.number AS number, r.state AS state, r.code AS code, r.reason AS reason,
       r.run AS run, {started_at} AS started_at, {finished_at} AS finished_at, r.duration_ms AS duration_ms,
       r.rows AS rows, r.sqlstate AS sqlstate, r.message AS message, r.detail AS detail, r.hint AS hint,
       r.position AS position, r.sql AS sql, r.undo_sql AS undo_sql, r.backend_pid AS backend_pid,
       {backend_start} AS backend_start
FROM {schema}.operation r ORDER BY r.migration, r.number, r.digest, r.occurrence
