UPDATE content SET project_id = 1 WHERE project_id IS NULL;
ALTER TABLE content ADD CONSTRAINT IF NOT EXISTS content_project_fk
    FOREIGN KEY (project_id) REFERENCES projects (id);
