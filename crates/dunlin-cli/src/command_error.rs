//! Why a command could not do its work: the one place that gives each error its exit code and its hint.

use crate::backend::EmbeddedError;
use crate::config::ConfigError;
use crate::exit_codes::ExitCode;
use dunlin::diagnostic::{Code, Diagnostic, Location, Severity};
use dunlin::execute::ExecuteError;
use dunlin::migration::MigrationError;
use dunlin::source::Span;
use std::path::PathBuf;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The command line cannot be understood; the text is complete, and masked.
    #[error("{0}")]
    Arguments(String),
    /// The command line is understood and asks for what is not there.
    #[error("{message}")]
    Usage { message: String, help: Option<String> },
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A connection string is wrong.
    #[error("{origin}: {message}")]
    Url { origin: String, message: String },
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error("no PostgreSQL of its own: {}", .0.diagnostic().message)]
    Embedded(EmbeddedError),
    /// The folder of migrations cannot be read.
    #[error(transparent)]
    Migrations(#[from] MigrationError),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// Ctrl-C or SIGTERM.
    #[error("interrupted by {0}")]
    Interrupted(&'static str),
    /// The result is known and cannot be written.
    #[error("cannot write the result: {0}")]
    Output(std::io::Error),
}

impl CommandError {
    /// Makes a usage error with what to do about it.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> CommandError {
        CommandError::Usage { message: message.into(), help: Some(help.into()) }
    }

    /// Gives the exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            CommandError::Arguments(_)
            | CommandError::Usage { .. }
            | CommandError::Config(_)
            | CommandError::Url { .. }
            | CommandError::Migrations(_)
            | CommandError::Io { .. } => ExitCode::Usage,
            CommandError::Embedded(error) => match error.code() {
                Code::DN802 => ExitCode::Lock,
                Code::DN801 => ExitCode::Connection,
                _ => ExitCode::Usage,
            },
            CommandError::Execute(error) => error.kind.into(),
            CommandError::Interrupted(_) | CommandError::Output(_) => ExitCode::Failed,
        }
    }

    /// Gives the error as the document and the terminal show it.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        let plain = |code| Diagnostic::new(code, self.to_string()).severity(Severity::Error);
        match self {
            CommandError::Execute(error) => (*error.diagnostic).clone(),
            CommandError::Embedded(error) => error.diagnostic(),
            CommandError::Arguments(_) => {
                plain(Code::DN809).help("`dunlin --help` lists the commands, `dunlin COMMAND --help` the flags")
            }
            CommandError::Usage { help, .. } => {
                let mut diagnostic = plain(Code::DN809);
                diagnostic.help.clone_from(help);
                diagnostic
            }
            CommandError::Config(ConfigError::File { file, line, message }) => {
                let mut diagnostic = Diagnostic::new(Code::DN809, message.as_str()).severity(Severity::Error);
                diagnostic.location =
                    Some(Location { file: file.clone(), line: *line, column: 1, span: Span::default() });
                diagnostic
            }
            CommandError::Config(error) => {
                let mut diagnostic = plain(Code::DN809);
                diagnostic.help = error.help().map(str::to_owned);
                diagnostic
            }
            CommandError::Url { .. } => {
                plain(Code::DN809).help("a connection string looks like postgres://user@host:5432/database")
            }
            CommandError::Migrations(error) => match std::error::Error::source(error) {
                Some(cause) => plain(Code::DN809).note(cause.to_string()),
                None => plain(Code::DN809),
            },
            CommandError::Io { .. } | CommandError::Output(_) => plain(Code::DN809),
            CommandError::Interrupted(_) => plain(Code::DN604).help(
                "what was committed is kept and recorded; `dunlin up` goes on from there, `dunlin status` shows it",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin::execute::ErrorKind;

    #[test]
    fn the_exit_code_of_each_kind() {
        let execute = |kind| CommandError::from(ExecuteError::new(kind, Code::DN801, "m")).exit_code();
        assert_eq!(execute(ErrorKind::Connection), ExitCode::Connection);
        assert_eq!(execute(ErrorKind::Lock), ExitCode::Lock);
        assert_eq!(CommandError::from(ConfigError::NoDatabase).exit_code(), ExitCode::Usage);
        assert_eq!(CommandError::usage("m", "h").exit_code(), ExitCode::Usage);
        assert_eq!(CommandError::Interrupted("SIGTERM").exit_code(), ExitCode::Failed);
    }

    #[test]
    fn a_configuration_error_says_where_it_is() {
        let error = ConfigError::File { file: "dunlin.toml".into(), line: 3, message: "m".into() };
        let diagnostic = CommandError::from(error).diagnostic();
        assert_eq!(diagnostic.message, "m");
        assert_eq!(
            diagnostic.location.map(|location| (location.file, location.line)),
            Some(("dunlin.toml".into(), 3))
        );
    }
}
