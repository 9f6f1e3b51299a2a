//! Databases that have already what the files would make, with and without a journal.

use super::names::Names;
use super::world::{World, mentions, same, state};

/// Early files declare what late ones rename and drop.
const HISTORY: [(&str, &str); 5] = [
    (
        "start",
        "create table if not exists {paper} ({id} int primary key, {title} text, {legacy} int, {pages} int);
        create table if not exists {press} ({id} int constraint {press_key} primary key);",
    ),
    ("index", "create index if not exists {paper_title} on {paper} ({title});"),
    ("rename", "alter table {paper} rename column {title} to {headline};"),
    ("drop", "alter table {paper} drop column {legacy};"),
    ("table", "alter table {press} rename to {publisher};"),
];

const END: &str = "
    create table {paper} ({id} int primary key, {headline} text, {pages} int);
    create table {publisher} ({id} int constraint {press_key} primary key);
    create index {paper_title} on {paper} ({headline});
    insert into {paper} values (1, 'kept', 12);
    insert into {publisher} values (1);
";

/// A person relies on: a database that is at the end already is left as it is, though nothing recorded how it got
/// there: no column that was renamed or dropped comes back, nothing is renamed or dropped again.
#[tokio::test]
async fn a_database_at_the_end_without_a_journal() {
    for names in Names::ALL {
        let world = World::new(names, END, &HISTORY).await;
        let plan = world.plan();
        assert_eq!(plan.with_action("run"), [""; 0]);
        assert_eq!(plan.with_action("ensure"), [""; 0]);
        let output = world.run(&["up", "--format", "json"]).expect(0);
        assert_eq!(output.json()["ensured"], serde_json::json!([]));
        world.is_untouched().await;
        world.stays(output.json()["outcome"].as_str().unwrap().replace("applied", "nothing").as_str()).await;
    }
}

/// A person relies on: what was found to be there counts as applied; nobody has to say so file by file.
#[tokio::test]
async fn what_is_there_counts_as_applied() {
    let mut files = HISTORY;
    files[1] = ("other", "create table if not exists {other} ({id} int);");
    for names in Names::ALL {
        let before = END.to_owned() + "create table {other} ({id} int);";
        let world = World::new(names, &before, &files).await;
        world.up_any();
        world.is_untouched().await;
        world.all_applied();
        assert_eq!(world.operations("start"), ["satisfied", "satisfied"]);
        assert_eq!(world.operations("rename"), ["satisfied"]);
        assert_eq!(world.operations("drop"), ["satisfied"]);
        world.stays("nothing").await;
    }
}

/// A person relies on: with the journal it is the same, also when a new file makes Dunlin look at all of it again.
#[tokio::test]
async fn a_database_at_the_end_with_a_journal() {
    for names in Names::ALL {
        let mut world = World::new(names, "", &HISTORY).await;
        world.up(0, "applied");
        world
            .execute("insert into {paper} values (1, 'kept', 12); insert into {publisher} values (1);")
            .await;
        world.is_like(END).await;
        world.add("new", "create table {new} ({id} int);");
        let up = world.up(0, "applied");
        assert_eq!(up.ids("applied"), [world.id("new")]);
        world.is_like(&(END.to_owned() + "create table {new} ({id} int);")).await;
        world.stays("nothing").await;
    }
}

/// A person relies on: nor does a branch with a declaration of the old shape bring back what a later file took away.
#[tokio::test]
async fn a_recorded_removal_stays() {
    for names in [Names::Plain, Names::Quoted, Names::Unicode] {
        let world = World::new(names, "", &HISTORY).await;
        world.up(0, "applied");
        let before = state(&world.database).await;
        // A file of another branch, with a number between, that says what the first one said.
        world.folder.write(
            "0001_zz_branch.sql",
            world.names.write(
                "create table if not exists {paper} ({id} int primary key, {title} text, {legacy} int);",
            ),
        );
        world.run(&["up"]).expect(0);
        same(&before, &state(&world.database).await);
    }
}

/// What was made by hand, and the same things as the files write them.
const MADE: &str = "
    create type {kind} as enum ('novel', 'essay');
    create table {paper} (
        {id} integer not null,
        {title} character varying(20) default 'none'::character varying,
        {price} numeric(10,2) default 0,
        {made} timestamp with time zone default now(),
        {active} boolean default true,
        {state} text,
        constraint {paper_key} primary key ({id}),
        constraint {paper_state} check (({state} = any (array['draft'::text, 'final'::text])))
    );
    create index {paper_look} on {paper} using btree ({title});
    create view {drafts} as select {paper}.{id} from {paper} where ({paper}.{state} = 'draft'::text);
    insert into {paper} ({id}, {state}, {made}) values (1, 'draft', '2020-02-02');
";

/// A person relies on: two ways to write one thing are one thing, so what is there does not stop a plain CREATE.
#[tokio::test]
async fn definitions_that_differ_in_writing_only() {
    let files = [
        (
            "papers",
            "create type {kind} as enum ('novel', 'essay');
            create table {paper} (
                {id} int constraint {paper_key} primary key,
                {title} varchar(20) default 'none',
                {price} decimal(10, 2) default 0,
                {made} timestamptz default now(),
                {active} bool default 't',
                {state} text constraint {paper_state} check ({state} in ('draft', 'final'))
            );
            create index {paper_look} on {paper} ({title} asc);
            create view {drafts} as select {id} from {paper} where {state} = 'draft';",
        ),
        ("again", "alter table {paper} add constraint {paper_state} check ({state} in ('draft', 'final'));"),
        (
            "column",
            "alter table {paper} add column {title} varchar(20) default 'none', add {active} boolean default true;",
        ),
    ];
    for names in Names::ALL {
        let world = World::new(names, MADE, &files).await;
        let plan = world.plan();
        assert_eq!(plan.with_action("satisfied").len(), 6, "{:?}", plan.json["steps"]);
        world.run(&["up"]).expect(0);
        world.is_untouched().await;
        world.all_applied();
        world.stays("nothing").await;
    }
}

/// A person relies on: a thing that is there with another definition is not passed over: both are shown and nothing runs.
#[tokio::test]
async fn another_definition_is_a_conflict() {
    let conflicts = [
        ("alter table {paper} add column {title} integer;", "integer", "character varying(20)"),
        ("create index {paper_look} on {paper} ({state});", "{state}", "{title}"),
        (
            "alter table {paper} add constraint {paper_state} check ({state} in ('draft', 'lost'));",
            "lost",
            "final",
        ),
        ("create type {kind} as enum ('novel', 'letter');", "letter", "essay"),
        ("create view {drafts} as select {id} from {paper} where {state} = 'final';", "final", "draft"),
        ("create table {paper} ({id} bigint constraint {paper_key} primary key);", "bigint", "integer"),
    ];
    for (at, (conflict, wanted, there)) in conflicts.iter().enumerate() {
        for names in [Names::ALL[at % 5], Names::Quoted] {
            let files = [("new", "create table {new} ({id} int);"), ("conflict", conflict)];
            let world = World::new(names, MADE, &files).await;
            let plan = world.plan();
            assert_eq!((plan.code, &plan.json["refused"]), (3, &true.into()));
            let up = world.up(3, "refused");
            let diagnostic = up.diagnostic("DN213");
            assert!(diagnostic["file"].as_str().unwrap().ends_with(&world.file("conflict")));
            for shown in [wanted, there] {
                let name = shown.strip_prefix('{').map(|rest| names.raw(rest.trim_end_matches('}')));
                let shown = name.as_deref().unwrap_or(shown);
                assert!(mentions(&diagnostic, shown), "both are shown: {shown} in {diagnostic}");
            }
            world.is_untouched().await;
        }
    }
}

/// A person relies on: IF NOT EXISTS over another definition leaves what is there, and says so.
#[tokio::test]
async fn if_not_exists_over_another_definition_warns() {
    for names in Names::ALL {
        let files = [(
            "index",
            "create index if not exists {paper_look} on {paper} ({state}); create table {new} ({id} int);",
        )];
        let world = World::new(names, MADE, &files).await;
        let up = world.up(0, "applied");
        let warning =
            up.json["diagnostics"].as_array().unwrap().iter().find(|one| one["severity"] == "warning");
        let warning = warning.expect("a warning");
        for shown in ["title", "state"] {
            assert!(mentions(warning, &names.raw(shown)), "both are shown: {shown} in {warning}");
        }
        world.is_like("create table {new} ({id} int)").await;
        world.stays("nothing").await;
    }
}

/// A person relies on: OR REPLACE replaces.
#[tokio::test]
async fn or_replace_always_runs() {
    for names in [Names::Plain, Names::Quoted] {
        let replace = "create or replace view {drafts} as select {id} from {paper} where {state} <> 'final';";
        let world = World::new(names, MADE, &[("view", replace)]).await;
        world.up(0, "applied");
        world.is_like(replace).await;
        world.stays("nothing").await;
    }
}
