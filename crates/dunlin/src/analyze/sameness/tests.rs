use super::*;

/// Pairs of what is written and how the server (15 and 18 alike) writes it back.
fn table(text: &'static str) -> Vec<(&'static str, &'static str)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t')).collect()
}

/// Rows whose answer is not Same, with the answer.
fn misses(rows: &[(&str, &str)], compare: impl Fn(&str, &str) -> Sameness) -> Vec<String> {
    let answers = rows.iter().map(|(a, b)| (a, b, compare(a, b)));
    answers
        .filter(|row| row.2 != Sameness::Same)
        .map(|(a, b, answer)| format!("{answer:?}: {a}  <>  {b}"))
        .collect()
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

/// What the server writes in different ways although it means the same.
const ALIKE: &[&[&str]] = &[
    &["s in ('a', 'b')", "s = any (array['a', 'b'])"],
    &["s = 'x'", "s = 'x'::varchar(20)", "s = 'x'::varchar"],
    &["tz > now()", "tz > current_timestamp", "tz > transaction_timestamp()"],
    &["(id > 0 and n > 0) and s = 'a'", "id > 0 and (n > 0 and s = 'a')"],
    &["trim(x) <> ''", "btrim(x) <> ''"],
    &["tz at time zone 'UTC' > ts", "timezone('UTC', tz) > ts"],
    &["current_user = x", "user = x"],
    &["select id, x from u", "select u.id, u.x from u"],
    &[
        "select t.id from (select id from u where id > 0) t",
        "select t.id from (select u.id from u where u.id > 0) t",
    ],
    &[
        "select date_trunc('month', ts) as month, sum(n) from u group by date_trunc('month', ts)",
        "select date_trunc('month', ts) as month, sum(n) from u group by 1",
    ],
];

fn alike(a: &str, b: &str) -> bool {
    a == b || ALIKE.iter().any(|group| group.contains(&a) && group.contains(&b))
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
    for (at, (kind, compare, written, server)) in rows.iter().enumerate() {
        assert_eq!(compare(written, written), Sameness::Same, "{written}");
        // Neighbours in the table are the most alike.
        for (other_kind, _, other, other_server) in rows.iter().skip(at + 1).take(10) {
            if kind != other_kind {
                continue;
            }
            assert_eq!(compare(written, other), compare(other, written), "{written}  <>  {other}");
            let answer = compare(written, other_server);
            if server != other_server && !alike(written, other) && answer == Sameness::Same {
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
    let terms = |text: &str| expression(text).unwrap();
    let rows: Vec<_> = rows.iter().map(|(a, server)| (a, terms(a), server, terms(server))).collect();
    let mut accidents = Vec::new();
    for (at, (a, a_term, server, server_term)) in rows.iter().enumerate() {
        assert_eq!(compare::terms(a_term, a_term), Sameness::Same);
        assert_eq!(compare::terms(server_term, a_term), compare::terms(a_term, server_term));
        for (b, b_term, other, other_term) in &rows[at + 1..] {
            assert_eq!(compare::terms(a_term, b_term), compare::terms(b_term, a_term), "{a}  <>  {b}");
            let answer = compare::terms(a_term, other_term);
            if server != other && !alike(a, b) && answer == Sameness::Same {
                accidents.push(format!("{a}  <>  {other}"));
            }
            if server == other && answer == Sameness::Different {
                accidents.push(format!("wrongly different: {a}  <>  {other}"));
            }
        }
    }
    assert_eq!(accidents, Vec::<String>::new());
}

#[test]
fn what_differs_is_different() {
    let different = [
        ("id > 0", "(id > 1)"),
        ("id > 0", "(n > (0)::numeric)"),
        ("id > 0", "(id < 0)"),
        (
            "s in ('a', 'b')",
            "((s)::text = ANY ((ARRAY['a'::character varying, 'c'::character varying])::text[]))",
        ),
        ("x in ('a', 'b')", "(x = ANY (ARRAY['a'::text, 'b'::text, 'c'::text]))"),
        ("x is null", "(x IS NOT NULL)"),
        ("b is true", "(b IS FALSE)"),
        ("lower(x) = 'a'", "(upper(x) = 'a'::text)"),
        ("x = 'a' and id > 0", "((x = 'b'::text) AND (id > 0))"),
        ("iv > interval '1 hour'", "(iv > '02:00:00'::interval)"),
        ("x like 'a%'", "(x ~~* 'a%'::text)"),
        ("id between 1 and 10", "((id >= 1) AND (id <= 11))"),
    ];
    for (a, b) in different {
        assert_eq!(expressions(a, b), Sameness::Different, "{a}  <>  {b}");
    }
}

#[test]
fn what_cannot_be_told_is_unknown() {
    let unknown = [
        ("a = b", "(b = a)"),
        ("app.g(x) = 'a'", "(other.g(x) = 'a'::text)"),
        ("a < b", "(b > a)"),
        ("x in ('a', 'b')", "(x = ANY (ARRAY['b'::text, 'a'::text]))"),
        ("id > 0 and n > 0", "((n > (0)::numeric) AND (id > 0))"),
        ("id > 0", "((id > 0) OR b)"),
        ("tz > '2020-01-01'", "(tz > '2020-01-01 00:00:00+00'::timestamp with time zone)"),
        ("id / 2 = 1", "(((id)::numeric / (2)::numeric) = (1)::numeric)"),
        ("id = 1", "((id)::text = '1'::text)"),
        ("id = 1", "((id)::double precision = (1)::double precision)"),
        ("x = 'a'::text", "(x = 'a'::citext)"),
        ("n = 1.0", "(n = 1.00)"),
        ("x = 'abc'", "(x = 'abc'::character varying(2))"),
        ("exists (select 1 from r where r.id = id)", "(EXISTS ( SELECT 1 FROM r WHERE (r.id = u.id)))"),
        ("not a valid", "true"),
    ];
    for (a, b) in unknown {
        assert_eq!(expressions(a, b), Sameness::Unknown, "{a}  <>  {b}");
        assert_eq!(expressions(b, a), Sameness::Unknown, "{b}  <>  {a}");
    }
    let views = [
        ("select * from u", "SELECT id, x FROM u"),
        ("select x, id from u", "SELECT id, x FROM u"),
        ("select a as m from u group by m", "SELECT a AS m FROM u GROUP BY a"),
        ("select id from u, r", "SELECT u.id FROM u, r"),
        ("select id from u where id > 1", "SELECT id FROM u WHERE (id > 2)"),
    ];
    for (a, b) in views {
        assert_eq!(queries(a, b), Sameness::Unknown, "{a}  <>  {b}");
    }
}

#[test]
fn defaults_that_differ_are_told_apart() {
    let cases = [
        ("'a'", "'b'::text", "text", Sameness::Different),
        ("'a'", "'b'", "text", Sameness::Different),
        ("0", "1", "integer", Sameness::Different),
        ("true", "false", "boolean", Sameness::Different),
        ("", "NULL::text", "text", Sameness::Same),
        ("null", "", "text", Sameness::Same),
        ("", "'a'::text", "text", Sameness::Different),
        ("now()", "clock_timestamp()", "timestamp with time zone", Sameness::Unknown),
        ("now()", "", "timestamp with time zone", Sameness::Unknown),
        ("'{}'", "'[]'::jsonb", "jsonb", Sameness::Different),
        ("'{}'", "'{a}'::text[]", "text[]", Sameness::Unknown),
        ("'2020-1-1'", "'2020-01-01'::date", "date", Sameness::Unknown),
        ("nextval('a')", "nextval('b'::regclass)", "integer", Sameness::Different),
        ("nextval('x.a')", "nextval('y.a'::regclass)", "integer", Sameness::Different),
        ("interval '1 day'", "'24:00:00'::interval", "interval", Sameness::Different),
        ("interval '5 ms'", "'00:05:00'::interval", "interval", Sameness::Different),
        ("'1'", "1", "integer", Sameness::Same),
        ("'1'", "2", "integer", Sameness::Different),
    ];
    for (a, b, ty, expected) in cases {
        assert_eq!(defaults(a, b, &type_of(ty)), expected, "{a}  <>  {b}");
        assert_eq!(defaults(b, a, &type_of(ty)), expected, "{b}  <>  {a}");
    }
}

#[test]
fn statements_that_differ_are_told_apart() {
    use Sameness::{Different, Unknown};
    let cases: &[(Compare, &str, &str, Sameness)] = &[
        (
            index_definitions,
            "create index i on u (a)",
            "CREATE UNIQUE INDEX i ON public.u USING btree (a)",
            Different,
        ),
        (
            index_definitions,
            "create index i on u (a)",
            "CREATE INDEX i ON public.u USING hash (a)",
            Different,
        ),
        (
            index_definitions,
            "create index i on u (a)",
            "CREATE INDEX i ON public.u USING btree (a, b)",
            Different,
        ),
        (
            index_definitions,
            "create index i on u (a)",
            "CREATE INDEX i ON public.u USING btree (a DESC)",
            Different,
        ),
        (
            index_definitions,
            "create index i on u (a)",
            "CREATE INDEX i ON public.v USING btree (a)",
            Different,
        ),
        (
            index_definitions,
            "create index i on u (a)",
            "CREATE INDEX i ON public.u USING btree (a) WHERE b",
            Different,
        ),
        (
            index_definitions,
            "create index i on u (a)",
            "CREATE INDEX i ON u USING btree (a text_pattern_ops)",
            Different,
        ),
        (
            index_definitions,
            "create index i on u (a text_ops)",
            "CREATE INDEX i ON u USING btree (a)",
            Unknown,
        ),
        (
            index_definitions,
            "create index i on u (a)",
            "CREATE INDEX i ON u USING btree (lower(a))",
            Different,
        ),
        (
            index_definitions,
            "create index i on u ((a::text))",
            "CREATE INDEX i ON u USING btree (a)",
            Unknown,
        ),
        (constraints, "check (a > 0)", "CHECK ((a > 1))", Different),
        (constraints, "check (a > 0)", "UNIQUE (a)", Different),
        (constraints, "unique (a, b)", "UNIQUE (b, a)", Different),
        (constraints, "foreign key (a) references r (id)", "FOREIGN KEY (a) REFERENCES s(id)", Different),
        (
            constraints,
            "foreign key (a) references r (id)",
            "FOREIGN KEY (a) REFERENCES r(id) ON DELETE CASCADE",
            Different,
        ),
        (constraints, "foreign key (a) references r", "FOREIGN KEY (a) REFERENCES r(id)", Unknown),
        (constraints, "check (a > 0) not valid", "CHECK ((a > 0))", Unknown),
        (
            triggers,
            "create trigger t before update on u execute function f()",
            "CREATE TRIGGER t AFTER UPDATE ON public.u FOR EACH STATEMENT EXECUTE FUNCTION f()",
            Different,
        ),
        (
            triggers,
            "create trigger t before update on u execute function f()",
            "CREATE TRIGGER t BEFORE UPDATE ON public.u FOR EACH STATEMENT EXECUTE FUNCTION g()",
            Different,
        ),
        (
            triggers,
            "create trigger t after update on u for each row when (old.a = new.a) execute function f()",
            "CREATE TRIGGER t AFTER UPDATE ON u FOR EACH ROW WHEN ((old.a = new.b)) EXECUTE FUNCTION f()",
            Different,
        ),
        (
            policies,
            "create policy p on u using (a = 1)",
            "CREATE POLICY p ON u AS RESTRICTIVE USING ((a = 1))",
            Different,
        ),
        (
            policies,
            "create policy p on u to x using (a = 1)",
            "CREATE POLICY p ON u TO y USING ((a = 1))",
            Different,
        ),
        (
            policies,
            "create policy p on u using (a = 1)",
            "CREATE POLICY p ON u USING ((a = 1)) WITH CHECK (true)",
            Different,
        ),
        (
            functions,
            "create function f() returns int language sql as 'select 1'",
            "CREATE OR REPLACE FUNCTION public.f() RETURNS integer LANGUAGE sql AS $function$select 2$function$",
            Different,
        ),
        (
            functions,
            "create function f() returns int language sql as 'select 1'",
            "CREATE OR REPLACE FUNCTION public.f() RETURNS integer LANGUAGE sql IMMUTABLE AS $function$select 1$function$",
            Different,
        ),
        (queries, "select a from u", "SELECT b FROM u", Different),
        (queries, "select a from u", "SELECT a FROM v", Different),
    ];
    for (compare, a, b, expected) in cases {
        assert_eq!(compare(a, b), *expected, "{a}  <>  {b}");
        assert_eq!(compare(b, a), *expected, "{b}  <>  {a}");
    }
    assert_eq!(constraints_apart_from_validity("check (a > 0) not valid", "CHECK ((a > 0))"), Sameness::Same);
    let body = "AS PERMISSIVE FOR ALL TO PUBLIC USING ((a = 1))";
    assert_eq!(policies("create policy p on u using (a = 1)", body), Sameness::Same);
    assert_eq!(policies(body, "create policy p on u using (a = 2)"), Sameness::Different);
    let view = "create view v (a, b) as select x, y from u";
    assert_eq!(queries(view, "SELECT x AS a, y AS b FROM u;"), Sameness::Same);
    assert_eq!(queries("create materialized view v as select a from u", "SELECT u.a FROM u"), Sameness::Same);
    assert_eq!(queries(view, "SELECT x, y FROM u"), Sameness::Different);
    assert_eq!(queries("create view v (a) as select * from u", "SELECT x AS a, y FROM u"), Sameness::Unknown);
    let added = "alter table x add constraint n check (a > 0)";
    assert_eq!(constraints(added, "CHECK ((a > 0))"), Sameness::Same);
}

#[test]
fn long_and_nested_texts_end_soon() {
    let chain = |n: usize| vec!["a"; n].join(" || ");
    assert_eq!(expressions(&chain(3000), &format!("({})", chain(3000))), Sameness::Same);
    assert_ne!(expressions(&chain(3000), &chain(2999)), Sameness::Same);
    for depth in [60, 250, 2000] {
        let signs = format!("{}a", "- ".repeat(depth));
        assert_eq!(expressions(&signs, &format!("({signs})")), Sameness::Same);
    }
    let nested = (0..40).fold("a".to_owned(), |inner, _| format!("({inner} between b and c)"));
    assert_eq!(expressions(&nested, &format!("({nested})")), Sameness::Unknown);
}

#[test]
fn types_are_compared_with_their_modifiers() {
    let varchar = |n: &str| TypeRef { modifiers: Some(n.into()), ..TypeRef::builtin("varchar") };
    assert_eq!(types(&varchar("20"), &varchar("20")), Sameness::Same);
    assert_eq!(types(&varchar("20"), &varchar("30")), Sameness::Different);
    assert_eq!(types(&TypeRef::unknown(), &varchar("30")), Sameness::Unknown);
}

#[test]
fn names_that_are_not_ascii_are_compared_like_others() {
    let there = " SELECT größe_paper_日本.größe_id_日本\n   FROM größe_paper_日本\n  WHERE (größe_paper_日本.größe_state_日本 = 'draft'::text);";
    let file = "select größe_id_日本 from größe_paper_日本 where größe_state_日本 = 'final'";
    assert_eq!(queries(file, there), Sameness::Different);
    let ascii = |text: &str| text.replace("größe_", "a").replace("_日本", "z");
    assert_eq!(queries(&ascii(file), &ascii(there)), Sameness::Different);
}
