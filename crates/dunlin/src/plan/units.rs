//! Units: which decisions share a transaction, and where a migration is cut.

use super::operations::Operations;
use super::planner::Decision;
use super::step::Action;
use crate::analyze::{TransactionStatement, Transactional};
use crate::migration::MigrationSet;
use std::collections::HashSet;

/// A run of decisions that share a transaction, or one that cannot run in any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its number from 1; 0 when nothing in it runs.
    pub number: u32,
    /// Index of its migration.
    pub migration: usize,
    /// Whether it is a transaction.
    pub transactional: bool,
    /// Its decisions, by index.
    pub decisions: std::ops::Range<usize>,
}

/// Cuts decisions, in running order, into units.
///
/// A migration is one transaction and is never merged with another; it is cut by what cannot run in a
/// transaction, by BEGIN and COMMIT, by a new enum label that is used, and by what moved in between.
pub fn units(decisions: &[Decision], operations: &Operations, set: &MigrationSet) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut open: Option<Open> = None;
    for (at, decision) in decisions.iter().enumerate() {
        let migration = operations.all[decision.at].migration;
        let transactional = is_transactional(decision);
        let each_alone = set.migrations[migration].directives.no_transaction;
        let joins =
            open.as_ref().is_some_and(|open| open.takes(decision, migration, transactional, each_alone));
        if !joins {
            close(&mut units, open.take(), at);
            open = Some(Open::new(at, migration, transactional));
        }
        if let Some(open) = &mut open {
            open.add(decision);
        }
    }
    close(&mut units, open, decisions.len());
    let mut number = 0;
    for unit in &mut units {
        let runs = decisions[unit.decisions.clone()]
            .iter()
            .any(|decision| matches!(decision.action, Action::Run | Action::Ensure) && !is_mark(decision));
        if runs {
            number += 1;
            unit.number = number;
        }
    }
    units
}

/// Whether a decision is a BEGIN, COMMIT or SET TRANSACTION of the file, which Dunlin does itself.
pub fn is_mark(decision: &Decision) -> bool {
    use TransactionStatement::{Begin, Commit, Set};
    matches!(decision.analysis.transaction, Some(Begin(_) | Commit | Set(_)))
}

fn is_transactional(decision: &Decision) -> bool {
    decision.action != Action::Run || decision.analysis.transactional == Transactional::Yes
}

struct Open {
    start: usize,
    migration: usize,
    transactional: bool,
    /// Labels that were added to enum types in it.
    labels: HashSet<String>,
    closed: bool,
    explicit: bool,
    runs: bool,
}

impl Open {
    fn new(start: usize, migration: usize, transactional: bool) -> Open {
        Open {
            start,
            migration,
            transactional,
            labels: HashSet::new(),
            closed: false,
            explicit: false,
            runs: false,
        }
    }

    fn takes(&self, decision: &Decision, migration: usize, transactional: bool, each_alone: bool) -> bool {
        if self.closed || migration != self.migration || !transactional || !self.transactional {
            return false;
        }
        if matches!(decision.analysis.transaction, Some(TransactionStatement::Begin(_))) && self.runs {
            return false;
        }
        if each_alone && !self.explicit && self.runs && decision.action == Action::Run {
            return false;
        }
        let uses_label = decision.action == Action::Run
            && !self.labels.is_empty()
            && (decision.analysis.opaque.is_some()
                || decision.analysis.constants.iter().any(|constant| self.labels.contains(constant)));
        !uses_label
    }

    fn add(&mut self, decision: &Decision) {
        match decision.analysis.transaction {
            Some(TransactionStatement::Begin(_)) => self.explicit = true,
            Some(TransactionStatement::Commit) => self.closed = true,
            _ => {}
        }
        if decision.action == Action::Run {
            self.runs |= !is_mark(decision);
            // Also where the type is of the same unit: only PostgreSQL 17 and later let it be used then.
            self.labels.extend(decision.analysis.new_labels.iter().map(|(_, label)| label.clone()));
        }
    }
}

fn close(units: &mut Vec<Unit>, open: Option<Open>, end: usize) {
    if let Some(open) = open {
        units.push(Unit {
            number: 0,
            migration: open.migration,
            transactional: open.transactional,
            decisions: open.start..end,
        });
    }
}
