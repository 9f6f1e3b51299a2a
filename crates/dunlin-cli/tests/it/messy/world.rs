//! A database, a folder of migrations and `dunlin`, with the names of all objects written in one way.

use super::names::Names;
use super::pool::Pooled;
use dunlin_testkit::{Folder, Output, Program, TestDb};
use serde_json::Value;
use std::cell::RefCell;
use std::fmt::Write as _;

/// What one test works on. When the test fails, it says what was in the folder and what Dunlin answered.
pub(crate) struct World {
    pub(crate) names: Names,
    pub(crate) database: Pooled,
    pub(crate) folder: Folder,
    before: String,
    ids: Vec<(String, String)>,
    said: RefCell<String>,
}

impl World {
    /// Makes a database from `before` and a folder from files given as (name without number, SQL), numbered from 0001.
    pub(crate) async fn new(names: Names, before: &str, files: &[(&str, &str)]) -> World {
        let order: Vec<usize> = (0..files.len()).collect();
        World::ordered(names, before, files, &order).await
    }

    /// The same with another order of the files: `[1, 0]` numbers the second one 0001.
    pub(crate) async fn ordered(
        names: Names,
        before: &str,
        files: &[(&str, &str)],
        order: &[usize],
    ) -> World {
        let database = Pooled::take().await;
        database.execute(&names.write(before)).await;
        let mut world = World {
            names,
            database,
            folder: Folder::new(&[]),
            before: before.to_owned(),
            ids: Vec::new(),
            said: RefCell::default(),
        };
        for at in order {
            world.add(files[*at].0, files[*at].1);
        }
        world
    }

    /// Adds a migration file after all that are there.
    pub(crate) fn add(&mut self, name: &str, sql: &str) {
        let id = format!("{:04}_{name}", self.ids.len() + 1);
        self.ids.push((name.to_owned(), id));
        self.edit(name, sql);
    }

    /// Writes other SQL into a migration's file.
    pub(crate) fn edit(&self, name: &str, sql: &str) {
        self.folder.write(&self.file(name), self.names.write(sql));
    }

    /// Gives the id of the file with this name.
    pub(crate) fn id(&self, name: &str) -> String {
        let found = self.ids.iter().find(|(stem, _)| stem == name);
        found.unwrap_or_else(|| panic!("no file {name}")).1.clone()
    }

    /// Gives the ids of all files, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.ids.iter().map(|(_, id)| id.clone()).collect()
    }

    /// Gives the name of a migration's file.
    pub(crate) fn file(&self, name: &str) -> String {
        self.id(name) + ".sql"
    }

    /// Gives the program, with the database and the folder.
    pub(crate) fn dunlin(&self) -> Program {
        Program::new(env!("CARGO_BIN_EXE_dunlin"))
            .directory(self.folder.path())
            .env("DATABASE_URL", self.database.url())
            .always("--migrations")
            .always(self.folder.path().to_str().unwrap())
    }

    /// Runs `dunlin` with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.dunlin().run(arguments);
        let mut said = self.said.borrow_mut();
        writeln!(said, "$ dunlin {}\n{}{}", arguments.join(" "), output.stdout, output.stderr).unwrap();
        writeln!(said, "exit code {}", output.code).unwrap();
        output
    }

    /// Runs `dunlin up --format json` and expects an exit code and an outcome.
    #[track_caller]
    pub(crate) fn up(&self, code: i32, outcome: &str) -> Up {
        self.up_with(&[], code, outcome)
    }

    /// The same with more arguments.
    #[track_caller]
    pub(crate) fn up_with(&self, arguments: &[&str], code: i32, outcome: &str) -> Up {
        let output = self.run(&[&["up", "--format", "json"], arguments].concat());
        assert_eq!(output.code, code, "exit code of up");
        let up = Up { json: output.json() };
        assert_eq!(up.json["outcome"], outcome, "outcome of up");
        up
    }

    /// Runs `up` where it makes no difference whether something had to run, as all is there.
    #[track_caller]
    pub(crate) fn up_any(&self) -> Up {
        let output = self.run(&["up", "--format", "json"]).expect(0);
        let up = Up { json: output.json() };
        assert!(
            ["applied", "nothing"].contains(&text(&up.json["outcome"]).as_str()),
            "{}",
            up.json["outcome"]
        );
        up
    }

    /// Runs `dunlin plan --format json` and gives its document.
    #[track_caller]
    pub(crate) fn plan(&self) -> Plan {
        let output = self.run(&["plan", "--format", "json"]);
        Plan { json: output.json(), code: output.code }
    }

    /// Gives the state of each migration, as `status` shows it: `0001_a applied`.
    #[track_caller]
    pub(crate) fn status(&self) -> Vec<String> {
        let status = self.run(&["status", "--format", "json"]).expect(0).json();
        let migrations = status["migrations"].as_array().unwrap().iter();
        migrations
            .map(|migration| format!("{} {}", text(&migration["id"]), text(&migration["state"])))
            .collect()
    }

    /// Gives the states of a migration's operations, as `status` shows them.
    #[track_caller]
    pub(crate) fn operations(&self, name: &str) -> Vec<String> {
        let operations = self.operation_details(name);
        operations.iter().map(|operation| text(&operation["state"])).collect()
    }

    /// Gives all that `status` says of a migration's operations.
    #[track_caller]
    pub(crate) fn operation_details(&self, name: &str) -> Vec<Value> {
        let status = self.run(&["status", "--format", "json"]).expect(0).json();
        let id = self.id(name);
        let migrations = status["migrations"].as_array().unwrap().iter();
        let found = migrations.into_iter().find(|migration| migration["id"] == id.as_str());
        found.unwrap_or_else(|| panic!("{id} is not in the status"))["operations"].as_array().unwrap().clone()
    }

    /// Expects every file to be applied.
    #[track_caller]
    pub(crate) fn all_applied(&self) {
        let expected: Vec<String> = self.ids().iter().map(|id| format!("{id} applied")).collect();
        assert_eq!(self.status(), expected);
    }

    /// Runs SQL in the database.
    pub(crate) async fn execute(&self, sql: &str) {
        self.database.execute(&self.names.write(sql)).await;
    }

    /// Gives the rows of a query, each as one text.
    pub(crate) async fn lines(&self, sql: &str) -> Vec<String> {
        self.database.lines(&self.names.write(sql)).await
    }

    /// Expects the schema and the rows that a database has which began alike and where psql ran this SQL.
    pub(crate) async fn is_like(&self, sql: &str) {
        let expected = Pooled::take().await;
        expected.execute(&self.names.write(&self.before)).await;
        let script = Folder::new(&[("after.sql", &self.names.write(sql))]);
        expected.psql(script.path().join("after.sql")).expect(0);
        same(&state(&expected).await, &state(&self.database).await);
    }

    /// Expects schema and rows as they were before.
    pub(crate) async fn is_untouched(&self) {
        self.is_like("").await;
    }

    /// Expects that `up` has nothing more to do and changes nothing: not the database, not the journal.
    pub(crate) async fn stays(&self, outcome: &str) {
        let (before, journal) = (state(&self.database).await, journal(&self.database).await);
        let up = self.up(0, outcome);
        assert_eq!(up.ids("applied"), [""; 0], "a second up");
        assert_eq!(up.json["ensured"].as_array().unwrap().len(), 0, "a second up");
        same(&before, &state(&self.database).await);
        if outcome == "nothing" {
            same(&journal, &self::journal(&self.database).await);
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        eprintln!("=== names: {:?}", self.names);
        let mut files: Vec<_> = std::fs::read_dir(self.folder.path()).unwrap().flatten().collect();
        files.sort_by_key(std::fs::DirEntry::file_name);
        eprintln!("=== before\n{}", self.names.write(&self.before));
        for file in files {
            let bytes = std::fs::read(file.path()).unwrap_or_default();
            eprintln!("=== {}\n{}", file.file_name().display(), String::from_utf8_lossy(&bytes));
        }
        eprintln!("{}", self.said.borrow());
    }
}

/// What `up` reported.
pub(crate) struct Up {
    pub(crate) json: Value,
}

impl Up {
    /// Gives a list of ids, such as `applied`.
    #[track_caller]
    pub(crate) fn ids(&self, key: &str) -> Vec<String> {
        self.json[key].as_array().unwrap_or_else(|| panic!("no list {key}")).iter().map(text).collect()
    }

    /// Gives the operations of a list, such as `skipped`, as `0001_a#2 DN203`; `ensured` has no codes.
    #[track_caller]
    pub(crate) fn operations(&self, key: &str) -> Vec<String> {
        let list = self.json[key].as_array().unwrap_or_else(|| panic!("no list {key}"));
        let line = |entry: &Value| {
            let code = entry["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
            format!("{}#{}{code}", text(&entry["migration"]), entry["operation"])
        };
        list.iter().map(line).collect()
    }

    /// Gives the codes of the diagnostics.
    pub(crate) fn codes(&self) -> Vec<String> {
        codes(&self.json)
    }

    /// Gives the first diagnostic with this code.
    #[track_caller]
    pub(crate) fn diagnostic(&self, code: &str) -> Value {
        diagnostic(&self.json, code)
    }
}

/// What `plan` showed.
pub(crate) struct Plan {
    pub(crate) json: Value,
    pub(crate) code: i32,
}

impl Plan {
    /// Gives its steps.
    pub(crate) fn steps(&self) -> &Vec<Value> {
        self.json["steps"].as_array().unwrap()
    }

    /// Gives the steps with this action, as `0001_a#2`, in running order.
    pub(crate) fn with_action(&self, action: &str) -> Vec<String> {
        let steps = self.steps().iter().filter(|step| step["action"] == action);
        steps.map(|step| format!("{}#{}", text(&step["migration"]), step["operation"])).collect()
    }
}

/// Gives the codes of a document's diagnostics.
pub(crate) fn codes(json: &Value) -> Vec<String> {
    json["diagnostics"].as_array().unwrap().iter().map(|diagnostic| text(&diagnostic["code"])).collect()
}

/// Gives the first diagnostic with this code.
#[track_caller]
pub(crate) fn diagnostic(json: &Value, code: &str) -> Value {
    let found = json["diagnostics"].as_array().unwrap().iter().find(|diagnostic| diagnostic["code"] == code);
    found.unwrap_or_else(|| panic!("no {code} among {}", json["diagnostics"])).clone()
}

/// Gives the text of a JSON string.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

/// Tells whether an object is named anywhere in a JSON value, quoted or not.
pub(crate) fn mentions(value: &Value, name: &str) -> bool {
    let plain = |text: &str| text.replace(['"', '\\'], "");
    plain(&value.to_string()).contains(&plain(name))
}

/// Gives the schema and all rows of a database, but not the journal.
pub(crate) async fn state(database: &TestDb) -> String {
    let schema = database.lines(include_str!("state.sql")).await;
    let tables = "select format('select %L, to_jsonb(t)::text from %s t', pg_class.oid::regclass, pg_class.oid::regclass)
        from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        where relkind in ('r', 'm') and relispopulated and nspname !~ '^pg_' and nspname not in ('information_schema', 'dunlin')";
    let queries = database.lines(tables).await;
    let mut rows =
        if queries.is_empty() { Vec::new() } else { database.lines(&queries.join(" union all ")).await };
    rows.sort();
    schema.join("\n") + "\n" + &rows.join("\n")
}

/// Gives all rows of the journal.
pub(crate) async fn journal(database: &TestDb) -> String {
    let tables = "select format('select %L, to_jsonb(t)::text from %s t', pg_class.oid::regclass, pg_class.oid::regclass)
        from pg_class where relkind = 'r' and relnamespace = to_regnamespace('dunlin')::oid";
    let queries = database.lines(tables).await;
    let mut rows =
        if queries.is_empty() { Vec::new() } else { database.lines(&queries.join(" union all ")).await };
    rows.sort();
    rows.join("\n")
}

/// Expects two texts to be equal, and says which lines differ.
#[track_caller]
pub(crate) fn same(expected: &str, actual: &str) {
    if let Some(difference) = difference(expected, actual) {
        panic!("{difference}");
    }
}

/// Tells in which lines two texts differ.
pub(crate) fn difference(expected: &str, actual: &str) -> Option<String> {
    let only = |one: &str, other: &str| -> String {
        let other: Vec<&str> = other.lines().collect();
        one.lines().filter(|line| !other.contains(line)).fold(String::new(), |all, line| all + line + "\n")
    };
    (expected != actual).then(|| {
        let (missing, extra) = (only(expected, actual), only(actual, expected));
        format!("expected, and not there:\n{missing}there, and not expected:\n{extra}")
    })
}
