//! The library's functions that the commands call, in one place.

use dunlin::execute::{CheckStart, ExecuteError, Options};

pub(crate) use dunlin::embedded::{Data, Embedded, EmbeddedError, EmbeddedOptions};
pub(crate) use dunlin::execute::{
    Migrations, Target, adopt, check, converge, doctor, plan, running, show, skip, status, up, watch,
};
pub(crate) use dunlin::pg::{ConnInfo, Environment, redact};
pub(crate) use dunlin::syntax::repair_dollar_quotes;

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

/// Reads the schema that `check` starts from.
pub(crate) async fn check_start(from: CheckFrom) -> Result<CheckStart, ExecuteError> {
    match from {
        CheckFrom::Empty => Ok(CheckStart::empty()),
        CheckFrom::Sql { path, text } => {
            Ok(CheckStart::of_sql(&dunlin::source::SourceFile::new(path.as_str(), &text)))
        }
        CheckFrom::Server(target) => CheckStart::of_database(&target, &Options::default()).await,
    }
}
