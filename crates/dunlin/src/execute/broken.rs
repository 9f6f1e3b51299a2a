//! Files that cannot be read in full: `--keep-going` goes past them, and each is a failure.

use super::report::Failure;
use super::runner::State;
use super::setup::Prepared;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::migration::MigrationSet;
use crate::pg::{PgError, ServerError};
use crate::plan::{PastState, SetAside};
use crate::syntax::Tree;

/// SQLSTATE of a syntax error, as the server would give it.
const SYNTAX_ERROR: &str = "42601";

/// A fault of the text of a pending migration.
#[derive(Clone)]
pub(super) struct Broken {
    /// The operation that it stands at.
    pub(super) operation: usize,
    /// What is wrong.
    pub(super) diagnostic: Diagnostic,
}

impl Broken {
    /// What the report says of it.
    pub(super) fn failure(&self, set: &MigrationSet, prepared: &Prepared) -> Failure {
        let operation = &prepared.operations.all[self.operation];
        let place = self.diagnostic.location.as_ref();
        Failure {
            migration: set.migrations[operation.migration].id.clone(),
            operation: operation.number,
            file: operation.file.path.to_string(),
            line: place.map_or(operation.line, |place| place.line),
            column: place.map_or(1, |place| place.column),
            sqlstate: SYNTAX_ERROR.into(),
            message: self.diagnostic.message.clone(),
            detail: None,
            hint: self.diagnostic.help.clone(),
        }
    }

    /// What the journal says of it.
    pub(super) fn error(&self) -> PgError {
        PgError::Server(Box::new(ServerError {
            severity: "ERROR".into(),
            sqlstate: SYNTAX_ERROR.into(),
            message: self.diagnostic.message.clone(),
            hint: self.diagnostic.help.clone(),
            ..ServerError::default()
        }))
    }
}

impl Prepared {
    /// Sets the migrations aside whose text is not right, so that the plan goes on with the others.
    pub(super) fn pass_over_broken(&mut self, set: &MigrationSet) {
        let mut broken: Vec<Broken> = Vec::new();
        for (index, operation) in self.operations.all.iter().enumerate() {
            if let Tree::Refused(diagnostic) = &operation.statement.tree
                && !self.accepted.contains(&index)
                && self.is_open(set, index)
            {
                broken.push(Broken { operation: index, diagnostic: diagnostic.clone() });
            }
        }
        let mut left = Vec::new();
        for diagnostic in self.operations.diagnostics().cloned() {
            match self.at(&diagnostic).filter(|index| self.is_open(set, *index)) {
                Some(operation) => broken.push(Broken { operation, diagnostic }),
                None => left.push(diagnostic),
            }
        }
        self.operations.leave_diagnostics(left);
        broken.sort_by_key(|broken| broken.operation);
        for Broken { operation, diagnostic } in &broken {
            let text = format!("its file cannot be read: {}", diagnostic.message);
            let migration = self.operations.all[*operation].migration;
            for index in self.operations.ranges[migration].clone() {
                if !self.is_open(set, index) {
                    continue;
                }
                let other = &self.operations.all[index];
                let diagnostic = Diagnostic::new(Code::DN808, text.clone())
                    .at(&other.file, other.statement.span)
                    .severity(Severity::Warning);
                self.set_aside.entry(index).or_insert(SetAside { diagnostic, pending: true });
            }
        }
        self.broken = broken;
    }

    /// Where a run starts from: what is recorded, and the faults of the text.
    pub(super) fn start(&self, set: &MigrationSet) -> State {
        let failures = self.broken.iter().map(|broken| (broken.operation, broken.failure(set, self)));
        State {
            past: self.past.clone(),
            set_aside: self.set_aside.clone(),
            failures: failures.collect(),
            notes: self.broken.iter().map(|broken| broken.diagnostic.clone()).collect(),
            ..State::default()
        }
    }

    /// Whether an operation is not recorded as done.
    fn is_open(&self, set: &MigrationSet, index: usize) -> bool {
        let operation = &self.operations.all[index];
        let past = self.past.operation(&set.migrations[operation.migration].id, &operation.identity);
        past.is_none_or(|past| past.state != PastState::Done)
    }

    /// The operation of a file that a fault of its text stands at.
    fn at(&self, diagnostic: &Diagnostic) -> Option<usize> {
        let place = diagnostic.location.as_ref().filter(|_| diagnostic.severity == Severity::Error)?;
        let of_file = |index: &usize| self.operations.all[*index].file.path.as_ref() == place.file;
        let all: Vec<usize> = (0..self.operations.all.len()).filter(of_file).collect();
        let starts = |index: &&usize| self.operations.all[**index].statement.span.start <= place.span.start;
        let before = all.iter().rev().find(starts);
        before.or(all.first()).copied()
    }
}
