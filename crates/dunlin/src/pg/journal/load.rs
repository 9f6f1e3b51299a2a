//! Rows of the journal become a [`History`].

use super::JournalError;
use crate::history::{History, MigrationRecord, MigrationState, OperationRecord, OperationState, Run};
use std::collections::HashMap;
use std::str::FromStr;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

/// Puts the rows of `journal_load.sql` together.
pub(super) fn history(messages: &[SimpleQueryMessage]) -> Result<History, JournalError> {
    let mut history = History::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    for message in messages {
        let SimpleQueryMessage::Row(row) = message else { continue };
        match row.get(0) {
            Some("meta") => {
                history.epoch = needed(row, "epoch")?;
                history.settled = text(row, "settled").as_deref() == Some("t");
                history.first_run_had_user_tables = text(row, "had_user_tables").as_deref() == Some("t");
                history.set_digest = text(row, "set_digest");
            }
            Some("run") => history.last_run = Some(run(row)?),
            Some("migration") => {
                let record = migration(row)?;
                places.insert(record.id.clone(), history.migrations.len());
                history.migrations.push(record);
            }
            Some("operation") => {
                // An operation without its migration was left by nobody who holds the lock.
                let place = places.get(row.get("migration").unwrap_or_default());
                if let Some(record) = place.and_then(|place| history.migrations.get_mut(*place)) {
                    record.operations.push(operation(row)?);
                }
            }
            _ => {}
        }
    }
    Ok(history)
}

fn run(row: &SimpleQueryRow) -> Result<Run, JournalError> {
    Ok(Run {
        id: needed(row, "id")?,
        started_at: text(row, "started_at").unwrap_or_default(),
        finished_at: text(row, "finished_at"),
        outcome: text(row, "outcome"),
        host: text(row, "host"),
        pid: maybe(row, "pid")?,
        backend: backend(row)?,
        dunlin_version: text(row, "dunlin_version"),
        server_version: maybe(row, "server_version")?,
        policies: text(row, "policies"),
        fingerprint_before: text(row, "fingerprint_before"),
        fingerprint_after: text(row, "fingerprint_after"),
    })
}

fn migration(row: &SimpleQueryRow) -> Result<MigrationRecord, JournalError> {
    let state = row.get("state").unwrap_or_default();
    Ok(MigrationRecord {
        id: text(row, "id").unwrap_or_default(),
        version: text(row, "version"),
        checksum: text(row, "checksum").unwrap_or_default(),
        tokens_digest: text(row, "tokens_digest"),
        directives_digest: text(row, "directives_digest"),
        sql: text(row, "sql").unwrap_or_default(),
        state: MigrationState::parse(state).ok_or_else(|| unknown("state of a migration", state))?,
        applied_at: text(row, "applied_at"),
        duration_ms: maybe(row, "duration_ms")?,
        run: needed(row, "run")?,
        operations: Vec::new(),
    })
}

fn operation(row: &SimpleQueryRow) -> Result<OperationRecord, JournalError> {
    let state = row.get("state").unwrap_or_default();
    Ok(OperationRecord {
        number: needed(row, "number")?,
        digest: text(row, "digest").unwrap_or_default(),
        occurrence: needed(row, "occurrence")?,
        state: OperationState::parse(state).ok_or_else(|| unknown("state of an operation", state))?,
        code: text(row, "code"),
        reason: text(row, "reason"),
        run: needed(row, "run")?,
        started_at: text(row, "started_at"),
        finished_at: text(row, "finished_at"),
        duration_ms: maybe(row, "duration_ms")?,
        rows: maybe(row, "rows")?,
        sqlstate: text(row, "sqlstate"),
        message: text(row, "message"),
        detail: text(row, "detail"),
        hint: text(row, "hint"),
        position: maybe(row, "position")?,
        sql: text(row, "sql"),
        undo_sql: text(row, "undo_sql"),
        backend: backend(row)?,
    })
}

fn backend(row: &SimpleQueryRow) -> Result<Option<(i32, String)>, JournalError> {
    let pid: Option<i32> = maybe(row, "backend_pid")?;
    Ok(pid.map(|pid| (pid, text(row, "backend_start").unwrap_or_default())))
}

fn text(row: &SimpleQueryRow, column: &str) -> Option<String> {
    row.get(column).map(str::to_owned)
}

fn maybe<T: FromStr>(row: &SimpleQueryRow, column: &str) -> Result<Option<T>, JournalError> {
    row.get(column).map(|value| value.parse().map_err(|_| unknown(column, value))).transpose()
}

fn needed<T: FromStr>(row: &SimpleQueryRow, column: &str) -> Result<T, JournalError> {
    maybe(row, column)?.ok_or_else(|| unknown(column, "NULL"))
}

/// Reads a number of a row by its place.
pub(super) fn parsed<T: FromStr>(row: &SimpleQueryRow, place: usize) -> Result<T, JournalError> {
    let value = row.get(place).unwrap_or("NULL");
    value.parse().map_err(|_| unknown("number", value))
}

fn unknown(what: &str, value: &str) -> JournalError {
    JournalError::Content(format!("{what}: {value}"))
}
