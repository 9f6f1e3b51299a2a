//! A failure in the middle: what was done stays, what failed leaves nothing, and the same command goes on.

use super::names::Names;
use super::world::World;

/// Fifteen files; the third inserts the row that the seventh's constraint forbids.
fn files() -> Vec<(String, String)> {
    let mut files: Vec<_> = (1..=15)
        .map(|number| {
            let sql = format!(
                "create table {{t{number}}} ({{id}} int);\ninsert into {{t{number}}} values ({number});\n"
            );
            (format!("step{number}"), sql)
        })
        .collect();
    files[0].1 += "create table {account} ({id} int, {balance} int);\n";
    files[2].1 += "insert into {account} values (3, -5);\n";
    files[6].1 += "insert into {account} values (7, 70);\n\nalter table {account}\n    add constraint {solvent} check ({balance} >= 0);\n";
    files[6].1 += "create table {after} ({id} int);\n";
    files[9].1 += "insert into {account} values (10, 100);\n";
    files
}

fn until(last: usize) -> String {
    files().into_iter().take(last).map(|(_, sql)| sql).collect()
}

async fn stopped(names: Names) -> World {
    let files = files();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).collect();
    let world = World::new(names, "", &files).await;
    let up = world.up(1, "failed");
    assert_eq!(up.ids("applied"), world.ids()[..6]);
    let failed = &up.json["failed"];
    assert_eq!(failed["migration"], world.id("step7").as_str());
    assert_eq!(failed["operation"], 4);
    assert!(failed["file"].as_str().unwrap().ends_with(&world.file("step7")));
    assert!((5..=6).contains(&failed["line"].as_u64().unwrap()), "{failed}");
    assert_eq!(failed["sqlstate"], "23514");
    assert!(failed["message"].as_str().unwrap().contains(&names.raw("solvent")), "{failed}");
    assert_eq!(up.json["failures"].as_array().unwrap().len(), 1);
    world.is_like(&until(6)).await;
    world
}

/// A person relies on: files 1 to 6 are kept, 7 is gone without a trace but for its error, the rest has not begun.
#[tokio::test]
async fn a_failure_keeps_what_was_done_and_is_recorded() {
    for names in Names::ALL {
        let world = stopped(names).await;
        let states = world.status();
        for (at, id) in world.ids().iter().enumerate() {
            let state = ["applied", "failed", "pending"][usize::from(at >= 6) + usize::from(at > 6)];
            assert_eq!(states[at], format!("{id} {state}"));
        }
        assert_eq!(world.operations("step7"), ["pending", "pending", "pending", "failed", "pending"]);
        let failed = &world.operation_details("step7")[3];
        assert_eq!(failed["sqlstate"], "23514");
        assert!(failed["message"].as_str().unwrap().contains(&names.raw("solvent")), "{failed}");
        // `show` gives the statement and its error; `status` in words says that it failed.
        let shown = world.run(&["show", &world.id("step7")]).expect(0).stdout;
        assert!(
            shown.contains("23514") && shown.contains("balance") | shown.contains(&names.raw("balance")),
            "{shown}"
        );
        // Nothing changed, so it fails again in the same way, and nothing is lost by trying.
        world.up(1, "failed");
        world.is_like(&until(6)).await;
    }
}

/// A person relies on: after the file is fixed, 7 to 15 run, and no row of 1 to 6 is there twice.
#[tokio::test]
async fn a_retry_after_a_fix_of_the_file_runs_the_rest_only() {
    for names in Names::ALL {
        let world = stopped(names).await;
        let fixed = files()[6].1.replace(">= 0", ">= -5");
        world.edit("step7", &fixed);
        let up = world.up(0, "applied");
        assert_eq!(up.ids("applied"), world.ids()[6..]);
        world.is_like(&until(15).replace(">= 0", ">= -5")).await;
        world.all_applied();
        world.stays("nothing").await;
    }
}

/// A person relies on: the same after the row is fixed.
#[tokio::test]
async fn a_retry_after_a_fix_of_the_data_runs_the_rest_only() {
    for names in [Names::Plain, Names::Quoted] {
        let world = stopped(names).await;
        world.execute("update {account} set {balance} = 5").await;
        let up = world.up(0, "applied");
        assert_eq!(up.ids("applied"), world.ids()[6..]);
        world.is_like(&until(15).replace("-5", "5")).await;
        world.stays("nothing").await;
    }
}

/// A person relies on: `--keep-going` does what does not depend on the failure, and says what waits.
#[tokio::test]
async fn keep_going_does_what_does_not_depend_on_it() {
    let mut files = files();
    files[8].1 += "create index {after_id} on {after} ({id});\n";
    files[9].1.clear(); // it writes the table of the constraint
    let files: Vec<(&str, &str)> = files.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).collect();
    for names in [Names::Plain, Names::Quoted, Names::Unicode] {
        let world = World::new(names, "", &files).await;
        let up = world.up_with(&["--keep-going"], 1, "failed");
        let mut expected = world.ids();
        expected.remove(8); // its index is on a table of the failed file
        expected.remove(6);
        assert_eq!(up.ids("applied"), expected);
        assert!(world.operations("step9").ends_with(&["pending".to_owned()]));
        world.edit("step7", &files[6].1.replace(">= 0", ">= -5"));
        let mut applied = world.up(0, "applied").ids("applied");
        applied.sort();
        assert_eq!(applied, [world.id("step7"), world.id("step9")]);
        world.stays("nothing").await;
    }
}

/// A person relies on: `--to` stops there, and the next run goes on from there.
#[tokio::test]
async fn up_to_a_migration() {
    let files = files();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, sql)| (name.as_str(), sql.as_str())).collect();
    let world = World::new(Names::Plain, "", &files).await;
    let output = world.run(&["up", "--format", "json", "--to", &world.id("step4")]).expect(0);
    assert_eq!(output.json()["applied"], serde_json::json!(world.ids()[..4]));
    world.is_like(&until(4)).await;
    let output = world.run(&["up", "--to", "0099_nothing"]);
    assert_eq!(output.code, 2, "an id that is not there is a mistake, not the end");
    world.is_like(&until(4)).await;
}
