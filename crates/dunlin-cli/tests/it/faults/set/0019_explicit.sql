BEGIN;
UPDATE tally SET n = n + 1 WHERE name = 'explicit';
INSERT INTO entries VALUES ('first transaction');
COMMIT;
BEGIN;
UPDATE tally SET n = n + 1 WHERE name = 'explicit';
INSERT INTO entries VALUES ('second transaction');
COMMIT;
INSERT INTO entries VALUES ('after the transactions');
