//! The library's functions that the commands call, in one place.
//!
//! These are the signatures that the commands are written against; each is to become a re-export.

#![allow(dead_code, reason = "what is here is replaced by the library's own items")]

use dunlin::catalog::Catalog;
use dunlin::diagnostic::Code;
use dunlin::diagnostic::Diagnostic;
use dunlin::execute::{
    AdoptWhat, Adopted, Doctor, ErrorKind, ExecuteError, Listener, Options, Report, Shown, ShownOperation,
    Status,
};
use dunlin::migration::MigrationSet;
use dunlin::plan::Plan;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the migrations are.
pub(crate) enum Migrations {
    /// A folder, read only as far as needed.
    Folder {
        /// Where it is.
        path: PathBuf,
        /// How messages name it.
        shown_as: String,
    },
}

/// The database to work on.
pub(crate) struct Target {
    pub(crate) conninfo: ConnInfo,
    pub(crate) direct: Option<ConnInfo>,
    pub(crate) connect_wait: Duration,
}

/// What libpq would read from its surroundings.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) home: Option<PathBuf>,
    pub(crate) os_user: Option<String>,
}

pub(crate) struct ConnInfo {
    pub(crate) warnings: Vec<String>,
}

impl ConnInfo {
    pub(crate) fn parse(_text: &str, _env: &Environment) -> Result<Self, std::convert::Infallible> {
        Ok(Self { warnings: Vec::new() })
    }
}

/// Masks every password in a connection string.
pub(crate) fn redact(text: &str) -> String {
    match text.split_once("://").zip(text.rsplit_once('@')) {
        Some(((scheme, rest), (_, host))) => {
            let user = rest.split([':', '@']).next().unwrap_or("");
            format!("{scheme}://{user}:***@{host}")
        }
        None => text.to_owned(),
    }
}

pub(crate) struct Embedded;

#[derive(Default)]
pub(crate) struct EmbeddedOptions {
    pub(crate) bin: Option<PathBuf>,
    pub(crate) data: Data,
}

#[derive(Default)]
pub(crate) enum Data {
    #[default]
    Temporary,
    Directory(PathBuf),
}

#[derive(Debug)]
pub(crate) struct EmbeddedError;

impl EmbeddedError {
    pub(crate) fn code(&self) -> Code {
        Code::DN807
    }

    pub(crate) fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(self.code(), "not wired")
    }
}

impl Embedded {
    pub(crate) fn start(_options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        Err(EmbeddedError)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgresql:///{database}")
    }
}

fn not_wired() -> ExecuteError {
    ExecuteError::new(ErrorKind::Connection, Code::DN801, "not wired")
}

pub(crate) async fn up(
    _: &Migrations,
    _: &Target,
    _: &Options,
    _: &mut Listener<'_>,
) -> Result<Report, ExecuteError> {
    Err(not_wired())
}

pub(crate) async fn plan(
    _: &Migrations,
    _: &Target,
    _: &Options,
    _: &mut Listener<'_>,
) -> Result<Plan, ExecuteError> {
    Err(not_wired())
}

pub(crate) async fn status(_: &Migrations, _: &Target, _: &Options) -> Result<Status, ExecuteError> {
    Err(not_wired())
}

pub(crate) async fn show(_: &Migrations, _: &Target, _: &Options, _id: &str) -> Result<Shown, ExecuteError> {
    Err(not_wired())
}

pub(crate) async fn skip(
    _: &Migrations,
    _: &Target,
    _: &Options,
    _id: &str,
    _operation: u32,
) -> Result<ShownOperation, ExecuteError> {
    Err(not_wired())
}

pub(crate) async fn adopt(
    _: &Migrations,
    _: &Target,
    _: &Options,
    _: &AdoptWhat,
    _: &mut Listener<'_>,
) -> Result<Adopted, ExecuteError> {
    Err(not_wired())
}

pub(crate) async fn doctor(_: &Migrations, _: &Target, _: &Options) -> Doctor {
    Doctor { format: 1, ok: true, checks: Vec::new() }
}

/// Where `check` starts from.
pub(crate) enum CheckFrom {
    /// An empty database.
    Empty,
    /// A schema in SQL.
    Sql {
        /// The file's name, as messages show it.
        path: String,
        /// Its text.
        text: String,
    },
    /// A database.
    Server(Target),
}

pub(crate) async fn catalog_from(_: CheckFrom) -> Result<Catalog, ExecuteError> {
    Ok(Catalog::empty())
}

/// Reads the folder of migrations.
pub(crate) fn load(_folder: &Path, _shown_as: &str) -> Result<MigrationSet, ExecuteError> {
    Ok(MigrationSet::default())
}

/// Writes `$$` where it was mangled; none when nothing is, or the repair is not certain.
pub(crate) fn repair_dollar_quotes(_text: &str) -> Option<String> {
    None
}

pub(crate) use dunlin::execute::check;
