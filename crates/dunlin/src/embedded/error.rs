//! Why an embedded cluster cannot be had.

use crate::diagnostic::{Code, Diagnostic};
use std::path::{Path, PathBuf};

/// Why an embedded cluster could not be started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// There are no server programs of a usable version.
    #[error(
        "no PostgreSQL server programs (initdb and postgres, 14 or later) found; looked in {}",
        places(looked)
    )]
    NoBinaries {
        /// Where they were looked for.
        looked: Vec<PathBuf>,
    },
    /// Another process uses the data directory.
    #[error("{} is in use by another process{}", directory.display(), pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// The process that uses it, if it said so.
        pid: Option<u32>,
    },
    /// The data directory was made by another major version of PostgreSQL, which none of the programs is.
    #[error("{} holds data of PostgreSQL {data}, and the server programs in {} are of version {server}", directory.display(), bin.display())]
    OtherMajor {
        /// The directory.
        directory: PathBuf,
        /// The major version that made the data.
        data: u32,
        /// The major version of the server programs.
        server: u32,
        /// Where the server programs are.
        bin: PathBuf,
    },
    /// The directory has something else in it.
    #[error("{} is not empty and was not made by dunlin", directory.display())]
    NotOurs {
        /// The directory.
        directory: PathBuf,
    },
    /// The user that the server runs as cannot get to the directory.
    #[error("the server runs as user {user}, who may not enter {}", path.display())]
    Unreachable {
        /// The directory that is closed to it.
        path: PathBuf,
        /// The user's name.
        user: String,
    },
    /// There is no directory for temporary files in which a socket can be made.
    #[error("no directory for temporary files: tried {}", places(tried))]
    NoTemporary {
        /// The directories that were tried.
        tried: Vec<PathBuf>,
    },
    /// `initdb` failed.
    #[error("initdb failed: {output}")]
    Initdb {
        /// What it wrote.
        output: String,
    },
    /// The server ended while it was starting.
    #[error("the server did not start: {log}")]
    Start {
        /// The end of its log.
        log: String,
    },
    /// The server was not ready, or not ended, in time.
    #[error("the server took more than {seconds} s to {what}")]
    TooSlow {
        /// The limit.
        seconds: u64,
        /// `start` or `stop`.
        what: &'static str,
    },
    /// A file or process could not be dealt with.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl EmbeddedError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// Gives the error's diagnostic code.
    pub fn code(&self) -> Code {
        match self {
            Self::NoBinaries { .. } => Code::DN807,
            Self::InUse { .. } => Code::DN802,
            Self::OtherMajor { .. } => Code::DN804,
            Self::NotOurs { .. } | Self::Unreachable { .. } => Code::DN809,
            Self::NoTemporary { .. }
            | Self::Initdb { .. }
            | Self::Start { .. }
            | Self::TooSlow { .. }
            | Self::Io { .. } => Code::DN801,
        }
    }

    /// Says what to do about it, where there is something.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NoBinaries { .. } => Some(install_hint().to_owned()),
            Self::InUse { .. } => {
                Some("wait until it has ended, or give each one its own directory".to_owned())
            }
            Self::OtherMajor { data, .. } => Some(format!(
                "install PostgreSQL {data}, or set DUNLIN_PG_BIN to the folder of its initdb and postgres"
            )),
            Self::NotOurs { .. } => {
                Some("give an empty directory, or one that does not exist yet".to_owned())
            }
            Self::Unreachable { .. } => {
                Some("PostgreSQL refuses to run as root: choose a directory that others may enter".to_owned())
            }
            _ => None,
        }
    }

    /// Gives the error as a diagnostic, with its help and its cause.
    pub fn diagnostic(&self) -> Diagnostic {
        let mut diagnostic =
            Diagnostic::new(self.code(), self.to_string()).severity(crate::diagnostic::Severity::Error);
        if let Some(help) = self.help() {
            diagnostic = diagnostic.help(help);
        }
        match std::error::Error::source(self) {
            Some(source) => diagnostic.note(source.to_string()),
            None => diagnostic,
        }
    }
}

fn places(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn install_hint() -> &'static str {
    if cfg!(target_os = "macos") {
        "brew install postgresql@18; or set DUNLIN_PG_BIN to the folder that holds initdb and postgres"
    } else {
        "Debian and Ubuntu: apt-get install postgresql; Fedora and Red Hat: dnf install postgresql-server; Alpine: \
         apk add postgresql; or set DUNLIN_PG_BIN to the folder that holds initdb and postgres"
    }
}
