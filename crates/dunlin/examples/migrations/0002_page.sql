ALTER TABLE visits ADD COLUMN page text;
CREATE INDEX visits_page ON visits (page);
