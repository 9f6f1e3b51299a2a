-- What is not in one database, or not in the schema's description.
select format('database %s %s', datname, datallowconn) from pg_database
union all
select format('tablespace %s', spcname) from pg_tablespace
union all
select format('role %s', rolname) from pg_roles where rolname !~ '^pg_'
union all
select format('setting %s = %s', name, setting) from pg_file_settings where sourcefile ~ 'auto.conf$'
union all
select format('index %s ready %s live %s', indexrelid::regclass, indisready, indislive) from pg_index
where not indisready or not indislive
union all
select format('being detached: %s', inhrelid::regclass) from pg_inherits where to_jsonb(pg_inherits)->>'inhdetachpending' = 'true'
union all
select format('prepared %s', gid) from pg_prepared_xacts
union all
select format('in tablespace %s: %s', spcname, relname) from pg_class join pg_tablespace on pg_tablespace.oid = reltablespace
where relnamespace = 'public'::regnamespace
