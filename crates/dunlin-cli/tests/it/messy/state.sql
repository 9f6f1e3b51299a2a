-- The schema of the database, one line for each thing in it, in an order that does not depend on how it came to be.
-- Column order is left out: a column that was added later stands last, and nothing but SELECT * can tell.
with spaces as (
    select oid, nspname from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'dunlin')
), lines as (
    select format('schema %I', nspname) as line from spaces
    union all
    select format('relation %s %I.%I%s', relkind, nspname, relname, ' ' || relacl::text)
    from pg_class join spaces on spaces.oid = relnamespace
    where relkind not in ('i', 'I')
    union all
    select format('column %I.%I.%I %s%s%s%s%s%s', nspname, relname, attname, format_type(atttypid, atttypmod),
        case when attcollation <> typcollation then ' collate ' || attcollation::regcollation end,
        case when attnotnull then ' not null' end,
        case when attgenerated = '' then ' default ' else ' generated ' end || pg_get_expr(adbin, adrelid),
        ' identity ' || nullif(attidentity, '')::text,
        ' privileges ' || attacl::text)
    from pg_attribute
    join pg_class on pg_class.oid = attrelid
    join spaces on spaces.oid = relnamespace
    join pg_type on pg_type.oid = atttypid
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where attnum > 0 and not attisdropped and relkind not in ('i', 'I', 'S')
    union all
    select format('constraint %s.%I %s%s', coalesce(conrelid::regclass::text, contypid::regtype::text), conname,
        pg_get_constraintdef(pg_constraint.oid), case when not convalidated then ' (not validated)' end)
    from pg_constraint join spaces on spaces.oid = connamespace
    where contype <> 'n'
    union all
    select format('index %s%s', pg_get_indexdef(indexrelid), case when not indisvalid then ' (invalid)' end)
    from pg_index join pg_class on pg_class.oid = indexrelid join spaces on spaces.oid = relnamespace
    union all
    select format('view %I.%I %s', nspname, relname, pg_get_viewdef(pg_class.oid))
    from pg_class join spaces on spaces.oid = relnamespace
    where relkind in ('v', 'm')
    union all
    select format('trigger %s %s', pg_get_triggerdef(pg_trigger.oid), tgenabled)
    from pg_trigger join pg_class on pg_class.oid = tgrelid join spaces on spaces.oid = relnamespace
    where not tgisinternal
    union all
    -- Names in a body may be spelled in several ways.
    select format('function %s', lower(translate(pg_get_functiondef(pg_proc.oid), '"', '')))
    from pg_proc join spaces on spaces.oid = pronamespace
    where prokind in ('f', 'p')
    union all
    select format('type %I.%I %s %s', nspname, typname, typtype,
        (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder) from pg_enum where enumtypid = pg_type.oid))
    from pg_type join spaces on spaces.oid = typnamespace
    where typtype in ('e', 'd')
    union all
    select format('sequence %s %s', seqrelid::regclass, format_type(seqtypid, null))
    from pg_sequence join pg_class on pg_class.oid = seqrelid join spaces on spaces.oid = relnamespace
    union all
    select format('policy %s', to_jsonb(pg_policies)) from pg_policies
    union all
    select format('comment %s: %s', pg_describe_object(classoid, objoid, objsubid), description)
    from pg_description
    where objoid in (
        select pg_class.oid from pg_class join spaces on spaces.oid = relnamespace
        union all select pg_proc.oid from pg_proc join spaces on spaces.oid = pronamespace
        union all select pg_type.oid from pg_type join spaces on spaces.oid = typnamespace
    )
)
select line from lines order by line collate "C"
