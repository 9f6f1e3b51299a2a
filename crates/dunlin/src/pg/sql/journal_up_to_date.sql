-- The second table is only asked whether it may be read, with all its rows.
SELECT m.version, COALESCE(m.set_digest = {digest}, false), m.epoch,
       EXISTS (SELECT FROM {schema}.migration)
FROM {schema}.meta m
