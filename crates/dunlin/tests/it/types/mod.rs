//! The types of expressions: what is worked out from the text must be what a server makes of it.

use dunlin::analyze::{Session, analyze};
use dunlin::catalog::{Catalog, Origin, QName, SearchPath};
use dunlin::pg::introspect::{Snapshot, introspect};
use dunlin::source::{SourceFile, Span};
use dunlin::syntax::{ParseOptions, Statement, on_large_stack, parse};
use dunlin_testkit::{TestDb, block_on};

const SCHEMA: &str = include_str!("schema.sql");
const QUERIES: &str = include_str!("queries.sql");

fn statements(sql: &str) -> Vec<Statement> {
    let file = SourceFile::new("test.sql", sql);
    parse(&file, Span::new(0, file.text.len()), &ParseOptions::default()).statements
}

/// Analyses statements and applies them; gives what is surely wrong with them.
fn simulate(catalog: &mut Catalog, sql: &str) -> Vec<String> {
    let session = Session::new(SearchPath::default());
    let mut invalid = Vec::new();
    for (at, statement) in statements(sql).iter().enumerate() {
        let analysis = on_large_stack(|| analyze(statement, catalog, &session));
        invalid.extend(analysis.invalid().map(|need| need.message.clone()));
        catalog.apply(&analysis.effects, Origin::Simulated(u32::try_from(at).unwrap()));
    }
    invalid
}

/// The columns of a view, each with type and collation; none where its columns are not known.
fn columns(catalog: &Catalog, view: &str) -> Option<Vec<(String, String)>> {
    let (_, relation) = catalog.relation_at(&QName::new("public", view))?;
    let text = |column: &dunlin::catalog::Column| {
        let collation = column.collation.as_ref().map(|name| format!(" collate {name}")).unwrap_or_default();
        (column.name.clone(), format!("{}{collation}", column.ty))
    };
    relation.columns_known.then(|| relation.columns.iter().map(text).collect())
}

/// Cuts a query with a list of targets into one query for each, so that one that a version refuses stands alone.
fn cut(query: &str) -> Vec<String> {
    let Some(list) = query.strip_prefix("select ") else { return vec![query.to_owned()] };
    let mut parts = vec![String::new()];
    let (mut depth, mut quoted, mut rest) = (0, false, "");
    for (at, character) in list.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            ' ' if !quoted && depth == 0 && list[at..].starts_with(" from ") => {
                rest = &list[at..];
                break;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(character);
    }
    if rest.contains(" union ") {
        return vec![query.to_owned()];
    }
    parts.iter().map(|part| format!("select {}{rest}", part.trim())).collect()
}

#[test]
fn types_of_expressions_are_those_of_the_server() {
    let (live, simulated, made) = block_on(async {
        let database = TestDb::with(SCHEMA).await;
        let mut made = Vec::new();
        let mut script = SCHEMA.to_owned();
        let major = dunlin_testkit::TestServer::shared().major();
        for (at, query) in QUERIES.lines().flat_map(cut).enumerate() {
            let sql = format!("create view v{at} as {query}");
            match database.try_execute(&sql).await {
                Ok(()) => {
                    script.push_str(&format!("{sql};\n"));
                    made.push((at, query));
                }
                Err(error) => {
                    let refused = error.as_db_error().map(|error| error.message().to_owned());
                    println!("server {major}: {query}: {}", refused.unwrap_or_default());
                }
            }
        }
        let live = introspect(database.client(), "dunlin", Snapshot::Own).await.unwrap().catalog;
        let mut simulated = Catalog::empty();
        simulated.server_version = live.server_version;
        simulated.roles.clone_from(&live.roles);
        simulated.current_role.clone_from(&live.current_role);
        assert_eq!(simulate(&mut simulated, &script), Vec::<String>::new());
        (live, simulated, made)
    });
    let (mut wrong, mut unsure, mut right) = (Vec::new(), Vec::new(), 0);
    for (at, query) in made {
        let view = format!("v{at}");
        let expected = columns(&live, &view).unwrap();
        let Some(found) = columns(&simulated, &view) else {
            unsure.push(query);
            continue;
        };
        assert_eq!(found.len(), expected.len(), "{query}");
        for ((name, expected), (_, found)) in expected.iter().zip(&found) {
            if found == expected {
                right += 1;
            } else if found.starts_with('?') {
                unsure.push(format!("{query}: {name} is {expected}"));
            } else {
                wrong.push(format!("{query}: {name} is {expected}, not {found}"));
            }
        }
    }
    println!("{right} right, {} unsure:\n{}", unsure.len(), unsure.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(unsure, Vec::<String>::new(), "{right} are right");
}

/// Tries each expression of the array: its type, or the SQLSTATE with which the server refuses it.
const TRY: &str = "create function try(list text[]) returns text[] language plpgsql as $$
declare one text; answer text; answers text[] := '{}';
begin
    foreach one in array list loop
        begin
            execute 'select pg_typeof(' || one || ') from t right join (select) one on true' into answer;
            answers := answers || coalesce(answer, '00000');
        exception when others then
            answers := answers || sqlstate;
        end;
    end loop;
    return answers;
end $$";

/// Asks the server and the simulation about expressions over the columns of `t`; the answers must not contradict.
///
/// A part of them, another one for each version; all of them with `DUNLIN_TEST_ALL`.
fn judged_alike(mut expressions: Vec<String>) {
    const PARTS: usize = 11;
    if std::env::var_os("DUNLIN_TEST_ALL").is_none() {
        let part = dunlin_testkit::TestServer::shared().major() as usize % PARTS;
        expressions = expressions.into_iter().skip(part).step_by(PARTS).collect();
    }
    let answers = block_on({
        let expressions = expressions.clone();
        async move {
            let database = TestDb::with(SCHEMA).await;
            database.execute(TRY).await;
            let sql = "select unnest(try($1))";
            let rows = database.client().query(sql, &[&expressions]).await.unwrap();
            let version = database.value("show server_version_num").await.parse::<u32>().unwrap();
            (version, rows.iter().map(|row| row.get(0)).collect::<Vec<String>>())
        }
    });
    let (version, answers) = answers;
    let mut catalog = Catalog::empty();
    catalog.server_version = version;
    catalog.roles = Some(std::collections::BTreeSet::new());
    simulate(&mut catalog, SCHEMA);
    let session = Session::new(SearchPath::default());
    let (mut right, mut unsure, mut missed, mut wrong) = (0, 0, Vec::new(), Vec::new());
    for (expression, answer) in expressions.iter().zip(&answers) {
        let script = statements(&format!("create view x as select {expression} as x from t"));
        let analysis = on_large_stack(|| analyze(&script[0], &catalog, &session));
        let invalid = analysis.invalid().map(|need| need.message.clone()).collect::<Vec<String>>();
        let mut after = catalog.clone();
        after.apply(&analysis.effects, Origin::Simulated(1));
        let found = columns(&after, "x").and_then(|columns| columns.into_iter().next()).map(|(_, ty)| ty);
        let found = found.unwrap_or_default();
        let found = found.split(" collate ").next().unwrap_or_default();
        // pg_typeof shows no modifiers.
        let bare = |ty: &str| {
            let ty = ty.replace("public.", "");
            match (ty.find('('), ty.find(')')) {
                (Some(open), Some(close)) => format!("{}{}", &ty[..open], &ty[close + 1..]),
                _ => ty,
            }
        };
        match (answer.as_str(), invalid.as_slice()) {
            ("42883", []) if found == "?" => missed.push(expression.clone()),
            ("42883", [_, ..]) => right += 1,
            ("42883", []) => wrong.push(format!("{expression} does not exist, and is taken for {found}")),
            (_, [invalid, ..]) => wrong.push(format!("{expression}: {answer}, and is refused: {invalid}")),
            (state, []) if is_state(state) => {}
            (_, []) if found == "?" => unsure += 1,
            (answer, []) if bare(found) == bare(answer) => right += 1,
            (answer, []) => wrong.push(format!("{expression} is {answer}, not {found}")),
        }
    }
    println!("{right} right, {unsure} unsure of {}; missed: {}", expressions.len(), missed.join(" "));
    let shown = wrong.iter().take(100).cloned().collect::<Vec<String>>().join("\n");
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{shown}", wrong.len(), expressions.len());
    assert!((unsure + missed.len()) * 20 < right, "too many are unsure");
}

fn is_state(text: &str) -> bool {
    text.len() == 5 && text.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
}

/// A column of each type, and constants without one.
const OPERANDS: [&str; 50] = [
    "i", "s", "b", "n2", "r", "d", "x", "v20", "c", "nm", "q", "f", "dt", "ts", "tz3", "tm", "tt", "iv", "u",
    "j", "jb", "by", "o", "ia", "ta", "va", "m", "ma", "p", "pa", "po", "w", "mk", "ir", "imr", "dr", "pt",
    "bx", "ip", "ci", "mc", "mo", "xm", "tsv", "tsq", "bi", "bv", "rc", "null", "t",
];

#[test]
fn operators_are_those_that_the_server_finds() {
    let operators =
        ["+", "-", "*", "/", "=", "<", "||", "@>", "&&", "~", "->", "->>", "%", "^", "#", "&", "<->", "<<"];
    let of = |operator: &str| {
        let pairs = OPERANDS.iter().flat_map(|left| OPERANDS.iter().map(move |right| (left, right)));
        let operator = operator.to_owned();
        pairs.map(move |(left, right)| format!("({left} {operator} {right})")).collect::<Vec<String>>()
    };
    judged_alike(operators.into_iter().flat_map(of).collect());
}

#[test]
fn functions_are_those_that_the_server_finds() {
    let one = [
        "abs",
        "length",
        "lower",
        "upper",
        "text",
        "int4",
        "int8",
        "numeric_abs",
        "sum",
        "avg",
        "min",
        "max",
        "count",
        "array_agg",
        "to_json",
        "unnest",
        "date",
        "float8",
        "sqrt",
        "floor",
        "bool_and",
        "same",
        "over",
        "twice",
        "moody",
        "quote_literal",
        "hashtext",
        "to_char",
        "age",
        "array_to_string",
        "name",
        "bit_and",
        "stddev",
        "string_agg",
        "jsonb_agg",
        "range_merge",
        "isempty",
        "name_of",
        "word",
        "pair",
    ];
    let two = [
        "concat",
        "format",
        "coalesce",
        "nullif",
        "array_append",
        "array_cat",
        "date_trunc",
        "power",
        "mod",
        "round",
        "substring",
        "position",
        "replace",
        "to_char",
        "lag",
        "alike",
        "listed",
        "defaulted",
        "many",
        "generate_series",
        "array_position",
        "extract",
        "starts_with",
        "jsonb_build_object",
        "log",
        "age",
        "left",
        "width_bucket",
        "range_merge",
        "string_agg",
        "to_timestamp",
        "timezone",
        "array_fill",
    ];
    let window = |name: &str| if name == "lag" { " over ()" } else { "" };
    let mut all = Vec::new();
    for name in one {
        all.extend(OPERANDS.iter().map(|operand| format!("\"{name}\"({operand})")));
    }
    for name in two {
        let keyword = matches!(name, "coalesce" | "nullif");
        let called = if keyword { name.to_owned() } else { format!("\"{name}\"") };
        for left in OPERANDS {
            let calls = OPERANDS.iter().map(|right| format!("{called}({left}, {right}){}", window(name)));
            all.extend(calls);
        }
    }
    judged_alike(all);
}

#[test]
fn common_types_are_those_that_the_server_finds() {
    let pairs = OPERANDS.iter().flat_map(|left| OPERANDS.iter().map(move |right| (left, right)));
    let all = pairs.flat_map(|(left, right)| {
        [
            format!("(case when f then {left} else {right} end)"),
            format!("array[{left}, {right}]"),
            format!("(select {left} union all select {right} limit 1)"),
        ]
    });
    judged_alike(all.collect());
}

/// Runs each statement on the server, in a subtransaction that is undone: what it says, or nothing.
const RUN: &str = "create function run(list text[]) returns text[] language plpgsql as $$
declare one text; answers text[] := '{}';
begin
    foreach one in array list loop
        begin
            execute one;
            raise exception 'done' using errcode = 'TESTS';
        exception when others then
            answers := answers || case sqlstate when 'TESTS' then '' else sqlstate end;
        end;
    end loop;
    return answers;
end $$";

#[test]
fn keys_and_references_are_possible_where_the_server_makes_them() {
    const TYPES: [&str; 44] = [
        "int",
        "smallint",
        "bigint",
        "numeric",
        "real",
        "float8",
        "text",
        "varchar(9)",
        "char(3)",
        "name",
        "\"char\"",
        "bool",
        "date",
        "timestamp",
        "timestamptz",
        "time",
        "timetz",
        "interval",
        "uuid",
        "json",
        "jsonb",
        "bytea",
        "oid",
        "int[]",
        "text[]",
        "varchar[]",
        "mood",
        "mood[]",
        "pair",
        "positive",
        "word",
        "marks",
        "int4range",
        "point",
        "box",
        "inet",
        "cidr",
        "macaddr",
        "money",
        "xml",
        "tsvector",
        "bit(4)",
        "regclass",
        "parent",
    ];
    let mut script = SCHEMA.to_owned();
    let mut all = Vec::new();
    for (at, ty) in TYPES.iter().enumerate() {
        script.push_str(&format!("create table k{at} (c {ty});\n"));
        all.extend(
            ["btree", "hash", "gist", "gin", "spgist", "brin"]
                .map(|method| format!("create index on k{at} using {method} (c)")),
        );
        all.push(format!("alter table k{at} add unique (c)"));
        all.push(format!("create index on k{at} ((coalesce(c, c)))"));
        all.extend(
            TYPES
                .iter()
                .enumerate()
                .filter(|(other, _)| (at + other) % 3 == 0)
                .map(|(_, other)| format!("create table f (own {ty} references r (c)); {other}")),
        );
    }
    // A reference needs a key, which not every type can have.
    let all: Vec<(String, String)> = all
        .into_iter()
        .map(|sql| match sql.split_once("; ") {
            Some((table, other)) => (format!("create table r (c {other} unique)"), table.to_owned()),
            None => (String::new(), sql),
        })
        .collect();
    let list: Vec<String> = all.iter().map(|(first, sql)| format!("{first}; {sql}")).collect();
    let (version, answers) = block_on({
        let (script, list) = (script.clone(), list.clone());
        async move {
            let database = TestDb::with(&script).await;
            database.execute(RUN).await;
            let rows = database.client().query("select unnest(run($1))", &[&list]).await.unwrap();
            let version = database.value("show server_version_num").await.parse::<u32>().unwrap();
            (version, rows.iter().map(|row| row.get(0)).collect::<Vec<String>>())
        }
    });
    let mut catalog = Catalog::empty();
    catalog.server_version = version;
    catalog.roles = Some(std::collections::BTreeSet::new());
    simulate(&mut catalog, &script);
    let (mut wrong, mut missed, mut right) = (Vec::new(), 0, 0);
    for (((first, sql), answer), whole) in all.iter().zip(&answers).zip(&list) {
        let mut after = catalog.clone();
        let mut invalid = simulate(&mut after, first);
        invalid.extend(simulate(&mut after, sql));
        match (answer.as_str(), invalid.as_slice()) {
            ("", []) => right += 1,
            ("", [invalid, ..]) => wrong.push(format!("{whole}: {invalid}")),
            ("42704" | "42804" | "42883", []) => missed += 1,
            ("42704" | "42804" | "42883", _) => right += 1,
            _ => {}
        }
    }
    println!("{right} right, {missed} missed of {}", list.len());
    assert_eq!(wrong, Vec::<String>::new());
    assert!(missed * 50 < right, "{missed} are missed");
}

#[test]
fn the_lists_of_what_servers_bring_are_those_of_this_server() {
    let major = dunlin_testkit::TestServer::shared().major();
    let differences = block_on(async move {
        let database = TestDb::new().await;
        let mut differences = Vec::new();
        for (kind, query) in dunlin_testkit::builtin::KINDS {
            let path = format!("{}/src/catalog/builtin/{kind}.txt", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let listed = text.lines().filter_map(|line| {
                let (versions, line) = line.split_once(' ')?;
                let (first, last) = versions.split_once('-')?;
                (first.parse::<u32>().ok()?..=last.parse().ok()?).contains(&major).then(|| line.to_owned())
            });
            let listed = listed.collect::<std::collections::BTreeSet<String>>();
            let there = dunlin_testkit::builtin::lines(database.client(), query).await;
            differences.extend(there.symmetric_difference(&listed).map(|line| format!("{kind}: {line}")));
        }
        differences
    });
    assert_eq!(differences, Vec::<String>::new(), "scripts/builtin writes them anew");
}
