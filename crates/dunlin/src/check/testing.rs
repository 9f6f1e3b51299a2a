//! Runs the rules on SQL, one text for each migration.

use super::{Review, Start, Step, review};
use crate::analyze::{Analysis, Session, Transactional, analyze};
use crate::catalog::{Catalog, Origin, SearchPath};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceFile, Span};
use crate::syntax::{ParseOptions, Statement, parse};
use std::collections::BTreeSet;

fn statements(file: &SourceFile) -> Vec<Statement> {
    let statements = parse(file, Span::new(0, file.text.len()), &ParseOptions::default()).statements;
    assert!(
        statements.iter().all(|statement| matches!(statement.tree, crate::syntax::Tree::Parsed(_))),
        "{}",
        file.text
    );
    statements
}

fn apply(catalog: &mut Catalog, session: &mut Session, statement: &Statement, origin: Origin) -> Analysis {
    let analysis = analyze(statement, catalog, session);
    assert_eq!(analysis.invalid().next().map(|need| &need.message), None, "{}", statement.sql);
    catalog.apply(&analysis.effects, origin);
    analysis.session.iter().for_each(|change| session.apply(change));
    analysis
}

/// What the rules find in migrations on a server of a version, after a schema that was there before.
pub(super) fn reviewed(version: u32, start: Start, before: &str, migrations: &[&str]) -> Vec<Diagnostic> {
    let mut session = Session::new(SearchPath::default());
    let mut catalog = Catalog::empty();
    catalog.server_version = version * 10_000;
    for statement in statements(&SourceFile::new("before.sql", before)) {
        apply(&mut catalog, &mut session, &statement, Origin::Live);
    }
    let first = catalog.clone();
    let files: Vec<SourceFile> = migrations.iter().map(|sql| SourceFile::new("m.sql", sql)).collect();
    let mut done = Vec::new();
    let mut unit = 0;
    for (migration, file) in files.iter().enumerate() {
        unit += 1;
        let mut in_block = false;
        for statement in statements(file) {
            let origin = Origin::Simulated(u32::try_from(done.len()).unwrap());
            let analysis = apply(&mut catalog, &mut session, &statement, origin);
            in_block = match analysis.kind {
                "BEGIN" => true,
                "COMMIT" => false,
                _ => in_block,
            };
            unit += u32::from(analysis.transactional == Transactional::No);
            done.push((migration, unit, in_block, statement.span, analysis));
        }
    }
    let numbers: Vec<usize> = done.iter().map(|(migration, ..)| *migration).collect();
    let steps: Vec<Step<'_>> = done
        .iter()
        .enumerate()
        .map(|(operation, (migration, unit, in_block, span, analysis))| Step {
            operation,
            unit: *unit,
            in_block: *in_block,
            written: true,
            allow_data_loss: false,
            file: &files[*migration],
            span: *span,
            analysis,
            effects: &analysis.effects,
        })
        .collect();
    let ignore = BTreeSet::new();
    review(Review { start, catalog: first, steps: &steps, migrations: &numbers, ignore: &ignore })
}

/// What a rule says about the second of two migrations, after the first has made something.
pub(super) fn says(code: Code, before: &str, sql: &str) -> Vec<String> {
    said(code, reviewed(15, Start::Schema, before, &[sql]))
}

/// What a rule says among other findings.
pub(super) fn said(code: Code, found: Vec<Diagnostic>) -> Vec<String> {
    found.into_iter().filter(|found| found.code == code).map(|found| found.message).collect()
}

/// Asserts that a rule speaks about a statement on tables that were there, and is silent where they are made with it.
#[track_caller]
pub(super) fn speaks(code: Code, before: &str, sql: &str, part: &str) {
    let messages = says(code, before, sql);
    assert!(messages.iter().any(|message| message.contains(part)), "{sql}: {messages:?}");
    let together = said(code, reviewed(15, Start::Files, "", &[&format!("{before};\n{sql}")]));
    assert!(together.is_empty(), "made in the same migration: {together:?}");
    let apart = said(code, reviewed(15, Start::Files, "", &[before, sql]));
    assert!(!apart.is_empty(), "made by an earlier migration: {sql}");
}

/// Asserts that a rule is silent about statements on tables that were there.
#[track_caller]
pub(super) fn silent(code: Code, before: &str, statements: &[&str]) {
    for sql in statements {
        let messages = says(code, before, sql);
        assert!(messages.is_empty(), "{sql}: {messages:?}");
    }
}

/// What the rules find where a function of the statement is not known, as one of an extension.
pub(super) fn anyway(before: &str, sql: &str) -> Vec<Diagnostic> {
    let known = "create function uuid_generate_v4() returns uuid language c as 'x'";
    reviewed(15, Start::Schema, &format!("{before}; {known}"), &[sql])
}
