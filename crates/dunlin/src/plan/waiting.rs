//! Operations that wait: behind whom, for whom, and when they are looked at again.
//!
//! An operation that waits is looked at again when something is made, or given up, that it lacks, and when the one it
//! waits behind is gone. Only what changes more than it adds has all of them looked at again.

use super::parking::Parked;
use super::planner::{Decision, Planner};
use super::step::Action;
use crate::analyze::{Analysis, Class, Facet};
use crate::diagnostic::Code;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Planner<'_> {
    /// Parks an operation behind one that waits and does not commute with it; true if it was parked.
    pub(super) fn wait_behind(&mut self, index: usize, analysis: &Arc<Analysis>) -> bool {
        let Some(blocker) = self.blocker(index, analysis) else { return false };
        self.park_behind(index, blocker, analysis.clone());
        true
    }

    /// The first waiting operation, written before this one, that must stay before it.
    fn blocker(&self, index: usize, analysis: &Analysis) -> Option<usize> {
        if self.parking.is_empty() {
            return None;
        }
        self.parking
            .near(&analysis.footprint, index)
            .find(|parked| {
                !parked.analysis.footprint.commutes_with(&analysis.footprint)
                    && !self.waits_for(parked, index, &mut BTreeSet::new())
            })
            .map(|parked| parked.index)
    }

    /// Whether a waiting operation needs another one, directly or through those that it waits behind.
    fn waits_for(&self, parked: &Parked, index: usize, seen: &mut BTreeSet<usize>) -> bool {
        if self.needs(parked, index) {
            return true;
        }
        if !seen.insert(parked.index) {
            return false;
        }
        self.parking
            .near(&parked.analysis.footprint, parked.index)
            .filter(|earlier| !earlier.analysis.footprint.commutes_with(&parked.analysis.footprint))
            .filter(|earlier| !self.needs(earlier, parked.index))
            .any(|earlier| self.waits_for(earlier, index, seen))
    }

    /// Whether a waiting operation lacks something that another one makes, or that what makes it lacks, and so on.
    fn needs(&self, parked: &Parked, index: usize) -> bool {
        self.search_needs(parked, &mut BTreeSet::new(), Some(index))
    }

    /// Goes from provider to provider until `wanted` is met; `met` takes them.
    fn search_needs(&self, parked: &Parked, met: &mut BTreeSet<usize>, wanted: Option<usize>) -> bool {
        let mut queue: Vec<Vec<Facet>> = parked.missing.iter().map(|facet| vec![facet.clone()]).collect();
        while let Some(any_of) = queue.pop() {
            let Some(provider) = self.provider(&any_of, parked.index) else { continue };
            if wanted == Some(provider) {
                return true;
            }
            if met.insert(provider) {
                let analysis = match self.parking.get(provider) {
                    Some(waiting) => waiting.analysis.clone(),
                    None => self.analyze(provider),
                };
                queue.extend(analysis.invalid().map(|requirement| requirement.any_of.clone()));
            }
        }
        false
    }

    /// Parks an operation that lacks something, or waits behind another one.
    pub(super) fn park(
        &mut self,
        index: usize,
        missing: Vec<Facet>,
        behind: Option<usize>,
        analysis: Arc<Analysis>,
    ) {
        self.parking.insert(Parked { index, missing, behind, analysis });
    }

    fn park_behind(&mut self, index: usize, blocker: usize, analysis: Arc<Analysis>) {
        let missing = analysis.invalid().flat_map(|requirement| requirement.any_of.clone()).collect();
        self.park(index, missing, Some(blocker), analysis);
    }

    /// Judges again what the decisions from a position on can matter to, until nothing changes.
    pub(super) fn wake_after(&mut self, from: usize) {
        if !self.parking.is_empty() {
            let due = self.due_after(from);
            self.wake(due);
        }
    }

    /// Who is to be looked at again after the decisions from a position on.
    fn due_after(&self, from: usize) -> BTreeSet<usize> {
        let mut due = BTreeSet::new();
        for decision in &self.decisions[from..] {
            if self.changes_more_than_it_adds(decision) {
                return self.parking.all();
            }
            due.extend(self.parking.behind(decision.operation));
            for facet in &decision.analysis.provides {
                due.extend(self.parking.lacking(facet));
            }
        }
        due
    }

    fn changes_more_than_it_adds(&self, decision: &Decision) -> bool {
        let analysis = &decision.analysis;
        match decision.action {
            Action::Ensure => true,
            Action::Run => {
                analysis.opaque.is_some()
                    || !matches!(analysis.class, Class::Adds | Class::Writes | Class::Reads)
                        && self.changing.contains(&decision.operation)
            }
            Action::Satisfied | Action::Skip | Action::Held => false,
        }
    }

    /// Judges waiting operations again, and those that what follows makes due, the first of the files first.
    fn wake(&mut self, mut due: BTreeSet<usize>) {
        while let Some(index) = due.pop_first() {
            if self.parking.get(index).is_none() {
                continue;
            }
            let analysis = self.analyze(index);
            if let Some(blocker) = self.blocker(index, &analysis) {
                // What it lacks and touches may be another now than when it was parked.
                let before = self.parking.remove(index).map(|parked| parked.missing);
                self.park_behind(index, blocker, analysis);
                if before.as_ref() != self.parking.get(index).map(|parked| &parked.missing) {
                    due.extend(self.parking.behind(index));
                }
                continue;
            }
            drop(analysis);
            let Some(before) = self.parking.remove(index) else { continue };
            if !before.missing.is_empty() {
                self.waits.insert(index, before.missing.clone());
            }
            let from = self.decisions.len();
            self.judge(index);
            match self.parking.get(index) {
                // Nothing has changed for it.
                Some(again) if again.missing == before.missing && before.behind.is_none() => {}
                Some(_) => due.extend(self.parking.behind(index)),
                None => due.extend(self.due_after(from)),
            }
        }
    }

    /// What still waits at the end waits in a circle.
    pub(super) fn finish(&mut self) {
        let all = self.parking.all();
        self.wake(all);
        self.release_blocked();
        self.judge_recorded_skips();
        if self.parking.is_empty() {
            return;
        }
        let circle = self.circle();
        let diagnostic = self.circle_diagnostic(&circle);
        self.refused = true;
        self.diagnostics.push(diagnostic);
        for index in self.parking.all() {
            let reason = if circle.contains(&index) {
                "waits in a circle"
            } else {
                "waits for operations in a circle"
            };
            self.plain_decision(index, Action::Skip, reason.into(), Some(Code::DN301));
        }
    }

    /// Runs what only waits behind others and is needed by one that waits: order gives way to need.
    fn release_blocked(&mut self) {
        loop {
            let mut needed = BTreeSet::new();
            for parked in self.parking.iter() {
                self.search_needs(parked, &mut needed, None);
            }
            let blocked = |parked: &&Parked| parked.missing.is_empty() && needed.contains(&parked.index);
            let Some(index) = self.parking.iter().find(blocked).map(|parked| parked.index) else { return };
            self.parking.remove(index);
            self.arrived = index;
            let from = self.decisions.len();
            self.judge(index);
            self.wake_after(from);
        }
    }
}
