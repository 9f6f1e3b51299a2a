CREATE INDEX CONCURRENTLY content_title_idx ON content (lower(title));
COMMENT ON TABLE content IS 'Pages, each in a project';
