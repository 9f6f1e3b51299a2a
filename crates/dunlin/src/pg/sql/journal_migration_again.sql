
ON CONFLICT (id) DO UPDATE
SET version = excluded.version, checksum = excluded.checksum, tokens_digest = excluded.tokens_digest,
    directives_digest = excluded.directives_digest, sql = excluded.sql, state = excluded.state,
    recorded_at = excluded.recorded_at,
    -- When it became applied, not when it was looked at again.
    applied_at = CASE WHEN m.state = 'applied' THEN COALESCE(m.applied_at, excluded.applied_at)
                      ELSE excluded.applied_at END,
    duration_ms = COALESCE(m.duration_ms + excluded.duration_ms, m.duration_ms, excluded.duration_ms),
    run = excluded.run
