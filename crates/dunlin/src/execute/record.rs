//! What is written to the journal about operations and migrations.

use super::runner::Runner;
use crate::diagnostic::Code;
use crate::history::{MigrationState, OperationState};
use crate::migration::{Migration, MigrationSet};
use crate::pg::PgError;
use crate::pg::journal::{Journal, Measured, MigrationRow, OperationRow, RunHandle, UnitStatements};
use crate::plan::{Decision, Operation, Operations};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write as _;

/// One step's outcome, before it is in the journal.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Index of the operation.
    pub(super) operation: usize,
    /// How it ended.
    pub(super) state: OperationState,
    /// The code of the reason.
    pub(super) code: Option<Code>,
    /// Why.
    pub(super) reason: Option<String>,
    /// Milliseconds.
    pub(super) duration_ms: u64,
    /// Rows that it changed, where the server says so.
    pub(super) rows: Option<u64>,
    /// The SQL that ran, where it is not the file's.
    pub(super) sql: Option<String>,
    /// What was ensured, when it is an ensure.
    pub(super) ensured: Option<String>,
}

/// A state that a command gives to an operation.
pub(super) struct DecisionRow {
    /// Index of the operation.
    pub(super) operation: usize,
    /// The state.
    pub(super) state: OperationState,
    /// The code of the reason.
    pub(super) code: Option<Code>,
    /// Why.
    pub(super) reason: String,
}

/// What a unit writes to the journal.
pub(super) struct Journalled {
    /// Its statements.
    pub(super) sql: String,
    /// Whether its migration is applied with it.
    pub(super) applied: bool,
    /// Whether the statements mean the same in every search path.
    pub(super) settled: bool,
}

/// The journal's part of a unit: its operations and its migration.
///
/// `took` is how long it took; none for a transaction, whose time so far is that.
pub(super) fn unit_sql(
    runner: &Runner<'_>,
    rows: &[Row],
    migration: usize,
    applied: bool,
    took: Option<u64>,
) -> Journalled {
    let mut merged: Vec<Row> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for row in rows {
        // One row for each operation: a declaration whose columns were ensured is `ensured`.
        let place = *places.entry(row.operation).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(known)
                if known.state == OperationState::Ensured && row.state == OperationState::Satisfied =>
            {
                known.reason.clone_from(&row.reason);
            }
            Some(known) if row.state == OperationState::Ensured => {
                known.sql = Some(format!(
                    "{};\n{}",
                    known.sql.as_deref().unwrap_or_default(),
                    row.sql.as_deref().unwrap_or_default()
                ));
            }
            Some(known) => *known = row.clone(),
            None => merged.push(row.clone()),
        }
    }
    // An ensure that stands for a declaration of another migration is told there only if that one is recorded.
    merged.retain(|row| {
        runner.operations.all[row.operation].migration == migration || runner.is_done(row.operation)
    });
    for row in &mut merged {
        row.reason = runner.reason_of(row.operation, row.reason.as_deref());
    }
    let written: Vec<OperationRow<'_>> = merged
        .iter()
        .map(|row| {
            let operation = &runner.operations.all[row.operation];
            OperationRow {
                code: row.code.map(Code::as_str),
                reason: row.reason.as_deref(),
                duration_ms: Some(row.duration_ms),
                rows: row.rows,
                sql: row.sql.as_deref(),
                ..operation_row(runner.set, operation, row.state)
            }
        })
        .collect();
    let state = if applied { MigrationState::Applied } else { MigrationState::Partial };
    let others = merged.iter().map(|row| runner.operations.all[row.operation].migration);
    let new = runner.records_first(others.chain([migration]));
    let mut statements = Vec::new();
    if !written.is_empty() {
        statements.push(match new {
            true => runner.statements.new_operations(&written),
            false => runner.journal.operations_sql(runner.run, &written),
        });
    }
    if !runner.was_edited(migration) {
        statements.push(with_migration_row(
            runner.set,
            runner.operations,
            migration,
            state,
            |row| match took {
                Some(_) => {
                    runner.journal.migration_sql(runner.run, &MigrationRow { duration_ms: took, ..row })
                }
                None if new => runner.statements.new_migration(&row),
                None => runner.journal.migration_at_end_sql(runner.run, &row),
            },
        ));
    }
    statements.push(runner.statements.check_epoch());
    let settled = statements.iter().all(|statement| UnitStatements::is_settled(statement));
    Journalled { sql: statements.join("; "), applied, settled }
}

/// The row of a migration.
pub(super) fn migration_sql(
    journal: &Journal,
    run: RunHandle,
    set: &MigrationSet,
    operations: &Operations,
    position: usize,
    state: MigrationState,
) -> String {
    with_migration_row(set, operations, position, state, |row| journal.migration_sql(run, &row))
}

/// What was measured in a run after its journal rows had been sent.
pub(super) fn measured_sql(
    journal: &Journal,
    set: &MigrationSet,
    operations: &Operations,
    measured: &[(usize, u64, Option<u64>)],
) -> String {
    let rows: Vec<Measured<'_>> = measured
        .iter()
        .map(|(index, duration_ms, rows)| {
            let operation = &operations.all[*index];
            Measured {
                migration: &set.migrations[operation.migration].id,
                digest: &operation.identity.digest,
                occurrence: operation.identity.occurrence,
                duration_ms: *duration_ms,
                rows: *rows,
            }
        })
        .collect();
    journal.measured_sql(&rows)
}

fn with_migration_row(
    set: &MigrationSet,
    operations: &Operations,
    position: usize,
    state: MigrationState,
    write: impl FnOnce(MigrationRow<'_>) -> String,
) -> String {
    let migration = &set.migrations[position];
    let tokens = tokens_digest(&operations.all[operations.ranges[position].clone()]);
    let directives = directives_digest(migration);
    let version = migration
        .version
        .as_ref()
        .map(|version| version.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("."));
    write(MigrationRow {
        id: &migration.id,
        version: version.as_deref(),
        checksum: &migration.checksum.to_string(),
        tokens_digest: Some(&tokens),
        directives_digest: Some(&directives),
        sql: &migration.up.text,
        state,
        duration_ms: None,
    })
}

fn operation_row<'r>(
    set: &'r MigrationSet,
    operation: &'r Operation,
    state: OperationState,
) -> OperationRow<'r> {
    let id = &set.migrations[operation.migration].id;
    OperationRow::new(id, operation.number, &operation.identity.digest, operation.identity.occurrence, state)
}

/// The record that an operation which is not transactional begins.
pub(super) fn started_sql(runner: &Runner<'_>, decision: &Decision, sql: &str) -> String {
    let operation = &runner.operations.all[decision.operation];
    let row =
        OperationRow { sql: Some(sql), ..operation_row(runner.set, operation, OperationState::Started) };
    runner.records_first([operation.migration]);
    let migration = migration_part(runner, operation.migration, MigrationState::Partial);
    let operations = runner.journal.operations_sql(runner.run, &[row]);
    format!("{}; {migration}{operations}; COMMIT", runner.begin_sql())
}

/// The record of a failure, in a transaction of its own.
pub(super) fn failure_sql(runner: &Runner<'_>, operation: usize, code: Code, error: &PgError) -> String {
    let operation = &runner.operations.all[operation];
    let row = OperationRow {
        code: Some(code.as_str()),
        error: error.server(),
        ..operation_row(runner.set, operation, OperationState::Failed)
    };
    let operations = runner.journal.operations_sql(runner.run, &[row]);
    runner.records_first([operation.migration]);
    let migration = migration_part(runner, operation.migration, MigrationState::Failed);
    format!("{}; {migration}{operations}; COMMIT", runner.begin_sql())
}

/// The row of a migration that is under way; what was applied before stays so, with the text that was applied.
fn migration_part(runner: &Runner<'_>, migration: usize, state: MigrationState) -> String {
    if runner.was_applied(migration) {
        return String::new();
    }
    migration_sql(runner.journal, runner.run, runner.set, runner.operations, migration, state) + "; "
}

/// What a command decides about the operations of one migration.
pub(super) fn decision_sql(
    journal: &Journal,
    run: RunHandle,
    set: &MigrationSet,
    operations: &Operations,
    position: usize,
    rows: &[DecisionRow],
    applied: bool,
) -> String {
    let written: Vec<OperationRow<'_>> = rows
        .iter()
        .map(|row| OperationRow {
            code: row.code.map(Code::as_str),
            reason: Some(&row.reason),
            ..operation_row(set, &operations.all[row.operation], row.state)
        })
        .collect();
    let state = if applied { MigrationState::Applied } else { MigrationState::Partial };
    let migration = migration_sql(journal, run, set, operations, position, state);
    match written.is_empty() {
        true => migration,
        false => format!("{}; {migration}", journal.operations_sql(run, &written)),
    }
}

fn tokens_digest(operations: &[Operation]) -> String {
    let mut hash = Sha256::new();
    for operation in operations {
        hash.update(operation.identity.digest.as_bytes());
        hash.update(operation.identity.occurrence.to_be_bytes());
    }
    hex(&hash.finalize())
}

fn directives_digest(migration: &Migration) -> String {
    let mut hash = Sha256::new();
    let directives = &migration.directives;
    for (id, _) in &directives.depends_on {
        hash.update(format!("depends on {id}\n"));
    }
    if directives.no_transaction {
        hash.update("no transaction\n");
    }
    if let Some((id, _)) = &directives.renamed_from {
        hash.update(format!("renamed from {id}\n"));
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
