use super::*;

/// Pairs of what is written and how the server (15 and 18 alike) writes it back.
fn table(text: &'static str) -> Vec<(&'static str, &'static str)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t')).collect()
}

/// Rows whose answer is not Same, with the answer.
fn misses(rows: &[(&str, &str)], compare: impl Fn(&str, &str) -> Sameness) -> Vec<String> {
    let answers = rows.iter().map(|(a, b)| (a, b, compare(a, b)));
    answers.filter(|row| row.2 != Sameness::Same).map(|(a, b, answer)| format!("{answer:?}: {a}  <>  {b}")).collect()
}

#[test]
fn what_the_server_writes_back_is_the_same() {
    let rows = table(include_str!("expressions.txt"));
    assert!(rows.len() > 150);
    assert_eq!(misses(&rows, expressions), Vec::<String>::new());
}

#[test]
fn what_the_server_writes_of_defaults_is_the_same() {
    let mut wrong = Vec::new();
    for line in include_str!("defaults.txt").lines().skip(1) {
        let parts: Vec<&str> = line.split('\t').collect();
        let [written, server, ty] = parts.as_slice() else { panic!("{line}") };
        wrong.extend(misses(&[(written, server)], |a, b| defaults(a, b, &type_of(ty))));
        assert_eq!(defaults(server, written, &type_of(ty)), defaults(written, server, &type_of(ty)));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Reads the names of the table's types.
fn type_of(text: &str) -> TypeRef {
    let (name, array) = text.strip_suffix("[]").map_or((text, false), |name| (name, true));
    let name = match name.split('(').next().unwrap_or(name) {
        "integer" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "boolean" => "bool",
        "double precision" => "float8",
        "character varying" => "varchar",
        "character" => "bpchar",
        "timestamp with time zone" => "timestamptz",
        "timestamp without time zone" => "timestamp",
        other => other,
    };
    TypeRef { array, ..TypeRef::builtin(name) }
}

type Compare = fn(&str, &str) -> Sameness;

fn statements() -> Vec<(&'static str, Compare, String, String)> {
    let rows = include_str!("statements.txt").lines().skip(1).map(|line| {
        let parts: Vec<&str> = line.split('\t').collect();
        let [kind, written, server] = parts.as_slice() else { panic!("{line}") };
        let compare: Compare = match *kind {
            "index" => index_definitions,
            "constraint" => constraints,
            "trigger" => triggers,
            "function" => functions,
            "view" => queries,
            "policy" => policies,
            other => panic!("{other}"),
        };
        (*kind, compare, (*written).to_owned(), server.replace("\\n", "\n"))
    });
    rows.collect()
}

#[test]
fn what_the_server_writes_of_statements_is_the_same() {
    let mut wrong = Vec::new();
    for (_, compare, written, server) in statements() {
        wrong.extend(misses(&[(&written, &server)], compare));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn two_statements_are_only_the_same_when_the_server_says_so() {
    let rows = statements();
    let mut accidents = Vec::new();
    for (kind, compare, written, server) in &rows {
        assert_eq!(compare(written, written), Sameness::Same, "{written}");
        for (other_kind, _, other, other_server) in &rows {
            if kind != other_kind {
                continue;
            }
            assert_eq!(compare(written, other), compare(other, written), "{written}  <>  {other}");
            let answer = compare(written, other_server);
            if server != other_server && written != other && answer == Sameness::Same {
                accidents.push(format!("{written}  <>  {other_server}"));
            }
            if server == other_server && answer == Sameness::Different {
                accidents.push(format!("wrongly different: {written}  <>  {other_server}"));
            }
        }
    }
    assert_eq!(accidents, Vec::<String>::new());
}

/// Every two rows: the answers are symmetric, and two different rows are never the same by accident.
#[test]
fn sameness_is_reflexive_and_symmetric() {
    let rows = table(include_str!("expressions.txt"));
    let mut accidents = Vec::new();
    for (at, (a, server)) in rows.iter().enumerate() {
        assert_eq!(expressions(a, a), Sameness::Same);
        assert_eq!(expressions(server, a), expressions(a, server));
        for (b, other) in &rows[at + 1..] {
            assert_eq!(expressions(a, b), expressions(b, a), "{a}  <>  {b}");
            if server != other && expressions(a, other) == Sameness::Same {
                accidents.push(format!("{a}  <>  {other}"));
            }
            if server == other && expressions(a, other) == Sameness::Different {
                accidents.push(format!("wrongly different: {a}  <>  {other}"));
            }
        }
    }
    assert_eq!(accidents, Vec::<String>::new());
}
