CREATE TABLE audit (at timestamptz NOT NULL DEFAULT now(), content_id integer, what text);
CREATE TRIGGER content_audit AFTER INSERT OR UPDATE OR DELETE ON content
    FOR EACH ROW EXECUTE FUNCTION write_audit();
