use super::layout::natural;
use super::*;
use crate::diagnostic::{Code, Severity};
use proptest::prelude::*;
use std::cmp::Ordering;
use std::fs;
use std::path::Path;

fn set(files: &[(&str, &str)]) -> MigrationSet {
    let files = files.iter().map(|(name, text)| (*name, text.as_bytes()));
    MigrationSet::from_files(files, "migrations").unwrap()
}

fn ids(set: &MigrationSet) -> Vec<&str> {
    set.migrations.iter().map(|migration| migration.id.as_str()).collect()
}

fn write(dir: &Path, name: &str, bytes: &[u8]) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn versions_order_as_numbers_and_everything_has_a_place() {
    let names = [
        "R__view.sql",
        "seed.sql",
        "10_b.sql",
        "9_a.sql",
        "0001_x.sql",
        "V1.10__k.sql",
        "V1.2__j.sql",
        "V1_3__jj.sql",
        "20240101120000_t.sql",
        "100000000000000000000000000000000000000000000001_z.sql",
        "2024-01-02-120000_d.sql",
        "100000000000000000000000000000000000000000000000_y.sql",
        "seed2.sql",
        "seed10.sql",
    ];
    let files: Vec<_> = names.iter().map(|name| (*name, "SELECT 1")).collect();
    let set = set(&files);
    assert_eq!(
        ids(&set),
        [
            "0001_x",
            "V1.2__j",
            "V1_3__jj",
            "V1.10__k",
            "9_a",
            "10_b",
            "2024-01-02-120000_d",
            "20240101120000_t",
            "100000000000000000000000000000000000000000000000_y",
            "100000000000000000000000000000000000000000000001_z",
            "seed",
            "seed2",
            "seed10",
            "R__view",
        ]
    );
    assert_eq!(set.migrations[1].version, Some(Version(vec![1, 2])));
    assert_eq!(set.migrations[13].kind, Kind::Repeatable);
}

#[test]
fn every_layout_is_paired() {
    let set = set(&[
        ("1_a.up.sql", "A"),
        ("1_a.down.sql", "-A"),
        ("2_b/up.sql", "B"),
        ("2_b/down.sql", "-B"),
        ("3_c/migration.sql", "C"),
        ("4_d.sql", "-- +goose Up\nD;\n-- +goose Down\n-D;\n"),
        ("V5__e.sql", "E"),
        ("U5__e.sql", "-E"),
        ("6_f.sql.bak", ""),
        ("notes/readme.md", ""),
        (".hidden.sql", ""),
        ("migration_lock.toml", ""),
        ("9_x.down.sql", ""),
        ("U.sql", ""),
    ]);
    assert_eq!(ids(&set), ["1_a", "2_b", "3_c", "4_d", "V5__e", "U"]);
    let downs: Vec<_> =
        set.migrations.iter().map(|m| m.down.as_ref().map(|(file, span)| file.slice(*span))).collect();
    assert_eq!(downs, [Some("-A"), Some("-B"), None, Some("-D;\n"), Some("-E"), None]);
    assert_eq!(&*set.migrations[1].up.path, "migrations/2_b/up.sql");
    let ignored: Vec<_> = set.ignored.iter().map(|path| path.display().to_string()).collect();
    assert_eq!(ignored, ["migrations/6_f.sql.bak", "migrations/migration_lock.toml", "migrations/notes"]);
    assert_eq!(set.diagnostics.len(), 1);
    assert_eq!(set.diagnostics[0].severity, Severity::Warning);
    assert!(set.diagnostics[0].message.contains("9_x.down.sql"));
}

#[test]
fn equal_ids_name_both_files_and_an_empty_set_warns() {
    let twice = set(&[("a.sql", ""), ("a.up.sql", "")]);
    assert_eq!(twice.diagnostics[0].code, Code::DN108);
    assert!(twice.diagnostics[0].message.contains("migrations/a.sql and migrations/a.up.sql"));
    let empty = set(&[]);
    assert_eq!((empty.diagnostics[0].code, empty.diagnostics[0].severity), (Code::DN809, Severity::Warning));
}

#[test]
fn directives_of_the_file_and_of_statements() {
    let text = "-- no-transaction\n-- dunlin: depends on 0001_a, 0002_b\n/* dunlin: Renamed from old */\n-- dunlin: skip\nSELECT 1;\n\
                -- dunlin: allow data-loss\nSELECT 2;\n-- dunlin: no transaction\n-- dunlin: skp\nSELECT 3;";
    let set = set(&[("3_c.sql", text)]);
    let migration = &set.migrations[0];
    let directives = &migration.directives;
    assert_eq!(
        directives
            .depends_on
            .iter()
            .map(|(id, span)| (&id[..], migration.up.slice(*span)))
            .collect::<Vec<_>>(),
        [("0001_a", "0001_a"), ("0002_b", "0002_b")]
    );
    assert!(directives.no_transaction);
    assert_eq!(directives.renamed_from.as_ref().map(|(id, _)| id.as_str()), Some("old"));
    assert_eq!(migration.diagnostics, []);
    let script = migration.statements(&ParseOptions::default());
    let read: Vec<_> = (0..3).map(|at| statement_directives(&migration.up, &script.statements[at])).collect();
    assert_eq!((read[0].0.skip, read[0].1.len()), (true, 0));
    assert_eq!((read[1].0.allow_data_loss, read[1].0.skip, read[1].1.len()), (true, false, 0));
    assert_eq!(read[2].1.len(), 2);
    assert_eq!(read[2].1[1].help.as_deref(), Some("did you mean `-- dunlin: skip`?"));
}

#[test]
fn what_is_depended_on_comes_first() {
    let ids = |set: &MigrationSet| set.migrations.iter().map(|m| m.id.clone()).collect::<Vec<_>>();
    let sorted = set(&[
        ("1_a.sql", "-- dunlin: depends on 3_c\n"),
        ("2_b.sql", ""),
        ("3_c.sql", "-- dunlin: depends on old\n"),
        ("4_d.sql", "-- dunlin: renamed from old\n"),
    ]);
    assert_eq!(ids(&sorted), ["4_d", "3_c", "1_a", "2_b"]);
    assert_eq!(sorted.diagnostics, []);
    let wrong = set(&[
        ("1_a.sql", "-- dunlin: depends on 2_x\n"),
        ("2_b.sql", "-- dunlin: depends on 3_c"),
        ("3_c.sql", "-- dunlin: depends on 2_b"),
    ]);
    let codes: Vec<Code> = wrong.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [Code::DN107, Code::DN301]);
    assert_eq!(wrong.migrations.len(), 3);
}

#[test]
fn unknown_directives_are_errors_with_help() {
    for (text, help) in [
        ("-- dunlin: depend on x", "did you mean `-- dunlin: depends on`?"),
        ("-- dunlin: no-transaction", "did you mean `-- dunlin: no transaction`?"),
        ("-- dunlin: depends on", "write the id of a migration behind it: `-- dunlin: depends on ID`"),
    ] {
        let set = set(&[("a.sql", text)]);
        let [diagnostic] = &set.migrations[0].diagnostics[..] else { panic!("{text}") };
        assert_eq!((diagnostic.code, diagnostic.help.as_deref()), (Code::DN107, Some(help)));
    }
    assert_eq!(set(&[("a.sql", "-- dunlin is a bird: see")]).migrations[0].diagnostics, []);
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    for (bytes, line, column, what) in [
        (&b"SELECT 1;\n\xc3\xa9\xff"[..], 2, 2, "UTF-8"),
        (b"\xef\xbb\xbfa\0b", 1, 2, "NUL"),
        (b"\xff\xfeS\0", 1, 1, "UTF-8"),
    ] {
        let set = MigrationSet::from_files([("a.sql", bytes)], "m").unwrap();
        let [diagnostic] = &set.migrations[0].diagnostics[..] else { panic!() };
        let location = diagnostic.location.as_ref().unwrap();
        assert_eq!((diagnostic.code, location.line, location.column), (Code::DN104, line, column));
        assert!(diagnostic.message.contains(what));
        assert_eq!(&*set.migrations[0].up.text, "");
    }
}

#[test]
fn a_folder_on_disk_is_the_same_as_in_memory_and_its_digest_needs_no_texts() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "2_b/up.sql", b"SELECT 2");
    write(dir.path(), "1_a.sql", b"\xef\xbb\xbfSELECT 1\r\n");
    write(dir.path(), "1_a.down.sql", b"");
    write(dir.path(), "empty/.keep", b"");
    write(dir.path(), "deep/er/up.sql", b"");
    std::os::unix::fs::symlink(dir.path().join("1_a.sql"), dir.path().join("3_c.sql")).unwrap();
    let set = MigrationSet::load(dir.path(), "db/").unwrap();
    assert_eq!(ids(&set), ["1_a", "2_b", "3_c"]);
    assert_eq!(&*set.migrations[0].up.path, "db/1_a.sql");
    assert_eq!(set.ignored, [PathBuf::from("db/deep"), PathBuf::from("db/empty")]);
    let before = set_digest(dir.path()).unwrap();
    assert_eq!(before, set.digest());
    write(dir.path(), "1_a.sql", b"SELECT 1\n");
    assert_ne!(set_digest(dir.path()).unwrap(), before);
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("nowhere");
    assert!(
        matches!(MigrationSet::load(&missing, "x"), Err(MigrationError::NoFolder { path }) if path == missing)
    );
    std::os::unix::fs::symlink("/nowhere", dir.path().join("1_a.sql")).unwrap();
    let Err(error) = set_digest(dir.path()) else { panic!() };
    assert!(error.to_string().contains("1_a.sql"), "{error}");
}

#[test]
fn many_files_are_quick() {
    let names: Vec<String> = (0..100_000).map(|at| format!("{at:06}_x.sql")).collect();
    let set =
        MigrationSet::from_files(names.iter().map(|name| (name.as_str(), &b"SELECT 1;"[..])), "").unwrap();
    assert_eq!(set.migrations.len(), 100_000);
    assert_eq!(set.migrations[99_999].id, "099999_x");
}

proptest! {
    #[test]
    fn any_names_and_bytes_are_taken(name in "[VURvu0-9._a-zé-]{1,12}", bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let name = format!("{name}.sql");
        let set = MigrationSet::from_files([(name.as_str(), &bytes[..])], "m").unwrap();
        for migration in &set.migrations {
            prop_assert!(migration.up_span.end <= migration.up.text.len());
            prop_assert!(std::str::from_utf8(&bytes).is_err() || bytes.contains(&0) || migration.diagnostics.iter().all(|d| d.code != Code::DN104));
            migration.statements(&ParseOptions::default());
        }
    }

    #[test]
    fn natural_order_is_total(a in "[0-9a_é]{0,6}", b in "[0-9a_é]{0,6}", c in "[0-9a_é]{0,6}") {
        prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
        prop_assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
        if natural(&a, &b) != Ordering::Greater && natural(&b, &c) != Ordering::Greater {
            prop_assert_ne!(natural(&a, &c), Ordering::Greater);
        }
    }
}
