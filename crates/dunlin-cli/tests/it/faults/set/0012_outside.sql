-- dunlin: no transaction
UPDATE tally SET n = n + 1 WHERE name = 'outside';
INSERT INTO entries VALUES ('outside');
UPDATE item SET weight = weight + 1 WHERE id <= 100;
DELETE FROM entries WHERE what = 'plain';
