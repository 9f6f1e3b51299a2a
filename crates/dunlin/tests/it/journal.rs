//! The journal against a server: written, read again, guarded.

use dunlin::history::{MigrationState, OperationState};
use dunlin::pg::introspect::{Snapshot, introspect};
use dunlin::pg::journal::{
    Journal, JournalError, MigrationRow, OperationRow, RunEnd, RunHandle, RunStart, UpToDate, VERSION,
    is_epoch_lost,
};
use dunlin::pg::{PgError, ServerError};
use dunlin_testkit::{TestDb, block_on};

const DIGEST_A: &str = "aa01";
const DIGEST_B: &str = "bb02";

fn start() -> RunStart<'static> {
    RunStart {
        host: Some("it's a host"),
        pid: Some(42),
        dunlin_version: "0.1.0",
        server_version: 150_000,
        policies: r#"{"order":"files"}"#,
        fingerprint: Some([7; 32]),
        had_user_tables: true,
        ..RunStart::default()
    }
}

fn migration(id: &str, state: MigrationState) -> MigrationRow<'_> {
    MigrationRow {
        id,
        version: Some("1"),
        checksum: "c0ffee",
        tokens_digest: Some("01"),
        directives_digest: None,
        sql: "create role a password 'geheim';\nselect '{schema}\\'",
        state,
        duration_ms: Some(5),
    }
}

async fn with_journal(schema: &str) -> (TestDb, Journal, RunHandle) {
    let database = TestDb::new().await;
    let journal = Journal::new(schema);
    journal.ensure(database.client()).await.unwrap();
    let run = journal.begin_run(database.client(), &start()).await.unwrap();
    (database, journal, run)
}

async fn is_up_to_date(database: &TestDb, journal: &Journal, digest: &[u8]) -> UpToDate {
    journal.is_up_to_date(database.client(), digest).await.unwrap()
}

#[test]
fn what_is_written_is_read_again() {
    block_on(async {
        let (database, journal, run) = with_journal("Odd \"Name'").await;
        let error = ServerError {
            sqlstate: "23514".into(),
            message: "no \"such\" thing, {state} 'x' \\ password=hush".into(),
            detail: Some("two\nlines".into()),
            position: Some(7),
            ..ServerError::default()
        };
        let rows = [
            OperationRow {
                duration_ms: Some(12),
                rows: Some(3),
                undo_sql: Some("alter role a password 'p'"),
                ..OperationRow::new("m1", 1, DIGEST_A, 1, OperationState::Done)
            },
            OperationRow::new("m1", 2, DIGEST_A, 2, OperationState::Started),
            OperationRow {
                code: Some("DN203"),
                reason: Some("it's NULL, \"quoted\""),
                error: Some(&error),
                ..OperationRow::new("m1", 3, DIGEST_B, 1, OperationState::Failed)
            },
        ];
        database.execute(&journal.operations_sql(run, &rows)).await;
        database.execute(&journal.migration_sql(run, &migration("m1", MigrationState::Failed))).await;
        let history = journal.load(database.client()).await.unwrap().unwrap();
        assert_eq!((history.epoch, run.epoch), (1, 1));
        assert!(history.first_run_had_user_tables && !history.settled);
        let last = history.last_run.as_ref().unwrap();
        assert_eq!(
            (last.host.as_deref(), last.pid, last.server_version),
            (Some("it's a host"), Some(42), Some(150_000))
        );
        assert_eq!(last.fingerprint_before.as_deref(), Some("07".repeat(32).as_str()));
        assert_eq!(last.policies.as_deref(), Some(r#"{"order":"files"}"#));
        let backend: i32 = database.value("select pg_backend_pid()").await.parse().unwrap();
        assert_eq!(last.backend.as_ref().unwrap().0, backend);
        assert!(last.started_at.ends_with('Z') && last.finished_at.is_none());
        let record = history.migration("m1").unwrap();
        assert_eq!(record.sql, "create role a password '***';\nselect '{schema}\\'");
        assert_eq!((record.state, record.checksum.as_str()), (MigrationState::Failed, "c0ffee"));
        assert_eq!(record.applied_at, None);
        let [done, started, failed] = record.operations.as_slice() else { panic!("{record:?}") };
        assert_eq!((done.rows, done.duration_ms, done.occurrence), (Some(3), Some(12), 1));
        assert_eq!(done.undo_sql.as_deref(), Some("alter role a password '***'"));
        assert!(done.finished_at.is_some() && done.backend.is_none());
        assert_eq!((started.backend.as_ref().unwrap().0, &started.finished_at), (backend, &None));
        assert_eq!(failed.message.as_deref(), Some("no \"such\" thing, {state} 'x' \\ password=***"));
        assert_eq!((failed.detail.as_deref(), failed.position), (Some("two\nlines"), Some(7)));
        assert_eq!(failed.reason.as_deref(), Some("it's NULL, \"quoted\""));
    });
}

#[test]
fn records_change_in_place() {
    block_on(async {
        let (database, journal, run) = with_journal("dunlin").await;
        let mut row = OperationRow::new("m1", 1, DIGEST_A, 1, OperationState::Failed);
        row.undo_sql = Some("undo");
        database.execute(&journal.operations_sql(run, &[row.clone()])).await;
        row = OperationRow::new("m1", 4, DIGEST_A, 1, OperationState::Done);
        let gone = OperationRow::new("m1", 5, DIGEST_B, 1, OperationState::Skipped);
        database.execute(&journal.operations_sql(run, &[row, gone])).await;
        database.execute(&journal.operations_sql(run, &[])).await;
        database.execute(&journal.migration_sql(run, &migration("m1", MigrationState::Partial))).await;
        database.execute(&journal.migration_sql(run, &migration("m1", MigrationState::Applied))).await;
        let applied = database.value("select applied_at from dunlin.migration").await;
        database.execute(&journal.migration_sql(run, &migration("m1", MigrationState::Applied))).await;
        assert_eq!(database.value("select applied_at from dunlin.migration").await, applied);
        database.execute(&journal.rename_migration_sql("m1", "m'2")).await;
        database.execute(&journal.forget_operations_sql("m'2", &[(DIGEST_B, 1)])).await;
        let history = journal.load(database.client()).await.unwrap().unwrap();
        let record = history.migration("m'2").unwrap();
        assert_eq!((record.operations.len(), record.duration_ms), (1, Some(15)));
        let operation = record.operation(DIGEST_A, 1).unwrap();
        assert_eq!((operation.number, operation.state), (4, OperationState::Done));
        assert_eq!(operation.undo_sql.as_deref(), Some("undo"));
    });
}

#[test]
fn nothing_to_do_is_known_by_one_query_that_writes_nothing() {
    block_on(async {
        let database = TestDb::new().await;
        let journal = Journal::new("dunlin");
        assert_eq!(is_up_to_date(&database, &journal, b"set").await, UpToDate::NoJournal);
        assert_eq!(journal.load(database.client()).await.unwrap(), None);
        journal.ensure(database.client()).await.unwrap();
        assert_eq!(is_up_to_date(&database, &journal, b"set").await, UpToDate::No);
        let run = journal.begin_run(database.client(), &start()).await.unwrap();
        database.execute(&journal.migration_sql(run, &migration("m1", MigrationState::Applied))).await;
        let end = RunEnd {
            outcome: "applied",
            fingerprint: Some([1; 32]),
            set_digest: Some(b"set"),
            settled: true,
        };
        database.execute(&journal.finish_run_sql(run, &end)).await;
        database.execute("create role journal_reader login; set default_transaction_read_only = on").await;
        assert_eq!(is_up_to_date(&database, &journal, b"set").await, UpToDate::Yes);
        assert_eq!(is_up_to_date(&database, &journal, b"other").await, UpToDate::No);
        let history = journal.load(database.client()).await.unwrap().unwrap();
        assert_eq!((history.settled, history.set_digest.as_deref()), (true, Some("736574")));
        database.execute("set role journal_reader").await;
        let error = journal.is_up_to_date(database.client(), b"set").await.unwrap_err();
        let JournalError::Privilege { grant, .. } = &error else { panic!("{error:?}") };
        database.execute("reset role; set default_transaction_read_only = off").await;
        database.execute(grant).await;
        database.execute("set role journal_reader").await;
        assert_eq!(is_up_to_date(&database, &journal, b"set").await, UpToDate::Yes);
        assert!(journal.load(database.client()).await.unwrap().is_some());
        // The next run forgets it until it has ended well.
        database.execute("reset role; drop owned by journal_reader; drop role journal_reader").await;
        let second = journal
            .begin_run(database.client(), &RunStart { had_user_tables: false, ..start() })
            .await
            .unwrap();
        assert_eq!(is_up_to_date(&database, &journal, b"set").await, UpToDate::No);
        database
            .execute(&journal.finish_run_sql(second, &RunEnd { outcome: "failed", ..RunEnd::default() }))
            .await;
        assert_eq!(is_up_to_date(&database, &journal, b"set").await, UpToDate::No);
        let history = journal.load(database.client()).await.unwrap().unwrap();
        assert!(history.first_run_had_user_tables);
    });
}

#[test]
fn the_schema_must_be_ours_and_not_newer() {
    block_on(async {
        let database = TestDb::with(
            "create schema taken; create table taken.meta (id integer); create view taken.v as select 1",
        )
        .await;
        let journal = Journal::new("taken");
        assert_eq!(is_up_to_date(&database, &journal, b"x").await, UpToDate::NoJournal);
        let error = journal.ensure(database.client()).await.unwrap_err();
        assert!(
            matches!(&error, JournalError::Foreign { relations, .. } if relations == "meta, v"),
            "{error}"
        );
        database.execute("create schema ready").await;
        let journal = Journal::new("ready");
        journal.ensure(database.client()).await.unwrap();
        journal.ensure(database.client()).await.unwrap();
        database.execute("update ready.meta set version = version + 1").await;
        let newer = VERSION + 1;
        assert_eq!(is_up_to_date(&database, &journal, b"x").await, UpToDate::Newer(newer));
        let error = journal.ensure(database.client()).await.unwrap_err();
        assert!(matches!(error, JournalError::Newer { version } if version == newer));
        assert!(matches!(journal.load(database.client()).await, Err(JournalError::Newer { .. })));
    });
}

#[test]
fn a_role_that_may_not_create_is_told_the_grant() {
    block_on(async {
        let database = TestDb::with("create role journal_maker; set role journal_maker").await;
        let journal = Journal::new("dunlin");
        let error = journal.ensure(database.client()).await.unwrap_err();
        let JournalError::Privilege { grant, .. } = error else { panic!("{error:?}") };
        database.execute(&format!("reset role; {grant}; set role journal_maker")).await;
        journal.ensure(database.client()).await.unwrap();
        database.execute("reset role; drop owned by journal_maker; drop role journal_maker").await;
    });
}

#[test]
fn a_lost_epoch_is_an_error_that_is_known() {
    block_on(async {
        let (database, journal, run) = with_journal("dunlin").await;
        database.execute(&journal.check_epoch_sql(run)).await;
        let next = journal.begin_run(database.client(), &start()).await.unwrap();
        assert_eq!((next.id, next.epoch), (run.id + 1, run.epoch + 1));
        let error = PgError::from(database.try_execute(&journal.check_epoch_sql(run)).await.unwrap_err());
        assert!(is_epoch_lost(error.server().unwrap()), "{error}");
        database.execute(&journal.check_epoch_sql(next)).await;
        let other = PgError::from(database.try_execute("select 'x'::bigint").await.unwrap_err());
        assert!(!is_epoch_lost(other.server().unwrap()));
    });
}

#[test]
fn snapshots_come_back_and_the_journal_is_not_in_them() {
    block_on(async {
        let (database, journal, run) = with_journal("dunlin").await;
        database.execute("create table t (a text default E'\\n\"\\\\', b integer)").await;
        assert_eq!(journal.snapshot(database.client()).await.unwrap(), None);
        let read = introspect(database.client(), "dunlin", Snapshot::Own).await.unwrap();
        let description = read.catalog.describe();
        assert!(description.values().all(|line| !line.contains("dunlin")));
        database.execute(&journal.snapshot_sql(run, &description)).await;
        let second = RunHandle { id: run.id + 1, ..run };
        database.execute(&journal.snapshot_sql(second, &description)).await;
        assert_eq!(journal.snapshot(database.client()).await.unwrap(), Some(description));
        assert_eq!(database.value("select count(*) from dunlin.snapshot").await, "1");
        let again = introspect(database.client(), "dunlin", Snapshot::Own).await.unwrap();
        assert_eq!(again.catalog.fingerprint(), read.catalog.fingerprint());
    });
}

#[test]
fn every_table_has_a_key() {
    block_on(async {
        let (database, _, _) = with_journal("dunlin").await;
        let without =
            "select relname from pg_class c where relnamespace = 'dunlin'::regnamespace and relkind = 'r'
                       and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)";
        assert_eq!(database.lines(without).await, Vec::<String>::new());
    });
}

#[test]
fn the_documentation_names_every_column() {
    let page = include_str!("../../../../docs/journal.md");
    block_on(async move {
        let database = TestDb::new().await;
        Journal::new("dunlin").ensure(database.client()).await.unwrap();
        let columns = database
            .lines("select table_name, column_name from information_schema.columns where table_schema = 'dunlin'")
            .await;
        assert!(columns.len() > 40, "{columns:?}");
        for line in columns {
            let (table, column) = line.split_once('|').unwrap();
            let section =
                page.split("\n## ").find(|section| section.starts_with(&format!("`dunlin.{table}`")));
            let section = section.unwrap_or_else(|| panic!("docs/journal.md has no table {table}"));
            assert!(section.contains(&format!("`{column}`")), "docs/journal.md lacks {table}.{column}");
        }
    });
}
