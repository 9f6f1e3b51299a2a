//! Runs a program and takes what it says.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// How to run a program under test, usually `Program::new(env!("CARGO_BIN_EXE_dunlin"))`.
///
/// It runs without the variables of this machine that would change what it does.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    directory: Option<PathBuf>,
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Program {
    /// Names the program.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), directory: None, variables: Vec::new(), arguments: Vec::new() }
    }

    /// Sets the directory that it runs in.
    #[must_use]
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an argument that comes after those given to `run` each time.
    #[must_use]
    pub fn always(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Runs it and waits for its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        Output::of(&mut self.command(arguments))
    }

    /// Starts it with its output taken, for tests that kill it.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.path.display()))
    }

    /// Prepares the command, for tests that need more of it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        for (name, _) in std::env::vars_os().filter(|(name, _)| changes_behaviour(name)) {
            command.env_remove(name);
        }
        if let Some(bin) = crate::TestServer::given_bin() {
            command.env("DUNLIN_PG_BIN", bin);
        }
        command.env("NO_COLOR", "1").args(arguments).args(&self.arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }
}

fn changes_behaviour(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    if name == "DUNLIN_PG_BIN" {
        return false; // where this machine has its server
    }
    ["PG", "DUNLIN_", "DATABASE_URL", "COLUMNS", "CLICOLOR", "RUST_LOG"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// What a program said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Output {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let run = command.stdin(Stdio::null()).output();
        run.unwrap_or_else(|error| panic!("{command:?}: {error}")).into()
    }

    /// Panics, with all that the program said, unless it ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Reads standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
        })
    }
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
