-- The journal, version 1.
CREATE TABLE {schema}.meta (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    version integer NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    holder_pid integer,
    holder_host text,
    holder_since timestamptz,
    set_digest bytea,
    -- Whether there were user tables before the first run.
    had_user_tables boolean,
    -- Whether some run has looked at every migration and ended: what was there before Dunlin is known since.
    settled boolean NOT NULL DEFAULT false
);
CREATE TABLE {schema}.run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    epoch bigint NOT NULL,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    outcome text,
    host text,
    pid bigint,
    backend_pid integer,
    backend_start timestamptz,
    dunlin_version text,
    server_version integer,
    policies text,
    fingerprint_before bytea,
    fingerprint_after bytea
);
-- No foreign keys between the tables: each would cost a look-up for every row that a unit writes.
CREATE TABLE {schema}.migration (
    id text PRIMARY KEY,
    place bigint GENERATED ALWAYS AS IDENTITY,
    version text,
    checksum bytea NOT NULL,
    tokens_digest bytea,
    directives_digest bytea,
    sql text NOT NULL,
    state text NOT NULL,
    recorded_at timestamptz NOT NULL,
    applied_at timestamptz,
    duration_ms bigint,
    run bigint NOT NULL
);
CREATE TABLE {schema}.operation (
    migration text,
    digest bytea,
    occurrence integer,
    number integer NOT NULL,
    state text NOT NULL,
    code text,
    reason text,
    run bigint NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    duration_ms bigint,
    rows bigint,
    sqlstate text,
    message text,
    detail text,
    hint text,
    position integer,
    sql text,
    undo_sql text,
    backend_pid integer,
    backend_start timestamptz,
    PRIMARY KEY (migration, digest, occurrence)
);
CREATE TABLE {schema}.snapshot (
    run bigint PRIMARY KEY,
    taken_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    description text NOT NULL
);
INSERT INTO {schema}.meta (version) VALUES (1);
COMMENT ON SCHEMA {schema} IS 'Journal of the migration system Dunlin';
