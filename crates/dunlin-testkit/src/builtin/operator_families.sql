-- method family left right strategy operator purpose
SELECT concat_ws(' ', m.amname, f.opfname, l.typname, r.typname, a.amopstrategy, o.oprname, a.amoppurpose)
FROM pg_catalog.pg_amop a
JOIN pg_catalog.pg_opfamily f ON f.oid = a.amopfamily
JOIN pg_catalog.pg_am m ON m.oid = a.amopmethod
JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr
JOIN pg_catalog.pg_type l ON l.oid = a.amoplefttype
JOIN pg_catalog.pg_type r ON r.oid = a.amoprighttype
WHERE a.oid < 16384
