//! What holds in the end: a flag before `--strict`, before the environment, before `dunlin.toml`.

mod expand;
mod file;

pub(crate) use file::{ConfigFile, FileValue};

use crate::args::{Global, Policies};
use crate::backend::Environment;
use crate::duration;
use dunlin::check::RULES;
use dunlin::diagnostic::{Code, near_names};
use dunlin::plan::Policy;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Why the configuration cannot be used. No variant ever holds a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{file}:{line}: {message}")]
    File { file: String, line: u32, message: String },
    #[error("{file} has no section [env.{name}]{}", known_sections(name, known))]
    Section { name: String, known: Vec<String>, file: String },
    #[error("no section [env.{name}]: there is no {file}")]
    NoFileForSection { name: String, file: String },
    #[error("cannot read {path}: {cause}")]
    Unreadable { path: String, cause: String },
    #[error("{origin}: {message}")]
    Value { origin: String, message: String },
    #[error("no database is given")]
    NoDatabase,
    #[error("{0} is empty")]
    EmptyUrlFile(String),
}

fn known_sections(name: &str, known: &[String]) -> String {
    match (near_names(name, known.iter().map(String::as_str)).as_slice(), known) {
        ([], []) => "; it has none".to_owned(),
        ([], known) => format!("; it has {}", known.join(", ")),
        (near, _) => format!("; did you mean {}?", near.join(" or ")),
    }
}

impl ConfigError {
    /// Says what to do about it, where that is not in the message.
    pub(crate) fn help(&self) -> Option<&'static str> {
        match self {
            ConfigError::NoDatabase => Some(
                "give -d postgres://user@host/database, or set DATABASE_URL (or PGHOST, PGDATABASE …), or write \
                 database-url = \"${DATABASE_URL}\" into dunlin.toml; --embedded starts a private PostgreSQL",
            ),
            ConfigError::EmptyUrlFile(_) => Some("it must hold the database's URL, and nothing else"),
            ConfigError::File { .. }
            | ConfigError::Section { .. }
            | ConfigError::NoFileForSection { .. }
            | ConfigError::Unreadable { .. }
            | ConfigError::Value { .. } => None,
        }
    }
}

/// Reads what the process was started with: the one place of the program that does.
pub(crate) fn environment() -> Environment {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Environment { variables, home: std::env::home_dir(), os_user: None }
}

/// Finds the operating system's name of the user, libpq's default for the database's user.
pub(crate) fn os_user(environment: &Environment) -> Option<String> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    // Users of a directory service are not in the file.
    name.or_else(|| ["USER", "LOGNAME"].iter().find_map(|name| environment.variables.get(*name).cloned()))
}

/// All that a command needs to know besides its own flags, except the database.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) migrations: PathBuf,
    /// The folder as the user would type it.
    pub(crate) migrations_shown: String,
    pub(crate) journal_schema: String,
    pub(crate) role: Option<String>,
    pub(crate) connect_wait: Duration,
    pub(crate) lock_wait: Duration,
    pub(crate) policy: Policy,
    /// Codes of rules that `check` does not ask.
    pub(crate) check_ignore: BTreeSet<Code>,
}

/// Where the URL of the database comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DatabaseUrl {
    /// The connection string; empty when the `PG*` variables say it all.
    pub(crate) text: String,
    /// Such as `--database-url` or `DATABASE_URL`.
    pub(crate) origin: String,
}

/// The three places that a setting may come from.
pub(crate) struct Layers<'a> {
    pub(crate) global: &'a Global,
    pub(crate) environment: &'a Environment,
    pub(crate) file: ConfigFile,
}

/// A setting and where it was found.
struct Found {
    text: String,
    origin: String,
    /// Whether a relative path starts from the configuration file's folder.
    from_file: bool,
}

impl<'a> Layers<'a> {
    /// Reads the configuration file, if there is one.
    pub(crate) fn read(global: &'a Global, environment: &'a Environment) -> Result<Self, ConfigError> {
        let variable =
            |name: &str| environment.variables.get(name).filter(|value| !value.is_empty()).cloned();
        let named = global.project.config.clone().or_else(|| variable("DUNLIN_CONFIG").map(PathBuf::from));
        let section = global.project.env.clone().or_else(|| variable("DUNLIN_ENV"));
        let path = named.clone().unwrap_or_else(|| PathBuf::from("dunlin.toml"));
        let shown = path.display().to_string();
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => ConfigFile::parse(&path, &text, section.as_deref())?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => match section {
                Some(name) => return Err(ConfigError::NoFileForSection { name, file: shown }),
                None => ConfigFile::default(),
            },
            Err(error) => return Err(ConfigError::Unreadable { path: shown, cause: error.to_string() }),
        };
        Ok(Layers { global, environment, file })
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn expanded(&self, value: &FileValue) -> Result<Found, ConfigError> {
        let file = self.file.shown_as.clone();
        let text = expand::expand(&value.text, |name| self.environment.variables.get(name).cloned())
            .map_err(|error| ConfigError::File {
                file: file.clone(),
                line: value.line,
                message: error.to_string(),
            })?;
        Ok(Found { text, origin: format!("{file}:{}", value.line), from_file: true })
    }

    fn lower(&self, variable: &str, key: &str) -> Result<Option<Found>, ConfigError> {
        if let Some(text) = self.variable(variable) {
            return Ok(Some(Found { text: text.to_owned(), origin: variable.to_owned(), from_file: false }));
        }
        self.file.get(key).map(|value| self.expanded(value)).transpose()
    }

    fn text(&self, flag: Option<&str>, variable: &str, key: &str) -> Result<Option<Found>, ConfigError> {
        match flag {
            Some(text) => {
                Ok(Some(Found { text: text.to_owned(), origin: format!("--{key}"), from_file: false }))
            }
            None => self.lower(variable, key),
        }
    }

    fn duration(
        &self,
        flag: Option<Duration>,
        variable: &str,
        key: &str,
        default: Duration,
    ) -> Result<Duration, ConfigError> {
        if let Some(flag) = flag {
            return Ok(flag);
        }
        let Some(found) = self.lower(variable, key)? else { return Ok(default) };
        duration::parse(&found.text).map_err(|message| ConfigError::Value { origin: found.origin, message })
    }

    fn policy<T: FromStr<Err = String>>(
        &self,
        flag: Option<T>,
        variable: &str,
        key: &str,
        strict: T,
        default: T,
    ) -> Result<T, ConfigError> {
        if let Some(flag) = flag {
            return Ok(flag);
        }
        if self.global.policies.strict {
            return Ok(strict);
        }
        let Some(found) = self.lower(variable, key)? else { return Ok(default) };
        found.text.parse().map_err(|message| ConfigError::Value { origin: found.origin, message })
    }

    /// The rules that `check` leaves out: only hazards and style can be.
    fn ignored(&self) -> Result<BTreeSet<Code>, ConfigError> {
        let Some(found) = self.lower("DUNLIN_CHECK_IGNORE", "check.ignore")? else {
            return Ok(BTreeSet::new());
        };
        let words = found.text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words
            .map(|word| {
                Code::parse(word).filter(|code| RULES.iter().any(|rule| rule.code == *code)).ok_or_else(
                    || {
                        let message = format!(
                            "`{word}` is no rule of check: they are DN5xx, as `dunlin explain` lists them"
                        );
                        ConfigError::Value { origin: found.origin.clone(), message }
                    },
                )
            })
            .collect()
    }

    fn policies(&self) -> Result<Policy, ConfigError> {
        let (s, d) = (Policy::strict(), Policy::default());
        let Policies { order, missing_columns, invalid_operations, edited_files, dialect, data_loss, .. } =
            &self.global.policies;
        Ok(Policy {
            order: self.policy(*order, "DUNLIN_ORDER", "policy.order", s.order, d.order)?,
            missing_columns: self.policy(
                *missing_columns,
                "DUNLIN_MISSING_COLUMNS",
                "policy.missing-columns",
                s.missing_columns,
                d.missing_columns,
            )?,
            invalid_operations: self.policy(
                *invalid_operations,
                "DUNLIN_INVALID_OPERATIONS",
                "policy.invalid-operations",
                s.invalid_operations,
                d.invalid_operations,
            )?,
            edited_files: self.policy(
                *edited_files,
                "DUNLIN_EDITED_FILES",
                "policy.edited-files",
                s.edited_files,
                d.edited_files,
            )?,
            dialect: self.policy(*dialect, "DUNLIN_DIALECT", "policy.dialect", s.dialect, d.dialect)?,
            data_loss: self.policy(
                *data_loss,
                "DUNLIN_DATA_LOSS",
                "policy.data-loss",
                s.data_loss,
                d.data_loss,
            )?,
        })
    }

    /// Decides everything except the database.
    pub(crate) fn settings(&self, lock_wait: Option<Duration>) -> Result<Settings, ConfigError> {
        let project = &self.global.project;
        let connection = &self.global.connection;
        let folder = match &project.migrations {
            Some(folder) => folder.clone(),
            None => match self.lower("DUNLIN_MIGRATIONS", "migrations")? {
                Some(found) if found.from_file => self.file.folder.join(found.text),
                Some(found) => found.text.into(),
                None => PathBuf::from("migrations"),
            },
        };
        let text = |found: Option<Found>| found.map(|found| found.text);
        let schema =
            text(self.text(project.journal_schema.as_deref(), "DUNLIN_JOURNAL_SCHEMA", "journal-schema")?);
        let wait = Duration::from_secs(600);
        Ok(Settings {
            migrations_shown: shown(&folder),
            migrations: folder,
            journal_schema: schema.unwrap_or_else(|| "dunlin".to_owned()),
            role: text(self.text(connection.role.as_deref(), "DUNLIN_ROLE", "role")?),
            connect_wait: self.duration(
                connection.connect_wait,
                "DUNLIN_CONNECT_WAIT",
                "connect-wait",
                Duration::ZERO,
            )?,
            lock_wait: self.duration(lock_wait, "DUNLIN_LOCK_WAIT", "lock-wait", wait)?,
            policy: self.policies()?,
            check_ignore: self.ignored()?,
        })
    }

    /// Finds the database; the `PG*` variables fill in what its URL leaves open.
    pub(crate) fn database_url(&self) -> Result<DatabaseUrl, ConfigError> {
        let connection = &self.global.connection;
        if connection.database_url.is_none() {
            if let Some(path) = &connection.database_url_file {
                return url_from_file(path);
            }
            if let (None, Some(path)) = (self.variable("DATABASE_URL"), self.variable("DATABASE_URL_FILE")) {
                return url_from_file(Path::new(path));
            }
        }
        if let Some(found) = self.text(connection.database_url.as_deref(), "DATABASE_URL", "database-url")? {
            return Ok(DatabaseUrl { text: found.text, origin: found.origin });
        }
        if let Some(value) = self.file.get("database-url-file") {
            return url_from_file(&self.file.folder.join(self.expanded(value)?.text));
        }
        let names = ["PGSERVICE", "PGHOST", "PGHOSTADDR", "PGDATABASE", "PGUSER", "PGPORT"];
        match names.iter().find(|name| self.variable(name).is_some()) {
            Some(name) => Ok(DatabaseUrl { text: String::new(), origin: (*name).to_owned() }),
            None => Err(ConfigError::NoDatabase),
        }
    }

    /// Finds the way around a proxy, if one is given.
    pub(crate) fn direct_url(&self) -> Result<Option<DatabaseUrl>, ConfigError> {
        let found =
            self.text(self.global.connection.direct_url.as_deref(), "DUNLIN_DIRECT_URL", "direct-url")?;
        Ok(found.map(|found| DatabaseUrl { text: found.text, origin: found.origin }))
    }

    /// Warns of a section that names a database which the environment overrides.
    pub(crate) fn overridden_section(&self) -> Option<String> {
        let section = self.global.project.env.as_deref()?;
        let value = self.file.get("database-url")?;
        let variable =
            ["DATABASE_URL", "DATABASE_URL_FILE"].into_iter().find(|name| self.variable(name).is_some())?;
        if self.global.connection.database_url.is_some() || self.global.connection.database_url_file.is_some()
        {
            return None;
        }
        let same =
            self.expanded(value).is_ok_and(|found| Some(found.text.as_str()) == self.variable(variable));
        (!same).then(|| {
            format!(
                "{variable} goes before the database-url of {}:{} (--env {section}); unset it to use the file's",
                self.file.shown_as, value.line
            )
        })
    }
}

/// Gives a path as the user would type it, without the `./` in front.
fn shown(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    let text = path.display().to_string();
    if text.is_empty() { ".".to_owned() } else { text }
}

fn url_from_file(path: &Path) -> Result<DatabaseUrl, ConfigError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Unreadable { path: shown.clone(), cause: error.to_string() })?;
    match text.trim() {
        "" => Err(ConfigError::EmptyUrlFile(shown)),
        url => Ok(DatabaseUrl { text: url.to_owned(), origin: shown }),
    }
}

#[cfg(test)]
mod tests;
