-- This would add the column that 0001 stops at, but never got its turn.
ALTER TABLE content ADD COLUMN project_id integer;
