-- Fails, as a cast that cannot be done, when the migration before was not committed. No constant: see the check of the epoch.
SELECT CASE WHEN EXISTS (SELECT FROM {schema}.migration m WHERE m.id = {id} AND m.state = 'applied' AND m.run = {run})
            THEN 1 ELSE ('the migration before it was not committed: ' || pg_catalog.clock_timestamp()::text)::bigint END
