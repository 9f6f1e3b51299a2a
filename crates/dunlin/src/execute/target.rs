//! Where migrations come from and which database they go to.

use crate::migration::{MigrationError, MigrationSet};
use crate::pg::ConnInfo;
use std::path::PathBuf;
use std::time::Duration;

/// Where the migrations come from.
#[derive(Debug, Clone)]
pub enum Migrations {
    /// A folder, read when there is something to do: that there is nothing is told by its checksums alone.
    Folder {
        /// The folder.
        path: PathBuf,
        /// The folder as the user would type it.
        shown_as: String,
    },
    /// A set that is in memory.
    Loaded(MigrationSet),
}

impl Migrations {
    /// The digest of the set, without keeping its texts.
    pub(super) fn digest(&self) -> Result<[u8; 32], MigrationError> {
        match self {
            Migrations::Folder { path, .. } => crate::migration::set_digest(path),
            Migrations::Loaded(set) => Ok(set.digest()),
        }
    }

    /// The set itself.
    pub fn load(&self) -> Result<MigrationSet, MigrationError> {
        match self {
            Migrations::Folder { path, shown_as } => MigrationSet::load(path, shown_as),
            Migrations::Loaded(set) => Ok(set.clone()),
        }
    }
}

/// The database, and how to reach it.
#[derive(Debug, Clone)]
pub struct Target {
    /// How to connect.
    pub conninfo: ConnInfo,
    /// How to connect without a proxy, for what cannot run through one.
    pub direct: Option<ConnInfo>,
    /// How long to retry a server that is not there yet.
    pub connect_wait: Duration,
}

impl Target {
    /// The way to the server itself, if one is given: all that Dunlin does goes there.
    pub(super) fn server(&self) -> &ConnInfo {
        self.direct.as_ref().unwrap_or(&self.conninfo)
    }
}
