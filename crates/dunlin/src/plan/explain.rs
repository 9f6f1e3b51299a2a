//! Why an operation does not run: diagnostics with the chain of causes.

use super::planner::Planner;
use super::step::Action;
use crate::analyze::{Analysis, Facet, Requirement};
use crate::catalog::{ObjectRef, Origin};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::Tree;

impl Planner<'_> {
    /// The diagnostic for an operation that lacks something nobody provides.
    pub(super) fn skip_diagnostic(&mut self, index: usize, requirement: &Requirement) -> Diagnostic {
        let operation = self.operation(index);
        if let Some((skipped, facet)) = self.skipped_provider(&requirement.any_of) {
            if self.pending.contains(&skipped) {
                self.pending.insert(index);
            }
            let other = self.operation(skipped);
            return Diagnostic::new(
                Code::DN209,
                format!("{}, since the operation that makes it is skipped", requirement.message),
            )
            .at(&operation.file, requirement.span)
            .because(&other.file, other.statement.span, format!("would make {}", facet_name(&facet)))
            .help("it runs by itself once that operation can");
        }
        if let Some(unread) = self.unread_file() {
            self.pending.insert(index);
            let other = self.operation(unread);
            return Diagnostic::new(
                Code::DN209,
                format!("{}, and {} cannot be read, which may make it", requirement.message, other.file.path),
            )
            .at(&operation.file, requirement.span)
            .because(&other.file, other.statement.span, "this cannot be read")
            .help("correct that file, then run `dunlin up` again");
        }
        let mut diagnostic = Diagnostic::new(requirement.code, requirement.message.clone())
            .at(&operation.file, requirement.span);
        for facet in &requirement.any_of {
            diagnostic = self.causes(diagnostic, facet);
        }
        diagnostic.help(self.advice(requirement))
    }

    /// The first statement with a syntax error that this run goes past.
    fn unread_file(&self) -> Option<usize> {
        let unread = |index: &usize| matches!(self.operation(*index).statement.tree, Tree::Refused(_));
        self.pending.iter().copied().filter(unread).min()
    }

    /// The diagnostic for what an operation waits for, where it may not wait.
    pub(super) fn missing_diagnostic(&self, index: usize, analysis: &Analysis) -> Diagnostic {
        let operation = self.operation(index);
        let Some(requirement) = analysis.invalid().next() else {
            return Diagnostic::new(Code::DN302, "the order of the files does not work")
                .at(&operation.file, operation.statement.span);
        };
        let mut diagnostic = Diagnostic::new(requirement.code, requirement.message.clone())
            .at(&operation.file, requirement.span);
        if let Some(provider) = self.provider(&requirement.any_of, index) {
            let other = self.operation(provider);
            diagnostic = diagnostic.because(&other.file, other.statement.span, "made here, later");
        }
        diagnostic
    }

    fn skipped_provider(&self, any_of: &[Facet]) -> Option<(usize, Facet)> {
        let mut found: Vec<(usize, Facet)> = self
            .skipped
            .iter()
            .filter_map(|(index, provides)| {
                any_of.iter().find(|facet| provides.contains(facet)).map(|facet| (*index, facet.clone()))
            })
            .collect();
        found.sort();
        found.into_iter().next()
    }

    /// Adds what is known about a missing thing: that its table was there before, who declares it, who drops it.
    fn causes(&self, mut diagnostic: Diagnostic, facet: &Facet) -> Diagnostic {
        let Facet::Exists(ObjectRef::Column { relation, column }) = facet else { return diagnostic };
        if let Some((_, found)) = self.catalog.relation_at(relation)
            && found.origin == Origin::Live
        {
            diagnostic = diagnostic.note(format!("`{relation}` was there before, without the column"));
        }
        if self.input.operations.all.len() > 20_000 {
            return diagnostic;
        }
        for declarer in self.belief().declarers(relation, column) {
            let other = self.operation(*declarer);
            let decision =
                self.decisions.iter().find(|d| d.operation == *declarer && d.action != Action::Ensure);
            let message = match decision.map(|decision| decision.action) {
                Some(Action::Satisfied) => {
                    "declared here, in a statement that does nothing, since the table is there"
                }
                Some(Action::Skip) => "would be added here, but this is skipped",
                Some(Action::Held) => "would be added here, but this is held",
                Some(_) => "declared here",
                None if self.parking.get(*declarer).is_some() => "would be added here, but waits itself",
                None if self.past(*declarer).is_some() => "declared here, and recorded as done",
                None => "would be added here, later",
            };
            diagnostic = diagnostic.because(&other.file, other.statement.span, message);
        }
        diagnostic
    }

    fn advice(&self, requirement: &Requirement) -> String {
        let near = match requirement.near.as_slice() {
            [] => String::new(),
            [one] => format!("did you mean `{one}`? "),
            many => format!(
                "did you mean one of {}? ",
                many.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
            ),
        };
        let what = requirement.any_of.first().map(facet_name).unwrap_or_default();
        if self.input.check {
            return format!(
                "{near}if the database has {what} before the first migration, give its schema with `--from`"
            );
        }
        format!(
            "{near}add a migration that makes {what}: the operation then runs by itself, or correct the name in this file"
        )
    }

    /// A path of operations each of which waits for the next, and the last for the first.
    pub(super) fn circle(&self) -> Vec<usize> {
        let waits: Vec<usize> =
            self.parking.iter().filter(|parked| !parked.missing.is_empty()).map(|p| p.index).collect();
        let edges: Vec<(usize, usize)> = self
            .parking
            .iter()
            .flat_map(|parked| {
                let analysis = &parked.analysis;
                let providers: Vec<usize> = analysis
                    .invalid()
                    .filter_map(|requirement| self.provider(&requirement.any_of, parked.index))
                    .collect();
                providers.into_iter().map(|provider| (parked.index, provider))
            })
            .collect();
        crate::graph::find_cycle(&waits, &edges).unwrap_or(waits)
    }

    pub(super) fn circle_diagnostic(&self, circle: &[usize]) -> Diagnostic {
        let Some(first) = circle.first() else {
            return Diagnostic::new(Code::DN301, "operations wait for each other");
        };
        let operation = self.operation(*first);
        let ids: Vec<String> = circle
            .iter()
            .map(|index| format!("{}#{}", self.migration_id(*index), self.operation(*index).number))
            .collect();
        let mut diagnostic = Diagnostic::new(
            Code::DN301,
            format!("these operations wait for each other in a circle: {} -> {}", ids.join(" -> "), ids[0]),
        )
        .at(&operation.file, operation.statement.span)
        .help("break the circle, for example by adding a foreign key in an ALTER TABLE of its own");
        for (position, index) in circle.iter().enumerate() {
            let operation = self.operation(*index);
            let next = circle[(position + 1) % circle.len()];
            let parked = self.parking.get(*index);
            let lacking =
                parked.and_then(|parked| parked.analysis.invalid().next()).map(|r| r.message.clone());
            diagnostic = diagnostic.because(
                &operation.file,
                operation.statement.span,
                format!(
                    "{}#{} waits for {}#{}: {}",
                    self.migration_id(*index),
                    operation.number,
                    self.migration_id(next),
                    self.operation(next).number,
                    lacking.unwrap_or_else(|| "it does not commute with it".into())
                ),
            );
        }
        diagnostic
    }
}

fn facet_name(facet: &Facet) -> String {
    match facet {
        Facet::Exists(object) => object.to_string(),
        Facet::Nullable { relation, column } => format!("{relation}.{column} nullable"),
    }
}
