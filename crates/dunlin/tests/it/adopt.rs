//! `adopt` on databases that somebody else has made.

use dunlin::diagnostic::Code;
use dunlin::execute::{AdoptWhat, Event, Migrations, Options, Outcome, Report, Target, adopt, up};
use dunlin::migration::MigrationSet;
use dunlin::pg::{ConnInfo, Environment};
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
