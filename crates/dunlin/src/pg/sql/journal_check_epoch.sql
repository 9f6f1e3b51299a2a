-- Fails, as a cast that cannot be done, when another run took over. No constant: it must not be tried when planned.
SELECT CASE WHEN COALESCE((SELECT m.epoch FROM {schema}.meta m), -1) OPERATOR(pg_catalog.=) {epoch} THEN {epoch}
            ELSE ({mark} OPERATOR(pg_catalog.||) COALESCE((SELECT m.epoch::pg_catalog.text FROM {schema}.meta m), 'gone'))
                 ::pg_catalog.int8 END
