INSERT INTO entries VALUES ('before the skipped');
CREATE VIEW nothing AS SELECT id FROM no_such_table;
ALTER TABLE item ADD CONSTRAINT item_nowhere FOREIGN KEY (nowhere) REFERENCES shelf (id);
INSERT INTO entries VALUES ('after the skipped');
