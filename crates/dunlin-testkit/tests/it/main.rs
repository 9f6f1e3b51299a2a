//! The oracle on small scripts, whose outcome is known.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use dunlin_testkit::oracle::{FileReport, Options, Outcome, run_file};
use std::time::Duration;

fn run(text: &str) -> FileReport {
    run_file("test.sql", text, &Options::default())
}

/// The outcomes of what was not exact, each with its line.
fn outcomes(report: &FileReport) -> Vec<(usize, Outcome)> {
    report.entries.iter().map(|entry| (entry.line, entry.judgement.outcome)).collect()
}

#[test]
fn what_psql_does_with_a_file_is_done() {
    let report = run("\\set name t\n\
         create table :name (a integer, b text);\n\
         copy t from stdin;\n1\tx\n2\ty\n\\.\n\
         select count(*) as n from t \\gset x_\n\
         select 1 / (:x_n - 2);\n\
         select format('create table made_%s (a integer)', a) from t \\gexec\n\
         select made_1.a from made_1, made_2;\n\
         \\d t\n\
         \\if :{?unknown}\nselect missing;\n\\endif\n\
         \\c\n\
         select b from t;");
    // Two rows were copied, so that this one divides by zero.
    assert_eq!(outcomes(&report), [(8, Outcome::Refused)], "{:?}", report.entries);
    assert_eq!((report.counts.exact, report.troubles), (8, Vec::new()));
}

#[test]
fn transactions_are_followed_and_failed_ones_passed_over() {
    let report = run("begin;\ncreate table a (x integer);\nsavepoint s;\ndrop table a;\nselect x from a;\n\
         select this_is from nowhere;\nrollback to s;\nselect x from a;\nselect 1 / 0;\ncreate table b ();\ncommit;\n\
         select x from a;\nbegin;\nset local search_path = pg_catalog;\ncommit and chain;\ncreate table c (x integer);\n\
         commit;\nselect x from c;");
    assert_eq!(outcomes(&report), [(9, Outcome::Refused)], "{:?}", report.entries);
    assert_eq!(report.counts.exact, 15, "{:?}", report.counts);
}

#[test]
fn what_the_simulation_cannot_know_is_a_difference_or_unknown_and_it_goes_on_from_there() {
    let report = run(
        "create function makes() returns void language plpgsql as $$ begin execute format('create \
         table made (x integer) -- %s', now()); end $$;\nselect makes();\nselect x from made;\nselect y from made;",
    );
    assert_eq!(outcomes(&report), [(2, Outcome::Unknown)], "{:?}", report.entries);
    assert_eq!(report.counts.exact, 3);
}

#[test]
fn a_lost_connection_and_a_long_statement_are_no_end() {
    let options = Options { limit: Duration::from_secs(2), ..Options::default() };
    let text = "select pg_sleep(60);\nselect pg_terminate_backend(pg_backend_pid());\ncreate table t ();\nselect 1 from t;";
    let report = run_file("test.sql", text, &options);
    assert_eq!(outcomes(&report), [(1, Outcome::Refused)], "{:?}", report.entries);
    assert_eq!(report.troubles.len(), 1, "{:?}", report.troubles);
    assert_eq!(report.counts.exact, 2);
}

#[test]
fn a_file_may_make_roles_and_databases() {
    let text = "create role oracle_tester;\ncreate table t (a integer);\ngrant select on t to oracle_tester;\n\
         alter table t owner to oracle_tester;\ncreate database oracle_other owner oracle_tester;";
    for _ in 0..2 {
        assert_eq!(run(text).counts.exact, 5);
    }
}

#[test]
fn a_setup_runs_first_and_is_not_judged() {
    let options = Options {
        setup: Some("create table before (x integer); select nothing;".to_owned()),
        ..Options::default()
    };
    let report = run_file("test.sql", "select x from before;", &options);
    assert_eq!((report.counts.statements, report.counts.exact), (1, 1), "{:?}", report.entries);
}

#[test]
fn what_an_unknown_statement_made_for_the_transaction_alone_is_no_difference() {
    let report = run(
        "begin;\ndo $$ begin execute format('create temp table made (x integer) on commit drop -- %s', now()); \
         end $$;\nselect x from made;\ncommit;\nselect x from made;",
    );
    assert_eq!(outcomes(&report), [(2, Outcome::Unknown), (4, Outcome::Unknown)], "{:?}", report.entries);
    assert_eq!(report.counts.exact, 3);
}
