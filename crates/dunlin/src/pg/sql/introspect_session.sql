-- Read before the search path is emptied.
SELECT pg_catalog.current_setting('search_path'),
       current_user,
       (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user),
       pg_catalog.current_setting('server_version_num')
