//! Plans as short lines, one a step: `0001#1 run`, without a server.

use super::*;
use crate::catalog::{Catalog, SearchPath};
use crate::execute::CheckStart;
use crate::source::SourceFile;
use crate::syntax::ParseOptions;
use std::collections::{HashMap, HashSet};

/// The plan for a set of files on a database made by `there`; `adopting` when nobody recorded it.
fn planned(there: &str, adopting: bool, files: &[(&str, &str)], policy: &Policy) -> Plan {
    crate::syntax::on_large_stack(|| {
        let names: Vec<String> = files.iter().map(|(name, _)| format!("{name}.sql")).collect();
        let named = names.iter().zip(files).map(|(name, (_, sql))| (name.as_str(), sql.as_bytes()));
        let set = MigrationSet::from_files(named, "").unwrap();
        let operations = Operations::of(&set, &ParseOptions::default(), &SearchPath::default());
        let mut catalog = if there.is_empty() {
            Catalog::empty()
        } else {
            CheckStart::of_sql(&SourceFile::new("there.sql", there)).catalog
        };
        catalog.had_user_tables = catalog.has_user_tables();
        let past = Past { adopting, ..Past::default() };
        plan(&Input {
            set: &set,
            operations: &operations,
            catalog,
            past: &past,
            policy,
            to: None,
            accepted: &HashSet::new(),
            set_aside: &HashMap::new(),
            check: false,
        })
        .plan
    })
}

/// The steps: migration, operation, what is done, whether it moved, the unit, the code.
fn lines(plan: &Plan) -> String {
    let mut text = String::new();
    if plan.refused {
        text.push_str("refused\n");
    }
    for step in &plan.steps {
        let action = format!("{:?}", step.action).to_lowercase();
        let moved = if step.moved { " moved" } else { "" };
        let unit = if step.unit > 0 { format!(" in {}", step.unit) } else { String::new() };
        let code = step.code.map(|code| format!(" {code}")).unwrap_or_default();
        let object = step.object.as_ref().map(|object| format!(" {object}")).unwrap_or_default();
        text.push_str(&format!(
            "{}#{} {action}{object}{moved}{unit}{code}\n",
            step.migration, step.operation
        ));
    }
    text
}

fn on(there: &str, files: &[(&str, &str)]) -> String {
    lines(&planned(there, false, files, &Policy::default()))
}

fn adopting(there: &str, files: &[(&str, &str)]) -> String {
    lines(&planned(there, true, files, &Policy::default()))
}

#[test]
fn rule_1_what_holds_runs_in_file_order() {
    let plan = on(
        "",
        &[
            ("1", "create table a (i int); create index a_i on a (i);"),
            ("2", "create view v as select i from a;"),
        ],
    );
    insta::assert_snapshot!(plan, @"
    1#1 run in 1
    1#2 run in 1
    2#1 run in 2
    ");
}

#[test]
fn rule_2_what_lacks_something_waits_and_runs_right_after() {
    let plan = on(
        "",
        &[
            ("1", "create view v as select i from a; create table other (i int);"),
            ("2", "create table a (i int); create table more (i int references a (i));"),
            ("3", "alter table a add unique (i);"),
        ],
    );
    insta::assert_snapshot!(plan, @"
    1#2 run in 1
    2#1 run in 2
    1#1 run moved in 3 DN302
    3#1 run in 4
    2#2 run moved in 5 DN302
    ");
}

#[test]
fn rule_2_what_removes_never_waits_for_a_later_creator() {
    let plan = on(
        "",
        &[(
            "1",
            "drop table if exists a; create table a (i int); alter table a rename to b; create table a (i int);
            drop view if exists v; create view v as select i from a;",
        )],
    );
    insta::assert_snapshot!(plan, @"
    1#1 satisfied
    1#2 run in 1
    1#3 run in 1
    1#4 run in 1
    1#5 satisfied
    1#6 run in 1
    ");
}

#[test]
fn rule_2_what_does_not_commute_waits_behind() {
    let plan = on(
        "create table a (i int);",
        &[
            ("1", "update a set j = i; alter table a drop column i; create table free (x int);"),
            ("2", "alter table a add column j int;"),
        ],
    );
    insta::assert_snapshot!(plan, @"
    1#3 run in 1
    2#1 run in 2
    1#1 run moved in 3 DN302
    1#2 run moved in 3 DN302
    ");
}

#[test]
fn rule_3_declared_columns_are_ensured_unless_a_pending_operation_adds_them() {
    let plan = on(
        "create table a (id int primary key);",
        &[
            (
                "1",
                "create table if not exists a (id int primary key, b text, c int default 1, d int);\ncreate index a_b on a (b);",
            ),
            ("2", "alter table a add column d int;"),
        ],
    );
    insta::assert_snapshot!(plan, @"
    1#1 ensure a.b in 1 DN210
    1#1 ensure a.c in 1 DN210
    1#1 satisfied
    1#2 run in 1
    2#1 run in 2
    ");
}

#[test]
fn rule_3_what_the_set_takes_away_again_does_not_come_back() {
    let plan = on(
        "create table a (id int, b2 text);",
        &[
            ("1", "create table if not exists a (id int, b text, c int);"),
            ("2", "alter table a rename column b to b2;"),
            ("3", "alter table a drop column if exists c;"),
        ],
    );
    insta::assert_snapshot!(plan, @"
    1#1 satisfied
    2#1 satisfied
    3#1 satisfied
    ");
}

#[test]
fn rule_3_a_key_for_on_conflict_is_ensured() {
    let plan = on(
        "create table a (id int, email text);",
        &[(
            "1",
            "create table if not exists a (id int, email text unique);
            insert into a (id, email) values (1, 'x') on conflict (email) do nothing;",
        )],
    );
    insta::assert_snapshot!(plan, @"
    1#1 satisfied
    1#1 ensure unique key a (email) in 1 DN210
    1#2 run in 1
    ");
}

#[test]
fn rule_4_what_is_there_is_satisfied_and_another_definition_refuses_the_plan() {
    let there = "create table a (id int, s varchar(20) default 'x'); create index a_s on a (s);";
    let same = on(
        there,
        &[(
            "1",
            "alter table a add column s character varying(20); create index a_s on a (s); drop table gone;",
        )],
    );
    insta::assert_snapshot!(same, @"
    1#1 satisfied
    1#2 satisfied
    1#3 satisfied
    ");
    let other = on(there, &[("1", "create index a_s on a (id);")]);
    insta::assert_snapshot!(other, @"
    refused
    1#1 skip DN213
    ");
}

#[test]
fn rule_5_a_circle_refuses_the_plan() {
    let plan = planned(
        "",
        false,
        &[
            ("1", "create table a (i int references b (i));"),
            ("2", "create table b (i int primary key references a (i));"),
        ],
        &Policy::default(),
    );
    insta::assert_snapshot!(lines(&plan), @"
    refused
    1#1 skip DN301
    2#1 skip DN301
    ");
    let circle = plan.diagnostics.iter().find(|diagnostic| diagnostic.code == crate::diagnostic::Code::DN301);
    insta::assert_snapshot!(circle.unwrap().message, @"these operations wait for each other in a circle: 1#1 -> 2#1 -> 1#1");
}

#[test]
fn two_files_that_need_each_other_in_part_work_and_are_cut() {
    let plan = on(
        "",
        &[
            (
                "1",
                "create table a1 (i int primary key); create table a2 (i int references b1 (i)); create table a3 (i int);",
            ),
            ("2", "create table b1 (i int primary key references a1 (i)); create table b2 (i int);"),
        ],
    );
    insta::assert_snapshot!(plan, @"
    1#1 run in 1
    1#3 run in 1
    2#1 run in 2
    1#2 run moved in 3 DN302
    2#2 run in 4
    ");
}

#[test]
fn rule_6_what_nobody_provides_is_skipped_with_what_depends_on_it() {
    let plan = on(
        "create table a (id int);",
        &[(
            "1",
            "create view v as select nope from a; create view w as select * from v; create table b (i int);",
        )],
    );
    insta::assert_snapshot!(plan, @"
    1#1 skip DN203
    1#2 skip DN209
    1#3 run in 1
    ");
}

#[test]
fn rule_8_what_waits_does_not_hold_a_barrier_back() {
    let plan = on(
        "",
        &[
            ("1", "create view v as select i from a;"),
            ("2", "do $$ begin execute 'create table ' || 'x (i int)'; end $$;"),
            ("3", "create table a (i int);"),
        ],
    );
    insta::assert_snapshot!(plan, @"
    2#1 run in 1
    3#1 run in 2
    1#1 run moved in 3 DN302
    ");
}

#[test]
fn rule_8_an_extension_waits_for_its_schema_and_what_follows_waits_with_it() {
    let plan = on(
        "",
        &[
            ("1", "create extension pgcrypto with schema crypto; create table a (i int);"),
            ("2", "create table b (i int);"),
            ("3", "create schema crypto; create table c (i int);"),
        ],
    );
    insta::assert_snapshot!(plan, @"
    3#1 run in 1
    1#1 run moved in 2 DN302
    1#2 run moved in 2 DN302
    2#1 run moved in 3 DN302
    3#2 run in 4
    ");
}

#[test]
fn rule_11_the_first_of_two_shapes_decides() {
    let plan = planned(
        "",
        false,
        &[
            ("1", "create table if not exists a (i int);"),
            ("2", "create table if not exists a (i text, j int);"),
        ],
        &Policy::default(),
    );
    insta::assert_snapshot!(lines(&plan), @"
    1#1 run in 1
    2#1 ensure a.j in 2 DN210
    2#1 satisfied DN212
    ");
    assert!(plan.diagnostics.iter().any(|diagnostic| diagnostic.code == crate::diagnostic::Code::DN212));
}

#[test]
fn strict_order_refuses_what_would_move() {
    let policy = Policy { order: Order::Files, ..Policy::default() };
    let files = [("1", "create view v as select i from a;"), ("2", "create table a (i int);")];
    insta::assert_snapshot!(lines(&planned("", false, &files, &policy)), @"
    refused
    1#1 skip DN202
    2#1 run in 1
    ");
}

#[test]
fn a_new_label_is_used_after_a_commit_also_where_its_type_is_new() {
    let plan = on(
        "",
        &[(
            "1",
            "create type mood as enum ('ok'); create table m (m mood); alter type mood add value 'sad';
            insert into m values ('sad');",
        )],
    );
    insta::assert_snapshot!(plan, @"
    1#1 run in 1
    1#2 run in 1
    1#3 run in 1
    1#4 run in 2
    ");
}

/// The set of the next tests: renames, replacements and removals, so that single statements no longer show.
const HISTORY: [(&str, &str); 4] = [
    (
        "1",
        "create type role as enum ('user'); create table person (id serial primary key, pages int check (pages >= 0), r role);
        create index person_pages on person (pages); insert into person (pages) values (1);",
    ),
    (
        "2",
        "alter table person rename column pages to sheets; alter table person add column isbn text not null default '';
        alter table person alter column isbn drop default; update person set isbn = 'x' where sheets = 1;",
    ),
    (
        "3",
        "create type role_new as enum ('user', 'owner'); alter table person alter column r type role_new using r::text::role_new;
        drop type role; alter type role_new rename to role;",
    ),
    (
        "4",
        "alter table person rename to people; create table person (id int); drop index person_pages;
        create index person_pages on people (isbn);",
    ),
];

#[test]
fn a_database_that_is_at_the_end_and_not_recorded_stays_as_it_is() {
    let end = "create type role as enum ('user', 'owner');
        create table people (id serial primary key, sheets int constraint person_pages_check check (sheets >= 0), r role, isbn text not null);
        alter index people_pkey rename to person_pkey; alter sequence people_id_seq rename to person_id_seq;
        create table person (id int); create index person_pages on people (isbn);";
    insta::assert_snapshot!(adopting(end, &HISTORY), @"
    1#1 satisfied
    1#2 satisfied
    1#3 satisfied
    1#4 held DN410
    2#1 satisfied
    2#2 satisfied
    2#3 satisfied
    2#4 held DN410
    3#1 satisfied
    3#2 satisfied
    3#3 satisfied
    3#4 satisfied
    4#1 satisfied
    4#2 satisfied
    4#3 satisfied
    4#4 satisfied
    ");
}

#[test]
fn a_database_that_is_in_the_middle_and_not_recorded_gets_the_rest() {
    let middle = "create type role as enum ('user');
        create table person (id serial primary key, sheets int constraint person_pages_check check (sheets >= 0), r role, isbn text not null);
        create index person_pages on person (sheets);";
    insta::assert_snapshot!(adopting(middle, &HISTORY), @"
    1#1 satisfied
    1#2 satisfied
    1#3 satisfied
    1#4 held DN410
    2#1 satisfied
    2#2 satisfied
    2#3 satisfied
    2#4 held DN410
    3#1 run in 1
    3#2 run in 1
    3#3 run in 1
    3#4 run in 1
    4#1 run in 2
    4#2 run in 2
    4#3 run in 2
    4#4 run in 2
    ");
}

#[test]
fn a_table_that_the_set_drops_first_and_makes_then_is_not_dropped_where_it_is_there() {
    let plan = adopting(
        "create table t (i int); create table other (i int);",
        &[
            ("1", "drop table if exists t; create table t (i int); insert into t values (1);"),
            ("2", "drop table if exists other;"),
        ],
    );
    insta::assert_snapshot!(plan, @"
    1#1 satisfied
    1#2 satisfied
    1#3 held DN410
    2#1 run in 1
    ");
}

#[test]
fn sequences_are_not_set_back_where_nobody_recorded_that_they_were_set() {
    let plan = adopting(
        "create table t (id serial);",
        &[(
            "1",
            "create table t (id serial); select setval('t_id_seq', 5, true); alter sequence t_id_seq restart with 7;
            select setval('t_id_seq', (select max(id) from t));",
        )],
    );
    insta::assert_snapshot!(plan, @"
    1#1 satisfied
    1#2 held DN410
    1#3 held DN410
    1#4 run in 1
    ");
}

#[test]
fn an_operator_of_the_users_is_seen_where_the_servers_own_were_asked_for_before() {
    let select = ("0002_s", "select 1 || 2;");
    let without = on("", &[("0001_t", "create table t (id int);"), select]);
    assert!(without.contains("0002_s#1 skip"), "{without}");
    let own = "create function glue(int, int) returns int language sql as 'select $1';\
               create operator || (leftarg = int, rightarg = int, function = glue);";
    let with = on("", &[("0001_o", own), select]);
    assert!(with.contains("0002_s#1 run"), "{with}");
    assert_eq!(on("", &[("0001_t", "create table t (id int);"), select]), without);
}

#[test]
fn a_plan_of_thousands_of_steps_has_all_of_them_in_order() {
    let names: Vec<String> = (1..=11).map(|n| format!("{n:04}_s")).collect();
    let texts: Vec<String> =
        (1..=11).map(|n| (1..=1000).map(|at| format!("select {};", n * 1000 + at)).collect()).collect();
    let files: Vec<(&str, &str)> =
        names.iter().zip(&texts).map(|(n, sql)| (n.as_str(), sql.as_str())).collect();
    let plan = planned("", false, &files, &Policy::default());
    assert!(plan.steps.len() == 11_000 && plan.steps.len() >= super::MANY);
    for (at, step) in plan.steps.iter().enumerate() {
        assert_eq!((&step.migration, step.unit as usize), (&names[at / 1000], at / 1000 + 1));
        assert_eq!(step.operation as usize, at % 1000 + 1);
    }
}
