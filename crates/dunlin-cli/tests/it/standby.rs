//! A streaming standby.

use dunlin_testkit::{Folder, OwnServer, Program};
use std::time::{Duration, Instant};

fn dunlin(folder: &Folder, url: String) -> Program {
    Program::new(env!("CARGO_BIN_EXE_dunlin"))
        .env("DATABASE_URL", url)
        .always("-m")
        .always(folder.path().to_str().unwrap())
}

/// A person relies on: an instance that starts on a standby goes on when nothing is to be done, and is told when
/// something is; nothing is written there.
#[test]
fn a_standby_is_read_and_never_written() {
    let primary = OwnServer::start(&[]);
    let standby = primary.standby();
    let folder =
        Folder::new(&[("0001_a.sql", "create table a (id int primary key); insert into a values (1);")]);
    let on_standby = dunlin(&folder, standby.url("postgres"));
    let refused = |what: &str| {
        let json = on_standby.run(&["up", "--format", "json"]).expect(3).json();
        assert_eq!(json["diagnostics"][0]["code"], "DN805", "{what}: {json}");
        assert!(json["diagnostics"][0]["message"].as_str().unwrap().contains("standby"), "{json}");
        assert!(json["diagnostics"][0]["help"].as_str().unwrap().contains("primary"), "{json}");
        assert_eq!(on_standby.run(&["plan", "--exit-code", "--format", "json"]).code, 10, "{what}");
        let status = on_standby.run(&["status", "--format", "json"]).expect(0).json();
        let last = status["migrations"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["state"], "pending", "{what}");
    };
    refused("an empty database");
    dunlin(&folder, primary.url("postgres")).run(&["up"]).expect(0);
    let begun = Instant::now();
    let arrived =
        "select coalesce((select count(*) from pg_class where oid = to_regclass('dunlin.meta')), 0)";
    while standby.sql("postgres", arrived) == "0"
        || standby.sql("postgres", "select set_digest is not null from dunlin.meta") != "t"
    {
        assert!(begun.elapsed() < Duration::from_secs(30), "the standby does not follow");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(on_standby.run(&["up", "--format", "json"]).expect(0).json()["outcome"], "nothing");
    assert_eq!(on_standby.run(&["plan", "--exit-code"]).code, 0);
    on_standby.run(&["doctor"]).expect(0);
    folder.write("0002_b.sql", "create table b (id int); create index concurrently on a (id);");
    refused("a new file");
    // The way that the message names leads to the primary.
    let both = format!(
        "host={},{} user=postgres dbname=postgres target_session_attrs=read-write",
        standby.socket_directory().display(),
        primary.socket_directory().display()
    );
    assert_eq!(dunlin(&folder, both).run(&["up", "--format", "json"]).expect(0).json()["outcome"], "applied");
    assert_eq!(primary.sql("postgres", "select count(*) from dunlin.run"), "2");
}
