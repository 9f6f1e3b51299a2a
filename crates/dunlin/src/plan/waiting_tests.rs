//! Thousands of operations that wait: the work grows with their number, not with its square. It is counted, not timed.

use super::*;
use crate::analyze::MADE;
use crate::catalog::{Catalog, SearchPath};
use crate::syntax::{ParseOptions, on_large_stack};
use std::collections::{HashMap, HashSet};

const MANY: usize = 2000;

/// The plan of a set of one statement a file, and how many analyses it took for each of them.
fn planned(statements: impl Iterator<Item = String>, adopting: bool) -> (Plan, f64) {
    let files: Vec<(String, String)> =
        statements.enumerate().map(|(at, sql)| (format!("{at:06}.sql"), sql)).collect();
    on_large_stack(|| {
        let named = files.iter().map(|(name, sql)| (name.as_str(), sql.as_bytes()));
        let set = MigrationSet::from_files(named, "").unwrap();
        let operations = Operations::of(&set, &ParseOptions::default(), &SearchPath::default());
        let mut catalog = Catalog::empty();
        catalog.had_user_tables = adopting;
        let past = Past { adopting, ..Past::default() };
        let before = MADE.get();
        let plan = plan(&Input {
            set: &set,
            operations: &operations,
            catalog,
            past: &past,
            policy: &Policy::default(),
            to: None,
            accepted: &HashSet::new(),
            set_aside: &HashMap::new(),
            check: false,
        })
        .plan;
        (plan, (MADE.get() - before) as f64 / files.len() as f64)
    })
}

/// The first words of what runs, in running order; nothing else is in the plan.
fn running(plan: &Plan) -> Vec<&str> {
    assert!(!plan.refused, "{:?}", plan.diagnostics.first());
    assert!(plan.steps.iter().all(|step| step.action == Action::Run));
    plan.steps.iter().map(|step| step.sql.as_str()).collect()
}

#[test]
fn thousands_that_wait_for_one_each_are_looked_at_a_few_times() {
    let waiting = (0..MANY).map(|n| format!("create view v{n} as select id from t{n}"));
    let making = (0..MANY).map(|n| format!("create table t{n} (id int)"));
    let (plan, analyses) = planned(waiting.chain(making), false);
    let sql = running(&plan);
    for n in 0..MANY {
        assert_eq!(sql[2 * n], format!("create table t{n} (id int)"));
        assert_eq!(sql[2 * n + 1], format!("create view v{n} as select id from t{n}"));
    }
    assert!(analyses < 6.0, "{analyses}");
}

#[test]
fn thousands_that_wait_for_the_same_are_looked_at_a_few_times() {
    let waiting = (0..MANY).map(|n| format!("alter table t add column c{n} int"));
    let (plan, analyses) = planned(waiting.chain(["create table t (id int)".to_owned()]), false);
    let sql = running(&plan);
    assert_eq!(sql[0], "create table t (id int)");
    assert_eq!(sql[1], "alter table t add column c0 int");
    assert_eq!(sql[MANY], format!("alter table t add column c{} int", MANY - 1));
    assert!(analyses < 6.0, "{analyses}");
}

#[test]
fn a_chain_of_dependents_from_its_end_is_looked_at_a_few_times() {
    let chain = (0..MANY)
        .map(|n| format!("create view v{n} as select id from v{}", n + 1))
        .chain([format!("create view v{MANY} as select 1 as id")]);
    let (plan, analyses) = planned(chain, false);
    let sql = running(&plan);
    assert_eq!(sql[0], format!("create view v{MANY} as select 1 as id"));
    assert_eq!(sql[MANY], "create view v0 as select id from v1");
    assert!(analyses < 6.0, "{analyses}");
}

#[test]
fn marks_of_transactions_wake_nobody() {
    let waiting = (0..MANY).map(|n| format!("create view v{n} as select id from t{n}"));
    let making = (0..MANY).map(|n| format!("begin; create table t{n} (id int); commit;"));
    let (plan, analyses) = planned(waiting.chain(making), false);
    assert!(!plan.refused);
    assert_eq!(plan.steps.iter().filter(|step| step.moved).count(), MANY);
    assert!(analyses < 9.0, "{analyses}");
}

#[test]
fn what_nobody_makes_is_looked_at_a_few_times() {
    let lacking = (0..MANY).map(|n| format!("create view v{n} as select id from missing{n}"));
    let (plan, analyses) = planned(lacking, false);
    assert!(plan.steps.iter().all(|step| step.action == Action::Skip));
    assert!(analyses < 12.0, "{analyses}");
}

#[test]
fn what_the_set_believes_takes_no_more_work_either() {
    let waiting = (0..MANY).map(|n| format!("create view v{n} as select id from t{n}"));
    let making = (0..MANY).map(|n| format!("create table if not exists t{n} (id int)"));
    let inserts = ["insert into t1 values (1)".to_owned()].into_iter();
    let (plan, analyses) = planned(waiting.chain(making).chain(inserts), true);
    assert!(!plan.refused);
    assert!(analyses < 14.0, "{analyses}");
}
