-- Runs what is deferred now, and defers again what is deferred from the start: ALTER TABLE refuses pending events.
DO $dunlin$
DECLARE
    names pg_catalog.text;
BEGIN
    SET CONSTRAINTS ALL IMMEDIATE;
    SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname), ', ') INTO names
    FROM pg_catalog.pg_constraint c
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.connamespace
    WHERE c.condeferred;
    IF names IS NOT NULL THEN
        EXECUTE pg_catalog.concat('SET CONSTRAINTS ', names, ' DEFERRED');
    END IF;
END
$dunlin$
