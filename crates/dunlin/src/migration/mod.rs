//! Discovery and naming of files, directives, checksums: a folder becomes a [`MigrationSet`].

mod depends;
mod directives;
mod folder;
mod layout;
mod load;
mod sections;
#[cfg(test)]
mod tests;

use crate::diagnostic::Diagnostic;
use crate::source::{SourceFile, Span};
use crate::syntax::{ParseOptions, Script};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;

pub use directives::{StatementDirectives, statement_directives};
pub use load::set_digest;

/// Why a folder cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The folder does not exist.
    #[error("there is no folder {}", .path.display())]
    NoFolder {
        /// The folder that was asked for.
        path: PathBuf,
    },
    /// A file or folder could not be read (a dangling link, a missing permission).
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file's name is not UTF-8, so it cannot be an id.
    #[error("the name {} is not UTF-8", .path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
}

/// SHA-256 of a file's bytes as they are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checksum(pub [u8; 32]);

/// Whether a migration runs once or whenever it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Runs once.
    Versioned,
    /// Flyway's `R__name.sql`: runs when its checksum changed, after all versioned ones.
    Repeatable,
}

/// A migration's version: numeric parts where numeric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub Vec<u128>);

/// What comments before the first statement ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    /// `-- dunlin: depends on ID`.
    pub depends_on: Vec<(String, Span)>,
    /// `-- dunlin: no transaction`, or the marks of goose, dbmate and sqlx that say the same.
    pub no_transaction: bool,
    /// `-- dunlin: renamed from ID`.
    pub renamed_from: Option<(String, Span)>,
}

/// One migration: one file, an up/down pair, or a directory with `up.sql`.
#[derive(Debug, Clone)]
pub struct Migration {
    /// The file stem without `.up`, or the directory's name.
    pub id: String,
    /// Its version, if its name starts with one.
    pub version: Option<Version>,
    /// Whether it runs once.
    pub kind: Kind,
    /// The file with the SQL that applies it.
    pub up: SourceFile,
    /// The part of `up` that applies it: all of it, or goose's or dbmate's up section.
    pub up_span: Span,
    /// The file and part that undoes it.
    pub down: Option<(SourceFile, Span)>,
    /// Checksum of the up file's bytes.
    pub checksum: Checksum,
    /// Directives of the file's head.
    pub directives: Directives,
    /// Faults of the text itself (not UTF-8, NUL bytes, unknown directives); such a migration has no usable text.
    pub diagnostics: Vec<Diagnostic>,
}

/// All migrations of a folder, in order.
#[derive(Debug, Clone, Default)]
pub struct MigrationSet {
    /// By version (numeric where numeric), then by name; those without a version last, repeatable ones after all.
    pub migrations: Vec<Arc<Migration>>,
    /// Files and folders that were passed over, for `-v`.
    pub ignored: Vec<PathBuf>,
    /// Faults of the set (two equal ids) and warnings (an empty folder).
    pub diagnostics: Vec<Diagnostic>,
}

impl Migration {
    /// Cuts the part that applies it into statements and parses them.
    pub fn statements(&self, options: &ParseOptions) -> Script {
        crate::syntax::parse(&self.up, self.up_span, options)
    }
}

impl MigrationSet {
    /// Digests ids and checksums: equal when nothing was added, removed, renamed or edited.
    pub fn digest(&self) -> [u8; 32] {
        digest(self.migrations.iter().map(|migration| (migration.id.as_str(), migration.checksum)).collect())
    }

    /// Finds a migration by its id.
    pub fn get(&self, id: &str) -> Option<&Arc<Migration>> {
        self.migrations.iter().find(|migration| migration.id == id)
    }
}

/// The one way in which a set is digested, with texts loaded or not; directives may change the order of a set.
fn digest(mut migrations: Vec<(&str, Checksum)>) -> [u8; 32] {
    migrations.sort_unstable();
    let mut digest = SetDigest::default();
    migrations.into_iter().for_each(|(id, checksum)| digest.add(id, checksum));
    digest.finish()
}

#[derive(Default)]
struct SetDigest(Sha256);

impl SetDigest {
    fn add(&mut self, id: &str, checksum: Checksum) {
        // The length keeps ("ab", …) and ("a", "b…") apart.
        self.0.update((id.len() as u64).to_be_bytes());
        self.0.update(id.as_bytes());
        self.0.update(checksum.0);
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u128::to_string).collect();
        f.write_str(&parts.join("."))
    }
}
