CREATE UNIQUE INDEX roles_key_idx ON roles (key);
