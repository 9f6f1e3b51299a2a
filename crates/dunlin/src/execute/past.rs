//! The journal's history as the planner wants it.

use crate::catalog::Catalog;
use crate::history::{History, MigrationRecord, OperationState};
use crate::migration::MigrationSet;
use crate::plan::{Identity, Operations, Past, PastMigration, PastOperation, PastState};
use std::collections::{HashMap, HashSet};

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
    let adopting = history.runs_completed == 0
        && (history.first_run_had_user_tables || history.migrations.is_empty() && catalog.has_user_tables());
    let mut past = Past { adopting, ..Past::default() };
    let records = Records::of(set, history);
    for (position, migration) in set.migrations.iter().enumerate() {
        if let Some(record) = records.find(set, operations, position) {
            let unchanged = record.checksum == migration.checksum.to_string();
            past.migrations.insert(migration.id.clone(), past_migration(record, unchanged));
        }
    }
    past
}

/// The journal's records, found by id in a moment.
pub(super) struct Records<'h> {
    by_id: HashMap<&'h str, &'h MigrationRecord>,
    /// Those whose migration is not in the set.
    missing: Vec<&'h MigrationRecord>,
}

impl<'h> Records<'h> {
    pub(super) fn of(set: &MigrationSet, history: &'h History) -> Records<'h> {
        let known: HashSet<&str> = set.migrations.iter().map(|migration| migration.id.as_str()).collect();
        let records = &history.migrations;
        Records {
            by_id: records.iter().map(|record| (record.id.as_str(), record)).collect(),
            missing: records.iter().filter(|record| !known.contains(record.id.as_str())).collect(),
        }
    }

    /// The record of a migration: under its id, under the id it says it was renamed from, or the one that is
    /// missing from the set and has the same operations.
    pub(super) fn find(
        &self,
        set: &MigrationSet,
        operations: &Operations,
        position: usize,
    ) -> Option<&'h MigrationRecord> {
        let migration = &set.migrations[position];
        let find = |id: &str| self.by_id.get(id).copied();
        if let Some(record) = find(&migration.id) {
            return Some(record);
        }
        if let Some((from, _)) = &migration.directives.renamed_from {
            return find(from);
        }
        let now: Vec<(&str, u32)> = operations.all[operations.ranges[position].clone()]
            .iter()
            .map(|operation| (operation.identity.digest.as_str(), operation.identity.occurrence))
            .collect();
        if now.is_empty() {
            return None;
        }
        let mut missing = self.missing.iter().filter(|record| {
            let then = record.operations.iter();
            then.map(|operation| (operation.digest.as_str(), operation.occurrence)).eq(now.iter().copied())
        });
        let found = missing.next()?;
        // Two candidates are none: which one it was cannot be said.
        missing.next().is_none().then_some(*found)
    }
}

fn past_migration(record: &MigrationRecord, unchanged: bool) -> PastMigration {
    let mut operations = HashMap::new();
    let mut order = Vec::new();
    for operation in &record.operations {
        let identity = Identity { digest: operation.digest.clone(), occurrence: operation.occurrence };
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
    PastMigration { operations, order, applied: record.applied_at.is_some(), unchanged }
}
