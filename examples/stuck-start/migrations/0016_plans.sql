-- Has this run already, by hand? The database does not tell: `plans` is there, and so are two rows.
CREATE TABLE IF NOT EXISTS plans (id serial PRIMARY KEY, name text);
INSERT INTO plans (name) VALUES ('free'), ('team');
