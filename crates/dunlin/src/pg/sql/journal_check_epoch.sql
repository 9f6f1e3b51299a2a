-- Fails, as a cast that cannot be done, when another run took over. No constant: it must not be tried when planned.
SELECT CASE WHEN COALESCE((SELECT m.epoch FROM {schema}.meta m), -1) = {epoch} THEN {epoch}
            ELSE ({mark} || COALESCE((SELECT m.epoch::text FROM {schema}.meta m), 'gone'))::bigint END
