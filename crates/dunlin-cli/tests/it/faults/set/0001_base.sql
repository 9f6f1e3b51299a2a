-- What counts how often data changes ran: no key protects these tables from a second time.
CREATE TABLE tally (name text, n int NOT NULL DEFAULT 0);
CREATE TABLE entries (what text);
CREATE TABLE item (id int PRIMARY KEY, name text, price numeric, note text);
INSERT INTO tally (name)
SELECT unnest(ARRAY['plain', 'provider', 'between', 'detached', 'label', 'server', 'outside', 'block', 'function',
                    'savepoint', 'explicit', 'deferred']);
INSERT INTO item SELECT g, 'item ' || g, g FROM generate_series(1, 200) g;
