//! The library's functions that the commands call, in one place.
//!
//! What is not a re-export yet is the signature that the commands are written against.

#![allow(dead_code, reason = "what is here is replaced by the library's own items")]

use dunlin::catalog::Catalog;
use dunlin::diagnostic::Code;
use dunlin::execute::{
    AdoptWhat, Adopted, Doctor, ErrorKind, ExecuteError, Listener, Options, Report, Shown, ShownOperation,
    Status,
};
use dunlin::plan::Plan;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use dunlin::embedded::{Data, Embedded, EmbeddedError, EmbeddedOptions};
pub(crate) use dunlin::execute::check;
pub(crate) use dunlin::pg::{ConnInfo, Environment, redact};
pub(crate) use dunlin::syntax::repair_dollar_quotes;

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
    Server(Box<Target>),
}

pub(crate) async fn catalog_from(_: CheckFrom) -> Result<Catalog, ExecuteError> {
    Ok(Catalog::empty())
}
