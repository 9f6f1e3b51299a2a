VACUUM item;
ANALYZE item;
CLUSTER item USING item_pkey;
CLUSTER;
INSERT INTO entries VALUES ('after the upkeep');
