//! The journal's history as the planner wants it.

use crate::catalog::Catalog;
use crate::history::{
    Compare, Comparison, FileMigration, History, MigrationRecord, MigrationState, OperationState, compare,
    state_of,
};
use crate::migration::MigrationSet;
use crate::plan::{Identity, Operations, Past, PastMigration, PastOperation, PastState};
use std::collections::HashMap;

/// Turns the history into what the planner has to know; a renamed migration counts under its new id.
pub(super) fn past(
    set: &MigrationSet,
    operations: &Operations,
    history: Option<&History>,
    catalog: &Catalog,
) -> Past {
    let Some(history) = history else {
        return Past { adopting: catalog.has_user_tables(), ..Past::default() };
    };
    let adopting = !history.settled
        && (history.first_run_had_user_tables || history.migrations.is_empty() && catalog.has_user_tables());
    let compared = Compared::new(set, operations, history);
    let mut past = Past { adopting, missing: compared.missing.clone(), ..Past::default() };
    for (position, migration) in set.migrations.iter().enumerate() {
        if let Some(record) = compared.record(position) {
            let unchanged = record.checksum == migration.checksum.to_string();
            past.migrations.insert(migration.id.clone(), past_migration(record, unchanged));
        }
    }
    past
}

/// The files beside their records.
pub(super) struct Compared<'a> {
    files: Vec<FileMigration<'a>>,
    records: Vec<Option<&'a MigrationRecord>>,
    compares: Vec<Compare>,
    /// Ids of records without a file.
    pub(super) missing: Vec<String>,
}

impl<'a> Compared<'a> {
    pub(super) fn new(
        set: &'a MigrationSet,
        operations: &'a Operations,
        history: &'a History,
    ) -> Compared<'a> {
        let checksums: Vec<String> = set.migrations.iter().map(|m| m.checksum.to_string()).collect();
        let files: Vec<FileMigration<'_>> = checksums
            .iter()
            .enumerate()
            .map(|(position, checksum)| file(set, operations, position, checksum))
            .collect();
        let Comparison { files: compares, missing } = compare(&files, history);
        let by_id: HashMap<&str, &MigrationRecord> =
            history.migrations.iter().map(|record| (record.id.as_str(), record)).collect();
        let records = set
            .migrations
            .iter()
            .zip(&compares)
            .map(|(migration, compare)| match compare {
                Compare::Renamed { from, .. } => by_id.get(from.as_str()).copied(),
                _ => by_id.get(migration.id.as_str()).copied(),
            })
            .collect();
        // States need ids and operations only.
        let files = (0..checksums.len()).map(|position| file(set, operations, position, "")).collect();
        Compared { files, records, compares, missing }
    }

    /// The record of a migration: under its id, under the id that it was renamed from, or the one whose file is
    /// missing and which has the same operations.
    pub(super) fn record(&self, position: usize) -> Option<&'a MigrationRecord> {
        self.records[position]
    }

    /// The state of a migration.
    pub(super) fn state(&self, position: usize) -> MigrationState {
        state_of(Some(&self.files[position]), self.records[position], &self.compares[position])
    }

    /// Whether a file still has, in order, all that has run.
    pub(super) fn keeps_all(&self, position: usize) -> bool {
        self.compares[position].keeps_all()
    }

    /// The migrations that are recorded under another id: that id and the new one.
    pub(super) fn renamed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().zip(&self.compares).filter_map(|(file, compare)| match compare {
            Compare::Renamed { from, .. } => Some((from.as_str(), file.id)),
            _ => None,
        })
    }
}

fn file<'a>(
    set: &'a MigrationSet,
    operations: &'a Operations,
    position: usize,
    checksum: &'a str,
) -> FileMigration<'a> {
    let migration = &set.migrations[position];
    FileMigration {
        id: &migration.id,
        checksum,
        operations: identities(operations, position),
        renamed_from: migration.directives.renamed_from.as_ref().map(|(id, _)| id.as_str()),
    }
}

fn identities(operations: &Operations, position: usize) -> Vec<(&str, u32)> {
    operations.all[operations.ranges[position].clone()]
        .iter()
        .map(|operation| (operation.identity.digest.as_str(), operation.identity.occurrence))
        .collect()
}

fn past_migration(record: &MigrationRecord, unchanged: bool) -> PastMigration {
    let mut operations = HashMap::new();
    let mut order = Vec::new();
    let mut bound = Vec::new();
    for operation in &record.operations {
        let identity = Identity { digest: operation.digest.clone(), occurrence: operation.occurrence };
        if operation.is_bound() {
            bound.push(identity.clone());
        }
        let state = match operation.state {
            OperationState::Done | OperationState::Satisfied | OperationState::Ensured => PastState::Done,
            OperationState::Skipped if operation.is_skipped_by_user() => PastState::Done,
            OperationState::Skipped => PastState::Skipped,
            OperationState::Held => PastState::Held,
            OperationState::Failed => PastState::Failed,
            OperationState::Started => PastState::Started,
            OperationState::Pending => {
                order.push(identity);
                continue;
            }
        };
        let code = operation.code.as_deref().and_then(crate::diagnostic::Code::parse);
        operations.insert(
            identity.clone(),
            PastOperation {
                state,
                ran: operation.state == OperationState::Done,
                code,
                reason: operation.reason.clone(),
            },
        );
        order.push(identity);
    }
    PastMigration { operations, order, bound, applied: record.applied_at.is_some(), unchanged, new: false }
}
