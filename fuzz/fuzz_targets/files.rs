//! Any bytes as a folder of files, from text to plan: no panic, no stack overflow, bounded time and memory.

#![no_main]

use dunlin::execute::{CheckStart, check};
use dunlin::migration::MigrationSet;
use dunlin::plan::Policy;
use libfuzzer_sys::{Corpus, fuzz_target};
use std::collections::BTreeSet;

/// Stands between two files.
const BETWEEN: u8 = 0x1e;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let files: Vec<(String, &[u8])> = bytes
        .split(|byte| *byte == BETWEEN)
        .enumerate()
        .map(|(at, file)| (format!("{:04}_file.sql", at + 1), file))
        .collect();
    let files = files.iter().map(|(name, bytes)| (name.as_str(), *bytes));
    let Ok(set) = MigrationSet::from_files(files, "migrations") else { return Corpus::Reject };
    let report = check(&set, CheckStart::empty(), &Policy::default(), &BTreeSet::new());
    assert_eq!(report.files, set.migrations.len());
    Corpus::Keep
});
