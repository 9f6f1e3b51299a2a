//! Runs of `up` through the library: failures, crashes, locks, and what the journal says of them.

use dunlin::execute::{ErrorKind, Event, ExecuteError, Migrations, Options, Outcome, Report, Target, up};
use dunlin::pg::{ConnInfo, Environment};
use dunlin_testkit::{Folder, TestDb};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A database, a folder of migrations, and what was said during the runs.
pub(crate) struct World {
    pub(crate) database: TestDb,
    pub(crate) folder: Folder,
    pub(crate) options: Options,
    /// How to reach the database, where it is not its own URL.
    pub(crate) url: Option<String>,
    pub(crate) connect_wait: Duration,
    pub(crate) said: Arc<Mutex<Vec<String>>>,
}

impl World {
    pub(crate) async fn new(files: &[(&str, &str)]) -> World {
        let folder = Folder::new(files);
        World {
            database: TestDb::new().await,
            folder,
            options: Options::default(),
            url: None,
            connect_wait: Duration::ZERO,
            said: Arc::default(),
        }
    }

    pub(crate) fn run(&self) -> impl Future<Output = Result<Report, ExecuteError>> + Send + 'static {
        self.run_on(&self.url.clone().unwrap_or_else(|| self.database.url()))
    }

    pub(crate) fn run_on(
        &self,
        url: &str,
    ) -> impl Future<Output = Result<Report, ExecuteError>> + Send + use<> {
        let path = self.folder.path().to_owned();
        let migrations = Migrations::Folder { path, shown_as: "m".into() };
        let conninfo = ConnInfo::parse(url, &Environment::default()).unwrap();
        let target = Target { conninfo, direct: None, connect_wait: self.connect_wait };
        let (options, said) = (self.options.clone(), self.said.clone());
        async move {
            let mut listener = |event: &Event<'_>| said.lock().unwrap().push(spoken(event));
            up(&migrations, &target, &options, &mut listener).await
        }
    }

    pub(crate) async fn up(&self, outcome: Outcome) -> Report {
        let report = match self.run().await {
            Ok(report) => report,
            Err(error) => *error.report.unwrap_or_else(|| panic!("{:?}", error.diagnostic)),
        };
        assert_eq!(report.outcome, outcome, "{report:?}");
        report
    }

    /// Each operation as `migration#number state`, with rows and SQLSTATE where there are any.
    pub(crate) async fn operations(&self) -> Vec<String> {
        let sql = "select concat_ws(' ', migration || '#' || number, state, rows, sqlstate)
                   from dunlin.operation order by migration, number, state";
        self.database.lines(sql).await
    }

    pub(crate) fn heard(&self, what: &str) -> bool {
        self.said.lock().unwrap().iter().any(|line| line.contains(what))
    }

    /// All that was said so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Waits until a listener has been told this.
    pub(crate) async fn hear(&self, what: &str) {
        for _ in 0..400 {
            if self.heard(what) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never heard: {what}; but {:?}", self.said());
    }

    /// Waits until a query gives a row.
    pub(crate) async fn wait_for(&self, sql: &str) {
        for _ in 0..200 {
            if !self.database.lines(sql).await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never came true: {sql}");
    }
}

fn spoken(event: &Event<'_>) -> String {
    match event {
        Event::Notice { severity, message, place } => format!("{severity} {message} {place:?}"),
        Event::StepFinished { step, rows, .. } => {
            format!("done {}#{} {rows:?}", step.migration, step.operation)
        }
        Event::Retrying { reason, blockers, .. } => format!("retry {reason} {blockers:?}"),
        Event::Waiting { blockers, .. } => format!("waits for {blockers:?}"),
        Event::WaitingForLock { holder, .. } => format!("waiting {holder:?}"),
        Event::WaitingForFormerRun { doing, .. } => format!("former {doing:?}"),
        Event::Reconnecting { reason, .. } => format!("reconnecting {reason}"),
        event => format!("{event:?}"),
    }
}

pub(crate) const ACTIVE: &str = "select 1 from pg_stat_activity where datname = current_database()
                      and pid <> pg_backend_pid() and state = 'active' and query ilike ";

#[tokio::test]
async fn a_failure_in_the_middle_is_undone_recorded_and_gone_after_the_correction() {
    let world = World::new(&[(
        "1_a.sql",
        "create table t (id int primary key); insert into t values (1), (2); insert into t values (1);",
    )])
    .await;
    let report = world.up(Outcome::Failed).await;
    assert_eq!((report.failures.len(), report.failures[0].operation), (1, 3));
    assert_eq!(world.operations().await, ["1_a#3 failed 23505"]);
    assert!(world.database.lines("select relname from pg_class where relname = 't'").await.is_empty());
    world.folder.write(
        "1_a.sql",
        "create table t (id int primary key); insert into t values (1), (2); insert into t values (3);",
    );
    assert_eq!(world.up(Outcome::Applied).await.applied, ["1_a"]);
    assert_eq!(world.operations().await, ["1_a#1 done", "1_a#2 done 2", "1_a#3 done 1"]);
    assert!(world.heard("done 1_a#2 Some(2)"));
    world.up(Outcome::Nothing).await;
}

#[tokio::test]
async fn an_error_before_rollback_to_savepoint_commits_nothing() {
    let world = World::new(&[(
        "1_a.sql",
        "create table t (id int primary key); savepoint s; insert into t values (1), (1);
         rollback to savepoint s; insert into t values (2);",
    )])
    .await;
    world.up(Outcome::Failed).await;
    assert_eq!(world.operations().await, ["1_a#3 failed 23505"]);
    assert!(world.database.lines("select relname from pg_class where relname = 't'").await.is_empty());
}

#[tokio::test]
async fn a_concurrent_build_that_fails_leaves_no_index() {
    let world = World::new(&[(
        "1_a.sql",
        "create table t (id int); insert into t values (1), (1);
         create unique index concurrently on t (id); create table after_it (id int);",
    )])
    .await;
    let indexes = "select indexrelid::regclass, indisvalid from pg_index where indrelid = 't'::regclass";
    world.up(Outcome::Failed).await;
    assert!(world.database.lines(indexes).await.is_empty());
    world.database.execute("delete from t").await;
    world.up(Outcome::Applied).await;
    assert_eq!(world.database.lines(indexes).await, ["t_id_idx|t"]);
}

/// Cut off as by `kill -9`: the server process works on for a while, and leaves an invalid index at its end.
#[tokio::test]
async fn a_run_that_was_cut_off_in_a_concurrent_build_is_taken_up() {
    let world = World::new(&[("1_a.sql", "create table t (id int); insert into t values (1);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write("2_b.sql", "create index concurrently i on t (id); create table after_it (id int);");
    world.database.execute("begin isolation level repeatable read; select * from t").await;
    let run = tokio::spawn(world.run());
    let observer = TestDb::new().await;
    let building = format!(
        "select pid from pg_stat_activity where datname = '{}' and state = 'active'
                            and query ilike 'create index concurrently%'",
        world.database.name()
    );
    for _ in 0..200 {
        if !observer.lines(&building).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    run.abort();
    let _ = run.await;
    let again = tokio::spawn(world.run());
    world.hear("former Some(\"create index concurrently i on t (id) (").await;
    observer.execute(&building.replace("select pid", "select pg_terminate_backend(pid)")).await;
    world.database.execute("commit").await;
    let report = again.await.unwrap().unwrap();
    assert_eq!(report.outcome, Outcome::Applied, "{report:?}, {:?}", world.said.lock().unwrap());
    let indexes = "select indexrelid::regclass, indisvalid from pg_index where indrelid = 't'::regclass";
    assert_eq!(world.database.lines(indexes).await, ["i|t"]);
    assert_eq!(world.operations().await, ["1_a#1 done", "1_a#2 done 1", "2_b#1 done", "2_b#2 done"]);
}

#[tokio::test]
async fn notices_carry_their_place() {
    let world = World::new(&[(
        "1_a.sql",
        "create table t (id int);\n\ndo $$ begin raise notice 'one'; end $$;\ncopy t from stdin;\n7\n\\.\n\
         create function f() returns int language plpgsql as $$ begin raise notice 'two'; return 1; end $$;\n\
         insert into t select f();\ncreate view v as select * from t;\ndrop table t cascade;\n",
    )])
    .await;
    world.up(Outcome::Applied).await;
    for line in [
        r#"NOTICE one Some(("m/1_a.sql", 3))"#,
        r#"NOTICE two Some(("m/1_a.sql", 8))"#,
        r#"NOTICE drop cascades to view v Some(("m/1_a.sql", 10))"#,
    ] {
        assert!(world.heard(line), "{line}: {:?}", world.said.lock().unwrap());
    }
}

#[tokio::test]
async fn an_interrupt_ends_the_statement_and_is_recorded() {
    let mut world = World::new(&[("1_a.sql", "create table t (id int); select pg_sleep(20);")]).await;
    let (wish, interrupt) = tokio::sync::watch::channel(false);
    world.options.interrupt = Some(interrupt);
    let run = tokio::spawn(world.run());
    world.wait_for(&format!("{ACTIVE} '%pg_sleep(20)%'")).await;
    wish.send_replace(true);
    let report = tokio::time::timeout(Duration::from_secs(2), run).await.unwrap().unwrap().unwrap();
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(world.operations().await, ["1_a#2 failed 57014"]);
}

#[tokio::test]
async fn ten_at_once_do_the_work_once() {
    let world = World::new(&[("1_a.sql", "create table t (id int); insert into t values (1);")]).await;
    let runs: Vec<_> = (0..10).map(|_| tokio::spawn(world.run())).collect();
    let mut outcomes = Vec::new();
    for run in runs {
        outcomes.push(run.await.unwrap().unwrap().outcome);
    }
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Applied).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Nothing).count(), 9);
    assert_eq!(world.database.lines("select * from t").await, ["1"]);
}

/// The table is declared by a file, so the plan wants to know whether it holds rows; that must not wait.
#[tokio::test]
async fn who_is_in_the_way_of_a_lock_is_named() {
    let world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write("2_b.sql", "alter table t add column more int;");
    world.database.execute("begin; lock table t").await;
    let run = tokio::spawn(world.run());
    for _ in 0..200 {
        if world.heard("retry") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(world.heard("lock table t"), "{:?}", world.said.lock().unwrap());
    world.database.execute("commit").await;
    assert_eq!(run.await.unwrap().unwrap().applied, ["2_b"]);
}

#[tokio::test]
async fn settings_of_blocks_and_files_end_with_their_migration() {
    let world = World::new(&[
        ("1_a.sql", "create schema s; do $$ begin perform set_config('search_path', 's', false); end $$;"),
        ("2_b.sql", "set search_path = s; create index concurrently on in_s (id);"),
        ("1b_c.sql", "create table public.x (id int); create table s.in_s (id int);"),
        ("3_d.sql", "create table here (path text default current_setting('search_path'));"),
    ])
    .await;
    world.up(Outcome::Applied).await;
    let places = "select schemaname from pg_tables where tablename = 'here'";
    assert_eq!(world.database.lines(places).await, ["public"]);
}

/// A deferred trigger runs at the commit, after the journal rows: not under the journal's search path.
#[tokio::test]
async fn deferred_triggers_find_their_tables() {
    let world = World::new(&[(
        "1_a.sql",
        "create table log (id int); create table t (id int);
         create function f() returns trigger language plpgsql as
           $$ begin insert into log values (new.id); return null; end $$;
         create constraint trigger d after insert on t initially deferred for each row execute function f();
         insert into t values (5);",
    )])
    .await;
    world.up(Outcome::Applied).await;
    assert_eq!(world.database.lines("select * from log").await, ["5"]);
}

#[tokio::test]
async fn labels_of_a_type_of_the_same_file_can_be_used() {
    let world = World::new(&[(
        "1_a.sql",
        "create type e as enum ('a'); alter type e add value 'b'; create table t (x e default 'b');",
    )])
    .await;
    assert_eq!(world.up(Outcome::Applied).await.applied, ["1_a"]);
}

#[tokio::test]
async fn a_role_that_cannot_be_had_is_refused_before_anything_runs() {
    let mut world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    world.options.role = Some("nobody knows it".into());
    assert_eq!(world.run().await.unwrap_err().kind, ErrorKind::Usage);
    assert!(world.database.lines("select 1 from pg_namespace where nspname = 'dunlin'").await.is_empty());
}

#[tokio::test]
async fn what_is_depended_on_runs_first_and_a_missing_file_is_told() {
    let world = World::new(&[
        ("1_a.sql", "-- dunlin: depends on 2_b\ninsert into t values (1);"),
        ("2_b.sql", "create table t (id int); insert into t values (2);"),
    ])
    .await;
    assert_eq!(world.up(Outcome::Applied).await.applied, ["2_b", "1_a"]);
    assert_eq!(world.database.lines("select * from t").await, ["2", "1"]);
    world.folder.remove("1_a.sql");
    let codes = |report: &Report| report.diagnostics.iter().map(|d| d.code.as_str()).collect::<Vec<_>>();
    assert_eq!(codes(&world.up(Outcome::Nothing).await), ["DN603"]);
    assert_eq!(codes(&world.up(Outcome::Nothing).await), ["DN603"]);
    world.folder.write("1_a.sql", "-- dunlin: depends on 2_b\ninsert into t values (1);");
    world.folder.write("4_d.sql", "-- dunlin: depends on 3_c\ncreate table u (id int);");
    assert_eq!(codes(&world.up(Outcome::Refused).await), ["DN107"]);
}

#[tokio::test]
async fn a_failure_keeps_its_record_when_the_run_goes_on() {
    let mut world = World::new(&[
        ("1_a.sql", "create table t (id int); select 1 / 0; create table more (id int);"),
        ("2_b.sql", "create table u (id int);"),
    ])
    .await;
    world.options.keep_going = true;
    assert_eq!(world.up(Outcome::Failed).await.applied, ["2_b"]);
    let expected = ["1_a#1 pending", "1_a#2 failed 22012", "1_a#3 pending", "2_b#1 done"];
    assert_eq!(world.operations().await, expected);
}

#[tokio::test]
async fn what_never_ran_binds_no_file() {
    let world = World::new(&[("1_a.sql", "create table t (id int); insert into nowhere values (1);")]).await;
    world.up(Outcome::Partial).await;
    world.folder.write("1_a.sql", "create table t (id int);");
    let report = world.up(Outcome::Applied).await;
    assert_eq!((report.applied, report.diagnostics), (vec!["1_a".to_owned()], Vec::new()));
    assert_eq!(world.operations().await, ["1_a#1 done"]);
}

#[tokio::test]
async fn a_repeatable_file_runs_whenever_it_changes() {
    let world = World::new(&[("R__v.sql", "create or replace view v as select 1 as one;")]).await;
    world.up(Outcome::Applied).await;
    world.up(Outcome::Nothing).await;
    world.folder.write("R__v.sql", "create or replace view v as select 1 as one, 2 as two;");
    assert_eq!(world.up(Outcome::Applied).await.applied, ["R__v"]);
    assert_eq!(world.operations().await, ["R__v#1 done"]);
    world.up(Outcome::Nothing).await;
}

#[tokio::test]
async fn a_renamed_file_is_renamed_in_the_journal_before_it_is_edited() {
    let world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.rename("1_a.sql", "1_b.sql");
    world.up(Outcome::Nothing).await;
    assert_eq!(world.operations().await, ["1_b#1 done"]);
    world.folder.write("1_b.sql", "create table t (id int); create table u (id int);");
    world.up(Outcome::Applied).await;
    assert_eq!(world.operations().await, ["1_b#1 done", "1_b#2 done"]);
}

#[tokio::test]
async fn a_rest_that_is_refused_does_not_say_that_nothing_ran() {
    let world = World::new(&[
        ("1_a.sql", "create table u (id int); select make();"),
        ("2_b.sql", "create type t as enum ('two');"),
    ])
    .await;
    let make = "create function make() returns void language plpgsql
                as $$ begin execute 'create type t as enum (' || quote_literal('one') || ')'; end $$";
    world.database.execute(make).await;
    let error = world.run().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert!(error.diagnostic.message.starts_with("the rest is refused: "), "{error}");
    let report = error.report.unwrap();
    assert_eq!((report.outcome, &report.applied[..]), (Outcome::Failed, &["1_a".to_owned()][..]));
    assert_eq!(world.operations().await[0], "1_a#1 done");
}

/// REINDEX CONCURRENTLY that was cut off leaves transient indexes, also on partitions and on what is kept outside the row.
#[tokio::test]
async fn what_a_reindex_that_was_cut_off_has_left_is_dropped_before_it_runs_again() {
    let world = World::new(&[
        (
            "1_a.sql",
            "create table t (id int primary key, body text) partition by range (id);
             create table t_1 partition of t for values from (0) to (9);
             create table other (id int, body text);",
        ),
        ("2_b.sql", "reindex table concurrently t;"),
    ])
    .await;
    world.up(Outcome::Applied).await;
    for table in ["t_1", "other"] {
        let (writer, reindex) = (world.database.connect().await, world.database.connect().await);
        writer.batch_execute(&format!("begin; insert into {table} values (1)")).await.unwrap();
        let cancel = reindex.cancel_token();
        let sql = format!("reindex table concurrently {table}");
        let cut_off = tokio::spawn(async move { reindex.batch_execute(&sql).await });
        let toast =
            "select from pg_index join pg_class on pg_class.reltoastrelid = indrelid where not indisvalid";
        world.wait_for(&format!("{toast} and pg_class.oid = '{table}'::regclass")).await;
        cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
        assert!(cut_off.await.unwrap().is_err());
        writer.batch_execute("rollback").await.unwrap();
    }
    let failed = "update dunlin.operation set state = 'failed' where migration = '2_b';
        update dunlin.migration set state = 'failed', applied_at = null where id = '2_b';
        update dunlin.meta set set_digest = null";
    world.database.execute(failed).await;
    assert_eq!(world.up(Outcome::Applied).await.applied, ["2_b"]);
    let left = "select coalesce(base.relname, i.indrelid::regclass::text) from pg_index i
                left join pg_class base on base.reltoastrelid = i.indrelid where not i.indisvalid";
    assert_eq!(world.database.lines(left).await, ["other"]);
}
