//! Rules about hazards and style: what is valid and still deserves a second look.
//!
//! A rule sees one statement with its analysis, the catalog as it is then, and what came before it in its
//! transaction; some look at the schema that the set ends in. None needs a server. One rule is one file in `rules`,
//! and [`RULES`] lists them; their codes are those of DN5xx, from which `explain` and the documentation come.

mod rules;
mod site;
#[cfg(test)]
mod testing;

pub use rules::{Look, RULES, Rule};
pub use site::{End, Finding, Held, Site};

use crate::analyze::Analysis;
use crate::catalog::{Catalog, Effect, Origin};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceFile, Span};
use std::collections::{BTreeSet, HashMap};

/// What is known about the database that the set starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Nothing: the files alone. What an earlier migration made may be full of rows by now.
    Files,
    /// A schema, without its rows.
    Schema,
    /// A schema, and which tables have rows.
    Server,
}

/// A statement that runs, in running order.
pub struct Step<'a> {
    /// Its index among all operations of the set, as [`Origin::Simulated`] has it.
    pub operation: usize,
    /// The transaction it runs in.
    pub unit: u32,
    /// Whether it stands between BEGIN and COMMIT of its file.
    pub in_block: bool,
    /// Whether it is written in the file; what Dunlin adds itself is not judged.
    pub written: bool,
    /// Whether `-- dunlin: allow data-loss` stands above it.
    pub allow_data_loss: bool,
    /// The file.
    pub file: &'a SourceFile,
    /// Where it stands in the file.
    pub span: Span,
    /// What it needs, changes, locks and costs.
    pub analysis: &'a Analysis,
    /// What it changes when it runs here.
    pub effects: &'a [Effect],
}

/// What a review is made of.
pub struct Review<'a> {
    /// What is known about the start.
    pub start: Start,
    /// The catalog at the start.
    pub catalog: Catalog,
    /// The statements that run, in running order.
    pub steps: &'a [Step<'a>],
    /// The migration of each operation of the set.
    pub migrations: &'a [usize],
    /// Codes of rules that are not asked.
    pub ignore: &'a BTreeSet<Code>,
}

/// Asks all rules about all statements; gives what they found, in running order.
pub fn review(review: Review<'_>) -> Vec<Diagnostic> {
    let Review { start, mut catalog, steps, migrations, ignore } = review;
    let rules: Vec<&Rule> = RULES.iter().filter(|rule| !ignore.contains(&rule.code)).collect();
    let mut found = Vec::new();
    let mut held: Vec<Held> = Vec::new();
    let mut unit = 0;
    for step in steps {
        if std::mem::replace(&mut unit, step.unit) != step.unit {
            held.clear();
        }
        let site = Site { catalog: &catalog, step, earlier: &held, start, migrations };
        if step.written {
            for rule in &rules {
                if let Look::Step(look) = rule.look {
                    found.extend(look(&site).into_iter().map(|finding| diagnostic(rule, finding, step)));
                }
            }
        }
        held.extend(site.held());
        let origin = Origin::Simulated(u32::try_from(step.operation).unwrap_or(u32::MAX));
        catalog.apply(step.effects, origin);
    }
    let end = End { catalog: &catalog };
    let written = steps.iter().filter(|step| step.written).map(|step| (step.operation, step));
    let written: HashMap<usize, &Step<'_>> = written.collect();
    for rule in &rules {
        if let Look::End(look) = rule.look {
            for (operation, finding) in look(&end) {
                found.extend(written.get(&operation).map(|step| diagnostic(rule, finding, step)));
            }
        }
    }
    found
}

fn diagnostic(rule: &Rule, finding: Finding, step: &Step<'_>) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::new(rule.code, finding.message).at(step.file, finding.span.unwrap_or(step.span));
    if !finding.help.is_empty() {
        diagnostic = diagnostic.help(finding.help);
    }
    diagnostic
}
