-- dunlin: no transaction
CREATE DATABASE faults_other;
CREATE DATABASE faults_gone;
DROP DATABASE faults_gone;
ALTER SYSTEM SET work_mem = '5MB';
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE faults_space LOCATION '';
UPDATE tally SET n = n + 1 WHERE name = 'server';
CREATE TABLE placed (id int) TABLESPACE faults_space;
