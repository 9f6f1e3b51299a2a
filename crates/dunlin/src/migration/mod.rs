//! Discovery and naming of files, directives, checksums: a folder becomes a [`MigrationSet`].

use crate::diagnostic::Diagnostic;
use crate::source::{SourceFile, Span};
use std::path::PathBuf;
use std::sync::Arc;

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
