-- Who holds locks on these tables that conflict with what is wanted.
wanted AS (
    SELECT pg_catalog.to_regclass(list.name) AS relation, list.modes
    FROM (VALUES {tables}) AS list (name, modes)
), held AS (
    SELECT DISTINCT l.pid, l.virtualtransaction
    FROM pg_catalog.pg_locks AS l
    JOIN wanted ON wanted.relation = l.relation AND l.mode = ANY (wanted.modes)
    WHERE l.granted AND l.locktype = 'relation' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
)
