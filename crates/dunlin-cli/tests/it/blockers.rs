//! Sessions that are in the way: named, left alone unless asked for, ended with `--cancel-blockers`.

use dunlin_testkit::{Folder, Program, TestDb};

fn program(url: &str, folder: &Folder) -> Program {
    Program::new(env!("CARGO_BIN_EXE_dunlin"))
        .always("-m")
        .always(folder.path().to_str().unwrap())
        .always("-d")
        .always(url)
}

/// A table that somebody reads in a transaction that stays open, and a migration that alters it.
macro_rules! in_the_way {
    ($database:ident, $folder:ident, $reader:ident) => {
        let $database = TestDb::new().await;
        let $folder = Folder::new(&[("1_a.sql", "create table t (id int);")]);
        program(&$database.url(), &$folder).run(&["up"]).expect(0);
        $folder.write("2_b.sql", "alter table t add column more int;");
        let $reader = $database.connect().await;
        let reading = "set application_name = 'reporting'; begin; select * from t";
        $reader.batch_execute(reading).await.unwrap();
    };
}

#[tokio::test]
async fn who_is_in_the_way_is_ended_where_that_is_asked_for() {
    in_the_way!(database, folder, reader);
    let up = ["up", "--cancel-blockers", "--log-format", "json", "--format", "json"];
    let output = program(&database.url(), &folder).run(&up).expect(0);
    let document = output.json();
    assert_eq!(document["applied"], serde_json::json!(["2_b"]), "{document}");
    let events: Vec<serde_json::Value> =
        output.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let event = |name: &str| events.iter().find(|event| event["event"] == name);
    let ended = event("blocker_ended").unwrap_or_else(|| panic!("{}", output.stderr));
    assert_eq!(ended["done"], "ended");
    let named = |text: &serde_json::Value| {
        ["(reporting)", "idle in transaction", "select * from t"]
            .iter()
            .all(|part| text.as_str().is_some_and(|text| text.contains(part)))
    };
    assert!(named(&ended["blocker"]), "{ended}");
    let retrying = event("retrying").unwrap_or_else(|| panic!("{}", output.stderr));
    assert!(named(&retrying["blockers"][0]), "{retrying}");
    assert!(reader.batch_execute("select 1").await.is_err(), "it was ended");
}

#[tokio::test]
async fn who_is_in_the_way_is_named_and_left_alone_otherwise() {
    in_the_way!(database, folder, reader);
    let output = program(&database.url(), &folder).run(&["up", "--lock-wait", "4s"]).expect(1);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(
        said.contains("(reporting), idle in transaction") && !said.contains("since it was in the way"),
        "{said}"
    );
    reader.batch_execute("commit").await.unwrap();
    program(&database.url(), &folder).run(&["up"]).expect(0);
}
