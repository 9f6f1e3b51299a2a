-- name, folded; settings of extensions, which have a dot in their names, are not among them
SELECT lower(s.name) FROM pg_catalog.pg_settings s WHERE s.name NOT LIKE '%.%'
