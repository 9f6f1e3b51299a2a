CREATE TYPE mood AS ENUM ('calm');
CREATE TABLE person (id int, mood mood);
INSERT INTO person VALUES (1, 'calm');
