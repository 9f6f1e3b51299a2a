-- The journal without times, durations, rows counted, numbers of runs and server processes.
select format('migration %s: %s %s %s %s %s %s %s %s', row_number() over (order by place), id, version,
    encode(checksum, 'hex'), encode(tokens_digest, 'hex'), encode(directives_digest, 'hex'), md5(sql), state,
    applied_at is not null)
from dunlin.migration
union all
select format('operation %s#%s: %s %s %s', migration, number, state, encode(digest, 'hex'), occurrence)
    || format(' code %s reason %s sql %s undo %s', code, reason, sql, undo_sql)
    || format(' sqlstate %s message %s detail %s hint %s position %s', sqlstate, message, detail, hint, position)
from dunlin.operation
union all
select format('meta: version %s digest %s user tables %s settled %s held %s', version, encode(set_digest, 'hex'),
    had_user_tables, settled, holder_pid is not null)
from dunlin.meta
union all
select 'snapshot: ' || md5(description) from dunlin.snapshot
