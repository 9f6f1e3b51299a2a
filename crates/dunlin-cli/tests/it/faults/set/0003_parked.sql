INSERT INTO entries VALUES ('before the parked');
CREATE VIEW coloured AS SELECT id, colour FROM item;
ALTER TABLE item ADD CONSTRAINT item_shelf FOREIGN KEY (shelf) REFERENCES shelf (id);
INSERT INTO entries VALUES ('after the parked');
