//! The column that an early file needs comes from somewhere else, or from nowhere.

use super::names::Names;
use super::world::{World, mentions};

const BEFORE: &str = "
    create table {page} ({id} int primary key, {body} text);
    insert into {page} values (1, 'one'), (2, 'two');
";

const USES: &str = "
    create index {page_site} on {page} ({site_id});
    comment on column {page}.{site_id} is 'where it is shown';
";

/// What comes out, whoever adds the column.
const AFTER: &str = "
    alter table {page} add column {site_id} int;
    create index {page_site} on {page} ({site_id});
    comment on column {page}.{site_id} is 'where it is shown';
";

async fn every_order(names: Names, files: &[(&str, &str)], orders: &[&[usize]], after: &str) {
    for order in orders {
        let world = World::ordered(names, BEFORE, files, order).await;
        let up = world.up(0, "applied");
        let mut applied = up.ids("applied");
        applied.sort();
        assert_eq!(applied, world.ids());
        world.is_like(after).await;
        world.all_applied();
        world.stays("nothing").await;
    }
}

/// A person relies on: the file that adds the column gets its turn, wherever it stands.
#[tokio::test]
async fn a_later_file_adds_it() {
    let files = [("index", USES), ("column", "alter table {page} add column {site_id} int;")];
    for names in Names::ALL {
        every_order(names, &files, &[&[0, 1], &[1, 0]], AFTER).await;
    }
}

/// A person relies on: of a declaration that is passed over and a file that adds the column, the file decides its type.
#[tokio::test]
async fn the_file_that_adds_it_wins_over_the_declaration() {
    let files = [
        ("pages", "create table if not exists {page} ({id} int primary key, {body} text, {site_id} int);"),
        ("index", USES),
        ("column", "alter table {page} add column {site_id} bigint default 7;"),
    ];
    let after = AFTER.replace("{site_id} int;", "{site_id} bigint default 7;");
    for names in Names::ALL {
        every_order(names, &files, &[&[0, 1, 2], &[1, 0, 2], &[2, 1, 0]], &after).await;
    }
}

/// A person relies on: the guard that people write around ADD COLUMN is understood.
#[tokio::test]
async fn a_do_block_of_a_later_file_adds_it() {
    let guard = "do $$
        begin
            if not exists (
                select 1 from information_schema.columns
                where table_name = {'page'} and column_name = {'site_id'}
            ) then
                alter table {page} add column {site_id} int;
            end if;
        end
        $$;";
    let files = [("index", USES), ("guard", guard), ("other", "create table {other} ({id} int);")];
    let after = AFTER.to_owned() + "create table {other} ({id} int);";
    for names in Names::ALL {
        every_order(names, &files, &[&[0, 1, 2], &[0, 2, 1], &[1, 0, 2]], &after).await;
    }
}

/// A person relies on: ADD COLUMN IF NOT EXISTS, several actions in one ALTER TABLE, and a column made by a rename do.
#[tokio::test]
async fn other_ways_to_add_it() {
    let several =
        "alter table if exists only {page} add {other} text, add column if not exists {site_id} int;";
    let files = [("index", USES), ("columns", several)];
    let after = AFTER.to_owned() + "alter table {page} add {other} text;";
    for names in Names::ALL {
        every_order(names, &files, &[&[0, 1], &[1, 0]], &after).await;
    }
}

/// A person relies on: a declaration that does nothing is enough, also when it stands in another file than its use.
#[tokio::test]
async fn only_a_declaration_that_is_passed_over_has_it() {
    let declaration = "create table if not exists {page} ({id} int primary key, {body} text, {site_id} int);";
    let files = [("index", USES), ("pages", declaration)];
    for names in Names::ALL {
        every_order(names, &files, &[&[0, 1], &[1, 0]], AFTER).await;
    }
}

/// A person relies on: a declaration counts also when Dunlin knows that its file was applied long ago.
#[tokio::test]
async fn a_file_that_is_recorded_as_applied_declares_it() {
    let declaration = "create table if not exists {page} ({id} int primary key, {body} text, {site_id} int);";
    for names in Names::ALL {
        // Recorded by hand.
        let mut world = World::new(names, BEFORE, &[("pages", declaration)]).await;
        world.run(&["adopt", &world.id("pages")]).expect(0);
        world.is_untouched().await;
        world.all_applied();
        world.add("index", USES);
        let up = world.up(0, "applied");
        assert_eq!(up.ids("applied"), [world.id("index")]);
        world.is_like(AFTER).await;
        world.stays("nothing").await;

        // Run by Dunlin; then somebody dropped the column.
        let mut world = World::new(names, "", &[("pages", declaration)]).await;
        world.up(0, "applied");
        world.execute("alter table {page} drop column {site_id}").await;
        world.add("index", USES);
        world.up(0, "applied");
        world.is_like(&(declaration.replace(", {site_id} int", "") + AFTER)).await;
        world.stays("nothing").await;
    }
}

/// A person relies on: what cannot work is left out with the reason and a hint, nothing else is, and it is made up for
/// without a further word once it can work.
#[tokio::test]
async fn nobody_adds_it_until_a_new_file_does() {
    let uses = "create table {note} ({id} int);
        create index {page_site} on {page} ({stie_id});
        create index {page_body} on {page} ({body});
        comment on index {page_site} is 'not without the index';";
    for names in Names::ALL {
        let before = BEFORE.to_owned() + "alter table {page} add column {site_id} int;";
        let mut world = World::new(names, &before, &[("index", uses)]).await;
        let id = world.id("index");
        let plan = world.plan();
        assert_eq!(plan.with_action("skip"), [format!("{id}#2"), format!("{id}#4")]);

        let up = world.up(0, "partial");
        assert_eq!(up.operations("skipped"), [format!("{id}#2 DN203"), format!("{id}#4 DN209")]);
        assert!(up.ids("applied").is_empty());
        let diagnostic = up.diagnostic("DN203");
        assert_eq!(diagnostic["line"], 2);
        assert!(diagnostic["file"].as_str().unwrap().ends_with(&world.file("index")));
        assert!(mentions(&diagnostic, &names.raw("site_id")), "the near name: {diagnostic}");
        assert_eq!(world.status(), [format!("{id} partial")]);
        assert_eq!(world.operations("index"), ["done", "skipped", "done", "skipped"]);
        world.is_like("create table {note} ({id} int); create index {page_body} on {page} ({body});").await;
        world.stays("partial").await;
        world.run(&["up", "--fail-on-skip"]).expect(3);

        world.add("column", "alter table {page} add column {stie_id} int;");
        let up = world.up(0, "applied");
        let mut applied = up.ids("applied");
        applied.sort();
        assert_eq!(applied, world.ids());
        world
            .is_like(
                "create table {note} ({id} int);
                create index {page_body} on {page} ({body});
                alter table {page} add column {stie_id} int;
                create index {page_site} on {page} ({stie_id});
                comment on index {page_site} is 'not without the index';",
            )
            .await;
        world.all_applied();
        world.stays("nothing").await;
    }
}

/// A person relies on: what somebody adds by hand is seen as well, without a new file.
#[tokio::test]
async fn a_hand_adds_it() {
    for names in [Names::Plain, Names::Quoted] {
        let world =
            World::new(names, BEFORE, &[("index", "create index {page_site} on {page} ({site_id});")]).await;
        world.up(0, "partial");
        world.execute("alter table {page} add column {site_id} int").await;
        let up = world.up(0, "applied");
        assert_eq!(up.ids("applied"), [world.id("index")]);
        world
            .is_like("alter table {page} add column {site_id} int; create index {page_site} on {page} ({site_id});")
            .await;
        world.stays("nothing").await;
    }
}
