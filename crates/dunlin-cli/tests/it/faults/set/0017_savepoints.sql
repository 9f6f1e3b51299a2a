SAVEPOINT one;
INSERT INTO entries VALUES ('kept');
SAVEPOINT two;
INSERT INTO entries VALUES ('undone');
ROLLBACK TO SAVEPOINT two;
RELEASE SAVEPOINT one;
UPDATE tally SET n = n + 1 WHERE name = 'savepoint';
