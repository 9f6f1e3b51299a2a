-- What expressions need. Keys' own columns and the like are known from elsewhere and left out, there are many.
SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid, d.deptype
FROM pg_catalog.pg_depend d
WHERE d.objid >= 16384 AND d.deptype IN ('n', 'a', 'i')
  AND CASE d.classid
      WHEN 'pg_catalog.pg_class'::regclass THEN
          d.refclassid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass)
              AND (d.objsubid > 0
                   OR d.objid IN (SELECT s.seqrelid FROM pg_catalog.pg_sequence s)
                   OR d.objid IN (SELECT p.partrelid FROM pg_catalog.pg_partitioned_table p WHERE p.partexprs IS NOT NULL)
                   OR d.objid IN (SELECT i.indexrelid FROM pg_catalog.pg_index i
                                  WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
          OR d.refclassid = 'pg_catalog.pg_type'::regclass AND d.objsubid = 0
              AND d.objid IN (SELECT i.indexrelid FROM pg_catalog.pg_index i
                              WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
          OR d.refobjid >= 16384
              AND d.refclassid IN ('pg_catalog.pg_foreign_server'::regclass, 'pg_catalog.pg_opclass'::regclass,
                                   'pg_catalog.pg_operator'::regclass, 'pg_catalog.pg_am'::regclass)
      WHEN 'pg_catalog.pg_trigger'::regclass THEN
          d.refclassid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass,
                           'pg_catalog.pg_type'::regclass) AND d.refobjsubid > 0
      WHEN 'pg_catalog.pg_constraint'::regclass THEN d.refclassid <> 'pg_catalog.pg_class'::regclass
      -- Every table has a type, and every type an array: these are not dependencies of anybody's.
      WHEN 'pg_catalog.pg_type'::regclass THEN
          d.deptype = 'n' AND d.refobjid >= 16384 AND d.refclassid <> 'pg_catalog.pg_namespace'::regclass
          OR d.objid IN (SELECT r.rngmultitypid FROM pg_catalog.pg_range r)
      -- The schema that an object lives in is known from elsewhere.
      ELSE d.refobjid >= 16384 AND d.refclassid <> 'pg_catalog.pg_namespace'::regclass
          OR d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.deptype = 'a'
      END
