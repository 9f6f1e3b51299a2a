//! The commands beside `up`: plan, check, status, show, skip, adopt.

use super::event::Event;
use super::past::Compared;
use super::record::{DecisionRow, decision_sql};
use super::report::{Adopted, MigrationStatus, NotRun, OperationStatus, Shown, ShownOperation, Status};
use super::setup::{Prepared, connect_lock, journal_error, prepare};
use super::{AdoptWhat, ErrorKind, ExecuteError, Listener, Migrations, Options, Target};
use crate::analyze::{Class, Presence};
use crate::catalog::SearchPath;
use crate::diagnostic::Code;
use crate::history::{History, MigrationRecord, MigrationState, OperationRecord, OperationState};
use crate::migration::MigrationSet;
use crate::pg::introspect::{Sizes, introspect_over};
use crate::pg::journal::{Journal, RunEnd, RunHandle};
use crate::pg::{LockError, LockKeys, LockOptions, OWN, Session, with_lock};
use crate::plan::{Action, Decision, Dialect, Operations, Plan, Planned};
use crate::syntax::{ParseOptions, on_large_stack};

/// Shows what `up` would do; creates nothing.
///
/// # Errors
/// When the files, the server or the journal cannot be read. A refused plan is no error.
pub async fn plan(
    migrations: &Migrations,
    target: &Target,
    options: &Options,
    listener: &mut Listener<'_>,
) -> Result<Plan, ExecuteError> {
    let set = migrations.load().map_err(ExecuteError::from)?;
    let session = connect_lock(target, listener).await?;
    let mut prepared = prepare(&set, options, &session).await?;
    unknown_target(&set, options)?;
    let planned = prepared.plan(&set, options, &session).await?;
    let found = super::preflight::would_stop(&session, &prepared, &planned, options).await?;
    let mut plan = planned.plan;
    plan.diagnostics.extend(found);
    listener(&Event::Planned { plan: &plan, again: false });
    Ok(plan)
}

/// `--to` must name a migration of the set.
pub(super) fn unknown_target(set: &MigrationSet, options: &Options) -> Result<(), ExecuteError> {
    match options.to.as_deref() {
        Some(to) if set.get(to).is_none() => Err(no_such_migration(set, to)),
        _ => Ok(()),
    }
}

/// Lists each migration and operation with its state.
///
/// # Errors
/// When the files, the server or the journal cannot be read.
pub async fn status(
    migrations: &Migrations,
    target: &Target,
    options: &Options,
) -> Result<Status, ExecuteError> {
    let set = migrations.load().map_err(ExecuteError::from)?;
    let session = connect_lock(target, &mut |_: &Event<'_>| {}).await?;
    let (operations, history) = read_states(&set, options, &session).await?;
    let compared = history.as_ref().map(|history| Compared::new(&set, &operations, history));
    let mut migrations: Vec<MigrationStatus> = (0..set.migrations.len())
        .map(|position| migration_status(&set, &operations, position, compared.as_ref()))
        .collect();
    let records = history.iter().flat_map(|history| &history.migrations);
    let is_missing = |record: &&MigrationRecord| {
        compared.as_ref().is_some_and(|compared| compared.missing.contains(&record.id))
    };
    migrations.extend(records.filter(is_missing).map(missing_status));
    let last_run = match history.as_ref().and_then(|history| history.last_run.as_ref()) {
        Some(run) => Some(super::watch::shown(run, &super::watch::seen(&session, options, Some(run)).await?)),
        None => None,
    };
    Ok(Status { format: 1, migrations, last_run })
}

/// Reads files and journal, without the schema.
async fn read_states(
    set: &MigrationSet,
    options: &Options,
    session: &Session,
) -> Result<(Operations, Option<History>), ExecuteError> {
    let history =
        Journal::new(&options.journal_schema).load(session.client()).await.map_err(journal_error)?;
    let parse = ParseOptions {
        repair: options.policy.dialect == Dialect::Repair,
        lenient: options.policy.dialect != Dialect::Postgres,
    };
    // The identity of an operation holds what its file sets, not where the session starts from.
    let operations = on_large_stack(|| Operations::of(set, &parse, &SearchPath::default()));
    Ok((operations, history))
}

fn migration_status(
    set: &MigrationSet,
    operations: &Operations,
    position: usize,
    compared: Option<&Compared<'_>>,
) -> MigrationStatus {
    let record = compared.and_then(|compared| compared.record(position));
    let id = set.migrations[position].id.clone();
    let range = operations.ranges[position].clone();
    let shown: Vec<OperationStatus> = range
        .clone()
        .map(|index| {
            let operation = &operations.all[index];
            let past = record.and_then(|record| {
                record.operations.iter().find(|past| {
                    past.digest == operation.identity.digest
                        && past.occurrence == operation.identity.occurrence
                })
            });
            operation_status(operation.number, past)
        })
        .collect();
    let applied_at = record.and_then(|record| record.applied_at.clone());
    let state = compared.map_or(MigrationState::Pending, |compared| compared.state(position)).as_str();
    let duration_ms = record.and_then(|record| record.duration_ms);
    MigrationStatus { id, state: state.into(), applied_at, duration_ms, operations: shown }
}

fn operation_status(number: u32, past: Option<&OperationRecord>) -> OperationStatus {
    OperationStatus {
        operation: number,
        state: past.map_or("pending", |past| past.state.as_str()).into(),
        code: past.and_then(|past| past.code.clone()),
        reason: past.and_then(|past| past.reason.clone()),
        sqlstate: past.and_then(|past| past.sqlstate.clone()),
        message: past.and_then(|past| past.message.clone()),
    }
}

fn missing_status(record: &MigrationRecord) -> MigrationStatus {
    MigrationStatus {
        id: record.id.clone(),
        state: "missing".into(),
        applied_at: record.applied_at.clone(),
        duration_ms: record.duration_ms,
        operations: record.operations.iter().map(|past| operation_status(past.number, Some(past))).collect(),
    }
}

/// Shows the SQL, state and errors of one migration.
///
/// # Errors
/// When there is no such migration, or files, server or journal cannot be read.
pub async fn show(
    migrations: &Migrations,
    target: &Target,
    options: &Options,
    id: &str,
) -> Result<Shown, ExecuteError> {
    let set = migrations.load().map_err(ExecuteError::from)?;
    let session = connect_lock(target, &mut |_: &Event<'_>| {}).await?;
    let (operations, history) = read_states(&set, options, &session).await?;
    let position = set.migrations.iter().position(|migration| migration.id == id);
    let Some(position) = position else {
        let record =
            history.as_ref().and_then(|history| history.migrations.iter().find(|record| record.id == id));
        return record.map(shown_missing).ok_or_else(|| no_such_migration(&set, id));
    };
    let compared = history.as_ref().map(|history| Compared::new(&set, &operations, history));
    let record = compared.as_ref().and_then(|compared| compared.record(position));
    let status = migration_status(&set, &operations, position, compared.as_ref());
    let shown = operations.ranges[position].clone().zip(status.operations).map(|(index, status)| {
        let operation = &operations.all[index];
        let past = record.and_then(|record| {
            record.operations.iter().find(|past| {
                past.digest == operation.identity.digest && past.occurrence == operation.identity.occurrence
            })
        });
        ShownOperation {
            status,
            file: Some(operation.file.path.to_string()),
            line: Some(operation.line),
            sql: crate::history::mask(&operation.statement.sql),
            detail: past.and_then(|past| past.detail.clone()),
            duration_ms: past.and_then(|past| past.duration_ms),
        }
    });
    Ok(Shown {
        format: 1,
        id: id.into(),
        state: status.state,
        applied_at: status.applied_at,
        operations: shown.collect(),
    })
}

fn shown_missing(record: &MigrationRecord) -> Shown {
    let operations = record.operations.iter().map(|past| ShownOperation {
        status: operation_status(past.number, Some(past)),
        file: None,
        line: None,
        sql: past.sql.clone().unwrap_or_default(),
        detail: past.detail.clone(),
        duration_ms: past.duration_ms,
    });
    Shown {
        format: 1,
        id: record.id.clone(),
        state: "missing".into(),
        applied_at: record.applied_at.clone(),
        operations: operations.collect(),
    }
}

fn no_such_migration(set: &MigrationSet, id: &str) -> ExecuteError {
    let near =
        crate::diagnostic::near_names(id, set.migrations.iter().map(|migration| migration.id.as_str()));
    let error = ExecuteError::new(ErrorKind::Usage, Code::DN809, format!("there is no migration `{id}`"));
    match near.first() {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("`dunlin status` lists them"),
    }
}

/// Records that an operation shall never run.
///
/// # Errors
/// When there is no such operation, it was done already, or the lock is not free.
pub async fn skip(
    migrations: &Migrations,
    target: &Target,
    options: &Options,
    id: &str,
    number: u32,
) -> Result<ShownOperation, ExecuteError> {
    let set = migrations.load().map_err(ExecuteError::from)?;
    let position = set
        .migrations
        .iter()
        .position(|migration| migration.id == id)
        .ok_or_else(|| no_such_migration(&set, id))?;
    let session = connect_lock(target, &mut |_: &Event<'_>| {}).await?;
    locked(target, options, session, async |work: &Session| {
        let found = Skippable::find(&set, position, number, options, work).await?;
        let read = introspect_over(work, &options.journal_schema, Sizes::Measured).await?;
        let decision = Decided::begin(options, work, &read.catalog, found.epoch).await?;
        // A server process of a run that was cut off may have committed until then, and not after it.
        let Skippable { operations, status, index, .. } =
            Skippable::find(&set, position, number, options, work).await?;
        let range = operations.ranges[position].clone();
        let row = DecisionRow {
            operation: index,
            state: OperationState::Skipped,
            code: None,
            reason: "skipped by decision of the user".into(),
        };
        let complete = range.clone().all(|other| {
            let status = &status.operations[other - range.start];
            let by_user = status.state == "skipped" && status.code.is_none();
            other == index || by_user || matches!(status.state.as_str(), "done" | "satisfied" | "ensured")
        });
        let sql =
            decision_sql(&decision.journal, decision.run, &set, &operations, position, &[row], complete);
        decision.record(work, &[sql], &RunEnd { outcome: "applied", ..RunEnd::default() }).await?;
        let operation = &operations.all[index];
        Ok(ShownOperation {
            status: OperationStatus {
                operation: number,
                state: "skipped".into(),
                code: None,
                reason: Some("skipped by decision of the user".into()),
                sqlstate: None,
                message: None,
            },
            file: Some(operation.file.path.to_string()),
            line: Some(operation.line),
            sql: crate::history::mask(&operation.statement.sql),
            detail: None,
            duration_ms: None,
        })
    })
    .await
}

/// An operation that may be skipped, as files and journal are now.
struct Skippable {
    operations: Operations,
    status: MigrationStatus,
    index: usize,
    epoch: Option<i64>,
}

impl Skippable {
    async fn find(
        set: &MigrationSet,
        position: usize,
        number: u32,
        options: &Options,
        work: &Session,
    ) -> Result<Skippable, ExecuteError> {
        let id = &set.migrations[position].id;
        let (operations, history) = read_states(set, options, work).await?;
        let range = operations.ranges[position].clone();
        let index = range.clone().find(|index| operations.all[*index].number == number).ok_or_else(|| {
            ExecuteError::new(
                ErrorKind::Usage,
                Code::DN809,
                format!("{id} has {} operations, there is no #{number}", range.len()),
            )
        })?;
        let compared = history.as_ref().map(|history| Compared::new(set, &operations, history));
        let status = migration_status(set, &operations, position, compared.as_ref());
        if matches!(status.operations[index - range.start].state.as_str(), "done" | "satisfied" | "ensured") {
            let error =
                ExecuteError::new(ErrorKind::Usage, Code::DN809, format!("{id}#{number} was done already"));
            return Err(error.help("what ran cannot be skipped any more; undo it by a new migration"));
        }
        let epoch = history.as_ref().map(|history| history.epoch);
        Ok(Skippable { operations, status, index, epoch })
    }
}

/// Records migrations as applied that are there already.
///
/// # Errors
/// When there is no such migration, the plan cannot be made, or the lock is not free.
pub async fn adopt(
    migrations: &Migrations,
    target: &Target,
    options: &Options,
    what: &AdoptWhat,
    listener: &mut Listener<'_>,
) -> Result<Adopted, ExecuteError> {
    let set = migrations.load().map_err(ExecuteError::from)?;
    if let AdoptWhat::Ids(ids) = what
        && let Some(unknown) = ids.iter().find(|id| set.get(id).is_none())
    {
        return Err(no_such_migration(&set, unknown));
    }
    let session = connect_lock(target, listener).await?;
    locked(target, options, session, async |work: &Session| {
        let mut prepared = prepare(&set, options, work).await?;
        let epoch = prepared.history.as_ref().map(|history| history.epoch);
        let decision = Decided::begin(options, work, &prepared.catalog, epoch).await?;
        if prepared.is_cut_off() {
            // A server process of that run may have committed until then, and not after it.
            prepared = prepare(&set, options, work).await?;
        }
        let Decided { journal, run, .. } = &decision;
        // Held before or not, what matters now is what the catalog proves.
        prepared.past.adopting = true;
        let planned = prepared.plan(&set, options, work).await?;
        let mut adopted = Adopted { format: 1, adopted: Vec::new(), not_proved: Vec::new() };
        let mut sql = Vec::new();
        for position in 0..set.migrations.len() {
            let id = &set.migrations[position].id;
            let chosen = match what {
                AdoptWhat::Ids(ids) => ids.contains(id),
                AdoptWhat::All => true,
            };
            if !chosen || prepared.past.migrations.get(id).is_some_and(|past| past.applied) {
                continue;
            }
            let lacking = not_proved(&set, &prepared, &planned, position);
            // What the catalog cannot prove about a migration that is named is recorded as the user says.
            let record = lacking.is_empty() || matches!(what, AdoptWhat::Ids(_));
            if !record {
                adopted.not_proved.extend(lacking);
                sql.extend(doubt_sql(journal, *run, &set, &prepared, &planned, position));
            }
            if record {
                adopted.adopted.push(id.clone());
                sql.push(adoption_sql(journal, *run, &set, &prepared, position));
            }
        }
        let left = (0..set.migrations.len()).any(|position| {
            let id = &set.migrations[position].id;
            !adopted.adopted.contains(id)
                && !prepared.past.migrations.get(id).is_some_and(|past| past.applied)
        });
        let edited = planned.plan.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::DN602);
        let digest = (!left && !edited).then(|| set.digest());
        let end = RunEnd {
            outcome: "applied",
            set_digest: digest.as_ref().map(|digest| &digest[..]),
            settled: !left,
            ..RunEnd::default()
        };
        decision.record(work, &sql, &end).await?;
        Ok(adopted)
    })
    .await
}

fn adoption_sql(
    journal: &Journal,
    run: RunHandle,
    set: &MigrationSet,
    prepared: &Prepared,
    position: usize,
) -> String {
    let id = &set.migrations[position].id;
    let rows: Vec<DecisionRow> = prepared.operations.ranges[position]
        .clone()
        .filter(|index| {
            let past = prepared.past.operation(id, &prepared.operations.all[*index].identity);
            past.is_none_or(|past| past.state != crate::plan::PastState::Done)
        })
        .map(|operation| DecisionRow {
            operation,
            state: OperationState::Satisfied,
            code: None,
            reason: "adopted: recorded as done".into(),
        })
        .collect();
    decision_sql(journal, run, set, &prepared.operations, position, &rows, true)
}

/// Keeps the doubt about data changes: with a journal that is not empty any more, the next run would have none.
fn doubt_sql(
    journal: &Journal,
    run: RunHandle,
    set: &MigrationSet,
    prepared: &Prepared,
    planned: &Planned,
    position: usize,
) -> Option<String> {
    let range = prepared.operations.ranges[position].clone();
    let in_doubt =
        |decision: &&Decision| decision.action == Action::Held && range.contains(&decision.operation);
    let rows: Vec<DecisionRow> = planned
        .decisions
        .iter()
        .filter(in_doubt)
        .map(|decision| DecisionRow {
            operation: decision.operation,
            state: OperationState::Held,
            code: decision.code,
            reason: decision.reason.clone().unwrap_or_default(),
        })
        .collect();
    let all = &prepared.operations;
    (!rows.is_empty()).then(|| decision_sql(journal, run, set, all, position, &rows, false))
}

/// The operations of a migration that the catalog does not prove.
fn not_proved(set: &MigrationSet, prepared: &Prepared, planned: &Planned, position: usize) -> Vec<NotRun> {
    let range = prepared.operations.ranges[position].clone();
    let decisions: Vec<&Decision> = planned
        .decisions
        .iter()
        .filter(|decision| range.contains(&decision.operation) && decision.action != Action::Ensure)
        .collect();
    let ensured =
        planned.decisions.iter().any(|d| d.action == Action::Ensure && range.contains(&d.operation));
    let proved_schema = decisions.iter().any(|decision| decision.action == Action::Satisfied);
    let mut lacking = Vec::new();
    for decision in decisions {
        let operation = &prepared.operations.all[decision.operation];
        let reason = match (decision.action, decision.analysis.class) {
            (Action::Satisfied, _) => continue,
            (Action::Run, Class::Reads | Class::Session | Class::Transaction | Class::Maintains) => continue,
            (Action::Run, _) if matches!(decision.analysis.presence, Presence::Same { .. }) => continue,
            // A data change goes with the schema changes of its migration, which are there.
            (Action::Held, _) if proved_schema && !ensured => continue,
            (Action::Run, Class::Writes | Class::Removes) if proved_schema && !ensured => continue,
            (Action::Skip, _) => decision.reason.clone().unwrap_or_default(),
            (_, Class::Writes | Class::Removes) => {
                "a data change leaves nothing in the schema to prove it by".into()
            }
            _ => format!("{} has not been done, as far as the schema tells", decision.analysis.kind),
        };
        lacking.push(NotRun {
            migration: set.migrations[position].id.clone(),
            operation: operation.number,
            code: decision.code.unwrap_or(Code::DN208),
            reason,
        });
    }
    lacking
}

/// Runs `work` while the run lock is held; the connection that holds it never runs user SQL.
async fn locked<T>(
    target: &Target,
    options: &Options,
    session: Session,
    work: impl AsyncFnOnce(&Session) -> Result<T, ExecuteError>,
) -> Result<T, ExecuteError> {
    let keys = LockKeys::new(&super::setup::database(&session).await?, &options.journal_schema);
    let lock = lock_options(keys, options);
    let result = with_lock(
        session,
        lock,
        |_| {},
        async |_| {
            let second = super::setup::connect_work(target, std::sync::Arc::new(|_, _| {})).await?;
            super::setup::refuse_read_only(&second.session).await?;
            Box::pin(work(&second.session)).await
        },
    )
    .await;
    result.map_err(ExecuteError::from)
}

/// The run of a command that decides, and runs no migration.
struct Decided {
    journal: Journal,
    run: RunHandle,
    unit_key: i64,
}

impl Decided {
    /// Begins it, unless another one has begun since the journal was read.
    async fn begin(
        options: &Options,
        work: &Session,
        catalog: &crate::catalog::Catalog,
        epoch: Option<i64>,
    ) -> Result<Decided, ExecuteError> {
        let unit_key = LockKeys::new(&super::setup::database(work).await?, &options.journal_schema).unit;
        let opening = super::setup::Opening { epoch, unit_key, proxy: false, run: None };
        let opened = super::setup::open_run(options, work, catalog, &opening).await?;
        let (journal, run) = opened.ok_or_else(|| journal_error(crate::pg::journal::JournalError::Taken))?;
        Ok(Decided { journal, run, unit_key })
    }

    /// Writes the decision and the end of the run, unless another one has taken over meanwhile.
    async fn record(&self, work: &Session, sql: &[String], end: &RunEnd<'_>) -> Result<(), ExecuteError> {
        let begin = super::runner::begin_sql(&self.journal, self.run, self.unit_key);
        let end = self.journal.finish_run_sql(self.run, end);
        let sql = sql.iter().map(|sql| format!("{sql}; ")).collect::<String>();
        work.batch(&format!("{begin}; {OWN}{sql}{end}; COMMIT")).await.map_err(ExecuteError::from)
    }
}

impl From<LockError<ExecuteError>> for ExecuteError {
    fn from(error: LockError<ExecuteError>) -> ExecuteError {
        match error {
            LockError::Work(error) => error,
            LockError::NotFree { holder, waited } => ExecuteError::lock_not_free(holder, waited),
            LockError::Lost(error) | LockError::Server(error) => ExecuteError::from(error),
        }
    }
}

/// Options of the lock for a run.
pub(super) fn lock_options(keys: LockKeys, options: &Options) -> LockOptions {
    LockOptions {
        keys,
        wait: options.lock_wait,
        grace: options.grace + std::time::Duration::from_millis(500),
        seed: fastrand::u64(..),
        orphan: None,
    }
}
