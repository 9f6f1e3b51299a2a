//! Files that were edited after they were applied.

use super::names::Names;
use super::world::World;

const FILES: [(&str, &str); 3] = [
    (
        "shelf",
        "create table {shelf} ({id} int primary key, {room} text);
        insert into {shelf} values (1, 'hall');",
    ),
    ("view", "create or replace view {rooms} as select {room} from {shelf};"),
    ("wider_view", "create or replace view {rooms} as select {room}, {id} from {shelf};"),
];

const AFTER: &str = "
    create table {shelf} ({id} int primary key, {room} text);
    insert into {shelf} values (1, 'hall');
    create view {rooms} as select {room}, {id} from {shelf};
";

async fn applied(names: Names) -> World {
    let world = World::new(names, "", &FILES).await;
    world.up(0, "applied");
    world.is_like(AFTER).await;
    world
}

/// A person relies on: what was added at the end of an old file is made up for.
#[tokio::test]
async fn additions_at_the_end_run() {
    let additions = "
        create table {box} ({id} int primary key, {shelf} int references {shelf} ({id}));
        create index {shelf_room} on {shelf} ({room});";
    for names in Names::ALL {
        let world = applied(names).await;
        world.edit("shelf", &(FILES[0].1.to_owned() + additions));
        let plan = world.plan();
        let id = world.id("shelf");
        assert_eq!(plan.with_action("run"), [format!("{id}#3"), format!("{id}#4")]);
        world.up(0, "applied");
        world.is_like(&(AFTER.to_owned() + additions)).await;
        world.all_applied();
        world.stays("nothing").await;
    }
}

/// A person relies on: comments and layout are free to change.
#[tokio::test]
async fn comments_and_layout_do_not_count() {
    for names in Names::ALL {
        let world = applied(names).await;
        let layout = "-- A comment.\r\n".to_owned()
            + &FILES[0].1.replace("\n        ", "\r\n/* more */ ").replace(", ", ",\n");
        world.edit("shelf", &layout);
        world.run(&["up"]).expect(0);
        world.is_like(AFTER).await;
        world.all_applied();
        world.stays("nothing").await;
    }
}

/// A person relies on: a changed row or view of an old file does not run over what came later; it is pointed out, also
/// the next time, and does not stop what is new.
#[tokio::test]
async fn changes_are_reported_and_do_not_run() {
    let edits = [
        ("shelf", FILES[0].1.replace("'hall'", "'attic'")),
        ("view", FILES[1].1.replace("select {room} from", "select {room}, {room} as {other} from")),
        ("shelf", FILES[0].1.replace("{room} text", "{room} varchar(10)")),
        ("shelf", "create table {shelf} ({id} int primary key, {room} text);".to_owned()),
        ("shelf", FILES[0].1.to_owned() + "update {shelf} set {room} = 'attic';"),
        ("shelf", FILES[0].1.to_owned() + "drop table {shelf} cascade;"),
        ("view", FILES[1].1.to_owned() + "create or replace view {rooms} as select 1 as {one};"),
    ];
    for (at, (file, edit)) in edits.iter().enumerate() {
        for names in [Names::ALL[at % 5], Names::Quoted] {
            let mut world = applied(names).await;
            world.edit(file, edit);
            let up = world.up(0, "partial");
            let diagnostic = up.diagnostic("DN602");
            assert!(diagnostic.to_string().contains(&world.file(file)), "{diagnostic}");
            world.is_like(AFTER).await;
            assert!(world.status().contains(&format!("{} changed", world.id(file))));
            world.stays("partial").await;

            world.add("new", "create table {new} ({id} int);");
            assert_eq!(world.up(0, "partial").ids("applied"), [world.id("new")]);
            world.is_like(&(AFTER.to_owned() + "create table {new} ({id} int);")).await;

            // Taken back, all is well again.
            world.edit(file, FILES.iter().find(|(name, _)| name == file).unwrap().1);
            world.run(&["up"]).expect(0);
            world.all_applied();
            world.stays("nothing").await;
        }
    }
}

/// A person relies on: with `--edited-files refuse` an edit stops the run, before anything new runs.
#[tokio::test]
async fn the_policy_can_forbid_edits() {
    for flag in ["--edited-files=refuse", "--strict"] {
        let mut world = applied(Names::Plain).await;
        world.edit("shelf", &(FILES[0].1.to_owned() + "create table {box} ({id} int);"));
        world.add("new", "create table {new} ({id} int);");
        world.up_with(&[flag], 3, "refused");
        world.is_like(AFTER).await;
    }
}

/// A person relies on: a file that is gone is pointed out; one that was renamed is the same migration.
#[tokio::test]
async fn files_that_are_gone_or_renamed() {
    for names in [Names::Plain, Names::Quoted] {
        let world = applied(names).await;
        world.folder.rename("0002_view.sql", "0002_a_better_name.sql");
        world.run(&["up"]).expect(0);
        world.is_like(AFTER).await;
        assert_eq!(
            world.status(),
            ["0001_shelf applied", "0002_a_better_name applied", "0003_wider_view applied"]
        );

        world.folder.remove("0002_a_better_name.sql");
        let output = world.run(&["up", "--format", "json"]).expect(0);
        assert!(super::world::codes(&output.json()).contains(&"DN603".to_owned()));
        world.is_like(AFTER).await;
        assert!(world.status().iter().any(|line| line.starts_with("0002_") && line.ends_with(" missing")));
    }
}
