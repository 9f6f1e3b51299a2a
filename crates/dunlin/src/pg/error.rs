//! What can go wrong between us and the server, without the client library's types.

use super::sqlstate;
use std::path::PathBuf;

/// An error that the server reported, "Error and Notice Message Fields" of the manual.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
#[error("{message}")]
pub struct ServerError {
    /// `ERROR`, `FATAL` or `PANIC`, maybe in the server's language.
    pub severity: String,
    /// Five characters.
    pub sqlstate: String,
    /// One line.
    pub message: String,
    /// More about the cause.
    pub detail: Option<String>,
    /// What could help.
    pub hint: Option<String>,
    /// Where in the statement, from 1, in characters.
    pub position: Option<u32>,
    /// Where in a statement that the server ran itself, with that statement.
    pub internal: Option<(u32, String)>,
    /// The context: functions and triggers, nearest first. None when the statement itself failed.
    pub where_: Option<String>,
    /// The schema concerned.
    pub schema: Option<String>,
    /// The table concerned.
    pub table: Option<String>,
    /// The column concerned.
    pub column: Option<String>,
    /// The data type concerned.
    pub datatype: Option<String>,
    /// The constraint concerned.
    pub constraint: Option<String>,
}

impl ServerError {
    /// Says that what the statement makes is there already; for some kinds of object the server only
    /// notices when the row is there in its own catalog.
    pub fn is_duplicate_object(&self) -> bool {
        super::sqlstate::is_duplicate(&self.sqlstate)
            || self.sqlstate == "23505" && self.schema.as_deref() == Some("pg_catalog")
    }
}

impl From<&tokio_postgres::error::DbError> for ServerError {
    fn from(error: &tokio_postgres::error::DbError) -> Self {
        use tokio_postgres::error::ErrorPosition;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (position, internal) = match error.position() {
            Some(ErrorPosition::Original(at)) => (Some(*at), None),
            Some(ErrorPosition::Internal { position, query }) => (None, Some((*position, query.clone()))),
            None => (None, None),
        };
        Self {
            severity: error.severity().to_owned(),
            sqlstate: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: owned(error.detail()),
            hint: owned(error.hint()),
            position,
            internal,
            where_: owned(error.where_()),
            schema: owned(error.schema()),
            table: owned(error.table()),
            column: owned(error.column()),
            datatype: owned(error.datatype()),
            constraint: owned(error.constraint()),
        }
    }
}

/// Why something could not be done with a server.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PgError {
    /// No server answered at this place.
    #[error("could not connect to {host}: {reason}")]
    NoConnection {
        /// Where, as shown to the user.
        host: String,
        /// What happened.
        reason: String,
        /// Whether it may work a moment later: nobody listens (yet), or the name is not known (yet).
        transient: bool,
    },
    /// TLS could not be set up or the certificate was not accepted.
    #[error("no secure connection to {host}: {reason}")]
    Tls {
        /// Where.
        host: String,
        /// What happened.
        reason: String,
    },
    /// A file that TLS needs cannot be used.
    #[error("{}: {reason}", path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server refused the login.
    #[error("{host} refused the login of \"{user}\": {message}{}", from_file(password_file))]
    Auth {
        /// Where.
        host: String,
        /// Who.
        user: String,
        /// What the server said, or what is missing.
        message: String,
        /// The file that the password came from.
        password_file: Option<PathBuf>,
    },
    /// The server refused to start the session: unknown database, too many connections, starting up.
    #[error("{host} refused the connection: {error}")]
    Refused {
        /// Where.
        host: String,
        /// What the server said.
        error: Box<ServerError>,
    },
    /// A server answered, but not one of the kind wanted (`target_session_attrs`).
    #[error("{host} is not {wanted}")]
    WrongKind {
        /// Where.
        host: String,
        /// What was wanted.
        wanted: &'static str,
    },
    /// Every one of several servers failed.
    #[error("none of {} servers could be used: {}", errors.len(), join(errors))]
    AllHosts {
        /// Each server's error, in the order they were tried.
        errors: Vec<PgError>,
    },
    /// The server reported an error for a statement.
    #[error("{0}")]
    Server(#[from] Box<ServerError>),
    /// The connection is gone; the server's last words, if there were any.
    #[error("the connection to the server was lost{}", last_words(cause))]
    Closed {
        /// What the server, or the network, said last.
        cause: Option<String>,
        /// The SQLSTATE of the server's last words.
        sqlstate: Option<String>,
    },
    /// The client library refused something or did not understand the server.
    #[error("{0}")]
    Protocol(String),
}

fn join(errors: &[PgError]) -> String {
    errors.iter().map(PgError::to_string).collect::<Vec<_>>().join("; ")
}

fn last_words(cause: &Option<String>) -> String {
    cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default()
}

fn from_file(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|path| format!(" (the password is from {})", path.display())).unwrap_or_default()
}

impl PgError {
    /// Gives the SQLSTATE, if a server spoke.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Server(error) | Self::Refused { error, .. } => Some(&error.sqlstate),
            Self::Closed { sqlstate, .. } => sqlstate.as_deref(),
            _ => None,
        }
    }

    /// Gives the server's report on a failed statement.
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) | Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Says that the connection cannot be used any more.
    pub fn is_connection_loss(&self) -> bool {
        matches!(self, Self::Closed { .. }) || self.sqlstate().is_some_and(sqlstate::is_connection_loss)
    }

    /// Says that connecting may work a moment later; `connect_wait` goes on for these only.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoConnection { transient, .. } => *transient,
            Self::Refused { error, .. } => sqlstate::is_not_ready(&error.sqlstate),
            Self::AllHosts { errors } => errors.iter().any(Self::is_transient),
            Self::Tls { .. }
            | Self::TlsFile { .. }
            | Self::Auth { .. }
            | Self::WrongKind { .. }
            | Self::Server(_)
            | Self::Closed { .. }
            | Self::Protocol(_) => false,
        }
    }
}

impl From<tokio_postgres::Error> for PgError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            return Self::Server(Box::new(db.into()));
        }
        if error.is_closed() {
            return Self::Closed { cause: None, sqlstate: None };
        }
        let source = std::error::Error::source(&error);
        if let Some(io) = source.and_then(|source| source.downcast_ref::<std::io::Error>())
            && io.kind() != std::io::ErrorKind::InvalidInput
        {
            return Self::Closed { cause: Some(io.to_string()), sqlstate: None };
        }
        match source {
            Some(source) => Self::Protocol(format!("{error}: {source}")),
            None => Self::Protocol(error.to_string()),
        }
    }
}
