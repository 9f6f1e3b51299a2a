//! Rule 9: files that were edited after they were applied, and which operations of a migration are pending.

use super::past::{PastMigration, PastState};
use super::planner::Planner;
use super::policy::EditedFiles;
use crate::analyze::Facet;
use crate::catalog::ObjectRef;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::migration::{Kind, Migration};
use std::ops::Range;

impl Planner<'_> {
    /// Says which recorded migrations have no file, and which new ones come before what is applied already.
    pub(super) fn compare_set(&mut self) {
        let past = self.input.past;
        for id in &past.missing {
            self.diagnostics.push(
                Diagnostic::new(Code::DN603, format!("{id} is recorded, and its file is not there"))
                    .help("bring the file back; if it was renamed and edited, `-- dunlin: renamed from ID` in the new one says so"),
            );
        }
        let migrations = &self.input.set.migrations;
        let applied = |migration: &Migration| {
            migration.kind == Kind::Versioned
                && past.migrations.get(&migration.id).is_some_and(|past| past.applied)
        };
        let Some(newest) = migrations.iter().rposition(|migration| applied(migration)) else { return };
        let late = migrations[..newest].iter().filter(|migration| {
            !past.migrations.contains_key(&migration.id) && migration.kind == Kind::Versioned
        });
        for migration in late {
            let message = format!(
                "it stands before {}, which is applied already; it runs all the same",
                migrations[newest].id
            );
            self.diagnostics.push(self.edit_note(migration, Code::DN303, &message));
        }
    }

    /// The operations of one migration that are to be judged, in file order.
    pub(super) fn pending_of_migration(&mut self, migration: &Migration, range: Range<usize>) -> Vec<usize> {
        let Some(past) = self.input.past.migrations.get(&migration.id) else { return range.collect() };
        let open = |planner: &Self, index: usize| {
            planner.past(index).is_none_or(|past| past.state != PastState::Done)
        };
        if !self.input.past.is_recorded(&migration.id) {
            return range.filter(|index| open(self, *index)).collect();
        }
        if migration.kind == Kind::Repeatable && !past.unchanged {
            return range.collect();
        }
        if self.same_operations(past, range.clone()) {
            if past.applied && !past.unchanged {
                self.diagnostics.push(self.edit_note(
                    migration,
                    Code::DN601,
                    "comments or white space changed since it was applied",
                ));
            }
            return range.filter(|index| open(self, *index)).collect();
        }
        self.edited(migration, past, range)
    }

    fn same_operations(&self, past: &PastMigration, range: Range<usize>) -> bool {
        let now: Vec<_> = range.map(|index| &self.operation(index).identity).collect();
        now.len() == past.order.len() && now.iter().zip(&past.order).all(|(now, then)| **now == *then)
    }

    fn edit_note(&self, migration: &Migration, code: Code, message: &str) -> Diagnostic {
        Diagnostic::new(code, format!("{}: {message}", migration.id))
            .at(&migration.up, crate::source::Span::new(migration.up_span.start, migration.up_span.start))
    }

    /// Statements that only add to the schema run where all old ones remain in order; all else is reported.
    fn edited(&mut self, migration: &Migration, past: &PastMigration, range: Range<usize>) -> Vec<usize> {
        let now: Vec<_> = range.clone().map(|index| self.operation(index).identity.clone()).collect();
        let mut rest = now.iter();
        // Changing what was not done yet is how a failed or skipped operation gets corrected.
        let all_remain = past.bound.iter().all(|old| rest.any(|new| new == old));
        let known: std::collections::HashSet<_> = now.iter().collect();
        let missing = past.bound.iter().filter(|old| !known.contains(old)).count();
        let strict = self.input.policy.edited_files == EditedFiles::Refuse;
        let mut pending = Vec::new();
        let mut reported = Vec::new();
        for index in range {
            match self.past(index) {
                Some(recorded) if recorded.state == PastState::Done => {}
                Some(_) => pending.push(index),
                None if !past.applied && all_remain => pending.push(index),
                None if strict => reported.push(index),
                None if all_remain && self.additive(index) => pending.push(index),
                None => reported.push(index),
            }
        }
        if reported.is_empty() && all_remain {
            return pending;
        }
        let message = match (reported.len(), missing) {
            (0, 0) => "the order of its applied operations is another one".to_owned(),
            (0, gone) => format!("{gone} of its applied operations are no longer in the file"),
            (new, 0) => format!("{new} new operations do not run: they are not plain additions"),
            (new, gone) => {
                format!("{gone} applied operations were changed or removed, {new} new ones do not run")
            }
        };
        let mut diagnostic = self
            .edit_note(migration, Code::DN602, &format!("edited after it was applied: {message}"))
            .help("put the change into a new migration; `dunlin show` prints what was applied");
        for index in &reported {
            let operation = self.operation(*index);
            diagnostic =
                diagnostic.because(&operation.file, operation.statement.span, "changed or new, does not run");
        }
        if strict {
            diagnostic = diagnostic.severity(Severity::Error);
            self.refused = true;
        }
        self.diagnostics.push(diagnostic);
        pending
    }

    /// Whether a new operation only adds to the schema, and no later applied operation touched its objects.
    fn additive(&self, index: usize) -> bool {
        let analysis = self.analyze(index);
        if !analysis.only_adds() || analysis.opaque.is_some() || analysis.or_replace {
            return false;
        }
        let made: Vec<&ObjectRef> = analysis
            .provides
            .iter()
            .filter_map(|facet| match facet {
                Facet::Exists(object) => Some(object),
                Facet::Nullable { .. } => None,
            })
            .collect();
        let migration = self.operation(index).migration;
        let later = self.input.operations.all.iter().enumerate().skip(index + 1);
        !later.filter(|(_, operation)| operation.migration != migration).any(|(later, _)| {
            self.past(later).is_some_and(|past| past.state == PastState::Done)
                && self
                    .analyze(later)
                    .provides
                    .iter()
                    .any(|facet| matches!(facet, Facet::Exists(object) if made.contains(&object)))
        })
    }
}
