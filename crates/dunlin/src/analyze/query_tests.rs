//! Queries and data changes against catalogs built by hand.

use super::*;
use crate::catalog::{
    Column, Constraint, ConstraintKind, EnumLabel, Expr, Function, FunctionKind, Id, Index, IndexKey, Origin,
    Parameter, Reference, RelationKind, SearchPath, Trigger, Type, TypeKind, TypeRef,
};
use crate::source::{SourceFile, Span};
use crate::syntax::{ParseOptions, Tree};

fn public(catalog: &Catalog) -> Id {
    catalog.find_schema("public").yes().expect("public")
}

fn table(catalog: &mut Catalog, name: &str, columns: &[(&str, &str)]) -> Id {
    let mut relation = Relation::new(public(catalog), name, RelationKind::Table);
    for (at, (name, ty)) in columns.iter().enumerate() {
        let ty = match catalog.type_at(&QName::new("public", *ty)) {
            Some((id, _)) => TypeRef { schema: "public".into(), id: Some(id), ..TypeRef::builtin(ty) },
            None => TypeRef::builtin(ty),
        };
        relation.columns.push(Column::new(i16::try_from(at + 1).expect("few"), *name, ty));
    }
    catalog.add_relation(relation)
}

fn unique(catalog: &mut Catalog, table: Id, columns: &[i16], predicate: Option<&str>) {
    let keys = columns.iter().map(|column| IndexKey {
        column: Some(*column),
        expression: None,
        opclass: None,
        collation: None,
        descending: false,
        nulls_first: false,
    });
    let index = Index {
        table,
        unique: true,
        nulls_not_distinct: false,
        primary: false,
        valid: true,
        immediate: true,
        method: "btree".into(),
        keys: keys.collect(),
        include: Vec::new(),
        predicate: predicate.map(Expr::new),
        uses: columns.to_vec(),
        definition: None,
    };
    let name = format!("index_{}_{}", table.0, columns.len());
    catalog.add_relation(Relation::new(public(catalog), name, RelationKind::Index(Box::new(index))));
}

fn constraint(name: &str, kind: ConstraintKind, columns: &[i16]) -> Constraint {
    Constraint { name: name.into(), columns: columns.to_vec(), ..Constraint::new(kind) }
}

fn function(catalog: &mut Catalog, name: &str, language: &str, body: &str) -> Id {
    catalog.add_function(Function {
        schema: public(catalog),
        name: name.into(),
        kind: FunctionKind::Function,
        parameters: vec![Parameter { name: Some("p".into()), ty: TypeRef::builtin("int4"), mode: 'i' }],
        defaults: 1,
        result: Some(TypeRef::builtin("int4")),
        returns_set: false,
        language: language.into(),
        body: Some(body.into()),
        volatility: 'v',
        depends: Vec::new(),
        extension: None,
        origin: Origin::Live,
    })
}

/// users(id, name, mood), posts(id, user_id → users ON DELETE CASCADE, title), a view over posts.
fn catalog() -> Catalog {
    let mut catalog = Catalog::empty();
    let labels = ["happy", "sad"].map(|label| EnumLabel { label: label.into(), origin: Origin::Live });
    catalog.add_type(Type {
        schema: public(&catalog),
        name: "mood".into(),
        kind: TypeKind::Enum(labels.to_vec()),
        depends: Vec::new(),
        extension: None,
        origin: Origin::Live,
    });
    let users = table(&mut catalog, "users", &[("id", "int4"), ("name", "text"), ("mood", "mood")]);
    let posts = table(&mut catalog, "posts", &[("id", "int4"), ("user_id", "int4"), ("title", "text")]);
    unique(&mut catalog, users, &[1], None);
    unique(&mut catalog, users, &[1, 2], Some("mood = 'sad'"));
    let reference =
        Reference { table: users, columns: vec![1], on_delete: 'c', on_update: 'a', matching: 's' };
    if let Some(relation) = catalog.relation_mut(posts) {
        relation.constraints.push(constraint("posts_user", ConstraintKind::ForeignKey(reference), &[2]));
    }
    catalog.note_dependencies(posts);
    if let Some(relation) = catalog.relation_mut(users) {
        relation.columns[1].not_null = true;
        relation.has_rows = Some(true);
    }
    catalog
}

fn analysed_in(catalog: &Catalog, sql: &str) -> Analysis {
    let file = SourceFile::new("t.sql", sql);
    let script = crate::syntax::parse(&file, Span::new(0, file.text.len()), &ParseOptions::default());
    let statement = script.statements.first().expect("a statement");
    let Tree::Parsed(node) = &statement.tree else { panic!("{sql}: {:?}", statement.tree) };
    let session = Session::new(SearchPath::default());
    let mut context = Context::new(statement, catalog, &session);
    context.nested_statement(&node.node().unwrap());
    context.analysis
}

fn analysed(sql: &str) -> Analysis {
    analysed_in(&catalog(), sql)
}

#[track_caller]
fn valid(sql: &str) {
    let analysis = analysed(sql);
    let wrong: Vec<_> = analysis.requires.iter().filter(|need| need.verdict != Verdict::Valid).collect();
    assert!(wrong.is_empty(), "{sql}: {wrong:?}");
    assert_eq!(analysis.opaque, None, "{sql}");
}

fn messages(sql: &str) -> Vec<String> {
    analysed(sql).invalid().map(|need| need.message.clone()).collect()
}

#[track_caller]
fn invalid(sql: &str, message: &str) {
    assert_eq!(messages(sql), [message], "{sql}");
}

#[track_caller]
fn unknown(sql: &str) {
    let analysis = analysed(sql);
    assert_eq!(analysis.invalid().count(), 0, "{sql}: {:?}", analysis.requires);
    assert!(analysis.has_unknown(), "{sql}");
}

fn qname(name: &str) -> QName {
    QName::new("public", name)
}

fn touches(analysis: &Analysis, place: Place, access: Access) -> bool {
    analysis.footprint.touches().any(|touch| *touch == (place.clone(), access))
}

#[test]
fn what_postgresql_accepts_is_valid() {
    for sql in [
        "SELECT id, u.name, public.users.id FROM users u, users",
        "SELECT u, u.*, (u).name, count(*) AS n FROM users u GROUP BY u.id ORDER BY n, u.name",
        "SELECT a FROM users AS x (a, b) WHERE b = 'x'",
        "SELECT id, title FROM users JOIN posts USING (id)",
        "SELECT x.id, p.title FROM (users u JOIN posts p ON u.id = p.user_id) JOIN posts x ON x.id = p.id",
        "SELECT j.name FROM (users u JOIN posts p ON u.id = p.user_id) AS j (a, name)",
        "SELECT j.id FROM users JOIN posts USING (id) AS j",
        "SELECT 1 FROM users u WHERE EXISTS (SELECT 1 FROM posts WHERE user_id = u.id AND name = title)",
        "SELECT s.n FROM users u, LATERAL (SELECT u.id AS n) s",
        "SELECT g, g.g FROM generate_series(1, 3) g, generate_series(1, g)",
        "SELECT value->>'a', ord FROM users, jsonb_array_elements('[]') WITH ORDINALITY AS e (value, ord)",
        "SELECT e.a, b FROM jsonb_to_recordset('[]') AS e (a int, b text)",
        "SELECT a, b FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS r (a, b)",
        "SELECT n FROM unnest(ARRAY['a']) AS n",
        "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT n FROM t",
        "WITH RECURSIVE b AS (SELECT x FROM a), a AS (SELECT 1 AS x) SELECT x FROM b",
        "WITH d AS (DELETE FROM posts RETURNING *) INSERT INTO users (id, name) SELECT user_id, title FROM d",
        "SELECT id AS x FROM users UNION SELECT user_id FROM posts ORDER BY x",
        "SELECT upper(name) AS u FROM users GROUP BY u HAVING count(*) > 1",
        "SELECT DISTINCT ON (k) lower(name) AS k FROM users ORDER BY k",
        "SELECT sum(id) OVER w FROM users WINDOW w AS (PARTITION BY mood ORDER BY name)",
        "SELECT column1, y FROM (VALUES (1, 2), (3, 4)) AS v (column1, y)",
        "SELECT column2 FROM (VALUES (1, 2)) AS v",
        "SELECT ctid, tableoid, users.xmin FROM users TABLESAMPLE system (10)",
        "SELECT relname, nonsense FROM pg_class JOIN information_schema.tables t ON t.table_name = relname",
        "SELECT x.a FROM xmltable('/r' PASSING '<r/>' COLUMNS a int PATH 'a') x",
        "SELECT jt.a, b FROM json_table('[]', '$[*]' COLUMNS (a int, NESTED '$.x' COLUMNS (b int))) jt",
        "SELECT 'happy'::mood, 'users'::regclass, 'mood'::regtype, to_regclass('nothing')",
        "SELECT * FROM users WHERE mood = 'sad' AND mood IN ('sad', 'happy')",
        "SELECT name FROM users u WHERE id = ANY (ARRAY(SELECT user_id FROM posts))",
        "SELECT (SELECT u.name FROM posts LIMIT 1) FROM users u FOR UPDATE OF u",
        "SELECT name(u) FROM users u",
        "INSERT INTO users VALUES (1, 'x')",
        "INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE users.mood = 'sad' RETURNING id, users.name, *",
        "INSERT INTO users AS u (id, name) VALUES (1, DEFAULT) ON CONFLICT DO NOTHING",
        "UPDATE users u SET (name, mood) = ('x', 'sad'), id = p.id FROM posts p WHERE p.user_id = u.id RETURNING p.title",
        "UPDATE users SET (id, name) = (SELECT id, title FROM posts WHERE posts.user_id = users.id)",
        "DELETE FROM users USING posts WHERE user_id = users.id",
        "MERGE INTO users u USING posts p ON u.id = p.user_id WHEN MATCHED AND title = '' THEN DELETE WHEN NOT MATCHED THEN INSERT (id, name) VALUES (p.id, p.title)",
        "TRUNCATE users, posts RESTART IDENTITY CASCADE",
        "COPY users (id, name) FROM stdin",
        "COPY (SELECT id FROM users) TO stdout",
        "TABLE users",
        "SELECT GROUPING(mood), count(*) FROM users GROUP BY GROUPING SETS ((mood), ())",
        "SELECT u.id FROM users u LEFT JOIN LATERAL (SELECT title FROM posts WHERE user_id = u.id) p ON p.title = u.name",
    ] {
        valid(sql);
    }
}

#[test]
fn what_is_missing_is_named_with_its_table() {
    invalid("SELECT project_id FROM posts", "table `posts` has no column `project_id`");
    invalid("SELECT p.project_id FROM posts p", "table `posts` has no column `project_id`");
    invalid("SELECT x FROM users, posts", "column `x` does not exist in `users`, `posts`");
    invalid("SELECT x FROM (SELECT * FROM users) s", "table `users` has no column `x`");
    invalid("SELECT x FROM (SELECT id FROM users) s", "column `x` does not exist");
    invalid("WITH c AS (SELECT * FROM posts) SELECT c.x FROM c", "table `posts` has no column `x`");
    invalid("SELECT 1 FROM users JOIN posts USING (name)", "table `posts` has no column `name`");
    invalid("SELECT z.id FROM users", "there is no `z` in FROM");
    invalid("SELECT 1 FROM users HAVING n > 1", "table `users` has no column `n`");
    invalid("SELECT 1 AS n FROM users WHERE n > 1", "table `users` has no column `n`");
    invalid("SELECT 1 FROM users ORDER BY nn", "table `users` has no column `nn`");
    invalid("SELECT missing(1, 2)", "function `missing` does not exist");
    invalid("SELECT 'angry'::mood", "enum `mood` has no label `angry`");
    invalid("SELECT 1 FROM users WHERE mood = 'angry'", "enum `mood` has no label `angry`");
    invalid("SELECT 'gone'::regclass", "table `gone` does not exist");
    invalid("SELECT nextval('gone')", "sequence `gone` does not exist");
    invalid("INSERT INTO users (id, nam, name) VALUES (1, 'x', 'y')", "table `users` has no column `nam`");
    invalid("INSERT INTO users (id) VALUES (1)", "column `name` of table `users` is NOT NULL");
    invalid("INSERT INTO users VALUES (1, NULL)", "column `name` of table `users` is NOT NULL");
    invalid("INSERT INTO users (name, mood) VALUES ('a', 'angry')", "enum `mood` has no label `angry`");
    invalid("UPDATE users SET name = NULL", "column `name` of table `users` is NOT NULL");
    invalid("UPDATE users SET nope = 1", "table `users` has no column `nope`");
    invalid("UPDATE users SET mood = 'angry'", "enum `mood` has no label `angry`");
    invalid(
        "INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (name) DO NOTHING",
        "table `users` has no unique key on (name)",
    );
    invalid(
        "INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (name, id) DO NOTHING",
        "table `users` has no unique key on (name, id)",
    );
    valid(
        "INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (name, id) WHERE mood = 'sad' DO NOTHING",
    );
    valid(
        "INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (name, id) WHERE id > 0 AND mood = 'sad' DO NOTHING",
    );
    unknown(
        "INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (name, id) WHERE mood < 'happy' DO NOTHING",
    );
    invalid(
        "INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (lower(name)) DO NOTHING",
        "table `users` has no unique key on (lower(name))",
    );
    invalid("DELETE FROM posts WHERE nope = 1", "table `posts` has no column `nope`");
}

#[test]
fn columns_of_what_is_missing_are_moot() {
    invalid("SELECT g.a, b FROM gone g", "table `gone` does not exist");
    invalid("SELECT id, b FROM users, gone", "table `gone` does not exist");
    invalid(
        "INSERT INTO gone (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = excluded.b",
        "table `gone` does not exist",
    );
    invalid("UPDATE gone SET a = b WHERE c = 1 RETURNING d", "table `gone` does not exist");
}

#[test]
fn a_missing_column_can_come_from_any_source() {
    let analysis = analysed("SELECT 1 FROM users u WHERE EXISTS (SELECT x FROM posts)");
    let need = analysis.invalid().next().expect("x is missing");
    assert_eq!(
        need.any_of,
        [
            Facet::Exists(ObjectRef::column(&qname("posts"), "x")),
            Facet::Exists(ObjectRef::column(&qname("users"), "x")),
        ]
    );
    assert_eq!(need.span, Span::new(43, 44));
}

#[test]
fn outputs_have_the_names_and_types_of_the_server() {
    let catalog = catalog();
    let select = crate::syntax::parse_expression(
        "u.*, count(*), id > 1, name::varchar AS v, 1 FROM users u JOIN posts USING (id)",
    )
    .expect("parses");
    let session = Session::new(SearchPath::default());
    let file = SourceFile::new("t.sql", "SELECT 1");
    let script = crate::syntax::parse(&file, Span::new(0, 8), &ParseOptions::default());
    let mut context = Context::new(&script.statements[0], &catalog, &session);
    let output = context.query(&select).expect("known");
    let types = context.types();
    let shown = |column: &query::OutputColumn| format!("{} {}", column.name, types.to_ref(&column.ty));
    let output: Vec<String> = output.iter().map(shown).collect();
    assert_eq!(
        output,
        [
            "id integer",
            "name text",
            "mood public.mood",
            "count bigint",
            "?column? boolean",
            "v character varying",
            "?column? integer"
        ]
    );
    let star = crate::syntax::parse_expression("* FROM posts JOIN users USING (id)").expect("parses");
    let output = context.query(&star).expect("known");
    let names: Vec<&str> = output.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "user_id", "title", "name", "mood"]);
}

#[test]
fn classes_and_footprints_follow_cascades() {
    let delete = analysed("DELETE FROM users WHERE id = 1");
    assert_eq!(delete.class, Class::Removes);
    assert!(touches(&delete, Place::Rows(qname("posts")), Access::Write));
    let insert = analysed("INSERT INTO posts (user_id) SELECT id FROM users");
    assert_eq!(insert.class, Class::Writes);
    assert!(touches(&insert, Place::Rows(qname("posts")), Access::Insert));
    assert!(touches(&insert, Place::Values(qname("users"), "id".into()), Access::Read));
    let update = analysed("UPDATE users SET mood = 'sad' WHERE name = 'x'");
    assert!(touches(&update, Place::Values(qname("users"), "mood".into()), Access::Write));
    assert!(!touches(&update, Place::Rows(qname("users")), Access::Write));
    let other = analysed("UPDATE users SET name = 'y' WHERE id = 1");
    assert!(!update.footprint.commutes_with(&other.footprint));
    assert!(analysed("UPDATE users SET mood = 'sad'").footprint.commutes_with(&other.footprint));
    let cte = analysed("WITH d AS (DELETE FROM posts RETURNING id) SELECT * FROM d");
    assert_eq!((cte.class, cte.only_checks), (Class::Removes, false));
    assert!(analysed("SELECT 1").only_checks);
}

#[test]
fn repeatable_changes_are_known() {
    let repeatable = |sql: &str| analysed(sql).data.is_some_and(|data| data.repeatable);
    assert!(repeatable("INSERT INTO users (id, name) VALUES (1, 'a'), (2, 'b') ON CONFLICT (id) DO NOTHING"));
    assert!(repeatable(
        "INSERT INTO users (id, name) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = excluded.name"
    ));
    assert!(!repeatable(
        "INSERT INTO users (id, name) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = users.name || 'x'"
    ));
    assert!(!repeatable("INSERT INTO users (id, name) VALUES (random(), 'a') ON CONFLICT (id) DO NOTHING"));
    assert!(!repeatable("INSERT INTO users (id, name) VALUES (1, 'a') ON CONFLICT DO NOTHING"));
    assert!(!repeatable("INSERT INTO users (id, name) VALUES (1, 'a')"));
    assert!(repeatable(
        "INSERT INTO users (id, name) SELECT 1, 'a' WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = 1)"
    ));
    assert!(!repeatable(
        "INSERT INTO users (id, name) SELECT 1, 'a' WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = 2)"
    ));
    assert!(!repeatable(
        "INSERT INTO users (id, name) SELECT 1, 'a' WHERE NOT EXISTS (SELECT 1 FROM posts WHERE id = 1)"
    ));
    assert!(repeatable("UPDATE users SET mood = 'sad' WHERE mood IS NULL AND id > 1"));
    assert!(!repeatable("UPDATE users SET mood = 'sad' WHERE name IS NULL"));
    assert!(!repeatable("UPDATE users SET mood = 'sad', id = 1 WHERE mood IS NULL"));
}

#[test]
fn positional_inserts_say_where_the_list_goes() {
    for (sql, at) in [
        ("INSERT INTO users VALUES (1, 'x')", 17),
        ("INSERT INTO public . users AS u SELECT 1, 'x'", 31),
        ("INSERT INTO \"users\" DEFAULT VALUES", 0),
    ] {
        let positional = analysed(sql).data.expect("a data change").positional;
        match at {
            0 => assert_eq!(positional, None),
            at => {
                let positional = positional.expect("no list");
                assert_eq!((positional.insert_at, positional.values), (at, Some(2)), "{sql}");
            }
        }
    }
}

#[test]
fn a_trigger_may_fill_what_is_left_out() {
    let mut catalog = catalog();
    let fills = function(
        &mut catalog,
        "fills",
        "plpgsql",
        "BEGIN INSERT INTO posts (id) VALUES (1); RETURN NEW; END",
    );
    let users = catalog.relation_at(&qname("users")).expect("users").0;
    if let Some(relation) = catalog.relation_mut(users) {
        relation.triggers.push(Trigger {
            name: "t".into(),
            function: Some(fills),
            row: false,
            columns: Vec::new(),
            definition: Some("CREATE TRIGGER t BEFORE INSERT ON users EXECUTE FUNCTION fills()".into()),
            above: None,
            origin: Origin::Live,
        });
    }
    let insert = analysed_in(&catalog, "INSERT INTO users (id) VALUES (1)");
    assert_eq!(insert.invalid().count(), 0);
    assert!(touches(&insert, Place::Rows(qname("posts")), Access::Insert));
    assert_eq!(insert.class, Class::Writes);
    assert!(!touches(
        &analysed_in(&catalog, "UPDATE users SET id = 1"),
        Place::Rows(qname("posts")),
        Access::Insert
    ));
}

#[test]
fn called_functions_are_as_good_as_their_statements() {
    let mut catalog = catalog();
    function(&mut catalog, "adds", "sql", "INSERT INTO posts (id, nothing) VALUES (1, $1); SELECT 1");
    function(
        &mut catalog,
        "loops",
        "plpgsql",
        "DECLARE r record; BEGIN PERFORM loops(1); DELETE FROM posts WHERE id = r.id; RETURN p; END",
    );
    function(&mut catalog, "runs", "plpgsql", "BEGIN EXECUTE 'drop table ' || p; END");
    function(&mut catalog, "python", "plpython3u", "pass");
    let adds = analysed_in(&catalog, "SELECT adds(1)");
    assert_eq!((adds.class, adds.invalid().count(), adds.opaque.as_deref()), (Class::Writes, 0, None));
    assert!(touches(&adds, Place::Rows(qname("posts")), Access::Insert));
    let loops = analysed_in(&catalog, "SELECT loops(1)");
    assert_eq!((loops.class, loops.opaque.as_deref()), (Class::Removes, None));
    assert_eq!(analysed_in(&catalog, "SELECT runs(1)").class, Class::Opaque);
    assert_eq!(analysed_in(&catalog, "SELECT python(1)").class, Class::Opaque);
}

#[test]
fn set_config_changes_the_session() {
    let analysis = analysed("SELECT pg_catalog.set_config('search_path', 'app, \"B\"', false)");
    assert_eq!(analysis.class, Class::Session);
    let [SessionChange::Set { name, values, local, .. }] = analysis.session.as_slice() else { panic!() };
    assert_eq!((name.as_str(), *local), ("search_path", false));
    assert_eq!(values.as_deref(), Some(&["app".to_owned(), "B".to_owned()][..]));
    assert!(analysed("SELECT pg_advisory_unlock_all()").transaction.is_some());
    assert_eq!(analysed("SELECT set_config('x.y', current_user, false)").class, Class::Opaque);
}

fn done(body: &str) -> Analysis {
    analysed(&format!("DO $$ {body} $$"))
}

#[test]
fn guards_are_evaluated_against_the_catalog() {
    // CREATE VIEW stands for a statement whose effect is seen as opaque here.
    let runs = |condition: &str| {
        let analysis = done(&format!("BEGIN IF {condition} THEN DELETE FROM posts; END IF; END"));
        match analysis.class {
            Class::Removes => analysis.requires.iter().all(|need| need.verdict == Verdict::Valid),
            Class::Reads => false,
            other => panic!("{condition}: {other:?} {:?}", analysis.opaque),
        }
    };
    for (condition, expected) in [
        (
            "NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'name')",
            false,
        ),
        (
            "NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'users' AND column_name = 'age')",
            true,
        ),
        ("EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'posts')", true),
        ("EXISTS (SELECT FROM pg_tables WHERE schemaname = 'other' AND tablename = 'posts')", false),
        ("NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'mood')", false),
        (
            "NOT EXISTS (SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typname = 'mode' AND n.nspname = 'public')",
            true,
        ),
        ("NOT EXISTS (SELECT 1 FROM pg_enum WHERE enumlabel = 'sad' AND enumtypid = 'mood'::regtype)", false),
        (
            "NOT EXISTS (SELECT 1 FROM pg_enum e JOIN pg_type t ON e.enumtypid = t.oid WHERE t.typname = 'mood' AND e.enumlabel = 'angry')",
            true,
        ),
        ("NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'posts_user')", false),
        (
            "NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'posts_user' AND conrelid = 'users'::regclass)",
            true,
        ),
        (
            "NOT EXISTS (SELECT 1 FROM information_schema.table_constraints WHERE constraint_name = 'posts_user' AND constraint_type = 'FOREIGN KEY')",
            false,
        ),
        ("to_regclass('public.posts') IS NOT NULL AND to_regclass('gone') IS NULL", true),
        (
            "NOT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('\"users\"') AND attname = 'gone')",
            true,
        ),
        (
            "EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'name' AND NOT attisdropped)",
            true,
        ),
        ("(SELECT count(*) FROM pg_indexes WHERE indexname = 'gone' AND tablename = 'users') = 0", true),
        (
            "NOT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'users' AND n.nspname = 'public' AND c.relkind = 'r')",
            false,
        ),
        ("EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pgcrypto')", false),
    ] {
        assert_eq!(runs(condition), expected, "{condition}");
    }
}

#[test]
fn branches_that_may_run_ask_for_nothing_surely() {
    let analysis = done(
        "BEGIN IF EXISTS (SELECT 1 FROM users WHERE name = 'x') THEN INSERT INTO gone VALUES (1); END IF; END",
    );
    assert_eq!((analysis.class, analysis.invalid().count()), (Class::Writes, 0));
    assert!(analysis.has_unknown());
    let analysis =
        done("BEGIN IF (SELECT count(*) FROM users) > 5 THEN RETURN; END IF; UPDATE gone SET a = 1; END");
    assert_eq!(analysis.invalid().count(), 0);
    let analysis = done(
        "BEGIN IF to_regclass('users') IS NULL THEN RAISE EXCEPTION 'no'; END IF; UPDATE gone SET a = 1; END",
    );
    assert_eq!(analysis.invalid().count(), 1);
    let analysis = done(
        "DECLARE there boolean; BEGIN SELECT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'mood') INTO there; IF NOT there THEN DELETE FROM gone; END IF; END",
    );
    assert_eq!((analysis.class, analysis.only_checks), (Class::Reads, true));
    let analysis = done("BEGIN UPDATE gone SET a = 1; EXCEPTION WHEN undefined_table THEN NULL; END");
    assert_eq!(analysis.invalid().count(), 0);
    let analysis = done("BEGIN UPDATE gone SET a = 1; EXCEPTION WHEN unique_violation THEN NULL; END");
    assert_eq!(analysis.invalid().count(), 1);
}

#[test]
fn places_in_a_do_block_are_those_of_the_file() {
    let sql = "DO $$ BEGIN UPDATE users SET name = nope; END $$";
    let analysis = analysed(sql);
    let need = analysis.invalid().next().expect("nope is missing");
    assert_eq!(&sql[need.span.range()], "nope");
}

#[test]
fn dynamic_sql_is_opaque_unless_constant() {
    assert_eq!(done("BEGIN EXECUTE 'DELETE FROM ' || 'posts'; END").class, Class::Removes);
    assert_eq!(done("BEGIN EXECUTE format('DELETE FROM %I', current_user); END").class, Class::Opaque);
    assert_eq!(done("BEGIN COMMIT; END").transactional, Transactional::No);
    let looped = done(
        "DECLARE r record; BEGIN FOR r IN SELECT * FROM users LOOP UPDATE posts SET title = r.name WHERE user_id = r.id; END LOOP; END",
    );
    assert_eq!((looped.class, looped.opaque.as_deref()), (Class::Writes, None));
    assert!(looped.requires.iter().all(|need| need.verdict == Verdict::Valid), "{:?}", looped.requires);
}

#[test]
fn a_trigger_that_cannot_be_read_touches_everything() {
    let mut catalog = catalog();
    let runs = function(&mut catalog, "runs", "plpgsql", "BEGIN EXECUTE p; RETURN NEW; END");
    let users = catalog.relation_at(&qname("users")).expect("users").0;
    if let Some(relation) = catalog.relation_mut(users) {
        relation.triggers.push(Trigger {
            name: "t".into(),
            function: Some(runs),
            row: false,
            columns: Vec::new(),
            definition: None,
            above: None,
            origin: Origin::Live,
        });
    }
    let delete = analysed_in(&catalog, "DELETE FROM users");
    assert!(touches(&delete, Place::Everything, Access::Write));
    assert_eq!((delete.class, delete.opaque.as_deref()), (Class::Removes, None));
}

#[test]
fn ddl_in_a_do_block_happens_when_its_guard_says_so() {
    let add = |column: &str| {
        done(&format!(
            "BEGIN IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'users' AND \
             column_name = '{column}') THEN ALTER TABLE users ADD COLUMN {column} int; \
             UPDATE users SET {column} = 1; END IF; END"
        ))
    };
    let added = add("age");
    assert_eq!(added.opaque, None);
    assert!(added.requires.iter().all(|need| need.verdict == Verdict::Valid), "{:?}", added.requires);
    assert!(added.provides.contains(&Facet::Exists(ObjectRef::column(&qname("users"), "age"))));
    assert!(matches!(added.effects.first(), Some(Effect::AddColumn { .. })), "{:?}", added.effects);
    let passed = add("name");
    assert_eq!((passed.class, passed.effects.len(), passed.presence), (Class::Reads, 0, Presence::Absent));
    let unsure = done("BEGIN IF EXISTS (SELECT 1 FROM users) THEN CREATE TABLE x (a int); END IF; END");
    assert_eq!(unsure.class, Class::Opaque);
}

#[test]
fn caught_duplicates_mean_if_not_exists() {
    let create = |name: &str| {
        done(&format!(
            "BEGIN CREATE TYPE {name} AS ENUM ('a'); ALTER TABLE users ADD COLUMN z {name}; \
             EXCEPTION WHEN duplicate_object THEN RAISE NOTICE 'there'; END"
        ))
    };
    let made = create("colour");
    assert_eq!((made.class, made.opaque.as_deref()), (Class::Adds, None));
    assert_eq!(made.effects.len(), 2, "{:?}", made.effects);
    assert!(made.invalid().count() == 0);
    let there = create("mood");
    assert_eq!((there.effects.len(), there.provides.len(), there.opaque.as_deref()), (0, 0, None));
    let goes_on = done(
        "BEGIN CREATE TABLE IF NOT EXISTS users (id int); ALTER TABLE users ADD COLUMN z int; \
         EXCEPTION WHEN duplicate_column THEN NULL; END",
    );
    assert_eq!(goes_on.effects.len(), 1, "{:?}", goes_on.effects);
    let caught = done("BEGIN ALTER TABLE gone ADD COLUMN a int; EXCEPTION WHEN OTHERS THEN NULL; END");
    assert_eq!((caught.invalid().count(), caught.effects.len()), (0, 0));
    let waits =
        done("BEGIN ALTER TABLE gone ADD COLUMN a int; EXCEPTION WHEN duplicate_column THEN NULL; END");
    assert_eq!(waits.invalid().count(), 1);
    assert!(waits.may_wait());
}

#[test]
fn effects_of_a_do_block_apply_in_order() {
    let body = "BEGIN CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a_id int REFERENCES a (id)); \
                EXECUTE 'CREATE INDEX ON b (a_id)'; INSERT INTO b VALUES (1); END";
    let analysis = done(body);
    assert_eq!(analysis.opaque, None);
    assert!(analysis.requires.iter().all(|need| need.verdict == Verdict::Valid), "{:?}", analysis.requires);
    let mut after = catalog();
    after.apply(&analysis.effects, Origin::Simulated(1));
    let (a, _) = after.relation_at(&qname("a")).expect("a");
    let (b, table) = after.relation_at(&qname("b")).expect("b");
    assert!(
        matches!(&table.constraints[..], [key] if matches!(&key.kind, ConstraintKind::ForeignKey(to) if to.table == a))
    );
    assert_eq!(after.indexes_of(b).len(), 1);
}

#[test]
fn views_read_what_is_behind_them() {
    let mut catalog = catalog();
    let view = analysed_in(&catalog, "CREATE VIEW titles AS SELECT title FROM posts");
    catalog.apply(&view.effects, Origin::Simulated(1));
    let read = analysed_in(&catalog, "SELECT title FROM titles");
    assert!(touches(&read, Place::Rows(qname("posts")), Access::Read), "{:?}", read.footprint);
    let write = analysed_in(&catalog, "INSERT INTO titles (title) VALUES ('x')");
    assert!(touches(&write, Place::Rows(qname("posts")), Access::Insert));
    let missing = analysed_in(&catalog, "SELECT user_id FROM titles");
    assert_eq!(
        missing.invalid().next().map(|need| need.message.as_str()),
        Some("view `titles` has no column `user_id`")
    );
}

#[test]
fn bodies_in_sql_are_checked_when_the_function_is_made() {
    let plpgsql = analysed(
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT x FROM gone); END $$",
    );
    assert_eq!(plpgsql.invalid().count(), 0);
    let sql = analysed(
        "CREATE FUNCTION f(n int) RETURNS int LANGUAGE sql AS $$ SELECT n + id + f.n FROM users WHERE age = $1 $$",
    );
    let lacks: Vec<&str> = sql.invalid().map(|need| need.message.as_str()).collect();
    assert_eq!(lacks, ["table `users` has no column `age`"]);
    let atomic = analysed("CREATE FUNCTION f(n int) RETURNS int RETURN (SELECT n + id FROM users)");
    assert_eq!(atomic.invalid().count(), 0);
    let Some(Effect::CreateFunction { function, .. }) = atomic.effects.first() else { panic!() };
    assert!(!function.depends.is_empty());
}
