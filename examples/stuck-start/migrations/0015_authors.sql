-- A slip of the pen: the column is called author_id.
CREATE INDEX content_author_idx ON content (autor_id);
CREATE VIEW authors AS
SELECT u.id, u.display_name, count(*) AS pages
FROM users u JOIN content c ON c.author_id = u.id
GROUP BY u.id, u.display_name;
