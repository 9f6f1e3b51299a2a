-- method name family input default
SELECT concat_ws(' ', m.amname, o.opcname, f.opfname, t.typname, CASE WHEN o.opcdefault THEN 'd' ELSE '-' END)
FROM pg_catalog.pg_opclass o
JOIN pg_catalog.pg_opfamily f ON f.oid = o.opcfamily
JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
JOIN pg_catalog.pg_type t ON t.oid = o.opcintype
WHERE o.oid < 16384
