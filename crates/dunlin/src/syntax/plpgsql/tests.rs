use super::*;
use crate::syntax::{parse_expression, parse_sql_fragment};
use proptest::prelude::*;

fn read(body: &str) -> PlBlock {
    plpgsql(body).unwrap_or_else(|error| panic!("{error}\n{body}"))
}

#[test]
fn a_trigger_function_is_read() {
    let body = r#"
#variable_conflict use_column
<<outer>>
DECLARE
  n int NOT NULL := 3; -- it's
  r public.t%ROWTYPE;
  c CURSOR (k int) FOR SELECT * FROM t WHERE a = k;
  x CONSTANT numeric(10, 2) DEFAULT 1.5;
  a ALIAS FOR $1;
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.updated_at := now();
    NEW.tags[1] = 'a;';
    INSERT INTO log (a) VALUES (NEW.id) RETURNING id INTO STRICT n;
  ELSIF TG_OP IN ('UPDATE', 'DELETE') THEN
    SELECT count(*), max(b) INTO n, r.b FROM t WHERE x = (CASE WHEN a THEN 1 ELSE 2 END);
  ELSE
    RAISE EXCEPTION 'no %', TG_OP USING ERRCODE = '22000';
  END IF;
  <<l>> FOR i IN REVERSE 10..1 BY 2 LOOP
    CONTINUE l WHEN i = 2; EXIT;
  END LOOP l;
  FOR r IN SELECT * FROM t LOOP PERFORM f(r.id); END LOOP;
  FOR r IN EXECUTE 'select 1' LOOP NULL; END LOOP;
  FOR r IN c(3) LOOP NULL; END LOOP;
  FOREACH n SLICE 1 IN ARRAY ARRAY[1, 2] LOOP NULL; END LOOP;
  WHILE n > 0 LOOP n := n - 1; END LOOP;
  CASE n WHEN 1, 2 THEN NULL; ELSE RAISE NOTICE 'x'; END CASE;
  GET DIAGNOSTICS n = ROW_COUNT;
  OPEN c(3); FETCH NEXT FROM c INTO r; CLOSE c;
  ASSERT n = 0, 'no';
  BEGIN
    EXECUTE 'drop ' || 'table it''s' INTO n USING 1;
    EXECUTE format('a %% b'); EXECUTE format('%I', n);
  EXCEPTION WHEN undefined_table OR SQLSTATE '42703' THEN NULL; WHEN OTHERS THEN RAISE;
  END;
  CALL p(1); COMMIT;
  RETURN NEW;
END outer;
"#;
    let block = read(body);
    let names: Vec<_> = block.declares.iter().map(|d| (&d.name[..], &body[d.type_span.range()])).collect();
    assert_eq!(names[..2], [("n", "int"), ("r", "public.t%ROWTYPE")]);
    assert_eq!(names[3], ("x", "numeric(10, 2)"));
    assert_eq!(block.declares[2].query_span.map(|s| &body[s.range()]), Some("SELECT * FROM t WHERE a = k"));
    let PlStmt::If { branches, otherwise, .. } = &block.body[0] else { panic!() };
    assert_eq!(branches.len(), 2);
    assert!(matches!(otherwise[..], [PlStmt::Raise { level: RaiseLevel::Exception, .. }]));
    let PlStmt::Sql(insert) = &branches[0].body[2] else { panic!() };
    assert_eq!(insert.into.map(|s| &body[s.range()]), Some("INTO STRICT n"));
    let PlStmt::Sql(select) = &branches[1].body[0] else { panic!() };
    assert_eq!(select.into.map(|s| &body[s.range()]), Some("INTO n, r.b"));
    assert_eq!(select.sql.len(), select.span.end - select.span.start);
    let headers: Vec<_> = block.body[1..7]
        .iter()
        .map(|s| match s {
            PlStmt::Loop { header, .. } => header.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(matches!(&headers[0], LoopHeader::Range(spans) if spans.len() == 3));
    assert!(matches!(&headers[1], LoopHeader::Query(_)));
    assert!(matches!(&headers[2], LoopHeader::Execute(d) if d.literal.as_deref() == Some("select 1")));
    assert!(matches!(&headers[3..], [LoopHeader::Cursor(_), LoopHeader::Array(_), LoopHeader::While(_)]));
    let PlStmt::Block(inner) = &block.body[13] else { panic!("{:?}", block.body[13]) };
    let literals: Vec<_> = inner
        .body
        .iter()
        .map(|s| if let PlStmt::Execute { dynamic, .. } = s { dynamic.literal.as_deref() } else { panic!() })
        .collect();
    assert_eq!(literals, [Some("drop table it's"), Some("a % b"), None]);
    assert_eq!(inner.handlers.len(), 2);
    for_each_sql(&block.body, &mut |sql| assert!(parse_sql_fragment(&sql.sql).is_ok(), "{}", sql.sql));
    assert!(parse_expression(&body[branches[0].cond.range()]).is_ok());
}

fn for_each_sql(body: &[PlStmt], visit: &mut impl FnMut(&PlSql)) {
    for statement in body {
        match statement {
            PlStmt::Sql(sql) | PlStmt::Perform(sql) => visit(sql),
            PlStmt::If { branches, otherwise, .. } => {
                branches.iter().for_each(|branch| for_each_sql(&branch.body, visit));
                for_each_sql(otherwise, visit);
            }
            PlStmt::Loop { header, body, .. } => {
                if let LoopHeader::Query(sql) = header {
                    visit(sql);
                }
                for_each_sql(body, visit);
            }
            PlStmt::Block(block) => for_each_sql(&block.body, visit),
            _ => {}
        }
    }
}

#[test]
fn usual_do_blocks_are_read() {
    let block = read(
        "BEGIN IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'x') THEN CREATE TYPE x AS ENUM ('a'); END IF; END",
    );
    assert!(matches!(&block.body[..], [PlStmt::If { branches, .. }] if branches[0].body.len() == 1));
    let block = read("BEGIN CREATE TYPE x AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN null; END;");
    assert_eq!((block.body.len(), block.handlers.len()), (1, 1));
    let block = read("declare open int; begin open := 1; return query select 1; return next; return; end");
    assert!(matches!(&block.body[0], PlStmt::Assign { .. }));
    assert!(
        matches!(&block.body[1], PlStmt::Return { returned: Returned::Query(q), .. } if q.sql == "select 1")
    );
    let block = read(
        "BEGIN CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END; NULL; END",
    );
    assert_eq!(block.body.len(), 2);
    let block = read("BEGIN EXECUTE $q$ALTER TABLE t ADD c int;$q$; SELECT INTO STRICT r a, b FROM t; END");
    assert!(
        matches!(&block.body[0], PlStmt::Execute { dynamic, .. } if dynamic.literal.as_deref() == Some("ALTER TABLE t ADD c int;"))
    );
    assert!(matches!(&block.body[1], PlStmt::Sql(q) if q.sql == "SELECT               a, b FROM t"));
}

#[test]
fn what_is_no_plpgsql_is_an_error() {
    for body in [
        "",
        "SELECT 1",
        "BEGIN",
        "BEGIN IF a THEN END",
        "BEGIN END; x",
        "BEGIN SELECT (1; END",
        "BEGIN ; END",
        "BEGIN 'a END",
    ] {
        assert!(plpgsql(body).is_err(), "{body}");
    }
    assert!(plpgsql(&"BEGIN ".repeat(100_000)).is_err());
}

proptest! {
    #[test]
    fn nothing_panics(body in "(begin |end |end;|if |then |else |;|loop |for |in |case |when |x|:=|\\[|\\]|\\(|\\)|\\.\\.|execute |into |'a'|é|<<|>>|declare |exception |return |query |perform |open |#|select |,|\\.){0,40}") {
        let _ = plpgsql(&body);
    }
}
