//! Folders with files that stand in each other's way, or need not be there.

use super::names::Names;
use super::world::World;
use dunlin_testkit::{Folder, Program, TestDb};

/// A person relies on: two files with one number both run, in the order of their names; what was put out of use by
/// another ending is left alone; a file that only says so is applied.
#[tokio::test]
async fn two_files_with_one_number_and_retired_ones() {
    for names in Names::ALL {
        let world =
            World::new(names, "create table {old} ({id} int)", &[("start", "create table {a} ({id} int);")])
                .await;
        let write = |file: &str, sql: &str| world.folder.write(file, names.write(sql));
        write("0002_owners.sql", "alter table {a} add column {owner} text;");
        write("0002_names.sql", "alter table {a} add column {name} text;\ncreate table {b} ({id} int);");
        write("0002_names.sql.disabled", "drop table {a};");
        write("0003_old.sql.bak", "this is not SQL;");
        write("0003_retired.sql", "SELECT 'retired';");
        write("readme.md", "# not SQL");
        let up = world.up(0, "applied");
        assert_eq!(up.ids("applied"), ["0001_start", "0002_names", "0002_owners", "0003_retired"]);
        world
            .is_like("create table {a} ({id} int, {name} text, {owner} text); create table {b} ({id} int);")
            .await;
        assert_eq!(
            world.status(),
            ["0001_start applied", "0002_names applied", "0002_owners applied", "0003_retired applied"]
        );
        world.stays("nothing").await;
        // Who looks for the file that did not run finds it in the verbose output.
        let verbose = world.run(&["up", "-v"]).expect(0);
        assert!((verbose.stderr + &verbose.stdout).contains("0002_names.sql.disabled"));

        // Taken back into use: it is a new migration, not an edit of another one.
        world.folder.rename("0003_old.sql.bak", "0004_back.sql");
        world.folder.write("0004_back.sql", names.write("create table {c} ({id} int);"));
        assert_eq!(world.up(0, "applied").ids("applied"), ["0004_back"]);
    }
}

/// A person relies on: 10 comes after 9, and a merged branch with a lower number is applied, not passed over.
#[tokio::test]
async fn numbers_count_and_late_ones_are_applied() {
    let database = TestDb::new().await;
    let folder = Folder::new(&[
        (
            "9_nine.sql",
            "create table steps (n int generated always as identity, said text);
            insert into steps (said) values ('nine');",
        ),
        ("10_ten.sql", "insert into steps (said) values ('ten');"),
        ("V11__eleven.sql", "insert into steps (said) values ('eleven');"),
        ("without_a_number.sql", "insert into steps (said) values ('last');"),
    ]);
    let dunlin = Program::new(env!("CARGO_BIN_EXE_dunlin"))
        .directory(folder.path())
        .env("DATABASE_URL", database.url());
    let run = || dunlin.run(&["up", "--format", "json", "-m", "."]).expect(0).json();
    assert_eq!(run()["outcome"], "applied");
    let said = "select said from steps order by n";
    assert_eq!(database.lines(said).await, ["nine", "ten", "eleven", "last"]);
    folder.write("8_eight.sql", "create table merged (id int);");
    let up = run();
    assert_eq!(up["applied"], serde_json::json!(["8_eight"]));
    assert!(super::world::codes(&up).contains(&"DN303".to_owned()));
    assert_eq!(run()["outcome"], "nothing");
}
