CREATE TABLE child (id int, parent int REFERENCES shelf (id) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO child VALUES (1, 9);
INSERT INTO shelf (id) VALUES (9);
ALTER TABLE child ADD COLUMN note text;
UPDATE tally SET n = n + 1 WHERE name = 'deferred';
