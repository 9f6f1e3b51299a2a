-- The application's tables. On a new database all of this works.
CREATE TABLE IF NOT EXISTS users (
    id serial PRIMARY KEY,
    email text,
    name text
);

CREATE TABLE IF NOT EXISTS projects (
    id serial PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE IF NOT EXISTS content (
    id serial PRIMARY KEY,
    project_id integer,
    title text NOT NULL,
    body text,
    author_id integer,
    language text NOT NULL DEFAULT 'en',
    created_at timestamptz
);

CREATE TABLE IF NOT EXISTS comments (
    id serial PRIMARY KEY,
    content_id integer,
    text text,
    project_id integer
);

CREATE INDEX content_project_idx ON content (project_id);
CREATE INDEX comments_project_idx ON comments (project_id);
CREATE INDEX content_language_idx ON content (language);

INSERT INTO projects (id, name) VALUES (1, 'Everything so far') ON CONFLICT (id) DO NOTHING;
UPDATE comments SET project_id = 1 WHERE project_id IS NULL;
