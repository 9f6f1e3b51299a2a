-- What is in the schema: whether it is there, a column that only our table has, the names of relations.
SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = {literal}),
       EXISTS (SELECT FROM pg_catalog.pg_attribute a
               JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = {literal} AND c.relname = 'meta' AND a.attname = 'set_digest'),
       (SELECT pg_catalog.string_agg(c.relname, ', ' ORDER BY c.relname)
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = {literal} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')),
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
       current_user, pg_catalog.current_database()
