//! What each unit says to the journal in its own transaction, in as little of the server's time as can be.

use super::template::{number_array, text, text_array};
use super::{Journal, MigrationRow, OperationRow, RunHandle, mask, since_begin};
use crate::pg::{OWN, ServerError, quote_literal};
use std::sync::atomic::{AtomicBool, Ordering};

/// Begins the names of the statements that a session holds prepared.
const MARK: &str = "dunlin_unit_";

/// The statements of a run's units.
///
/// Where the session is our own they can be prepared: planning them anew costs a unit three times what they do. Should
/// they be gone (`DEALLOCATE ALL` in a file), the unit fails with an error that [`UnitStatements::are_lost`] knows.
#[derive(Debug)]
pub struct UnitStatements {
    journal: Journal,
    run: RunHandle,
    key: i64,
    prepared: AtomicBool,
}

impl UnitStatements {
    /// The statements of the units of a run, that take the lock with this key.
    pub fn new(journal: Journal, run: RunHandle, key: i64) -> UnitStatements {
        UnitStatements { journal, run, key, prepared: AtomicBool::new(false) }
    }

    /// What prepares them, in one message.
    pub fn prepare_sql(&self) -> String {
        let row = Parameters {
            id: "$1",
            version: "$2",
            checksum: "pg_catalog.decode($3, 'hex')",
            tokens_digest: "pg_catalog.decode($4, 'hex')",
            directives_digest: "pg_catalog.decode($5, 'hex')",
            sql: "$6",
            state: "$7",
        };
        let sql = self.journal.sql(
            include_str!("../sql/journal_prepare.sql"),
            &[
                ("key", &self.key.to_string()),
                ("run", &self.run.id.to_string()),
                ("check_epoch", &self.journal.check_epoch_sql(self.run)),
                ("check_applied", &self.journal.check_applied_of(self.run, "$1")),
                ("migration", &row.sql(&self.journal, self.run)),
            ],
        );
        format!("{OWN}{sql}")
    }

    /// Keeps whether the session holds them.
    pub fn set_prepared(&self, prepared: bool) {
        self.prepared.store(prepared, Ordering::Relaxed);
    }

    /// Whether the session holds them.
    pub fn is_prepared(&self) -> bool {
        self.prepared.load(Ordering::Relaxed)
    }

    /// Whether an error says that the session no longer holds them.
    pub fn are_lost(&self, error: &ServerError) -> bool {
        self.is_prepared() && error.sqlstate == "26000" && error.message.contains(MARK)
    }

    /// Takes the lock that only one unit has at a time.
    pub fn lock(&self) -> String {
        match self.is_prepared() {
            true => format!("EXECUTE {MARK}lock"),
            false => format!("SELECT pg_catalog.pg_advisory_xact_lock({})", self.key),
        }
    }

    /// Fails when another run has begun since: see [`Journal::check_epoch_sql`].
    pub fn check_epoch(&self) -> String {
        match self.is_prepared() {
            true => format!("EXECUTE {MARK}epoch"),
            false => self.journal.check_epoch_sql(self.run),
        }
    }

    /// The same, and fails unless a migration was recorded as applied in this run.
    pub fn check_after(&self, migration: &str) -> String {
        match self.is_prepared() {
            true => format!("EXECUTE {MARK}after ({})", quote_literal(migration)),
            false => {
                format!("{}; {}", self.check_epoch(), self.journal.check_applied_sql(self.run, migration))
            }
        }
    }

    /// Whether one of these statements is prepared, and so means the same in every search path.
    pub fn is_settled(statement: &str) -> bool {
        statement.starts_with("EXECUTE ")
    }

    /// Records operations of which the journal holds nothing yet.
    pub fn new_operations(&self, rows: &[OperationRow<'_>]) -> String {
        let first = rows.first().map_or("", |row| row.migration);
        let plain = |row: &OperationRow<'_>| {
            row.migration == first
                && row.code.is_none()
                && row.reason.is_none()
                && row.rows.is_none()
                && row.sql.is_none()
                && row.duration_ms.unwrap_or(0) == 0
        };
        if !self.is_prepared() || !rows.iter().all(plain) {
            return self.journal.new_operations_sql(self.run, rows);
        }
        format!(
            "EXECUTE {MARK}operations ({}, {}, {}, {}, {})",
            quote_literal(first),
            text_array(rows.iter().map(|row| Some(row.digest))),
            number_array(rows.iter().map(|row| Some(row.occurrence))),
            number_array(rows.iter().map(|row| Some(row.number))),
            text_array(rows.iter().map(|row| Some(row.state.as_str()))),
        )
    }

    /// Records a migration of which the journal holds nothing yet, at the end of its transaction.
    pub fn new_migration(&self, row: &MigrationRow<'_>) -> String {
        if !self.is_prepared() {
            return self.journal.new_migration_at_end_sql(self.run, row);
        }
        format!(
            "EXECUTE {MARK}migration ({}, {}, {}, {}, {}, {}, {})",
            quote_literal(row.id),
            text(row.version),
            quote_literal(row.checksum),
            text(row.tokens_digest),
            text(row.directives_digest),
            quote_literal(&self.journal.script.kept(mask(row.sql))),
            quote_literal(row.state.as_str()),
        )
    }
}

/// The values of a migration's row, as SQL.
pub(super) struct Parameters<'a> {
    pub(super) id: &'a str,
    pub(super) version: &'a str,
    pub(super) checksum: &'a str,
    pub(super) tokens_digest: &'a str,
    pub(super) directives_digest: &'a str,
    pub(super) sql: &'a str,
    pub(super) state: &'a str,
}

impl Parameters<'_> {
    fn sql(&self, journal: &Journal, run: RunHandle) -> String {
        journal.migration_values_sql(run, self, since_begin())
    }
}
