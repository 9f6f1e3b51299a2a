-- Publications that publish every table of the database, the journal's too.
SELECT p.pubname::text FROM pg_catalog.pg_publication p WHERE p.puballtables ORDER BY 1
