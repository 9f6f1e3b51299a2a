//! What a file's text becomes.

use super::*;
use crate::diagnostic::{Code, Severity};
use proptest::prelude::*;

fn script(text: &str) -> (SourceFile, Script) {
    let file = SourceFile::new("a.sql", text);
    let script = parse(&file, Span::new(0, file.text.len()), &ParseOptions::default());
    (file, script)
}

fn parsed(text: &str) -> Script {
    let (_, script) = script(text);
    for statement in &script.statements {
        assert!(matches!(statement.tree, Tree::Parsed(_)), "{}: {:?}", statement.sql, statement.tree);
    }
    script
}

fn refusal(text: &str) -> Diagnostic {
    let (_, script) = script(text);
    match script.statements.into_iter().find_map(|statement| match statement.tree {
        Tree::Refused(diagnostic) => Some(diagnostic),
        _ => None,
    }) {
        Some(diagnostic) => diagnostic,
        None => panic!("{text} is accepted"),
    }
}

#[test]
fn valid_statements_parse() {
    for text in [
        "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN a > 1 THEN 2 END; END",
        "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); END",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b)",
        r"SELECT E'\'', e'\\', U&'\0061', B'1', X'f', N'x', $1, $a$ $$ $b$ $a$",
        "CREATE TABLE \"größe;\" (größe int)",
        "SELECT 1 AS end, x.case FROM x",
        "DO $x$ BEGIN PERFORM 1; END $x$",
        "COPY t FROM stdin",
        "SELECT 1 OPERATOR(pg_catalog.+) 2",
    ] {
        assert_eq!(parsed(text).statements.len(), 1, "{text}");
        let twice = format!("\u{feff}{text};\r\n{}", text.replace("COPY t FROM stdin", ""));
        assert!(!parsed(&twice).statements.is_empty());
    }
}

#[test]
fn syntax_errors_have_their_exact_place() {
    let error = refusal("SELECT 'é';\r\n  SELECT 'ü' fro frm x;\nSELECT 1");
    assert_eq!((error.code, error.message.as_str()), (Code::DN101, "syntax error at or near \"frm\""));
    let place = error
        .location
        .map(|location| (location.line, location.column, location.span.end - location.span.start));
    assert_eq!(place, Some((2, 18, 3)));
    assert_eq!(refusal("CREATE TABLE t (a int").message, "syntax error at end of input");
    assert_eq!(refusal("SELECT 'abc").message, "unterminated quoted string at or near \"'abc\"");
    assert_eq!(refusal("CREATE TABLE t (system_user text)").code, Code::DN101);
    assert!(refusal("SELECT :'name'").help.is_some());
}

#[test]
fn locations_are_relative_to_the_statement() {
    let (file, script) = script("SELECT 1;\n/* é */ SELECT 'é', number_of_things(2)");
    let Tree::Parsed(tree) = &script.statements[1].tree else { panic!() };
    let Some(NodeEnum::SelectStmt(select)) = tree.node() else { panic!() };
    let Some(NodeEnum::ResTarget(target)) = &select.target_list[1].node else { panic!() };
    let place = script.statements[1].locate(target.location);
    assert_eq!(place.map(|span| file.slice(span)), Some("number_of_things"));
    assert_eq!(script.statements[1].locate(-1), None);
}

#[test]
fn lenient_forms_run_as_meant() {
    use LenientForm::*;
    for (text, form, blanked) in [
        (
            "ALTER TABLE t ADD CONSTRAINT IF NOT EXISTS a CHECK (b), ADD CONSTRAINT c CHECK (d), ADD CONSTRAINT if not exists e CHECK (f)",
            AddConstraintIfNotExists,
            6,
        ),
        ("CREATE TYPE IF NOT EXISTS s.x AS ENUM ('a')", CreateTypeIfNotExists, 3),
        ("CREATE TYPE x IF NOT EXISTS AS ENUM ('a')", CreateTypeIfNotExists, 3),
        ("create domain if not exists x as int", CreateDomainIfNotExists, 3),
        (
            "CREATE TRIGGER IF NOT EXISTS x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
            CreateTriggerIfNotExists,
            3,
        ),
        (
            "CREATE OR REPLACE TRIGGER IF NOT EXISTS x AFTER INSERT ON t EXECUTE FUNCTION f()",
            CreateTriggerIfNotExists,
            3,
        ),
        (
            "CREATE CONSTRAINT TRIGGER IF NOT EXISTS x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
            CreateTriggerIfNotExists,
            3,
        ),
        ("CREATE POLICY IF NOT EXISTS p ON t USING (true)", CreatePolicyIfNotExists, 3),
        ("ALTER TABLE t RENAME COLUMN IF EXISTS a TO b", RenameColumnIfExists, 2),
    ] {
        let script = parsed(text);
        let statement = &script.statements[0];
        assert_eq!(statement.lenient, Some(form), "{text}");
        assert_eq!(statement.lenient_at.len(), blanked);
        assert_eq!(statement.sql.len(), text.len());
        assert_eq!(script.diagnostics.len(), 1);
        assert_eq!(script.diagnostics[0].code, Code::DN105);
        let strict = ParseOptions { lenient: false, repair: false };
        let file = SourceFile::new("a.sql", text);
        let script = parse(&file, Span::new(0, text.len()), &strict);
        assert!(matches!(script.statements[0].tree, Tree::Refused(_)));
    }
    assert_eq!(parsed("ALTER TABLE t ADD COLUMN IF NOT EXISTS a int").statements[0].lenient, None);
    assert_ne!(
        parsed("CREATE TYPE IF NOT EXISTS x").statements[0].digest,
        parsed("CREATE TYPE x").statements[0].digest
    );
}

#[test]
fn digests_ignore_comments_space_and_case_of_plain_names() {
    let digest = |text: &str| parsed(text).statements[0].digest;
    let one = digest("SELECT a, \"B\", 'C' FROM t");
    assert_eq!(one, digest("select A /* x */ ,\n \"B\",'C' from T -- y\n;"));
    assert_ne!(one, digest("SELECT a, \"b\", 'C' FROM t"));
    assert_ne!(one, digest("SELECT a, \"B\", 'c' FROM t"));
    assert_eq!(digest("DO $$\r\nBEGIN END $$"), digest("DO $$\nBEGIN END $$"));
}

#[test]
fn psql_commands_are_explained() {
    let (_, commands) = script("\\restrict abc\n\\connect db\nSELECT 1;\n\\i a.sql\n\\unrestrict abc\n");
    let codes: Vec<_> =
        commands.diagnostics.iter().map(|d| (d.code, d.location.as_ref().map(|l| l.line))).collect();
    assert_eq!(codes, [(Code::DN102, Some(2)), (Code::DN102, Some(4))]);
    assert_eq!(commands.statements.len(), 1);
    assert_eq!(refusal("SELECT 1 \\gset\n").code, Code::DN102);
}

#[test]
fn mangled_dollar_quotes_are_one_error_and_one_statement() {
    for text in [
        "SELECT 1;\nDO $\nBEGIN\n  PERFORM 1; -- don't\n  PERFORM 2;\nEND $;\nSELECT 2;",
        "SELECT 1;\nDO $$$\nBEGIN\n  PERFORM 1;\nEND\n$$$;\nSELECT 2;",
        "SELECT 1;\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $ BEGIN; RETURN 1; END; $ STABLE;\nSELECT 2;",
    ] {
        let (file, script) = script(text);
        assert_eq!(script.statements.len(), 3, "{text}");
        assert_eq!(script.diagnostics, []);
        let Tree::Refused(mangled) = &script.statements[1].tree else { panic!() };
        assert_eq!((mangled.code, mangled.location.as_ref().map(|l| l.line)), (Code::DN106, Some(2)));
        let options = ParseOptions { repair: true, lenient: true };
        let script = parse(&file, Span::new(0, text.len()), &options);
        assert!(script.repaired.is_some());
        assert_eq!((script.diagnostics.len(), script.diagnostics[0].severity), (1, Severity::Warning));
        assert!(script.statements.iter().all(|s| matches!(s.tree, Tree::Parsed(_))));
        assert_eq!(&*script.statements[2].sql, "SELECT 2");
    }
    let (_, vanished) = script("DO BEGIN PERFORM 1; END;\n");
    assert!(
        matches!(&vanished.statements[..], [one] if matches!(&one.tree, Tree::Refused(d) if d.code == Code::DN106))
    );
}

#[test]
fn deep_statements_are_opaque_and_others_go_on() {
    let deep = format!("SELECT {}1{}; SELECT 2", "(".repeat(100_000), ")".repeat(100_000));
    let (_, deep) = script(&deep);
    assert!(matches!(deep.statements[0].tree, Tree::Opaque(_)));
    assert!(matches!(deep.statements[1].tree, Tree::Parsed(_)));
    parsed(&format!("SELECT {}", vec!["a"; 2000].join(" || ")));
}

#[test]
fn large_files_are_linear() {
    let rows = vec!["(1, 'some text that is not short', now())"; 50_000].join(",\n");
    let text = format!("{}INSERT INTO t VALUES {rows};", "-- c\nSELECT 1;\n".repeat(2_000));
    let script = parsed(&text);
    assert_eq!(script.statements.len(), 2001);
    let Tree::Parsed(tree) = &script.statements[2000].tree else { panic!() };
    assert!(format!("{tree:?}").len() < 10_000, "alike rows are in the tree once");
    assert!(script.statements[2000].sql.len() > 1_000_000);
}

/// Every byte is white space, a semicolon, or inside a comment, statement, COPY data or diagnostic.
fn loses_nothing(text: &str) {
    let (file, script) = script(text);
    let mut kept = vec![false; file.text.len()];
    let mut keep = |span: Span| kept[span.range()].fill(true);
    for statement in &script.statements {
        keep(statement.span);
        assert_eq!(statement.sql.len(), statement.span.end - statement.span.start);
        statement.copy_data.into_iter().for_each(&mut keep);
        statement.comments.iter().for_each(|comment| keep(comment.span));
    }
    script.trailing_comments.iter().for_each(|comment| keep(comment.span));
    script.diagnostics.iter().filter_map(|d| d.location.as_ref()).for_each(|l| keep(l.span));
    for pair in script.statements.windows(2) {
        assert!(pair[0].span.end <= pair[1].span.start, "{text:?}");
    }
    let lost: String =
        file.text.bytes().zip(&kept).filter(|(_, kept)| !**kept).map(|(byte, _)| byte as char).collect();
    let lost = lost.replace(['\\', '.', ';', ' ', '\n', '\r', '\t', '\u{b}', '\u{c}'], "");
    // Comments between a statement's last token and its semicolon say nothing to anybody.
    assert!(lost.is_empty() || lost.starts_with("--") || lost.starts_with("/*"), "{text:?} lost {lost:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn tokens_end_where_postgres_ends_them(text in "(\\$|\\$\\$|\\$a\\$|\\$1|;|'|''|\"|--|/\\*|\\*/|é|e'|U&'|u&\"|b'|X'|\\\\|\n|\r\n| |\\(|\\[|1|0x1F|1\\.5|e5|\\.|:|=|::|<|>|\\+|-|\\*|/|@|%|\\||#|~|a|B_|,){0,25}") {
        // The crate takes a slice of a null pointer when there is no token at all.
        let text = format!("a {text}");
        let Ok(reference) = pg_query::scan_tokens(&text) else { return Ok(()) };
        let reference: Vec<_> = reference.iter().map(|token| (token.start as usize, token.end as usize)).collect();
        let own: Vec<_> = Lexer::new(&text, 0, text.len()).map(|token| (token.span.start, token.span.end)).collect();
        prop_assert_eq!(own, reference, "{:?}", text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_text_is_lost_and_nothing_panics(text in "\\PC*|(do|as|begin|end|case|\\$|\\$\\$|\\$a\\$|;|'|\"|\\\\|--|/\\*|\\*/|copy|from stdin|é|e'|\n| |\\(|\\)|if not exists|create|function|atomic|1|\\.){0,40}") {
        loses_nothing(&text);
    }
}

/// The numbers behind `location: ` in a tree's text.
fn locations(tree: &Tree) -> Vec<i32> {
    let Tree::Parsed(tree) = tree else { return Vec::new() };
    let text = format!("{:?}", tree.node());
    let numbers = text.split("location: ").skip(1);
    numbers
        .filter_map(|rest| rest.split(|c: char| c != '-' && !c.is_ascii_digit()).next()?.parse().ok())
        .collect()
}

#[test]
fn a_file_that_is_parsed_as_a_whole_has_the_places_of_one_that_is_parsed_statement_by_statement() {
    let statements = [
        "SELECT 'é', a.b + lower(c) FROM t a WHERE x IN (1, 2) AND NOT y",
        "/* ü */ CREATE TABLE t (id int PRIMARY KEY, s varchar(3) DEFAULT 'x' CHECK (s <> ''), UNIQUE (s))",
        "ALTER TABLE ONLY t ADD COLUMN x int -- é\n REFERENCES u (id), DROP COLUMN y",
        "INSERT INTO t AS a VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET s = excluded.s RETURNING *",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT count(*) FROM t; END",
        "COMMENT ON TABLE t IS 'x;y'",
    ];
    let (file, whole) = script(&format!("-- é\n{} ;\n", statements.join("\n;;  ")));
    assert_eq!(whole.statements.len(), statements.len());
    let mut compared = 0;
    for statement in &whole.statements {
        let (_, alone) = script(&statement.sql);
        let alone = &alone.statements[0];
        assert_eq!((&statement.sql[..], statement.digest), (file.slice(statement.span), alone.digest));
        let (here, there) = (locations(&statement.tree), locations(&alone.tree));
        assert_eq!(here.len(), there.len());
        for (here, there) in here.into_iter().zip(there) {
            assert_eq!(statement.place(here), alone.place(there), "{}", statement.sql);
            compared += usize::from(there > 0);
        }
    }
    assert!(compared > 40, "{compared}");
    assert!(whole.statements.iter().all(|statement| statement.offset > 0));
    // What is not plain SQL is read as before.
    for more in ["select from from", "\\x", "alter table t add constraint if not exists c check (true)"] {
        let (_, parts) = script(&format!("{}; {more}", statements.join(";")));
        assert_eq!(parts.statements[0].sql, whole.statements[0].sql);
        assert!(parts.statements.iter().all(|statement| statement.offset == 0), "{more}");
    }
}
