//! Files that need each other: in part, which works, or in a circle, which cannot.

use super::names::Names;
use super::world::{World, text};

const FILES: [(&str, &str); 2] = [
    (
        "authors",
        "create table {author} ({id} int primary key, {name} text);
        alter table {author} add column {first_work} int references {work} ({id});
        create view {signed} as select {w}.{id}, {a}.{name} from {work} {w} join {author} {a} on {a}.{id} = {w}.{by};
        insert into {author} values (1, 'Ada', null);",
    ),
    (
        "works",
        "create table {work} ({id} int primary key);
        alter table {work} add column {by} int references {author} ({id});
        insert into {work} values (10, null);",
    ),
];

const AFTER: &str = "
    create table {author} ({id} int primary key, {name} text);
    create table {work} ({id} int primary key);
    alter table {author} add column {first_work} int references {work} ({id});
    alter table {work} add column {by} int references {author} ({id});
    create view {signed} as select {w}.{id}, {a}.{name} from {work} {w} join {author} {a} on {a}.{id} = {w}.{by};
    insert into {author} values (1, 'Ada', null);
    insert into {work} values (10, null);
";

/// A person relies on: files that need each other only in part are cut where they must be, and the plan shows where.
#[tokio::test]
async fn files_that_need_each_other_in_part() {
    for names in Names::ALL {
        for order in [[0, 1], [1, 0]] {
            let world = World::ordered(names, "", &FILES, &order).await;
            let plan = world.plan();
            assert_eq!((plan.code, &plan.json["refused"]), (0, &false.into()));
            let units =
                plan.steps().iter().map(|step| (step["unit"].as_u64().unwrap(), text(&step["migration"])));
            let mut units: Vec<_> = units.collect();
            assert!(units.is_sorted(), "{units:?}");
            units.dedup();
            let numbers: Vec<u64> = units.iter().map(|(unit, _)| *unit).collect();
            assert!(
                numbers.windows(2).all(|pair| pair[0] < pair[1]),
                "a unit holds one migration: {units:?}"
            );
            assert!(units.len() > 2, "a file is cut: {units:?}");
            assert!(plan.steps().iter().any(|step| step["moved"] == true && step["code"] == "DN302"));

            let mut applied = world.up(0, "applied").ids("applied");
            applied.sort();
            assert_eq!(applied, world.ids());
            world.is_like(AFTER).await;
            world.all_applied();
            world.stays("nothing").await;
        }
    }
}

/// A person relies on: one order, the same each time, and none at all where the files' own order works.
#[tokio::test]
async fn the_plan_is_the_same_each_time_and_moves_nothing_without_need() {
    let world = World::new(Names::Renamed, "", &FILES).await;
    let first = world.plan().json;
    for _ in 0..3 {
        assert_eq!(world.plan().json, first);
    }
    let files = [
        ("one", "create table {a} ({id} int primary key); create table {z} ({id} int primary key);"),
        ("two", "create table {b} ({a_id} int references {a} ({id})); create view {v} as select * from {b};"),
        ("three", "insert into {z} values (1); insert into {a} values (1); insert into {b} values (1);"),
    ];
    for names in Names::ALL {
        let world = World::new(names, "", &files).await;
        let plan = world.plan();
        let expected: Vec<String> = [("one", 2), ("two", 2), ("three", 3)]
            .iter()
            .flat_map(|(file, count)| (1..=*count).map(|number| format!("{}#{number}", world.id(file))))
            .collect();
        assert_eq!(plan.with_action("run"), expected);
        assert!(plan.steps().iter().all(|step| step["moved"] == false));
        let units: Vec<_> = plan.steps().iter().map(|step| step["unit"].as_u64().unwrap()).collect();
        assert_eq!(units, [1, 1, 2, 2, 3, 3, 3]);
    }
}

/// A person relies on: a circle is refused before anything runs, and each link of it is shown with its place.
#[tokio::test]
async fn a_real_circle_is_refused() {
    let files = [
        ("fine", "create table {fine} ({id} int);"),
        ("eggs", "create table {egg} ({id} int primary key,\n    {laid_by} int references {hen} ({id}));"),
        (
            "hens",
            "\n\ncreate table {hen} ({id} int primary key,\n    {hatched_from} int references {egg} ({id}));",
        ),
    ];
    for names in Names::ALL {
        let world = World::new(names, "create table {old} ({id} int)", &files).await;
        let plan = world.plan();
        assert_eq!((plan.code, &plan.json["refused"]), (3, &true.into()));
        let up = world.up(3, "refused");
        let circle = up.diagnostic("DN301").to_string();
        for (file, line) in [("eggs", 1), ("hens", 3)] {
            assert!(circle.contains(&world.file(file)), "{circle}");
            assert!(circle.contains(&format!("\"line\":{line}")), "{circle}");
        }
        assert!(!circle.contains(&world.file("fine")), "what is not in the circle is not blamed: {circle}");
        let shown = world.run(&["up"]).expect(3);
        let shown = shown.stdout + &shown.stderr;
        assert!(
            shown.contains(&(world.file("eggs") + ":1")) && shown.contains(&(world.file("hens") + ":3")),
            "{shown}"
        );
        world.is_untouched().await;
        assert!(world.status().iter().all(|line| line.ends_with(" pending")));
    }
}

/// A person relies on: with `--order files` (and `--strict`) nothing is reordered behind their back.
#[tokio::test]
async fn the_policy_can_forbid_another_order() {
    let files =
        [("view", "create view {v} as select {id} from {t};"), ("table", "create table {t} ({id} int);")];
    for flag in ["--order=files", "--strict"] {
        let world = World::new(Names::Plain, "", &files).await;
        world.up_with(&[flag], 3, "refused");
        world.is_untouched().await;
    }
}
