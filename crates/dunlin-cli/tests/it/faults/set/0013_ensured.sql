CREATE TABLE IF NOT EXISTS item (id int PRIMARY KEY, name text, origin text DEFAULT 'here');
UPDATE item SET origin = origin || '!' WHERE id <= 3;
INSERT INTO shelf (id) VALUES (1) ON CONFLICT (id) DO NOTHING;
