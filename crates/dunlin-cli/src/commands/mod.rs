//! The commands: each turns flags into a call of the library and its document into output.

mod adopt;
mod check;
mod doctor;
mod explain;
mod new;
mod plan;
mod show;
mod skip;
mod status;
mod up;

use crate::args::{Command, Format, Global};
use crate::backend::{ConnInfo, Data, Embedded, EmbeddedOptions, Environment, Migrations, Target};
use crate::command_error::CommandError;
use crate::config::{self, DatabaseUrl, Layers, Settings};
use crate::exit_codes::ExitCode;
use crate::render::View;
use crate::screen::{Screen, print, say};
use dunlin::diagnostic::{Code, Diagnostic};
use dunlin::execute::Options;
use dunlin::migration::MigrationSet;
use serde::Serialize;
use std::time::Duration;

/// What every command gets.
pub(crate) struct Context<'a> {
    pub(crate) global: &'a Global,
    pub(crate) environment: &'a Environment,
    pub(crate) screen: &'a Screen,
    /// Becomes true when a signal asks for the end.
    pub(crate) interrupt: tokio::sync::watch::Receiver<bool>,
}

/// Runs a command.
pub(crate) async fn run(context: &Context<'_>, command: &Command) -> Result<ExitCode, CommandError> {
    if let Some((one, other)) = context.global.conflict() {
        return Err(CommandError::usage(format!("{one} and {other} exclude each other"), "give one of them"));
    }
    // Only `up` has to be light: it runs at each start of an application.
    match command {
        Command::Up(flags) if flags.dry_run => Box::pin(plan::dry_run(context, flags)).await,
        Command::Up(flags) => up::run(context, flags).await,
        Command::Plan(flags) => Box::pin(plan::run(context, flags)).await,
        Command::Check(flags) => Box::pin(check::run(context, flags)).await,
        Command::Status(flags) => Box::pin(status::run(context, flags)).await,
        Command::Show(flags) => Box::pin(show::run(context, flags)).await,
        Command::Skip(flags) => Box::pin(skip::run(context, flags)).await,
        Command::Adopt(flags) => Box::pin(adopt::run(context, flags)).await,
        Command::Doctor => Box::pin(doctor::run(context)).await,
        Command::New(flags) => new::run(context, flags),
        Command::Explain(flags) => explain::run(context, flags),
    }
}

/// What a command on a database works with.
struct Session {
    migrations: Migrations,
    target: Target,
    options: Options,
    /// Ends when the command ends.
    _embedded: Option<Embedded>,
}

impl Context<'_> {
    fn layers(&self) -> Result<Layers<'_>, CommandError> {
        Ok(Layers::read(self.global, self.environment)?)
    }

    fn view(&self) -> &View {
        &self.screen.out
    }

    fn format(&self) -> Format {
        self.global.output.format
    }

    /// Refuses a format that the command lacks.
    fn require_format(&self, command: &str, formats: &[Format]) -> Result<(), CommandError> {
        if formats.contains(&self.format()) {
            return Ok(());
        }
        let names: Vec<&str> = formats.iter().map(|format| format.as_str()).collect();
        let message = format!("`dunlin {command}` has no format `{}`", self.format().as_str());
        Err(CommandError::usage(message, format!("it has {}", names.join(", "))))
    }

    /// Prints a document as JSON or as text.
    fn emit<T: Serialize>(
        &self,
        document: &T,
        text: impl FnOnce(&View) -> String,
    ) -> Result<(), CommandError> {
        match self.format() {
            Format::Json => print(&json(document)),
            Format::Text | Format::Sql | Format::Github | Format::Sarif => print(&text(self.view())),
        }
    }

    /// Says something on stderr that is neither a result nor an error.
    fn warn(&self, message: &str) {
        say(&format!("{}: {message}", self.screen.err.paint(crate::render::Tone::Notice, "warning")));
    }

    /// Decides on the database alone, for what needs no migrations.
    fn open_database(&self) -> Result<(Target, Options, Option<Embedded>), CommandError> {
        let layers = self.layers()?;
        let settings = layers.settings(None)?;
        let (target, embedded) = self.target(&layers, &settings)?;
        Ok((target, options(&settings), embedded))
    }

    /// Decides on everything and starts the embedded server, if one is asked for; does not connect yet.
    fn open(&self, lock_wait: Option<Duration>) -> Result<Session, CommandError> {
        let layers = self.layers()?;
        let settings = layers.settings(lock_wait)?;
        require_folder(&settings)?;
        if self.global.output.verbose {
            say_ignored(&MigrationSet::load(&settings.migrations, &settings.migrations_shown)?);
        }
        let (target, embedded) = self.target(&layers, &settings)?;
        Ok(Session {
            options: options(&settings),
            migrations: Migrations::Folder { path: settings.migrations, shown_as: settings.migrations_shown },
            target,
            _embedded: embedded,
        })
    }

    fn target(
        &self,
        layers: &Layers<'_>,
        settings: &Settings,
    ) -> Result<(Target, Option<Embedded>), CommandError> {
        let connect_wait = settings.connect_wait;
        if let Some(folder) = &self.global.connection.embedded {
            let data = match folder {
                Some(folder) => Data::Directory(folder.clone()),
                None => {
                    say("a private PostgreSQL for this command; its data goes when the command ends");
                    Data::Temporary
                }
            };
            let server = Embedded::start(EmbeddedOptions { data, ..EmbeddedOptions::default() })
                .map_err(CommandError::Embedded)?;
            let url = DatabaseUrl { text: server.url("postgres"), origin: "--embedded".to_owned() };
            // The variables are about another server.
            let conninfo = self.conninfo(&url, &Environment::default())?;
            return Ok((Target { conninfo, direct: None, connect_wait }, Some(server)));
        }
        if let Some(warning) = layers.overridden_section() {
            self.warn(&warning);
        }
        let mut environment = self.environment.clone();
        environment.os_user = config::os_user(&environment);
        let conninfo = self.conninfo(&layers.database_url()?, &environment)?;
        let direct = layers.direct_url()?.map(|url| self.conninfo(&url, &environment)).transpose()?;
        Ok((Target { conninfo, direct, connect_wait }, None))
    }

    fn conninfo(&self, url: &DatabaseUrl, environment: &Environment) -> Result<ConnInfo, CommandError> {
        let conninfo = ConnInfo::parse(&url.text, environment)
            .map_err(|error| CommandError::Url { origin: url.origin.clone(), message: error.to_string() })?;
        conninfo.warnings.iter().for_each(|warning| self.warn(warning));
        Ok(conninfo)
    }
}

fn require_folder(settings: &Settings) -> Result<(), CommandError> {
    let shown = &settings.migrations_shown;
    let help =
        "give it with -m DIR, or as `migrations` in dunlin.toml; `dunlin new NAME` makes the first file";
    match std::fs::metadata(&settings.migrations) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(CommandError::usage(format!("{shown} is not a folder"), help)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(CommandError::usage(format!("no folder of migrations: {shown} does not exist"), help))
        }
        Err(source) => Err(CommandError::Io { action: "open", path: settings.migrations.clone(), source }),
    }
}

/// Lists the files of the folder that are no migrations.
fn say_ignored(set: &MigrationSet) {
    set.ignored.iter().for_each(|path| say(&format!("ignored: {}", path.display())));
}

fn options(settings: &Settings) -> Options {
    Options {
        policy: settings.policy,
        journal_schema: settings.journal_schema.clone(),
        role: settings.role.clone(),
        lock_wait: settings.lock_wait,
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        pid: std::process::id(),
        ..Options::default()
    }
}

/// Writes a document as JSON with a line end.
pub(crate) fn json(document: &impl Serialize) -> String {
    // Documents are made of texts and numbers: nothing in them can fail to become JSON.
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    text + "\n"
}

/// What stands for a result when there is none.
#[derive(Serialize)]
struct ErrorDocument<'a> {
    format: u32,
    outcome: &'static str,
    error: &'a Diagnostic,
}

/// Writes the document that stands for a result when there is none.
pub(crate) fn error_document(diagnostic: &Diagnostic) -> String {
    json(&ErrorDocument { format: 1, outcome: "error", error: diagnostic })
}

/// Reads `ID#N`.
fn operation_of(text: &str) -> Result<(String, u32), CommandError> {
    let parsed = text.rsplit_once('#').and_then(|(id, number)| Some((id, number.parse::<u32>().ok()?)));
    match parsed {
        Some((id, number)) if !id.is_empty() && number > 0 => Ok((id.to_owned(), number)),
        _ => Err(CommandError::usage(
            format!("`{text}` does not name an operation"),
            "write the migration's id, # and the operation's number, such as 0004_seed#2; `dunlin show ID` lists them",
        )),
    }
}

/// Adds a diagnostic to a document's, unless it is there already.
fn add(diagnostics: &mut Vec<Diagnostic>, found: &Diagnostic) {
    let same = |other: &Diagnostic| (other.code, &other.message) == (found.code, &found.message);
    if found.code != Code::DN808 && !diagnostics.iter().any(same) {
        diagnostics.push(found.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_an_id_and_a_number() {
        assert_eq!(operation_of("0004_a#2").unwrap(), ("0004_a".to_owned(), 2));
        assert_eq!(operation_of("a#b#12").unwrap(), ("a#b".to_owned(), 12));
        for wrong in ["0004", "#1", "a#", "a#0", "a#x", "a#-1"] {
            assert_eq!(operation_of(wrong).unwrap_err().exit_code(), ExitCode::Usage, "{wrong}");
        }
    }

    #[test]
    fn an_error_document_has_the_fixed_shape() {
        let text = error_document(&Diagnostic::new(Code::DN802, "m"));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&value["format"], &value["outcome"]), (&1.into(), &"error".into()));
        assert_eq!(value["error"]["code"], "DN802");
    }
}
