-- The server writes the whole definition only where the other columns do not tell all: parameters of operator classes
-- that take some (those have a support function for it), collations of expressions.
SELECT i.indexrelid, i.indrelid, i.indisunique, {nulls_not_distinct}, i.indisprimary, i.indisvalid, i.indimmediate,
       am.amname, i.indnkeyatts, i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[], i.indoption::int2[],
       CASE WHEN i.indexprs IS NOT NULL THEN
           ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, n, false)
                 FROM pg_catalog.generate_series(1, i.indnkeyatts) n ORDER BY n)
       END,
       CASE WHEN i.indpred IS NOT NULL THEN pg_catalog.pg_get_expr(i.indpred, i.indrelid) END,
       CASE WHEN i.indexprs IS NOT NULL
                 OR i.indclass::oid[] && ARRAY({opclasses_with_options})
                    AND (SELECT pg_catalog.count(*) > 0 FROM pg_catalog.pg_attribute a
                         WHERE a.attrelid = i.indexrelid AND a.attoptions IS NOT NULL)
            THEN pg_catalog.pg_get_indexdef(i.indexrelid) END
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am am ON am.oid = c.relam
WHERE i.indexrelid >= 16384 AND c.relnamespace <> 99
