//! What the oracle found, as numbers and as entries.

use super::judge::{Judgement, Outcome};
use serde::Serialize;
use std::collections::BTreeMap;

/// How many statements had which outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All that were judged: the sum of the others.
    pub statements: usize,
    /// Right in all.
    pub exact: usize,
    /// Said not to be known.
    pub unknown: usize,
    /// Called invalid and accepted by the server.
    pub false_invalid: usize,
    /// Refused by the server for something missing or there already, and not called invalid.
    pub missed: usize,
    /// With another catalog after it than the server's.
    pub differences: usize,
}

impl Counts {
    /// Counts an outcome; what was refused for other reasons is not judged.
    pub fn add(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Exact => &mut self.exact,
            Outcome::Unknown => &mut self.unknown,
            Outcome::FalseInvalid => &mut self.false_invalid,
            Outcome::Missed => &mut self.missed,
            Outcome::Difference => &mut self.differences,
            Outcome::Refused => return,
        };
        *count += 1;
        self.statements += 1;
    }

    /// Adds those of another file.
    pub fn extend(&mut self, other: &Counts) {
        self.statements += other.statements;
        self.exact += other.exact;
        self.unknown += other.unknown;
        self.false_invalid += other.false_invalid;
        self.missed += other.missed;
        self.differences += other.differences;
    }
}

/// One judged statement.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The line that it starts in.
    pub line: usize,
    /// Its text.
    pub sql: String,
    /// Its kind, as PostgreSQL's command tags name it.
    pub kind: &'static str,
    /// What the server said, if it refused it.
    pub server: Option<String>,
    /// How the simulation did.
    pub judgement: Judgement,
}

/// What became of one file.
#[derive(Debug, Clone, Default)]
pub struct FileReport {
    /// The numbers.
    pub counts: Counts,
    /// Statements that the server refused for reasons that are not judged.
    pub refused: usize,
    /// How many texts were not compared, since nothing can tell whether they mean the same; by kind of object and fact.
    pub not_compared: BTreeMap<String, usize>,
    /// Every statement that was not exact.
    pub entries: Vec<Entry>,
    /// By kind of statement.
    pub families: BTreeMap<&'static str, Counts>,
    /// What went wrong with the run itself: a lost connection, a panic, objects that could not be dropped.
    pub troubles: Vec<String>,
    /// How often Dunlin panicked or did not come to an end.
    pub failures: usize,
}

impl FileReport {
    pub(super) fn add(&mut self, entry: Entry) {
        let outcome = entry.judgement.outcome;
        self.counts.add(outcome);
        match outcome {
            Outcome::Refused => self.refused += 1,
            _ => self.families.entry(entry.kind).or_default().add(outcome),
        }
        if outcome != Outcome::Exact {
            self.entries.push(entry);
        }
    }

    /// The first entry with one of these outcomes.
    pub fn first(&self, outcome: Outcome) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.judgement.outcome == outcome)
    }
}
