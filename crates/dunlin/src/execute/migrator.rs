//! The library's front door.

use super::{ErrorKind, ExecuteError, Listener, Migrations, Options, Report, Target, event::Event, up};
use crate::diagnostic::Code;
use crate::migration::MigrationSet;
use crate::pg::{ConnInfo, Environment};
use crate::plan::{Plan, Policy};
use std::time::Duration;

/// Brings a database up to date from an application, at its start.
///
/// ```no_run
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// static MIGRATIONS: include_dir::Dir<'_> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/src");
/// let report = dunlin::Migrator::from_dir(&MIGRATIONS)?.up("postgres://app@localhost/app").await?;
/// println!("{} migrations applied", report.applied.len());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Migrator {
    migrations: Migrations,
    options: Options,
    environment: Environment,
    connect_wait: Duration,
}

impl Migrator {
    /// Takes migrations that are compiled into the program.
    ///
    /// # Errors
    /// When a file's name cannot be used.
    pub fn from_dir(dir: &include_dir::Dir<'_>) -> Result<Migrator, ExecuteError> {
        let set = MigrationSet::from_embedded(dir).map_err(ExecuteError::from)?;
        Ok(Migrator::new(Migrations::Loaded(set)))
    }

    /// Takes migrations from wherever they are.
    pub fn new(migrations: Migrations) -> Migrator {
        Migrator {
            migrations,
            options: Options::default(),
            environment: Environment::default(),
            connect_wait: Duration::ZERO,
        }
    }

    /// Sets what Dunlin may do.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Migrator {
        self.options.policy = policy;
        self
    }

    /// Sets all options of a run.
    #[must_use]
    pub fn options(mut self, options: Options) -> Migrator {
        self.options = options;
        self
    }

    /// Gives the variables, home folder and user name that connection strings may refer to.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Migrator {
        self.environment = environment;
        self
    }

    /// Sets how long to retry a server that is not there yet.
    #[must_use]
    pub fn connect_wait(mut self, wait: Duration) -> Migrator {
        self.connect_wait = wait;
        self
    }

    /// Brings the database up to date.
    ///
    /// # Errors
    /// See [`ErrorKind`]. A run in which a migration fails gives a report with `failed` set, not an error.
    pub async fn up(&self, url: &str) -> Result<Report, ExecuteError> {
        self.up_with(url, &mut |_: &Event<'_>| {}).await
    }

    /// Brings the database up to date, and tells the listener what happens.
    ///
    /// # Errors
    /// See [`Migrator::up`].
    pub async fn up_with(&self, url: &str, listener: &mut Listener<'_>) -> Result<Report, ExecuteError> {
        up(&self.migrations, &self.target(url)?, &self.options, listener).await
    }

    /// Shows what `up` would do.
    ///
    /// # Errors
    /// When the files, the server or the journal cannot be read.
    pub async fn plan(&self, url: &str) -> Result<Plan, ExecuteError> {
        let target = self.target(url)?;
        super::plan(&self.migrations, &target, &self.options, &mut |_: &Event<'_>| {}).await
    }

    fn target(&self, url: &str) -> Result<Target, ExecuteError> {
        let conninfo = ConnInfo::parse(url, &self.environment)
            .map_err(|error| ExecuteError::new(ErrorKind::Usage, Code::DN809, error.to_string()))?;
        Ok(Target { conninfo, direct: None, connect_wait: self.connect_wait })
    }
}
