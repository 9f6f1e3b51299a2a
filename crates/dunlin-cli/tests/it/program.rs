//! The `dunlin` program from the outside, where no server is needed.

use serde_json::Value;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A folder to work in, and the program without the surroundings of whoever runs the tests.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
        command.env_clear().current_dir(self.path()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs with `--format json`; gives the exit code and the one document.
    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(&[arguments, &["--format", "json"]].concat());
        let document = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&output.stdout)));
        (output.status.code().unwrap(), document)
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn assert_usage_error(result: &(i32, Value), part: &str) {
    let (code, document) = result;
    assert_eq!(
        (*code, &document["format"], &document["outcome"]),
        (2, &1.into(), &"error".into()),
        "{document}"
    );
    assert_eq!(document["error"]["code"], "DN809");
    assert_eq!(document["error"]["severity"], "error");
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains(part), "{message}");
}

#[test]
fn usage_errors_are_documents_too() {
    let place = Place::new();
    assert_usage_error(&place.json(&["upp"]), "unrecognized subcommand 'upp'");
    assert_usage_error(&place.json(&["up", "--frobnicate"]), "--frobnicate");
    assert_usage_error(&place.json(&["up", "--order", "random"]), "random");
    assert_usage_error(&place.json(&["up", "--lock-wait", "10"]), "lacks a unit");
    assert_usage_error(&place.json(&["adopt"]), "required");
    assert_usage_error(&place.json(&["explain", "DN999"]), "DN999");
    assert_usage_error(&place.json(&["skip", "0001"]), "does not name an operation");
    assert_usage_error(&place.json(&["check"]), "migrations does not exist");
    place.write("migrations/0001_a.sql", "SELECT 1;");
    assert_usage_error(&place.json(&["up"]), "no database is given");
    assert_usage_error(&place.json(&["status", "--config", "no.toml"]), "cannot read no.toml");
    assert_usage_error(&place.json(&["up", "--plan", "no.json", "-d", "x"]), "cannot read no.json");
    assert_usage_error(&place.json(&["-m", "migrations/0001_a.sql", "status"]), "is not a folder");
}

#[test]
fn no_command_is_a_usage_error_and_help_is_not() {
    let place = Place::new();
    let output = place.run(&[]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
    assert!(stderr(&output).contains("Usage: dunlin"));
    let output = place.run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("Bring the database up to date"));
    assert!(stdout(&place.run(&["--version"])).starts_with("dunlin "));
}

#[test]
fn a_format_that_a_command_lacks_is_refused() {
    let place = Place::new();
    for (command, format) in [
        ("up", "sql"),
        ("status", "github"),
        ("doctor", "sarif"),
        ("check", "sql"),
        ("explain", "sql"),
        ("new", "github"),
    ] {
        let argument: &[&str] = if command == "new" { &["x"] } else { &[] };
        let output = place.run(&[&[command, "--format", format], argument].concat());
        assert_eq!(output.status.code(), Some(2), "{command} {format}");
        assert!(stderr(&output).contains(&format!("no format `{format}`")), "{}", stderr(&output));
        assert_eq!(stdout(&output), "", "{command} {format}");
    }
}

#[test]
fn the_configuration_file_is_read_with_places() {
    let place = Place::new();
    place.write("migrations/0001_a.sql", "SELECT 1;");
    place.write("dunlin.toml", "\ndatabse-url = 'postgres://me:secret@h/d'\n");
    let output = place.run(&["status"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("unknown key `databse-url`; did you mean database-url?"), "{text}");
    assert!(text.contains("dunlin.toml:2:1"), "{text}");
    assert!(!text.contains("secret"), "{text}");

    place.write("dunlin.toml", "database-url = '${NO_SUCH_VARIABLE}'\n");
    let (code, document) = place.json(&["status"]);
    assert_eq!(
        (code, &document["error"]["file"], &document["error"]["line"]),
        (2, &"dunlin.toml".into(), &1.into())
    );
    assert_eq!(document["error"]["message"], "the environment variable NO_SUCH_VARIABLE is not set");

    let (code, document) = place.json(&["--env", "prod", "status"]);
    assert_eq!(code, 2);
    assert_eq!(document["error"]["message"], "dunlin.toml has no section [env.prod]; it has none");
}

#[test]
fn check_needs_no_database_and_none_of_its_secrets() {
    let place = Place::new();
    place.write("db/0001_a.sql", "CREATE TABLE a (id int);");
    place.write("dunlin.toml", "database-url = '${NO_SUCH_VARIABLE}'\nmigrations = 'db'\n");
    let (code, document) = place.json(&["check"]);
    assert_eq!((code, &document["ok"]), (0, &true.into()), "{document}");
}

#[test]
fn passwords_are_never_repeated() {
    let place = Place::new();
    place.write("migrations/0001_a.sql", "SELECT 1;");
    let url = "postgres://me:s3cr3t@127.0.0.1:1/db";
    for arguments in [
        vec![url],
        vec!["up", url],
        vec!["--databas-url=postgres://me:s3cr3t@127.0.0.1:1/db", "up"],
        vec!["-d", url, "status"],
        vec!["-d", url, "doctor"],
        vec!["-d", url, "doctor", "--format", "json"],
        vec!["-d", url, "up", "-v", "--log-format", "json"],
    ] {
        let output = place.run(&arguments);
        let all = stdout(&output) + &stderr(&output);
        assert!(!all.contains("s3cr3t"), "{arguments:?}: {all}");
        assert_ne!(output.status.code(), Some(101), "{all}");
    }
}

#[test]
fn no_server_is_exit_6() {
    let place = Place::new();
    place.write("migrations/0001_a.sql", "SELECT 1;");
    for command in ["up", "plan", "status"] {
        let (code, document) = place.json(&[command, "-d", "postgres://me@127.0.0.1:1/db"]);
        assert_eq!((code, &document["outcome"]), (6, &"error".into()), "{document}");
        assert_eq!(document["error"]["code"], "DN801");
    }
}

#[test]
fn new_follows_the_style_and_prints_the_path() {
    let place = Place::new();
    let new = |name: &str| stdout(&place.run(&["new", name]));
    assert_eq!(new("add users"), "migrations/0001_add_users.sql\n");
    assert_eq!(new("more"), "migrations/0002_more.sql\n");
    let text = std::fs::read_to_string(place.path().join("migrations/0001_add_users.sql")).unwrap();
    assert_eq!(text, "-- add users\n");
    let (code, document) = place.json(&["-m", "deep/er", "new", "x"]);
    assert_eq!((code, &document["path"]), (0, &"deep/er/0001_x.sql".into()));
    assert_eq!(place.run(&["new", "../x"]).status.code(), Some(2));
    place.write("flyway/V1__a.sql", "");
    assert_eq!(stdout(&place.run(&["-m", "flyway", "new", "b"])), "flyway/V2__b.sql\n");
}

#[test]
fn explain_knows_every_code() {
    let place = Place::new();
    let (code, document) = place.json(&["explain"]);
    assert_eq!((code, document["codes"].as_array().unwrap().len()), (0, dunlin::diagnostic::CODES.len()));
    assert!(stdout(&place.run(&["explain", "dn203"])).starts_with("DN203: column is missing"));
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let place = Place::new();
    let mut child =
        place.command(&["explain"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!((child.wait().unwrap().code(), text.as_str()), (Some(0), ""));
}

#[test]
fn colour_follows_the_flag_and_the_environment() {
    let place = Place::new();
    let escaped = |arguments: &[&str], variable: &str| {
        let output = place.command(arguments).env(variable, "1").output().unwrap();
        (stdout(&output) + &stderr(&output)).contains('\u{1b}')
    };
    assert!(!escaped(&["explain", "203"], "NOTHING"));
    assert!(escaped(&["explain", "203"], "CLICOLOR_FORCE"));
    assert!(escaped(&["explain", "203", "--color", "always"], "NO_COLOR"));
    assert!(!escaped(&["explain", "203", "--color", "never"], "CLICOLOR_FORCE"));
}
