CREATE INDEX CONCURRENTLY item_price ON item (price);
UPDATE tally SET n = n + 1 WHERE name = 'between';
CREATE UNIQUE INDEX CONCURRENTLY ON item (id, name);
DROP INDEX CONCURRENTLY item_name;
REINDEX INDEX CONCURRENTLY item_price;
REINDEX TABLE CONCURRENTLY item;
INSERT INTO entries VALUES ('after the indexes');
