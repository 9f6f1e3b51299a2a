SELECT m.version, COALESCE(m.set_digest = {digest}, false), m.epoch,
       (SELECT pg_catalog.count(*) FROM {schema}.migration)
FROM {schema}.meta m
