-- source target context method
SELECT concat_ws(' ', s.typname, t.typname, c.castcontext, c.castmethod)
FROM pg_catalog.pg_cast c
JOIN pg_catalog.pg_type s ON s.oid = c.castsource
JOIN pg_catalog.pg_type t ON t.oid = c.casttarget
WHERE c.oid < 16384
