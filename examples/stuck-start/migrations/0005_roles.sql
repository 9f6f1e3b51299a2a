CREATE TABLE roles (id serial PRIMARY KEY, key text NOT NULL, title text);
INSERT INTO roles (key, title) VALUES ('owner', 'Owner'), ('reader', 'Reader')
ON CONFLICT (key) DO NOTHING;
