CREATE OR REPLACE FUNCTION write_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (content_id, what) VALUES (COALESCE(NEW.id, OLD.id), TG_OP);
    RETURN NULL;
END
$$;
