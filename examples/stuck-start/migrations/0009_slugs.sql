-- From another branch, hence the same number.
CREATE INDEX content_slug_idx ON content (project_id, slug);
