-- What expressions need. Keys' own columns and the like are known from elsewhere and left out, there are many.
SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid, d.deptype
FROM pg_catalog.pg_depend d
WHERE d.objid >= 16384 AND d.deptype IN ('n', 'a', 'i')
  AND d.refclassid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass,
                       'pg_catalog.pg_type'::regclass)
  AND CASE d.classid
      WHEN 'pg_catalog.pg_attrdef'::regclass THEN true
      WHEN 'pg_catalog.pg_rewrite'::regclass THEN true
      WHEN 'pg_catalog.pg_policy'::regclass THEN true
      WHEN 'pg_catalog.pg_trigger'::regclass THEN d.refobjsubid > 0
      WHEN 'pg_catalog.pg_proc'::regclass THEN true
      WHEN 'pg_catalog.pg_constraint'::regclass THEN d.refclassid <> 'pg_catalog.pg_class'::regclass
      WHEN 'pg_catalog.pg_class'::regclass THEN
          d.objsubid > 0 AND d.refclassid <> 'pg_catalog.pg_type'::regclass
          OR d.objid IN (SELECT s.seqrelid FROM pg_catalog.pg_sequence s)
          OR d.objid IN (SELECT i.indexrelid FROM pg_catalog.pg_index i
                         WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
      ELSE false
      END
