ALTER TYPE mood ADD VALUE 'glad';
INSERT INTO person VALUES (2, 'glad');
ALTER TYPE mood ADD VALUE 'sad' BEFORE 'calm';
UPDATE person SET mood = 'sad' WHERE mood = 'calm';
UPDATE tally SET n = n + 1 WHERE name = 'label';
