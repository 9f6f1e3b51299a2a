COPY entries FROM stdin;
copied once
copied twice
\.
COPY shelf (id, label) FROM stdin;
2	two
3	\N
\.
INSERT INTO entries VALUES ('after the copy');
