//! Changes of data that may have run before, or whose time has passed: a person decides.

use super::names::Names;
use super::world::World;

const SESSIONS: &str = "
    create table {session} ({id} int primary key, {who} text);
    insert into {session} values (1, 'ann'), (2, 'bob');
";

/// A person relies on: a DELETE that could not run then does not run months later, when its column means something
/// else; it waits for a word, and the word is kept.
#[tokio::test]
async fn a_delete_that_was_skipped_is_held_later() {
    for names in Names::ALL {
        let files = [("clean", "create table {a} ({id} int); delete from {session} where {legacy};")];
        let mut world = World::new(names, SESSIONS, &files).await;
        let up = world.up(0, "partial");
        assert_eq!(up.operations("skipped"), [format!("{}#2 DN203", world.id("clean"))]);
        world.is_like("create table {a} ({id} int);").await;

        world.add("legacy", "alter table {session} add column {legacy} boolean not null default true;");
        let up = world.up(0, "partial");
        assert_eq!(up.ids("applied"), [world.id("legacy")]);
        assert_eq!(up.operations("held"), [format!("{}#2 DN411", world.id("clean"))]);
        let after = "create table {a} ({id} int);
            alter table {session} add column {legacy} boolean not null default true;";
        world.is_like(after).await;
        assert_eq!(world.operations("clean"), ["done", "held"]);
        world.stays("partial").await;
        world.run(&["up", "--fail-on-skip"]).expect(3);

        world.run(&["skip", &format!("{}#2", world.id("clean"))]).expect(0);
        world.run(&["up"]).expect(0);
        world.is_like(after).await;
        world.stays("nothing").await;
        assert!(world.operations("clean").contains(&"skipped".to_owned()));
    }
}

/// A person relies on: seeds are not put in twice in a database that another tool made; the rest goes on.
#[tokio::test]
async fn seeds_of_a_database_that_was_there_are_held() {
    let before = "create table {plan} ({id} serial, {name} text); insert into {plan} ({name}) values ('free'), ('team');";
    let files = [
        (
            "plans",
            "create table if not exists {plan} ({id} serial, {name} text);
            insert into {plan} ({name}) values ('free');
            insert into {plan} ({name}) values ('team');",
        ),
        ("more", "create table {coupon} ({code} text); insert into {coupon} values ('SPRING');"),
    ];
    let after = "create table {coupon} ({code} text); insert into {coupon} values ('SPRING');";
    for names in Names::ALL {
        let world = World::new(names, before, &files).await;
        let id = world.id("plans");
        assert_eq!(world.plan().with_action("held"), [format!("{id}#2"), format!("{id}#3")]);
        let up = world.up(0, "partial");
        assert_eq!(up.operations("held"), [format!("{id}#2 DN410"), format!("{id}#3 DN410")]);
        assert_eq!(up.ids("applied"), [world.id("more")]);
        world.is_like(after).await;
        assert_eq!(world.operations("plans"), ["satisfied", "held", "held"]);
        world.stays("partial").await;

        world.run(&["adopt", &id]).expect(0);
        world.all_applied();
        world.run(&["up"]).expect(0); // may note that the set is complete
        world.stays("nothing").await;
        world.is_like(after).await;
    }
}

/// A person relies on: a data file alone, in a database of which Dunlin knows nothing, is in doubt as well.
#[tokio::test]
async fn a_file_of_data_alone_is_held_in_an_unknown_database() {
    let files =
        [("seed", "insert into {session} values (3, 'cyd');"), ("fix", "update {session} set {who} = 'x';")];
    for names in [Names::Plain, Names::Quoted, Names::Unicode] {
        let mut world = World::new(names, SESSIONS, &files).await;
        let up = world.up(0, "partial");
        assert_eq!(
            up.operations("held"),
            [format!("{}#1 DN410", world.id("seed")), format!("{}#1 DN410", world.id("fix"))]
        );
        world.is_untouched().await;
        world.run(&["adopt", &world.id("seed"), &world.id("fix")]).expect(0);
        world.run(&["up"]).expect(0); // may note that the set is complete
        world.stays("nothing").await;
        // From now on Dunlin knows the database, and what is new is new.
        world.add("next", "insert into {session} values (4, 'dan');");
        world.up(0, "applied");
        world.is_like("insert into {session} values (4, 'dan');").await;
    }
}

/// A person relies on: rows for a table that this run makes cannot have been there before, so they come.
#[tokio::test]
async fn rows_for_tables_of_this_run_are_not_in_doubt() {
    let files = [
        ("coupons", "create table {coupon} ({code} text);"),
        (
            "seed",
            "insert into {coupon} values ('SPRING'); update {coupon} set {code} = 'MAY' where {code} = 'SPRING';",
        ),
    ];
    for names in [Names::Plain, Names::Quoted, Names::Unicode] {
        let world = World::new(names, SESSIONS, &files).await;
        world.up(0, "applied");
        world.is_like("create table {coupon} ({code} text); insert into {coupon} values ('MAY');").await;
        world.stays("nothing").await;
    }
}

/// A person relies on: what does no harm when it is repeated is not in doubt.
#[tokio::test]
async fn what_is_harmless_to_repeat_runs() {
    let files = [
        (
        "seed",
        "create table if not exists {session} ({id} int primary key, {who} text);
        insert into {session} ({id}, {who}) values (1, 'other'), (3, 'cyd') on conflict ({id}) do nothing;
        insert into {session} ({id}, {who}) select 4, 'dan' where not exists (select 1 from {session} where {id} = 4);
        update {session} set {who} = 'nobody' where {who} is null;",
        ),
        // A file of data alone, on a column that only this run adds.
        ("column", "alter table {session} add column {kind} int;"),
        ("fill", "update {session} set {kind} = 1 where {kind} is null;"),
    ];
    for names in Names::ALL {
        let before = SESSIONS.to_owned() + "insert into {session} values (5, null);";
        let world = World::new(names, &before, &files).await;
        world.up(0, "applied");
        world
            .is_like(
                "insert into {session} values (3, 'cyd'), (4, 'dan');
                update {session} set {who} = 'nobody' where {id} = 5;
                alter table {session} add column {kind} int default 1;
                alter table {session} alter column {kind} drop default;",
            )
            .await;
        world.stays("nothing").await;
    }
}

/// A person relies on: filling what is NULL is harmless also where a trigger writes a line for each changed row: the
/// second time no row changes.
#[tokio::test]
async fn filling_nulls_of_a_table_with_a_trigger_runs() {
    let before = SESSIONS.to_owned()
        + "insert into {session} values (5, null);
        create table {log} ({line} text);
        create function {write_log}() returns trigger language plpgsql as $$
        begin insert into {log} values ('changed'); return null; end $$;
        create trigger {on_session} after update on {session} for each row execute function {write_log}();";
    let fill = "update {session} set {who} = 'nobody' where {who} is null;";
    for names in [Names::Plain, Names::Quoted] {
        let world = World::new(names, &before, &[("fill", fill)]).await;
        world.up(0, "applied");
        world.is_like(fill).await;
        world.stays("nothing").await;
    }
}

/// A person relies on: `adopt --all` records what the database proves, and only that.
#[tokio::test]
async fn adopt_all_records_what_is_proved() {
    let files = [
        ("there", "create table {session} ({id} int primary key, {who} text);"),
        ("not_there", "create index {session_who} on {session} ({who});"),
    ];
    for names in Names::ALL {
        let world = World::new(names, SESSIONS, &files).await;
        let adopted = world.run(&["adopt", "--all", "--format", "json"]).expect(0).json();
        assert_eq!(adopted["adopted"], serde_json::json!([world.id("there")]));
        assert_eq!(adopted["not_proved"][0]["migration"], world.id("not_there").as_str());
        world.is_untouched().await;
        assert_eq!(
            world.status(),
            [format!("{} applied", world.id("there")), format!("{} pending", world.id("not_there"))]
        );
        world.up(0, "applied");
        world.is_like(files[1].1).await;
        world.stays("nothing").await;
    }
}
