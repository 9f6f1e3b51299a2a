UPDATE tally SET n = n + 1 WHERE name = 'plain';
INSERT INTO entries VALUES ('plain');
ALTER TABLE item ADD COLUMN weight int DEFAULT 1;
CREATE INDEX item_name ON item (name);
UPDATE item SET price = price + 1;
