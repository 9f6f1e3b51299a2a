SELECT 'run' AS kind, r.id AS id, {started_at} AS started_at, {finished_at} AS finished_at, r.outcome AS outcome,
       r.host AS host, r.pid AS pid, r.backend_pid AS backend_pid, {backend_start} AS backend_start,
       r.dunlin_version AS dunlin_version, r.server_version AS server_version, r.policies AS policies,
       pg_catalog.encode(r.fingerprint_before, 'hex') AS fingerprint_before,
       pg_catalog.encode(r.fingerprint_after, 'hex') AS fingerprint_after
FROM {schema}.run r ORDER BY r.id DESC LIMIT 1
