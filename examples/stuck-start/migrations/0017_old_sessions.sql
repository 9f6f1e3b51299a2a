-- No release ever had this column.
CREATE TABLE session_cleanups (at timestamptz NOT NULL DEFAULT now());
DELETE FROM sessions WHERE legacy;
