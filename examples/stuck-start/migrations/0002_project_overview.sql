-- Written before content_tags moved to a file of its own.
CREATE VIEW project_overview AS
SELECT p.id, p.name, count(DISTINCT c.id) AS pages, count(t.tag_id) AS tags
FROM projects p
LEFT JOIN content c ON c.project_id = p.id
LEFT JOIN content_tags t ON t.content_id = c.id
GROUP BY p.id, p.name;
