-- Who holds locks that are in the way, oldest transaction first: sessions, and prepared transactions, whose locks no
-- process holds. With it what this role may do about each.
WITH {held}, me AS (
    SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user
)
SELECT held.pid, prepared.gid, a.application_name, a.state, a.query,
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - coalesce(a.xact_start, prepared.prepared))::bigint,
       -- Only clients of this database, no other run, nobody above this role.
       coalesce(a.backend_type = 'client backend' AND a.datname = pg_catalog.current_database()
                AND a.application_name !~ '^dunlin'
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks AS own
                                WHERE own.pid = a.pid AND own.locktype = 'advisory' AND own.objsubid = 1
                                  AND ((own.classid::bigint << 32) | own.objid::bigint) = {unit_key})
                AND (me.rolsuper OR NOT owner.rolsuper)
                AND (pg_catalog.pg_has_role(a.usesysid, 'USAGE')
                     OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')), false)
FROM held
CROSS JOIN me
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = held.pid
LEFT JOIN pg_catalog.pg_roles AS owner ON owner.oid = a.usesysid
-- A prepared transaction keeps the virtual transaction of its session, and the lock of its own number.
LEFT JOIN pg_catalog.pg_locks AS number
       ON held.pid IS NULL AND number.pid IS NULL AND number.locktype = 'transactionid' AND number.granted
      AND number.virtualtransaction = held.virtualtransaction
LEFT JOIN pg_catalog.pg_prepared_xacts AS prepared ON prepared.transaction = number.transactionid
ORDER BY coalesce(a.xact_start, prepared.prepared), held.pid
