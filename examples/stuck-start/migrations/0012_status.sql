CREATE TYPE IF NOT EXISTS content_status AS ENUM ('draft', 'published');
ALTER TABLE content ADD COLUMN IF NOT EXISTS status content_status NOT NULL DEFAULT 'published';
ALTER TYPE content_status ADD VALUE 'archived';
CREATE INDEX content_archived_idx ON content (id) WHERE status = 'archived';
