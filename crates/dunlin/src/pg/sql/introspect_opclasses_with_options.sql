-- Operator classes that take parameters: by the number that their access method gives the support function for it.
SELECT o.oid
FROM pg_catalog.pg_opclass o
JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
JOIN pg_catalog.pg_amproc p ON p.amprocfamily = o.opcfamily
WHERE p.amprocnum = CASE m.amname WHEN 'btree' THEN 5 WHEN 'hash' THEN 3 WHEN 'gist' THEN 10 WHEN 'gin' THEN 7
                                  WHEN 'spgist' THEN 6 WHEN 'brin' THEN 5 ELSE p.amprocnum END
