DO $$ BEGIN UPDATE tally SET n = n + 1 WHERE name = 'block'; END $$;
DO $$ BEGIN EXECUTE 'CREATE TABLE made_by_block (id int, colour text)'; END $$;
CREATE VIEW seen AS SELECT id, colour FROM made_by_block;
CREATE FUNCTION bump(which text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tally SET n = n + 1 WHERE name = which;
END
$$;
SELECT bump('function');
