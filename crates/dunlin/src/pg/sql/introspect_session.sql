-- Read before the search path is emptied.
SELECT pg_catalog.current_setting('search_path'),
       current_user,
       (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user),
       pg_catalog.current_setting('server_version_num'),
       pg_catalog.pg_backend_pid(),
       -- With some thousand tables. Another session would write the names of this one's temporary objects otherwise.
       pg_catalog.pg_relation_size('pg_catalog.pg_attribute'::pg_catalog.regclass) OPERATOR(pg_catalog.>=) 4194304
           AND pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.=) 0::pg_catalog.oid
