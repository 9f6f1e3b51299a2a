//! The case files, statement by statement on a server and in the simulation.

use dunlin::source::{LineIndex, SourceFile, Span};
use dunlin::syntax::{ParseOptions, TreeKind, fingerprint, on_large_stack, parse};
use dunlin_testkit::oracle::{Counts, Options, Outcome, run_file};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The case files by name, without those of `locks.rs`, which are read in another way.
fn cases() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let wanted = |path: &PathBuf| name(path).ends_with(".sql") && !name(path).starts_with("locks");
    let mut files: Vec<_> = files.filter(wanted).collect();
    files.sort();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn the_simulation_agrees_with_the_server_after_every_statement() {
    let mut total = Counts::default();
    let mut wrong = String::new();
    let options = Options { dependents: true, ..Options::default() };
    for (name, text) in cases() {
        let report = run_file(&name, &text, &options);
        total.extend(&report.counts);
        let entries = report.entries.iter().filter(|entry| {
            matches!(entry.judgement.outcome, Outcome::FalseInvalid | Outcome::Missed | Outcome::Difference)
        });
        for entry in entries {
            let server = entry.server.as_deref().unwrap_or("accepted");
            let (outcome, reasons) = (entry.judgement.outcome, entry.judgement.reasons.join("\n    "));
            wrong.push_str(&format!(
                "{name}:{}: {outcome:?}: {}\n    {server}\n    {reasons}\n",
                entry.line, entry.sql
            ));
        }
        report.troubles.iter().for_each(|trouble| wrong.push_str(&format!("{trouble}\n")));
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(total.statements > 0 && total.unknown * 20 < total.statements, "{total:?}");
}

#[test]
fn no_two_cases_differ_in_constants_only() {
    let mut seen: BTreeMap<u64, String> = BTreeMap::new();
    let mut twice = Vec::new();
    for (name, text) in cases() {
        let file = SourceFile::new(name.as_str(), text.as_str());
        let lines = LineIndex::new(&text);
        let script = parse(&file, Span::new(0, text.len()), &ParseOptions::default());
        for statement in &script.statements {
            // The whole of a DO is one constant.
            let block = statement.sql.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("do "));
            if block || statement.tree.is(TreeKind::Transaction) || statement.tree.is(TreeKind::Set) {
                continue;
            }
            let place = format!("{name}:{}", lines.line_column(&text, statement.span.start).0);
            let Some(print) = on_large_stack(|| fingerprint(&statement.sql)) else { continue };
            if let Some(first) = seen.insert(print, place.clone()) {
                twice.push(format!("{place} is like {first}: {}", statement.sql));
            }
        }
    }
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}
