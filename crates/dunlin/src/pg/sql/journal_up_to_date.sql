SELECT m.version, COALESCE(m.set_digest = {digest}, false), m.epoch
FROM {schema}.meta m
