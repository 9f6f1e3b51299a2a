//! Statements of the case files, put together anew and with tokens exchanged: mostly SQL that parses, in any order.

#![no_main]

use dunlin::execute::{CheckStart, check};
use dunlin::migration::MigrationSet;
use dunlin::plan::Policy;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The statements of `crates/dunlin/tests/cases`, each as its words.
fn statements() -> &'static Vec<Vec<String>> {
    static STATEMENTS: OnceLock<Vec<Vec<String>>> = OnceLock::new();
    STATEMENTS.get_or_init(|| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/dunlin/tests/cases");
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .expect("the folder of cases")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
            .collect();
        paths.sort();
        let texts = paths.iter().map(|path| std::fs::read_to_string(path).expect("a case file"));
        let cut = texts.flat_map(|text| text.split(";\n").map(words).collect::<Vec<_>>());
        cut.filter(|words| !words.is_empty()).collect()
    })
}

fn words(statement: &str) -> Vec<String> {
    statement.split_inclusive([' ', '\n', '(', ')', ',']).map(str::to_owned).collect()
}

fuzz_target!(|choices: &[u8]| {
    let all = statements();
    let mut files = vec![String::new()];
    for choice in choices.chunks_exact(4) {
        let [high, low, place, from] = [choice[0], choice[1], choice[2], choice[3]].map(usize::from);
        let mut words = all[(high << 8 | low) % all.len()].clone();
        // Most statements stay whole; some get a word of another one.
        if from % 4 == 0 && !words.is_empty() {
            let other = &all[(low << 8 | from) % all.len()];
            let at = place % words.len();
            words[at].clone_from(&other[place % other.len()]);
        }
        if from % 16 == 1 {
            files.push(String::new());
        }
        let file = files.last_mut().expect("at least one");
        file.push_str(&words.concat());
        file.push_str(";\n");
    }
    let named: Vec<(String, &[u8])> = files
        .iter()
        .enumerate()
        .map(|(at, file)| (format!("{:04}_file.sql", at + 1), file.as_bytes()))
        .collect();
    let named = named.iter().map(|(name, bytes)| (name.as_str(), *bytes));
    let set = MigrationSet::from_files(named, "migrations").expect("plain names");
    let report = check(&set, CheckStart::empty(), &Policy::default(), &BTreeSet::new());
    assert_eq!(report.files, set.migrations.len());
});
