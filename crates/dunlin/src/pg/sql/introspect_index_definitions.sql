-- Only where the other columns do not tell all: operator class parameters, collations of expressions.
SELECT i.indexrelid, pg_catalog.pg_get_indexdef(i.indexrelid)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE i.indexrelid >= 16384 AND c.relnamespace <> 99
  AND (i.indexprs IS NOT NULL
       OR i.indexrelid IN (SELECT a.attrelid FROM pg_catalog.pg_attribute a
                           WHERE a.attrelid >= 16384 AND a.attoptions IS NOT NULL))
