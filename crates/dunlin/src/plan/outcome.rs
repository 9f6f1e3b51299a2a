//! What follows from a decision: an operation runs, or is ensured, satisfied, skipped, held or refused.

use super::ensure::Ensure;
use super::past::PastState;
use super::planner::{Decision, Planner};
use super::policy::InvalidOperations;
use super::step::Action;
use crate::analyze::Analysis;
use crate::catalog::Effect;
use crate::diagnostic::{Code, Diagnostic, Severity};
use std::sync::Arc;

impl Planner<'_> {
    /// Runs an operation: its effects are applied.
    pub(super) fn run(&mut self, index: usize, analysis: Arc<Analysis>) {
        let moved = self.farthest.is_some_and(|farthest| index < farthest);
        self.farthest = self.farthest.max(Some(index));
        self.closed.insert(index);
        self.parking.remove(index);
        // A comment or a privilege that is not as it was tells nothing of what ran.
        let detail = |effect: &Effect| matches!(effect, Effect::SetDetail { .. });
        if !analysis.effects.iter().all(detail) {
            self.changing.insert(index);
        }
        let rewrite = analysis.rewrite.clone();
        let analysis = self.apply_and_keep(index, analysis);
        let reason = moved.then(|| {
            let by = self.operation(self.waited_for(index));
            format!("waited for {}, line {}", by.file.path, by.line)
        });
        if moved {
            self.diagnostics.push(self.moved_diagnostic(index));
        }
        let sql = self.positional_rewrite(index, &analysis).or(rewrite);
        self.note_made(&analysis);
        self.push(Decision {
            action: Action::Run,
            operation: index,
            at: index,
            moved,
            reason,
            code: moved.then_some(Code::DN302),
            pending: false,
            ensure: None,
            analysis,
            sql,
        });
    }

    /// Applies the effects of an analysis, and gives what is kept of it: `check` shows more than a run needs.
    fn apply_and_keep(&mut self, index: usize, mut analysis: Arc<Analysis>) -> Arc<Analysis> {
        if self.input.check {
            self.apply(analysis.effects.clone(), index);
            return analysis;
        }
        // The cache holds it too: what is there once need not be copied.
        self.analyses.get_mut().remove(&index);
        let kept = Arc::make_mut(&mut analysis);
        let effects = std::mem::take(&mut kept.effects);
        kept.requires.retain(|requirement| requirement.verdict != crate::analyze::Verdict::Valid);
        kept.requires.shrink_to_fit();
        (kept.declaration, kept.rewrite) = (None, None);
        kept.remarks = Vec::new();
        kept.costs.shrink_to_fit();
        self.apply(effects, index);
        analysis
    }

    /// Notes who made what others lacked, where it is the last one so far.
    fn note_made(&mut self, analysis: &Analysis) {
        let position = self.decisions.len();
        for facet in analysis.provides.iter().filter(|facet| self.parking.is_awaited(facet)) {
            self.made.insert(facet.clone(), position);
        }
    }

    /// The operation that made what a moved one lacked; the last one before it where it only waited behind others.
    fn waited_for(&self, index: usize) -> usize {
        let missing = self.waits.get(&index).map_or(&[][..], Vec::as_slice);
        let made = missing.iter().filter_map(|facet| self.made.get(facet)).max();
        made.map_or(self.arrived, |position| self.decisions[*position].operation)
    }

    fn moved_diagnostic(&self, index: usize) -> Diagnostic {
        let operation = self.operation(index);
        let waited = self.waited_for(index);
        let by = self.operation(waited);
        let why = if self.waits.contains_key(&index) { "which it needs" } else { "to keep their order" };
        let message = format!(
            "operation {} of {} runs after operation {} of {}, {why}",
            operation.number,
            self.migration_id(index),
            by.number,
            self.migration_id(waited)
        );
        Diagnostic::new(Code::DN302, message).at(&operation.file, operation.statement.span).because(
            &by.file,
            by.statement.span,
            if self.waits.contains_key(&index) {
                "what it needs is made here"
            } else {
                "it waited behind this one"
            },
        )
    }

    pub(super) fn ensure(&mut self, at: usize, ensures: Vec<Ensure>) {
        for ensure in ensures {
            self.apply(ensure.effects.clone(), ensure.declared_by);
            self.diagnostics.push(self.ensured_diagnostic(at, &ensure));
            let analysis = self.analyze(ensure.declared_by);
            self.push(Decision {
                action: Action::Ensure,
                operation: ensure.declared_by,
                at,
                moved: false,
                reason: Some(ensure.reason.clone()),
                code: Some(ensure.code),
                sql: Some(ensure.sql.clone()),
                pending: false,
                ensure: Some(ensure),
                analysis,
            });
        }
    }

    pub(super) fn plain_decision(
        &mut self,
        index: usize,
        action: Action,
        reason: String,
        code: Option<Code>,
    ) {
        self.closed.insert(index);
        self.parking.remove(index);
        let analysis = self.analyze(index);
        self.push(Decision {
            action,
            operation: index,
            at: index,
            moved: false,
            reason: Some(reason),
            code,
            pending: self.pending.contains(&index),
            ensure: None,
            analysis,
            sql: None,
        });
    }

    pub(super) fn satisfy(&mut self, index: usize, reason: String, code: Option<Code>) {
        self.plain_decision(index, Action::Satisfied, reason, code);
    }

    pub(super) fn skip(&mut self, index: usize, diagnostic: Diagnostic) {
        let strict = self.input.policy.invalid_operations == InvalidOperations::Fail || self.input.check;
        let fails = strict && !self.pending.contains(&index);
        let diagnostic = if fails { diagnostic.severity(Severity::Error) } else { diagnostic };
        self.refused |= fails;
        let analysis = self.analyze(index);
        self.skipped.insert(index, analysis.provides.clone());
        if self.pending.contains(&index) {
            self.touched.push((index, analysis.footprint.clone()));
        }
        self.plain_decision(index, Action::Skip, diagnostic.message.clone(), Some(diagnostic.code));
        self.diagnostics.push(diagnostic);
    }

    pub(super) fn hold(&mut self, index: usize, code: Code, reason: String) {
        let operation = self.operation(index);
        let id = self.migration_id(index);
        self.diagnostics
            .push(Diagnostic::new(code, reason.clone()).at(&operation.file, operation.statement.span).help(
            format!(
                "`dunlin adopt {id}` records it as done, `dunlin skip {id}#{}` says that it shall never run",
                operation.number
            ),
        ));
        self.plain_decision(index, Action::Held, reason, Some(code));
    }

    pub(super) fn refuse(&mut self, index: usize, diagnostic: Diagnostic) {
        self.refused = true;
        self.plain_decision(index, Action::Skip, diagnostic.message.clone(), Some(diagnostic.code));
        self.diagnostics.push(diagnostic.severity(Severity::Error));
    }

    /// An operation that a former run skipped, and that is valid now, but may not run by itself.
    pub(super) fn judge_recorded_skips(&mut self) {
        let candidates: Vec<usize> = self
            .decisions
            .iter()
            .filter(|decision| decision.action == Action::Skip)
            .map(|decision| decision.operation)
            .filter(|index| self.past(*index).is_some_and(|past| past.state == PastState::Skipped))
            .collect();
        for index in candidates {
            let analysis = self.analyze(index);
            if analysis.invalid().next().is_some() || analysis.only_adds() || analysis.has_unknown() {
                continue;
            }
            self.decisions.retain(|decision| decision.operation != index);
            self.count_decisions();
            self.skipped.remove(&index);
            let place = (self.operation(index).file.clone(), self.operation(index).statement.span);
            let location = crate::diagnostic::Location::new(&place.0, place.1);
            self.diagnostics.retain(|diagnostic| {
                diagnostic
                    .location
                    .as_ref()
                    .is_none_or(|at| at.file != location.file || at.line != location.line)
                    || diagnostic.severity == Severity::Error
            });
            self.hold(index, Code::DN411, super::judge::overtaken(analysis.kind));
        }
    }

    /// Finds the positions of decisions anew, after some were taken away.
    fn count_decisions(&mut self) {
        self.decided.clear();
        for decision in std::mem::take(&mut self.decisions) {
            self.push(decision);
        }
    }

    fn push(&mut self, decision: Decision) {
        let position = self.decisions.len();
        self.rearranged |= decision.moved || decision.action == Action::Ensure;
        self.decided.entry(decision.operation).or_default().push(position);
        if decision.at != decision.operation {
            self.decided.entry(decision.at).or_default().push(position);
        }
        self.decisions.push(decision);
    }
}
