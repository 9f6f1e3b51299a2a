//! The library's functions that the commands call, in one place.

use dunlin::catalog::Catalog;
use dunlin::execute::{ExecuteError, Options, catalog_of_database, catalog_of_sql};

pub(crate) use dunlin::embedded::{Data, Embedded, EmbeddedError, EmbeddedOptions};
pub(crate) use dunlin::execute::{Migrations, Target, adopt, check, doctor, plan, show, skip, status, up};
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
pub(crate) async fn catalog_from(from: CheckFrom) -> Result<Catalog, ExecuteError> {
    match from {
        CheckFrom::Empty => Ok(Catalog::empty()),
        CheckFrom::Sql { path, text } => {
            Ok(catalog_of_sql(&dunlin::source::SourceFile::new(path.as_str(), &text)))
        }
        CheckFrom::Server(target) => catalog_of_database(&target, &Options::default()).await,
    }
}
