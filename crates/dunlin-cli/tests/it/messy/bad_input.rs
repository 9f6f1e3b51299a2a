//! Input that is wrong, odd or gone: a clear error, and nothing is lost.

use super::names::Names;
use super::world::{World, codes, same, state, text};
use dunlin_testkit::{Folder, Program};
use serde_json::Value;

/// A world whose first file is fine, to see that it does not run when another one is refused.
async fn world() -> World {
    World::new(Names::Plain, "", &[("fine", "create table {fine} ({id} int);")]).await
}

/// Writes a second file, expects `up` and `plan` to be refused for it with a code at a line, and nothing to run.
async fn refused(file: &str, bytes: &[u8], code: &str, line: Option<u64>) -> Value {
    let world = world().await;
    world.folder.write(file, bytes);
    world.run(&["plan"]).expect(3);
    world.run(&["check"]).expect(3);
    let up = world.up(3, "refused");
    let diagnostic = up.diagnostic(code);
    assert!(text(&diagnostic["file"]).ends_with(file), "{diagnostic}");
    if let Some(line) = line {
        assert_eq!(diagnostic["line"], line, "{diagnostic}");
        let words = world.run(&["up"]).expect(3);
        let words = words.stdout + &words.stderr;
        assert!(words.contains(&format!("{file}:{line}")) && words.contains(code), "{words}");
    }
    world.is_untouched().await;
    diagnostic
}

/// Writes a second file and expects everything to be applied.
async fn accepted(file: &str, bytes: &[u8], after: &str) -> World {
    let world = world().await;
    world.folder.write(file, bytes);
    world.up(0, "applied");
    world.is_like(&("create table {fine} ({id} int);\n".to_owned() + after)).await;
    world.stays("nothing").await;
    world
}

/// The document that every command prints when it could not start.
#[track_caller]
fn error(json: &Value) -> Value {
    assert_eq!((&json["format"], &json["outcome"]), (&1.into(), &"error".into()), "{json}");
    assert!(!text(&json["error"]["message"]).is_empty());
    json["error"].clone()
}

/// A person relies on: a wrong path is an error, not an empty set.
#[tokio::test]
async fn a_missing_folder() {
    let world = world().await;
    let dunlin = Program::new(env!("CARGO_BIN_EXE_dunlin")).env("DATABASE_URL", world.database.url());
    for command in ["up", "plan", "status", "check"] {
        let output = dunlin.run(&[command, "-m", "/nowhere/at all", "--format", "json"]).expect(2);
        assert!(text(&error(&output.json())["message"]).contains("/nowhere/at all"));
    }
    let file = world.folder.path().join(world.file("fine"));
    dunlin.run(&["up", "-m", file.to_str().unwrap()]).expect(2);
    world.is_untouched().await;
}

/// A person relies on: an empty folder is said, and is no failure.
#[tokio::test]
async fn an_empty_folder() {
    let world = World::new(Names::Plain, "", &[]).await;
    let up = world.run(&["up", "--format", "json"]).expect(0);
    assert_eq!(up.json()["outcome"], "nothing");
    let diagnostics = up.json()["diagnostics"].to_string();
    assert!(diagnostics.contains("warning") || up.stderr.contains("warning"), "{diagnostics} {}", up.stderr);
}

/// A person relies on: files without statements are done, and stay done.
#[tokio::test]
async fn files_without_statements() {
    for bytes in
        [&b""[..], b"\n \n", b"-- only a comment", b"/* a /* nested */ one */\n;;\n", b"\xef\xbb\xbf"]
    {
        let world = accepted("0002_empty.sql", bytes, "").await;
        assert_eq!(world.status(), ["0001_fine applied", "0002_empty applied"]);
    }
}

/// A person relies on: what PostgreSQL cannot store is refused before anything runs.
#[tokio::test]
async fn what_is_no_text() {
    refused("0002_latin1.sql", b"create table a ();\ncomment on table a is 'gr\xf6sse';", "DN104", Some(2))
        .await;
    refused("0002_nul.sql", b"create table a ();\n\nselect '\0';", "DN104", Some(3)).await;
    refused("0002_utf16.sql", b"\xff\xfes\0e\0l\0e\0c\0t\0 \x001\0", "DN104", None).await;
}

/// A person relies on: a byte-order mark and the line ends of another system are no part of the SQL.
#[tokio::test]
async fn byte_order_marks_and_line_ends() {
    let sql = "create table a (\r\n  id int\r\n);\r\n\r\ncreate function f() returns int language sql as $$\r\nselect 1\r\n$$;\r\n";
    let world = World::new(Names::Plain, "", &[]).await;
    world.folder.write("0001_a.sql", "\u{feff}".to_owned() + sql);
    world.up(0, "applied");
    let before = state(&world.database).await;
    // A checkout on another system is no edit, unless the text of a function changes with it.
    world.folder.write("0001_a.sql", sql);
    assert_eq!(world.status(), ["0001_a applied"]);
    world.run(&["up"]).expect(0);
    world.stays("nothing").await;
    same(&before, &state(&world.database).await);

    world.folder.write("0002_wrong.sql", "\u{feff}select 1;\r\n\r\ncreate tabel b ();\r\n");
    let diagnostic = world.up(3, "refused").diagnostic("DN101");
    assert_eq!((&diagnostic["line"], &diagnostic["column"]), (&3.into(), &8.into()));
    world.folder.write("0002_wrong.sql", "\u{feff}create tabel b ();\r\n");
    let diagnostic = world.up(3, "refused").diagnostic("DN101");
    assert_eq!((&diagnostic["line"], &diagnostic["column"]), (&1.into(), &8.into()), "the mark has no width");
}

/// A person relies on: a link that leads nowhere is not passed over in silence; one that leads to a file is the file.
#[cfg(unix)]
#[tokio::test]
async fn symbolic_links() {
    use std::os::unix::fs::symlink;
    let world = world().await;
    let link = world.folder.path().join("0002_link.sql");
    symlink("/nowhere/at/all.sql", &link).unwrap();
    let output = world.run(&["up", "--format", "json"]);
    assert!([2, 3].contains(&output.code), "{output:?}");
    assert!((output.stdout + &output.stderr).contains("0002_link.sql"));
    world.is_untouched().await;

    let elsewhere = Folder::new(&[("real.sql", "create table linked (id int);")]);
    std::fs::remove_file(&link).unwrap();
    symlink(elsewhere.path().join("real.sql"), &link).unwrap();
    assert_eq!(world.up(0, "applied").ids("applied"), ["0001_fine", "0002_link"]);
}

/// A person relies on: a file that may not be read stops the run; it could be the one that matters.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let world = world().await;
    let path = world.folder.write("0002_secret.sql", "create table secret (id int);");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        return; // root reads everything
    }
    let output = world.run(&["up"]);
    assert!([2, 3].contains(&output.code), "{output:?}");
    assert!(output.stderr.contains("0002_secret.sql"));
    world.is_untouched().await;
}

/// A person relies on: two files that the journal could not tell apart are refused, both are named.
#[tokio::test]
async fn two_files_with_one_id() {
    let world = world().await;
    world.folder.write("0002_twice.sql", "create table a (id int);");
    world.folder.write("0002_twice.up.sql", "create table b (id int);");
    let diagnostic = world.up(3, "refused").diagnostic("DN108").to_string();
    assert!(
        diagnostic.contains("0002_twice.sql") && diagnostic.contains("0002_twice.up.sql"),
        "{diagnostic}"
    );
    world.is_untouched().await;
}

/// A person relies on: commands of psql are named as such, where they stand; a dump's two lines do no harm.
#[tokio::test]
async fn commands_of_psql() {
    refused("0002_psql.sql", b"create table a (id int);\n\\i other.sql\n", "DN102", Some(2)).await;
    refused("0002_psql.sql", b"\\set ON_ERROR_STOP on\ncreate table a (id int);\n", "DN102", Some(1)).await;
    refused("0002_psql.sql", b"create table a (id int);\n\n\\copy a from 'a.csv'\n", "DN102", Some(3)).await;
    let dump = "--\n-- PostgreSQL database dump\n--\n\n\\restrict k3Zs9\n\nSET statement_timeout = 0;\n\
        SELECT pg_catalog.set_config('search_path', '', false);\n\
        CREATE TABLE public.dumped (id integer, said text);\n\
        COPY public.dumped (id, said) FROM stdin;\n1\ta;b\n2\t\\N\n\\.\n\n\
        CREATE INDEX dumped_id ON public.dumped USING btree (id);\n\\unrestrict k3Zs9\n";
    let after =
        "create table dumped (id integer, said text); insert into dumped values (1, 'a;b'), (2, null);
        create index dumped_id on dumped (id);";
    let world = accepted("0002_dump.sql", dump.as_bytes(), after).await;
    // The dump's empty search_path is the dump's own.
    world.folder.write("0003_next.sql", "create table next_one (id int);");
    world.up(0, "applied");
    assert_eq!(world.lines("select count(*) from public.next_one").await, ["0"]);
}

/// A person relies on: a directive with a slip in it is not taken for a comment.
#[tokio::test]
async fn directives_that_do_not_exist() {
    refused("0002_d.sql", b"-- dunlin: no transactoin\nselect 1;", "DN107", Some(1)).await;
    refused("0002_d.sql", b"select 1;\n\n-- dunlin: allow dataloss\nselect 2;", "DN107", Some(3)).await;
    accepted("0002_d.sql", b"-- dunlin is fine\n-- dunlin: depends on 0001_fine\nselect 1;", "").await;
    accepted("0002_d.sql", b"select 1;\n-- dunlin: skip\ncreate table never (id int);", "").await;
}

/// A person relies on: a transaction that the file does not close is its author's mistake, found beforehand.
#[tokio::test]
async fn transactions_that_are_not_closed() {
    refused("0002_t.sql", b"create table a (id int);\nbegin;\ncreate table b (id int);", "DN103", Some(2))
        .await;
    refused("0002_t.sql", b"create table a (id int);\ncommit;", "DN103", Some(2)).await;
    let closed = b"begin;\ncreate table a (id int);\ncommit;\nbegin; create table b (id int); end;";
    accepted("0002_t.sql", closed, "create table a (id int); create table b (id int);").await;
}

/// A person relies on: what would break the guarantees of a run is refused.
#[tokio::test]
async fn statements_that_a_migration_may_not_have() {
    for sql in
        ["discard all", "begin; prepare transaction 'x'", "rollback", "select pg_advisory_unlock_all()"]
    {
        let world = world().await;
        world.folder.write("0002_s.sql", format!("create table a (id int);\n{sql};"));
        world.up(3, "refused");
        world.is_untouched().await;
    }
}

/// A person relies on: a file's name may be anything; it is text, never SQL.
#[tokio::test]
async fn odd_file_names() {
    let names = [
        "0002_it's.sql",
        "0003_x'; drop table fine; --.sql",
        "0004_größe 日本.sql",
        "0005_\"quoted\".sql",
        "0006_$(touch nothing).sql",
        "0007_{brace} %s \\n.sql",
        "UPPER.sql",
        "with space.sql",
        "ünversioned.sql",
    ];
    let world = world().await;
    let mut after = String::new();
    for (at, name) in names.iter().enumerate() {
        let sql = format!("create table odd{at} (id int); insert into odd{at} values ({at});");
        world.folder.write(name, &sql);
        after += &sql;
    }
    let up = world.up(0, "applied");
    let applied = up.ids("applied");
    assert_eq!(applied[0], "0001_fine");
    for name in names {
        assert!(applied.contains(&name.trim_end_matches(".sql").to_owned()), "{name}");
    }
    world.is_like(&("create table {fine} ({id} int);\n".to_owned() + &after)).await;
    world.stays("nothing").await;
    let shown = world.run(&["show", "0003_x'; drop table fine; --"]).expect(0).stdout;
    assert!(shown.contains("odd1"));
}

/// A person relies on: mistakes on the command line and in the configuration are told apart from failures.
#[tokio::test]
async fn wrong_usage() {
    let world = world().await;
    let folder = world.folder.path().to_str().unwrap();
    let dunlin = Program::new(env!("CARGO_BIN_EXE_dunlin")).directory("/");
    dunlin.run(&["up", "-m", folder]).expect(2); // no URL
    dunlin.run(&["frobnicate"]).expect(2);
    for arguments in [
        &["up", "--frobnicate"][..],
        &["up", "--format", "sarif"],
        &["up", "--order", "random"],
        &["skip", "nonsense"],
        &["show", "0099_no"],
    ] {
        world.run(arguments).expect(2);
    }
    let output =
        dunlin.run(&["up", "-m", folder, "-d", "postgres://host:not-a-port/x", "--format", "json"]).expect(2);
    error(&output.json());
    for wrong in ["[policy]\norder = \"random\"\n", "[policy]\nordr = \"files\"\n", "not toml"] {
        world.folder.write("dunlin.toml", wrong);
        let output = world.run(&["up"]).expect(2);
        assert!(output.stderr.contains("dunlin.toml"), "{}", output.stderr);
    }
    world.is_untouched().await;
    world.folder.write("dunlin.toml", "[policy]\norder = \"files\"\n");
    world.up(0, "applied");
}

/// A person relies on: the same set, checked without a database, says the same about its text.
#[tokio::test]
async fn check_has_one_document_for_all() {
    let world = world().await;
    world.folder.write("0002_a.sql", "create index i on fine (nothing);\nselect 1;");
    world.folder.write("0003_b.sql", "create tabel b ();");
    let dunlin = Program::new(env!("CARGO_BIN_EXE_dunlin")).directory("/");
    let output =
        dunlin.run(&["check", "-m", world.folder.path().to_str().unwrap(), "--format", "json"]).expect(3);
    let check = output.json();
    assert_eq!((&check["ok"], &check["files"]), (&false.into(), &3.into()));
    let codes = codes(&check);
    assert!(
        codes.contains(&"DN101".to_owned()) && codes.contains(&"DN203".to_owned()),
        "all at once: {codes:?}"
    );
}
