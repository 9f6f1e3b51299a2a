-- Added at night. Did not help: 0001 still came first.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM information_schema.columns
        WHERE table_name = 'content' AND column_name = 'slug'
    ) THEN
        ALTER TABLE content ADD COLUMN slug text;
    END IF;
END
$$;
