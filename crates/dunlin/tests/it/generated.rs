//! Random schemas, and valid and invalid operations on them, statement by statement on a server and in the simulation.
//!
//! Names come from small pools, so that most statements meet something that is there, that is not there any more, or
//! that another object has taken. `DUNLIN_TEST_SCRIPTS=1000` tries more scripts than every run does, and
//! `DUNLIN_TEST_SEED=7` others.

use dunlin_testkit::oracle::{Counts, Options, Outcome, run_file};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::cell::RefCell;

/// How many scripts every run tries.
const SCRIPTS: u32 = 24;
/// How many statements a script has.
const STATEMENTS: std::ops::Range<usize> = 60..100;

/// Statements; what stands in braces is chosen by [`Writer::part`].
const FORMS: &[&str] = &[
    "CREATE TABLE {t} ({c} {type}, {c} {type} {column}, {c} {type})",
    "CREATE TABLE {t} ({c} {type} PRIMARY KEY, {c} {type} {column}, {constraint})",
    "CREATE TABLE {t} ({c} int GENERATED ALWAYS AS IDENTITY, {c} {type} UNIQUE, {constraint}, {constraint})",
    "CREATE TABLE IF NOT EXISTS {t} ({c} {type} {column}, {c} {type})",
    "CREATE TABLE {t} (LIKE {t} INCLUDING ALL)",
    "CREATE TABLE {t} (LIKE {t} INCLUDING DEFAULTS INCLUDING INDEXES, {c} {type})",
    "CREATE TABLE {t} ({c} {type}) INHERITS ({t})",
    "CREATE TABLE {t} AS {query}",
    "CREATE TABLE {t} ({c} int, {c} {type}, {c} {type}) PARTITION BY RANGE ({c})",
    "CREATE TABLE {t} ({c} int PRIMARY KEY, {c} {type}) PARTITION BY LIST ({c})",
    "CREATE TABLE {t} PARTITION OF {t} FOR VALUES FROM ({n}) TO ({n})",
    "CREATE TABLE {t} PARTITION OF {t} FOR VALUES IN ({n})",
    "CREATE TABLE {t} PARTITION OF {t} DEFAULT",
    "ALTER TABLE {t} ATTACH PARTITION {t} FOR VALUES IN ({n})",
    "ALTER TABLE {t} ATTACH PARTITION {t} DEFAULT",
    "ALTER TABLE {t} DETACH PARTITION {t}",
    "ALTER TABLE {t} INHERIT {t}",
    "ALTER TABLE {t} NO INHERIT {t}",
    "ALTER TABLE {t} ADD COLUMN {c} {type} {column}",
    "ALTER TABLE {t} ADD COLUMN IF NOT EXISTS {c} {type}",
    "ALTER TABLE {t} ADD {c} {type}, ADD {c} {type} {column}",
    "ALTER TABLE {t} DROP COLUMN {c} {cascade}",
    "ALTER TABLE {t} DROP COLUMN IF EXISTS {c} {cascade}, ADD {c} {type}",
    "ALTER TABLE {t} RENAME COLUMN {c} TO {c}",
    "ALTER TABLE {t} RENAME TO {t}",
    "ALTER TABLE {t} ALTER {c} SET NOT NULL",
    "ALTER TABLE {t} ALTER {c} DROP NOT NULL",
    "ALTER TABLE {t} ALTER {c} SET DEFAULT NULL",
    "ALTER TABLE {t} ALTER {c} DROP DEFAULT",
    "ALTER TABLE {t} ALTER {c} TYPE text USING {c}::text",
    "ALTER TABLE {t} ALTER {c} TYPE {type}",
    "ALTER TABLE {t} ADD {constraint}",
    "ALTER TABLE {t} ADD CONSTRAINT {k} {constraint}",
    "ALTER TABLE {t} DROP CONSTRAINT {k} {cascade}",
    "ALTER TABLE {t} DROP CONSTRAINT IF EXISTS {t}_pkey {cascade}",
    "ALTER TABLE {t} RENAME CONSTRAINT {k} TO {k}",
    "ALTER TABLE {t} VALIDATE CONSTRAINT {k}",
    "ALTER TABLE {t} SET SCHEMA {schema}",
    "ALTER TABLE {schema}.{t} SET SCHEMA public",
    "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {t} REPLICA IDENTITY FULL",
    "ALTER TABLE {t} SET (fillfactor = 8{n})",
    "DROP TABLE {t} {cascade}",
    "DROP TABLE IF EXISTS {t} {cascade}",
    "DROP TABLE {schema}.{t}",
    "CREATE {unique} INDEX ON {t} ({c})",
    "CREATE {unique} INDEX {i} ON {t} ({c}, {c})",
    "CREATE INDEX {i} ON {t} (lower({c})) WHERE {c} IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS {i} ON {t} ({c} DESC NULLS LAST)",
    "CREATE {unique} INDEX {i} ON {t} ({c}) INCLUDE ({c})",
    "CREATE INDEX {i} ON ONLY {t} ({c})",
    "DROP INDEX {i} {cascade}",
    "ALTER INDEX {i} RENAME TO {i}",
    "CREATE VIEW {v} AS {query}",
    "CREATE OR REPLACE VIEW {v} AS {query}",
    "CREATE VIEW {v} ({c}, {c}) AS SELECT {c}, {c} FROM {t}",
    "CREATE MATERIALIZED VIEW {v} AS {query}",
    "ALTER VIEW {v} RENAME TO {v}",
    "ALTER VIEW {v} RENAME COLUMN {c} TO {c}",
    "DROP VIEW {v} {cascade}",
    "DROP VIEW IF EXISTS {v}",
    "DROP MATERIALIZED VIEW {v} {cascade}",
    "REFRESH MATERIALIZED VIEW {v}",
    "CREATE SCHEMA {schema}",
    "CREATE SCHEMA IF NOT EXISTS {schema}",
    "CREATE TABLE {schema}.{t} ({c} {type} {column})",
    "CREATE VIEW {schema}.{v} AS {query}",
    "DROP SCHEMA {schema} {cascade}",
    "ALTER SCHEMA {schema} RENAME TO {schema}",
    "CREATE SEQUENCE {s}",
    "CREATE SEQUENCE {s} OWNED BY {t}.{c}",
    "ALTER SEQUENCE {s} OWNED BY {t}.{c}",
    "ALTER SEQUENCE {s} OWNED BY NONE",
    "ALTER TABLE {t} ALTER {c} SET DEFAULT nextval('{s}')",
    "DROP SEQUENCE {s} {cascade}",
    "CREATE TYPE {y} AS ENUM ('low', 'high')",
    "CREATE TYPE {y} AS ({c} {type}, {c} int)",
    "CREATE DOMAIN {y} AS int CHECK (VALUE > {n})",
    "ALTER TYPE {y} ADD VALUE IF NOT EXISTS 'mid'",
    "ALTER TYPE {y} RENAME TO {y}",
    "DROP TYPE {y} {cascade}",
    "CREATE TABLE {t} ({c} {y}, {c} {y}[])",
    "ALTER TABLE {t} ADD {c} {y}",
    "CREATE FUNCTION {f}(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + {n}'",
    "CREATE FUNCTION {f}(text, text DEFAULT 'x') RETURNS text LANGUAGE sql AS 'SELECT $1 || $2'",
    "CREATE OR REPLACE FUNCTION {f}(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * {n}'",
    "CREATE FUNCTION {f}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE FUNCTION {f}() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM {t}'",
    "CREATE VIEW {v} AS SELECT {f}({c}) AS {c} FROM {t}",
    "ALTER TABLE {t} ALTER {c} SET DEFAULT {f}({n})",
    "DROP FUNCTION {f}(int) {cascade}",
    "DROP FUNCTION IF EXISTS {f}() {cascade}",
    "ALTER FUNCTION {f}(int) RENAME TO {f}",
    "SELECT {f}({n})",
    "CREATE TRIGGER {g} BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION {f}()",
    "CREATE TRIGGER {g} AFTER UPDATE OF {c} ON {t} FOR EACH ROW EXECUTE FUNCTION {f}()",
    "DROP TRIGGER {g} ON {t}",
    "ALTER TRIGGER {g} ON {t} RENAME TO {g}",
    "CREATE POLICY {g} ON {t} USING ({c} IS NOT NULL)",
    "DROP POLICY {g} ON {t}",
    "CREATE RULE {g} AS ON DELETE TO {t} DO INSTEAD NOTHING",
    "DROP RULE {g} ON {t} {cascade}",
    "CREATE STATISTICS {i} ON {c}, {c} FROM {t}",
    "DROP STATISTICS {i}",
    "COMMENT ON COLUMN {t}.{c} IS 'a comment'",
    "COMMENT ON TABLE {t} IS NULL",
    "GRANT SELECT ON {t} TO PUBLIC",
    "INSERT INTO {t} ({c}) SELECT NULL WHERE false",
    "INSERT INTO {t} ({c}, {c}) SELECT NULL, NULL WHERE false ON CONFLICT ({c}) DO NOTHING",
    "UPDATE {t} SET {c} = NULL WHERE false",
    "DELETE FROM {t} USING {t} AS other WHERE {t}.{c} IS NULL AND other.{c} IS NOT NULL",
    "TRUNCATE {t} {cascade}",
    "ANALYZE {t} ({c})",
    "LOCK TABLE {t}",
    "{query}",
    "WITH x AS ({query}) SELECT * FROM x",
    "SELECT a.{c}, b.* FROM {t} a LEFT JOIN {t} b USING ({c}) ORDER BY 1",
    "SELECT {c} FROM {t} UNION ALL SELECT {c} FROM {t}",
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_class WHERE relname = '{t}') THEN CREATE TABLE {t} ({c} int); END IF; END $$",
    "BEGIN; ALTER TABLE {t} ADD {c} int; ROLLBACK",
    "BEGIN; SAVEPOINT a; DROP TABLE {t}; ROLLBACK TO a; CREATE TABLE {t} ({c} int); COMMIT",
];

/// Turns random numbers into statements.
struct Writer<'a> {
    genes: std::slice::Iter<'a, u16>,
}

impl Writer<'_> {
    fn below(&mut self, count: usize) -> usize {
        usize::from(*self.genes.next().unwrap_or(&0)) % count
    }

    fn one_of(&mut self, all: &[&str]) -> String {
        let form = all[self.below(all.len())];
        self.filled(form)
    }

    /// Fills the braces of a form.
    fn filled(&mut self, form: &str) -> String {
        let mut text = String::new();
        let mut rest = form;
        while let Some((before, after)) = rest.split_once('{') {
            let (part, after) = after.split_once('}').unwrap();
            text += before;
            text += &self.part(part);
            rest = after;
        }
        text + rest
    }

    fn part(&mut self, part: &str) -> String {
        match part {
            "c" => self.one_of(&["a", "b", "c", "d", "\"E f\""]),
            "n" => self.below(10).to_string(),
            "schema" => self.one_of(&["s1", "s2"]),
            "cascade" => self.one_of(&["", "", "CASCADE"]),
            "unique" => self.one_of(&["", "UNIQUE"]),
            "column" => self.one_of(&[
                "", "", "NOT NULL", "DEFAULT NULL", "UNIQUE", "CHECK (true)", "REFERENCES {t}",
                "REFERENCES {t} ({c}) ON DELETE CASCADE",
            ]),
            "type" => self.one_of(&[
                "int", "int", "int", "bigint", "text", "varchar(20)", "numeric(10,2)", "boolean", "timestamptz",
                "serial", "uuid", "jsonb", "text[]", "{y}",
            ]),
            "constraint" => self.one_of(&[
                "PRIMARY KEY ({c})", "UNIQUE ({c})", "UNIQUE ({c}, {c})", "CHECK ({c} IS NOT NULL)",
                "CHECK ({c} > {n}) NO INHERIT", "FOREIGN KEY ({c}) REFERENCES {t}",
                "FOREIGN KEY ({c}) REFERENCES {t} ({c}) ON UPDATE SET NULL", "EXCLUDE USING btree ({c} WITH =)",
            ]),
            "query" => self.one_of(&[
                "SELECT * FROM {t}", "SELECT {c}, {c} AS x FROM {t} WHERE {c} IS NOT NULL",
                "SELECT t.{c}, u.{c} AS y, count(*) AS z FROM {t} t JOIN {t} u ON t.{c} = u.{c} GROUP BY 1, 2",
                "SELECT {n} AS {c}, 'x'::text AS y", "SELECT * FROM {v}", "SELECT {c} FROM {v}",
                "SELECT max({c}) AS m, coalesce({c}, NULL) AS n FROM {t} GROUP BY {c}",
                "SELECT {c} || 'x' AS x FROM {t}", "SELECT * FROM {t} CROSS JOIN {v}",
            ]),
            // Pools of names; tables and views share one, as they do in the database.
            "t" | "v" => self.one_of(&["r1", "r2", "r3", "r4", "r5", "\"R 6\""]),
            pool => format!("{pool}{}", self.below(4)),
        }
    }
}

fn script(genes: &[Vec<u16>]) -> String {
    let statements = genes.iter().map(|genes| Writer { genes: genes.iter() }.one_of(FORMS));
    statements.map(|statement| statement + ";\n").collect()
}

#[expect(clippy::disallowed_methods, reason = "who runs the tests may ask for more of them")]
fn number(variable: &str) -> Option<u32> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn the_simulation_agrees_with_the_server_on_random_schemas() {
    let total = RefCell::new(Counts::default());
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number("DUNLIN_TEST_SEED").unwrap_or(1).to_le_bytes());
    let config = Config {
        cases: number("DUNLIN_TEST_SCRIPTS").unwrap_or(SCRIPTS),
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let genes = vec(vec(any::<u16>(), 16), STATEMENTS);
    let result = runner.run(&genes, |genes| {
        let text = script(&genes);
        let report = run_file("generated.sql", &text, &Options::default());
        total.borrow_mut().extend(&report.counts);
        let wrong = report.entries.iter().find(|entry| {
            matches!(entry.judgement.outcome, Outcome::FalseInvalid | Outcome::Missed | Outcome::Difference)
        });
        match wrong {
            None => Ok(()),
            Some(entry) => Err(TestCaseError::fail(format!(
                "line {}: {:?}: {}\n    server: {}\n    {}\n{text}",
                entry.line,
                entry.judgement.outcome,
                entry.sql,
                entry.server.as_deref().unwrap_or("accepted"),
                entry.judgement.reasons.join("\n    ")
            ))),
        }
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let total = total.into_inner();
    // Of a script most statements are refused for other reasons, or not at all; a part is judged.
    assert!(total.statements > 500 && total.unknown * 20 < total.statements, "{total:?}");
}
