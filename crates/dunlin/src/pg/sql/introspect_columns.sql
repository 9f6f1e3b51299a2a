SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated,
       a.attcollation, a.attinhcount > 0, a.attislocal,
       -- Modifiers of types that are not built in are only known to the type's own functions.
       CASE WHEN a.atttypmod <> -1 AND a.atttypid >= 16384
            THEN pg_catalog.format_type(a.atttypid, a.atttypmod) END,
       a.attstorage,
       -- Privileges, options, statistics target, compression: most columns have none of them, and to look for them
       -- in a query of its own would mean to read the largest of the catalogs twice.
       CASE WHEN a.attacl IS NOT NULL OR a.attoptions IS NOT NULL OR a.attstattarget >= 0 OR a.attcompression <> ''
            THEN ARRAY[pg_catalog.array_to_string(a.attacl::text[], E'\n'),
                       pg_catalog.array_to_string(a.attoptions, E'\n'),
                       CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::text END,
                       NULLIF(a.attcompression, ''::"char")::text] END
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
  AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
