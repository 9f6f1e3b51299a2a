CASE WHEN n.state = 'started' THEN pg_catalog.pg_backend_pid() END
