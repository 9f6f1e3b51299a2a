-- Which of these needs are not met, and who owns what they are about. What is not there is not said to be lacking.
-- Needs: number, kind, role, schema, name (a relation, role or tablespace), privilege.
SELECT need.n, pg_catalog.pg_get_userbyid(c.relowner), pg_catalog.pg_get_userbyid(ns.nspowner)
FROM (VALUES {needs}) AS need (n, kind, role, namespace, name, privilege)
JOIN pg_catalog.pg_roles r ON r.rolname = need.role
JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
LEFT JOIN pg_catalog.pg_namespace ns ON ns.nspname = need.namespace
LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = ns.oid AND c.relname = need.name
LEFT JOIN pg_catalog.pg_roles other ON other.rolname = need.name
LEFT JOIN pg_catalog.pg_tablespace ts ON ts.spcname = need.name
WHERE NOT r.rolsuper AND CASE need.kind
    WHEN 'create in database' THEN NOT pg_catalog.has_database_privilege(r.oid, d.oid, 'CREATE')
    WHEN 'create in schema' THEN NOT pg_catalog.has_schema_privilege(r.oid, ns.oid, 'CREATE')
    WHEN 'create in tablespace'
        THEN ts.oid <> d.dattablespace AND NOT pg_catalog.has_tablespace_privilege(r.oid, ts.oid, 'CREATE')
    WHEN 'own relation' THEN NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE')
    WHEN 'drop relation'
        THEN NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE')
             AND NOT pg_catalog.pg_has_role(r.oid, ns.nspowner, 'USAGE')
    WHEN 'own schema' THEN NOT pg_catalog.pg_has_role(r.oid, ns.nspowner, 'USAGE')
    WHEN 'on relation'
        THEN NOT pg_catalog.has_table_privilege(r.oid, c.oid, need.privilege)
             AND NOT (CASE WHEN need.privilege IN ('INSERT', 'UPDATE', 'REFERENCES')
                           THEN pg_catalog.has_any_column_privilege(r.oid, c.oid, need.privilege) ELSE false END)
    WHEN 'become' THEN NOT pg_catalog.pg_has_role(r.oid, other.oid, {become})
    WHEN 'create role' THEN NOT r.rolcreaterole
    WHEN 'create database' THEN NOT r.rolcreatedb
    WHEN 'create subscription'
        THEN NOT pg_catalog.pg_has_role(r.oid, (SELECT p.oid FROM pg_catalog.pg_roles p
                                                WHERE p.rolname = 'pg_create_subscription'), 'USAGE')
    WHEN 'row security'
        THEN c.relrowsecurity AND NOT r.rolbypassrls
             AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE'))
    ELSE false
END
ORDER BY need.n
