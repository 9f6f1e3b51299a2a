//! `adopt` on databases that somebody else has made.

use dunlin::diagnostic::Code;
use dunlin::execute::{AdoptWhat, Event, Migrations, Options, Outcome, Report, Target, adopt, skip, up};
use dunlin::migration::MigrationSet;
use dunlin::pg::{ConnInfo, Environment, LockKeys};
use dunlin_testkit::{TestDb, block_on};
use std::time::Duration;

fn target(database: &TestDb) -> Target {
    let conninfo = ConnInfo::parse(&database.url(), &Environment::default()).unwrap();
    Target { conninfo, direct: None, connect_wait: Duration::ZERO }
}

async fn run(migrations: &Migrations, database: &TestDb) -> Report {
    up(migrations, &target(database), &Options::default(), &mut |_: &Event<'_>| {}).await.unwrap()
}

#[test]
fn a_data_change_that_nothing_proves_stays_in_doubt() {
    block_on(async {
        let database = TestDb::with("create table seat (taken int); insert into seat values (4)").await;
        let files: [(&str, &[u8]); 2] = [
            ("1_seat.sql", b"create table seat (taken int);"),
            ("2_count.sql", b"update seat set taken = taken + 1; create index seat_taken on seat (taken);"),
        ];
        let migrations = Migrations::Loaded(MigrationSet::from_files(files, "m").unwrap());
        let (options, listener) = (Options::default(), &mut |_: &Event<'_>| {});

        let all = AdoptWhat::All;
        let adopted = adopt(&migrations, &target(&database), &options, &all, listener).await.unwrap();
        assert_eq!(adopted.adopted, ["1_seat"]);
        assert_eq!((adopted.not_proved[0].operation, adopted.not_proved[0].code), (1, Code::DN410));

        // The journal is not empty any more; the doubt is the same.
        for _ in 0..2 {
            let report = run(&migrations, &database).await;
            assert_eq!((report.outcome, report.held.len()), (Outcome::Partial, 1), "{report:#?}");
            assert_eq!(report.held[0].code, Code::DN410);
            assert_eq!(database.value("select taken from seat").await, "4");
        }
        assert_eq!(database.value("select to_regclass('seat_taken') is not null").await, "t");

        let named = AdoptWhat::Ids(vec!["2_count".into()]);
        adopt(&migrations, &target(&database), &options, &named, listener).await.unwrap();
        assert_eq!(run(&migrations, &database).await.outcome, Outcome::Nothing);
        assert_eq!(database.value("select taken from seat").await, "4");
    });
}

/// A database that somebody else made, files for it, and a change of data alone that nothing records.
async fn made_by_somebody_else() -> (TestDb, Migrations) {
    let database = TestDb::with("create table till (cash int); insert into till values (10)").await;
    let files: [(&str, &[u8]); 3] = [
        ("1_till.sql", b"create table till (cash int);"),
        ("2_bonus.sql", b"update till set cash = cash + 5;"),
        ("3_coins.sql", b"create table coin (worth int);"),
    ];
    (database, Migrations::Loaded(MigrationSet::from_files(files, "m").unwrap()))
}

/// After a command that settles only a part, `up` still holds the change of data, time and again.
async fn bonus_is_held(migrations: &Migrations, database: &TestDb) {
    for _ in 0..2 {
        let report = run(migrations, database).await;
        assert_eq!((report.outcome, report.held.len()), (Outcome::Partial, 1), "{report:#?}");
        assert_eq!((report.held[0].migration.as_str(), report.held[0].code), ("2_bonus", Code::DN410));
        assert_eq!(database.value("select cash from till").await, "10");
    }
}

#[test]
fn adopting_one_migration_does_not_settle_the_doubt_about_others() {
    block_on(async {
        let (database, migrations) = made_by_somebody_else().await;
        let one = AdoptWhat::Ids(vec!["1_till".into()]);
        let (options, listener) = (Options::default(), &mut |_: &Event<'_>| {});
        let adopted = adopt(&migrations, &target(&database), &options, &one, listener).await.unwrap();
        assert_eq!(adopted.adopted, ["1_till"]);
        bonus_is_held(&migrations, &database).await;
    });
}

#[test]
fn skipping_an_operation_does_not_settle_the_doubt_about_others() {
    block_on(async {
        let (database, migrations) = made_by_somebody_else().await;
        skip(&migrations, &target(&database), &Options::default(), "3_coins", 1).await.unwrap();
        bonus_is_held(&migrations, &database).await;
        assert_eq!(database.value("select to_regclass('coin') is null").await, "t");
    });
}

#[test]
fn a_run_up_to_a_migration_does_not_settle_the_doubt_about_later_ones() {
    block_on(async {
        let (database, migrations) = made_by_somebody_else().await;
        let options = Options { to: Some("1_till".into()), ..Options::default() };
        up(&migrations, &target(&database), &options, &mut |_: &Event<'_>| {}).await.unwrap();
        bonus_is_held(&migrations, &database).await;
    });
}

#[test]
fn after_everything_was_adopted_a_new_change_of_data_runs() {
    block_on(async {
        let (database, migrations) = made_by_somebody_else().await;
        let all = AdoptWhat::Ids(["1_till", "2_bonus", "3_coins"].map(String::from).to_vec());
        let (options, listener) = (Options::default(), &mut |_: &Event<'_>| {});
        adopt(&migrations, &target(&database), &options, &all, listener).await.unwrap();
        let files: [(&str, &[u8]); 4] = [
            ("1_till.sql", b"create table till (cash int);"),
            ("2_bonus.sql", b"update till set cash = cash + 5;"),
            ("3_coins.sql", b"create table coin (worth int);"),
            ("4_gift.sql", b"update till set cash = cash + 1;"),
        ];
        let migrations = Migrations::Loaded(MigrationSet::from_files(files, "m").unwrap());
        let report = run(&migrations, &database).await;
        assert_eq!((report.outcome, report.applied), (Outcome::Applied, vec!["4_gift".to_owned()]));
        assert_eq!(database.value("select cash from till").await, "11");
    });
}

/// The server process of a run whose client is gone commits while `skip` waits for it.
#[test]
fn what_a_former_run_has_committed_meanwhile_is_not_skipped() {
    block_on(async {
        let database = TestDb::with("create table till (coins int)").await;
        let files: [(&str, &[u8]); 1] = [("1_a.sql", b"insert into till values (1);")];
        let migrations = Migrations::Loaded(MigrationSet::from_files(files, "m").unwrap());
        run(&migrations, &database).await;
        let undone = "update dunlin.operation set state = 'failed';
                      update dunlin.migration set state = 'failed', applied_at = null";
        database.execute(undone).await;
        let former = database.connect().await;
        let unit = LockKeys::new(database.name(), "dunlin").unit;
        let work = format!("begin; select pg_advisory_xact_lock({unit})");
        former.batch_execute(&work).await.unwrap();
        let place = target(&database);
        let skipping =
            tokio::spawn(
                async move { skip(&migrations, &place, &Options::default(), "1_a", 1).await.map(drop) },
            );
        let waits =
            "select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'";
        for _ in 0..200 {
            if !database.lines(waits).await.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        former.batch_execute("update dunlin.operation set state = 'done'; commit").await.unwrap();
        let error = skipping.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("was done already"), "{error}");
        assert_eq!(database.value("select state from dunlin.operation").await, "done");
    });
}

/// A role is of the whole server: that it is there says nothing of what was done in this database.
#[test]
fn a_role_that_another_database_brought_proves_nothing() {
    block_on(async {
        let database = TestDb::new().await;
        let role = format!("{}_shared", database.name());
        database.execute(&format!("create role {role}")).await;
        let file = format!(
            "create role {role}; do $$ begin execute format('create table %I (id int)', 'ma' || 'de'); end $$; insert into made values (1);"
        );
        let migrations =
            Migrations::Loaded(MigrationSet::from_files([("1_a.sql", file.as_bytes())], "m").unwrap());
        let report = run(&migrations, &database).await;
        assert_eq!((report.outcome, report.held.len()), (Outcome::Applied, 0), "{report:#?}");
        assert_eq!(database.value("select count(*) from made").await, "1");
        database.drop_roles(&[&role]).await;
    });
}
