//! SQL that PostgreSQL does not have: meant, mangled, or just wrong.

use super::names::Names;
use super::world::{World, codes};

/// A person relies on: what they meant happens, once, and never again.
#[tokio::test]
async fn forms_that_people_write_run_as_meant() {
    let lenient = "
        create type if not exists {mood} as enum ('calm', 'glad');
        create domain if not exists {address} as text check (value <> '');
        create table {cat} ({id} int, {owner} int, {colour} text, {mood} {mood}, {home} {address});
        alter table {cat} add constraint if not exists {cat_key} primary key ({id});
        alter table {cat} add constraint if not exists {cat_owner} check ({owner} > 0);
        create trigger if not exists {on_cat} before update on {cat} for each row execute function suppress_redundant_updates_trigger();
        create policy if not exists {own_cats} on {cat} for select using ({owner} = 1);
        alter table {cat} rename column if exists {colour} to {color};
        alter table {cat} rename column if exists {never} to {was};
    ";
    let after = "
        create type {mood} as enum ('calm', 'glad');
        create domain {address} as text check (value <> '');
        create table {cat} ({id} int, {owner} int, {colour} text, {mood} {mood}, {home} {address});
        alter table {cat} add constraint {cat_key} primary key ({id});
        alter table {cat} add constraint {cat_owner} check ({owner} > 0);
        create trigger {on_cat} before update on {cat} for each row execute function suppress_redundant_updates_trigger();
        create policy {own_cats} on {cat} for select using ({owner} = 1);
        alter table {cat} rename column {colour} to {color};
    ";
    for names in Names::ALL {
        let world = World::new(names, "", &[("cats", lenient)]).await;
        let up = world.up(0, "applied");
        assert_eq!(up.codes().iter().filter(|code| *code == "DN105").count(), 8);
        world.is_like(after).await;
        world.all_applied();
        world.stays("nothing").await;

        // All of it is there already, by hand; the table by IF NOT EXISTS.
        let lenient = lenient.replace("create table {cat}", "create table if not exists {cat}");
        let lenient = lenient.replace("{colour} text, {mood} {mood}", "{colour} text");
        let world = World::new(names, after, &[("cats", &lenient)]).await;
        world.up_any();
        world.is_untouched().await;
        world.all_applied();
        world.stays("nothing").await;
    }
}

/// A person relies on: one who wants PostgreSQL's grammar and nothing else gets it.
#[tokio::test]
async fn the_policy_can_forbid_lenient_forms() {
    let files = [
        ("cats", "create table {cat} ({id} int);"),
        ("key", "\n\nalter table {cat} add constraint if not exists {cat_key} primary key ({id});"),
    ];
    for flags in [&["--dialect", "postgres"][..], &["--strict"]] {
        let world = World::new(Names::Plain, "", &files).await;
        let up = world.up_with(flags, 3, "refused");
        let diagnostic = up.json["diagnostics"][0].clone();
        assert!(diagnostic["file"].as_str().unwrap().ends_with("0002_key.sql"));
        assert_eq!(diagnostic["line"], 3);
        world.is_untouched().await;
    }
}

const MANGLED: &str = "create table {cat} ({id} int);

DO $
BEGIN
    INSERT INTO {cat} VALUES (1);
    UPDATE {cat} SET {id} = {id} + 1;
END $;
create table {dog} ({id} int);
";

/// A person relies on: dollar quotes that a shell or a template engine ate are recognised, not run in pieces, and
/// repaired on request.
#[tokio::test]
async fn mangled_dollar_quotes() {
    let after = "create table {cat} ({id} int); create table {dog} ({id} int); insert into {cat} values (2);";
    for (names, mangled) in [
        (Names::Plain, MANGLED.to_owned()),
        (Names::Quoted, MANGLED.to_owned()),
        (Names::Unicode, MANGLED.replace("$\n", "$$$\n").replace("END $;", "END $$$;")),
    ] {
        let world =
            World::new(names, "", &[("first", "create table {owner} ({id} int);"), ("pets", &mangled)]).await;
        let up = world.up(3, "refused");
        let diagnostic = up.diagnostic("DN106");
        assert!(diagnostic["file"].as_str().unwrap().ends_with(&world.file("pets")));
        assert_eq!(diagnostic["line"], 3);
        world.is_untouched().await;
        let check = world.run(&["check", "--format", "json"]).expect(3).json();
        assert!(codes(&check).contains(&"DN106".to_owned()));
        assert_eq!(
            world.folder.read(&world.file("pets")),
            names.write(&mangled),
            "check alone writes nothing"
        );

        world.run(&["check", "--fix"]).expect(0);
        let repaired = world.folder.read(&world.file("pets"));
        assert!(repaired.contains("DO $$\n") && repaired.contains("END $$;"), "{repaired}");
        world.up(0, "applied");
        world.is_like(&("create table {owner} ({id} int);".to_owned() + after)).await;
        world.stays("nothing").await;

        // Without touching the file.
        let world = World::new(names, "", &[("pets", &mangled)]).await;
        world.up_with(&["--dialect", "repair"], 0, "applied");
        world.is_like(after).await;
        assert_eq!(world.folder.read(&world.file("pets")), names.write(&mangled));
        assert_eq!(world.up_with(&["--dialect", "repair"], 0, "nothing").ids("applied"), [""; 0]);
    }
}

/// A person relies on: a body that holds another dollar sign is not guessed at.
#[tokio::test]
async fn what_cannot_be_repaired_for_certain_is_not() {
    let mangled = "do $ begin perform '$1'; end $;";
    let world = World::new(Names::Plain, "", &[("odd", mangled)]).await;
    world.run(&["check", "--fix"]).expect(3);
    assert_eq!(world.folder.read(&world.file("odd")), mangled);
    world.up_with(&["--dialect", "repair"], 3, "refused");
}

/// A person relies on: a syntax error anywhere stops the run before anything is done, with file, line and column.
#[tokio::test]
async fn a_syntax_error_runs_nothing() {
    for (sql, line, column) in [
        ("create table {b} ({id} int);\n\ncreate tabel {c} ({id} int);\ncreate table {d} ();", 3, Some(8)),
        ("insert into {a} values (1));", 1, None),
        ("create table {b} ({id} int,);", 1, None),
        ("select 'open", 1, None),
        ("/* ünïcödé */ create table {b} ({id} int) wiht (fillfactor = 70);", 1, None),
    ] {
        for names in [Names::Plain, Names::Unicode] {
            let world =
                World::new(names, "", &[("fine", "create table {a} ({id} int);"), ("wrong", sql)]).await;
            let up = world.up(3, "refused");
            let diagnostic = up.diagnostic("DN101");
            assert!(diagnostic["file"].as_str().unwrap().ends_with(&world.file("wrong")));
            assert_eq!(diagnostic["line"], line, "{sql}");
            if let Some(column) = column {
                assert_eq!(diagnostic["column"], column, "{sql}");
            }
            world.is_untouched().await;
            let shown = world.run(&["up"]).expect(3);
            assert!(
                (shown.stdout + &shown.stderr).contains(&format!("{}:{line}:", world.file("wrong"))),
                "the place, as editors open it"
            );
        }
    }
}
