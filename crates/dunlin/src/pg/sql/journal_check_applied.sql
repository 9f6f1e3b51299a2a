-- Fails, as a cast that cannot be done, when the migration before was not committed. No constant: see the check of the epoch.
SELECT CASE WHEN EXISTS (SELECT FROM {schema}.migration m
                         WHERE m.id OPERATOR(pg_catalog.=) {id} AND m.state OPERATOR(pg_catalog.=) 'applied'
                           AND m.run OPERATOR(pg_catalog.=) {run})
            THEN 1
            ELSE ('the migration before it was not committed: '
                  OPERATOR(pg_catalog.||) pg_catalog.clock_timestamp()::pg_catalog.text)::pg_catalog.int8 END
