ALTER TABLE item ADD COLUMN colour text;
CREATE TABLE shelf (id int PRIMARY KEY, label text);
ALTER TABLE item ADD COLUMN shelf int;
UPDATE tally SET n = n + 1 WHERE name = 'provider';
