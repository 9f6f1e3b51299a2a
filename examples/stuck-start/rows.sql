-- Every old row with all that was in it. The lists of columns are by position, so a renamed column counts as well.
select 'users' as "table", count(*) as rows, md5(string_agg(md5(row(id, email, name)::text), '' order by id)) as checksum
from users t (id, email, name)
union all
select 'content', count(*), md5(string_agg(md5(row(id, title, body, author_id, created_at)::text), '' order by id))
from content t (id, title, body, author_id, created_at)
union all
select 'comments', count(*), md5(string_agg(md5(row(id, content_id, txt)::text), '' order by id))
from comments t (id, content_id, txt)
union all
select 'sessions', count(*), md5(string_agg(md5(row(id, user_id)::text), '' order by id))
from sessions t (id, user_id)
union all
select 'plans', count(*), md5(string_agg(md5(row(id, name)::text), '' order by id))
from plans t (id, name);
