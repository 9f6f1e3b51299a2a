-- lz4 is there if the server was built with it.
SELECT pg_catalog.set_config('default_toast_compression', 'lz4', true)
FROM pg_catalog.pg_settings s
WHERE s.name OPERATOR(pg_catalog.=) 'default_toast_compression'
  AND s.enumvals OPERATOR(pg_catalog.@>) '{lz4}'::pg_catalog.text[]
