-- What the server knows of these extensions: whether it has them, and whether any role that may create in the
-- database may create them.
SELECT wanted.name, e.name IS NOT NULL, coalesce(v.trusted OR NOT v.superuser, true)
FROM pg_catalog.unnest($1::text[]) AS wanted (name)
LEFT JOIN pg_catalog.pg_available_extensions e ON e.name = wanted.name
LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
