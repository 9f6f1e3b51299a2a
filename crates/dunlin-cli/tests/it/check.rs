//! `dunlin check`: hazards, where the schema comes from, and whether both ways of running a set agree.

use dunlin_testkit::{Folder, Output, Program, TestDb, block_on};
use serde_json::Value;

/// A folder of migrations, and what is beside it.
struct Set {
    folder: Folder,
    beside: tempfile::TempDir,
}

impl Set {
    fn new(files: &[(&str, &str)]) -> Set {
        Set { folder: Folder::new(files), beside: tempfile::tempdir().unwrap() }
    }

    fn check(&self, arguments: &[&str]) -> Output {
        let program = Program::new(env!("CARGO_BIN_EXE_dunlin")).directory(self.beside.path());
        let folder = self.folder.path().to_str().unwrap();
        program.run(&[&["check", "-m", folder, "--format", "json"], arguments].concat())
    }

    /// The codes found with their lines, and the exit code expected.
    fn found(&self, arguments: &[&str], exit: i32) -> Vec<String> {
        let document = self.check(arguments).expect(exit).json();
        let all = document["diagnostics"].as_array().unwrap();
        all.iter().map(|found| format!("{} {}", found["code"].as_str().unwrap(), found["line"])).collect()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.beside.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

const ALTER: &str = "alter table old add column n int;\n\ncreate index old_n on old (n);\n";

#[test]
fn hazards_are_warnings_with_places_and_exit_0() {
    let set = Set::new(&[
        ("0001_old.sql", "create table old (id bigint primary key);\ncreate index on old (id desc);\n"),
        ("0002_n.sql", ALTER),
    ]);
    assert_eq!(set.found(&[], 0), ["DN502 3"]);
    let document = set.check(&[]).expect(0).json();
    let found = &document["diagnostics"][0];
    assert_eq!((&document["ok"], &found["severity"]), (&Value::Bool(true), &"warning".into()));
    assert!(found["message"].as_str().unwrap().contains("`old`"), "{found}");
    assert!(found["help"].as_str().unwrap().contains("CONCURRENTLY"), "{found}");
}

#[test]
fn directives_and_transactions_of_the_files_count() {
    let set = Set::new(&[
        ("0001_old.sql", "create table old (id bigint primary key, n int, m int);"),
        ("0002_n.sql", "-- dunlin: allow data-loss\nalter table old drop n;\nalter table old drop m;"),
        ("0003_i.sql", "begin;\ncreate index concurrently old_id on old (id desc);\ncommit;"),
        (
            "0004_v.sql",
            "alter table old add constraint c check (id > 0) not valid;\nalter table old validate constraint c;",
        ),
    ]);
    assert_eq!(set.found(&[], 0), ["DN531 3", "DN521 2", "DN507 2"]);
}

#[test]
fn rules_can_be_left_out() {
    let set = Set::new(&[("0001_a.sql", "create table old (id bigint primary key);"), ("0002_n.sql", ALTER)]);
    set.write("dunlin.toml", "[check]\nignore = ['DN502']\n");
    assert_eq!(set.found(&[], 0), Vec::<String>::new());
    set.write("dunlin.toml", "[check]\nignore = ['DN203']\n");
    let error = set.check(&[]).expect(2).json();
    assert!(error["error"]["message"].as_str().unwrap().contains("`DN203` is no rule of check"), "{error}");
}

#[test]
fn what_was_there_before_is_told_by_a_file() {
    let set = Set::new(&[("0002_n.sql", ALTER)]);
    assert_eq!(set.found(&[], 3), ["DN202 1", "DN202 3"]);
    let help = set.check(&[]).expect(3).json()["diagnostics"][0]["help"].to_string();
    assert!(help.contains("--from"), "{help}");

    // As pg_dump writes it, with rows and lines that are psql's.
    let dump = set.write(
        "schema.sql",
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped from database version 15.4\n\n\
         SET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n\n\
         CREATE TABLE public.old (\n    id bigint NOT NULL\n);\n\nALTER TABLE public.old OWNER TO postgres;\n\n\
         COPY public.old (id) FROM stdin;\n1\n2\n\\.\n\n\
         ALTER TABLE ONLY public.old\n    ADD CONSTRAINT old_pkey PRIMARY KEY (id);\n\n\\unrestrict abc\n",
    );
    assert_eq!(set.found(&["--from", &dump], 0), ["DN502 3"]);
}

#[test]
fn faults_of_the_schema_are_shown_where_they_are() {
    let set = Set::new(&[("0001_a.sql", "select 1;")]);
    let schema = set.write("schema.sql", "create table a (id int);\ncreate tabel b (id int);\n");
    let document = set.check(&["--from", &schema]).expect(3).json();
    let found = &document["diagnostics"][0];
    assert_eq!((&found["code"], &found["line"]), (&"DN101".into(), &2.into()), "{document}");
    assert!(found["file"].as_str().unwrap().ends_with("schema.sql"), "{found}");
}

#[test]
fn what_was_there_before_is_read_from_a_server() {
    block_on(async {
        let set = Set::new(&[("0002_n.sql", ALTER)]);
        let full =
            TestDb::with("create table old (id bigint primary key); insert into old values (1); analyze")
                .await;
        assert_eq!(set.found(&["--from", &url(&full)], 0), ["DN502 3"]);
        let empty = TestDb::with("create table old (id bigint primary key)").await;
        assert_eq!(set.found(&["--from", &url(&empty)], 0), Vec::<String>::new());
        assert_eq!(empty.lines("select count(*) from pg_namespace where nspname = 'dunlin'").await, ["0"]);
    });
}

/// The database as a URL: what `--from` tells from a file.
fn url(database: &TestDb) -> String {
    let text = database.url();
    if text.contains("://") {
        return text;
    }
    let value = |key: &str| {
        let found = text.split_whitespace().find_map(|word| word.strip_prefix(&format!("{key}=")));
        found.unwrap_or_default().trim_matches('\'').replace('/', "%2F")
    };
    format!("postgres://{}@/{}?host={}&port={}", value("user"), value("dbname"), value("host"), value("port"))
}

#[test]
fn a_set_that_does_not_depend_on_how_it_runs_converges() {
    let set = Set::new(&[
        ("0001_a.sql", "create table a (id bigint primary key, b bigint);"),
        (
            "0002_a.sql",
            "create table if not exists a (id bigint primary key);\ncreate view v as select id from a;",
        ),
        (
            "0003_b.sql",
            "create table b (id bigint primary key);\nalter table a add foreign key (b) references b;",
        ),
        (
            "0004_do.sql",
            "do $$ begin if not exists (select from pg_roles where rolname = 'converging') then\n\
                         create role converging; end if; end $$;\ngrant select on a to converging;",
        ),
    ]);
    let found = set.check(&["--converge"]).expect(0).json();
    let codes: Vec<&Value> =
        found["diagnostics"].as_array().unwrap().iter().map(|found| &found["code"]).collect();
    assert!(!codes.contains(&&Value::from("DN702")), "{found}");
}

#[test]
fn a_set_that_depends_on_how_it_runs_does_not() {
    let set = Set::new(&[
        ("0001_a.sql", "create table a (id bigint primary key);"),
        (
            "0002_late.sql",
            // How many runs there were is something that only the way through the set tells.
            "do $$ declare n int; begin execute format('select count(*) from %I.run', 'dunlin') into n;\n\
             if n > 1 then execute format('create table %I (id bigint primary key)', 'late'); end if; end $$;",
        ),
        ("0003_c.sql", "create table c (id bigint primary key);"),
    ]);
    let document = set.check(&["--converge"]).expect(3).json();
    let all = document["diagnostics"].as_array().unwrap();
    let found: Vec<&Value> = all.iter().filter(|found| found["code"] == "DN702").collect();
    assert!(!found.is_empty(), "{document}");
    let text = found[0].to_string();
    assert!(text.contains("late") && text.contains("0002_late") && text.contains("step by step"), "{text}");
    let clash = set.check(&["--converge", "--from", "x"]).expect(2).json();
    assert_eq!(clash["error"]["code"], "DN809", "{clash}");
}
