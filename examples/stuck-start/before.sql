-- The database as an older release of the application left it: no projects, no roles, nothing recorded.

create table users (id serial primary key, email text, name text);
create table content (id serial primary key, title text not null, body text, author_id int, created_at timestamptz);
create table comments (id serial primary key, content_id int, text text);
create table sessions (id int primary key, user_id int);
create table plans (id serial primary key, name text);

insert into users (email, name) select 'user' || n || '@example.org', 'User ' || n from generate_series(1, 2000) n;
insert into content (title, body, author_id, created_at)
select 'Page ' || n, repeat('text ' || n || ' ', 20), 1 + n % 2000, '2021-01-01'::timestamptz + n * interval '1 hour'
from generate_series(1, 10000) n;
insert into comments (content_id, text) select 1 + n % 10000, 'Comment ' || n from generate_series(1, 30000) n;
insert into sessions select n, 1 + n % 2000 from generate_series(1, 500) n;
insert into plans (name) values ('free'), ('team');
analyze;
