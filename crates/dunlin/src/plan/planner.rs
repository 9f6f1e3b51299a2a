//! The simulation: pending operations are taken in file order and run, wait, are satisfied, skipped or held.
//!
//! See design, section 3. The catalog is changed only when an operation runs; what waits is judged
//! again after each change. Nothing here touches a server.

use super::belief::Belief;
use super::ensure::Ensure;
use super::operations::{Operation, Operations};
use super::past::{Past, PastOperation, PastState};
use super::policy::{InvalidOperations, Order, Policy};
use super::step::Action;
use crate::analyze::{Analysis, Class, Facet, TransactionStatement, analyze};
use crate::catalog::{Catalog, Effect, Origin};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::migration::MigrationSet;
use crate::syntax::Tree;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// What a plan is made from.
pub struct Input<'a> {
    /// The migrations.
    pub set: &'a MigrationSet,
    /// Their operations.
    pub operations: &'a Operations,
    /// The catalog to start from.
    pub catalog: Catalog,
    /// What the journal says.
    pub past: &'a Past,
    /// What Dunlin may do.
    pub policy: &'a Policy,
    /// The last migration to run.
    pub to: Option<&'a str>,
    /// Operations whose text our grammar refuses and the connected server accepts.
    pub accepted: &'a HashSet<usize>,
    /// Operations that the server refused at run time for something missing, or that failed, in this run.
    pub set_aside: &'a HashMap<usize, Diagnostic>,
    /// Whether this is `dunlin check`: what is missing is an error.
    pub check: bool,
}

/// What one step of a plan means to the executor.
#[derive(Debug, Clone)]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// The operation; for `ensure` the declaration.
    pub operation: usize,
    /// The operation at whose place it runs, where that is another (its own, for all but ensures).
    pub at: usize,
    /// Whether it runs at another place than it is written.
    pub moved: bool,
    /// Why.
    pub reason: Option<String>,
    /// The code of the reason.
    pub code: Option<Code>,
    /// It is skipped only since an operation failed in this run: it stays pending.
    pub pending: bool,
    /// What an ensure step makes.
    pub ensure: Option<Ensure>,
    /// The analysis it was decided on.
    pub analysis: Arc<Analysis>,
    /// The text to send, where it is not the statement's own.
    pub sql: Option<String>,
}

/// A simulated plan: decisions in running order.
pub struct Simulation {
    /// In running order.
    pub decisions: Vec<Decision>,
    /// What is wrong or notable.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the plan is refused.
    pub refused: bool,
    /// The catalog after it.
    pub catalog: Catalog,
}

/// An operation that waits.
pub(super) struct Parked {
    pub(super) index: usize,
    /// What it lacks; empty when it only waits behind another one.
    pub(super) missing: Vec<Facet>,
    /// The operations that it needs, directly or through others.
    pub(super) needs: BTreeSet<usize>,
    /// The operation it waits behind.
    behind: Option<usize>,
    pub(super) analysis: Arc<Analysis>,
}

/// The state of the simulation.
pub(super) struct Planner<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) start: Catalog,
    pub(super) catalog: Catalog,
    pub(super) decisions: Vec<Decision>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) refused: bool,
    /// Pending operations that are not decided yet, in file order.
    open: BTreeSet<usize>,
    pub(super) parked: Vec<Parked>,
    pub(super) skipped: HashMap<usize, Vec<Facet>>,
    /// What each open operation makes, worked out when something is missing for the first time.
    providers: OnceCell<HashMap<Facet, Vec<usize>>>,
    pub(super) belief: OnceCell<Belief>,
    /// All that operations which waited have lacked so far.
    awaited: HashSet<Facet>,
    /// What operations that waited lacked.
    waits: HashMap<usize, Vec<Facet>>,
    /// Operations that depend on one that failed in this run: they stay pending.
    pub(super) pending: HashSet<usize>,
    /// Operations that lacked something when they were judged first.
    pub(super) lacked: HashSet<usize>,
    /// The last operation of the files that has run so far.
    farthest: Option<usize>,
    /// The operation that is arriving: what runs after it was written later.
    arrived: usize,
    /// Analyses against the catalog as it is now: forgotten with each change of it.
    analyses: RefCell<HashMap<usize, Arc<Analysis>>>,
    /// The decisions about an operation, and those at its place, as positions in `decisions`.
    pub(super) decided: HashMap<usize, Vec<usize>>,
    /// The operations of this plan that change the schema; their effects are not kept.
    pub(super) changing: HashSet<usize>,
    /// For each migration what tells whether it ran before.
    pub(super) tellers: RefCell<HashMap<usize, super::judge::Tellers>>,
    /// Whether something does not run as written: moved, or ensured.
    pub(super) rearranged: bool,
    /// Whether some operation of the set may rename or drop something.
    pub(super) removing: OnceCell<bool>,
}

/// What was decided about an operation.
pub(super) enum Verdict {
    /// It runs, after these ensures.
    Run(Vec<Ensure>),
    /// It waits for these.
    Wait(Vec<Facet>),
    /// Its result is there, after these ensures.
    Satisfied(String, Option<Code>, Vec<Ensure>),
    /// It cannot run.
    Skip(Diagnostic),
    /// Only the user may decide.
    Held(Code, String),
    /// The plan is refused.
    Refuse(Diagnostic),
}

/// Simulates the pending operations of a set.
pub fn simulate(input: &Input<'_>) -> Simulation {
    let mut planner = Planner {
        input,
        start: input.catalog.clone(),
        catalog: input.catalog.clone(),
        decisions: Vec::new(),
        diagnostics: input.operations.diagnostics.clone(),
        refused: false,
        open: BTreeSet::new(),
        parked: Vec::new(),
        skipped: HashMap::new(),
        providers: OnceCell::new(),
        belief: OnceCell::new(),
        awaited: HashSet::new(),
        waits: HashMap::new(),
        pending: HashSet::new(),
        lacked: HashSet::new(),
        farthest: None,
        arrived: 0,
        analyses: RefCell::default(),
        decided: HashMap::new(),
        changing: HashSet::new(),
        tellers: RefCell::default(),
        rearranged: false,
        removing: OnceCell::new(),
    };
    planner.diagnostics.extend(input.set.diagnostics.iter().cloned());
    planner.check_text();
    let pending = planner.pending();
    planner.open = pending.iter().copied().collect();
    for index in pending {
        planner.arrive(index);
    }
    planner.finish();
    Simulation {
        decisions: planner.decisions,
        diagnostics: planner.diagnostics,
        refused: planner.refused,
        catalog: planner.catalog,
    }
}

impl<'a> Planner<'a> {
    pub(super) fn operation(&self, index: usize) -> &'a Operation {
        &self.input.operations.all[index]
    }

    pub(super) fn migration_id(&self, index: usize) -> &'a str {
        &self.input.set.migrations[self.operation(index).migration].id
    }

    pub(super) fn past(&self, index: usize) -> Option<&'a PastOperation> {
        self.input.past.operation(self.migration_id(index), &self.operation(index).identity)
    }

    pub(super) fn belief(&self) -> &Belief {
        let input = self.input;
        self.belief.get_or_init(|| Belief::of(input.set, input.operations, input.past, &self.start))
    }

    /// Refuses the plan for faults of the text, before anything else is looked at.
    fn check_text(&mut self) {
        for (index, operation) in self.input.operations.all.iter().enumerate() {
            if let Tree::Refused(diagnostic) = &operation.statement.tree
                && !self.input.accepted.contains(&index)
                && self.is_pending(index)
            {
                self.diagnostics.push(diagnostic.clone());
            }
            let refused = match operation.transaction {
                Some(TransactionStatement::Refused(what)) => Some(what),
                Some(TransactionStatement::Rollback) => Some("ROLLBACK of a whole transaction"),
                _ => None,
            };
            if let Some(what) = refused
                && self.is_pending(index)
            {
                self.diagnostics.push(
                    Diagnostic::new(Code::DN810, format!("{what} is not possible in a migration"))
                        .at(&operation.file, operation.statement.span)
                        .help("take it out of the file: Dunlin keeps lock, session and transactions itself"),
                );
            }
        }
        self.refused |= self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    }

    /// Whether the journal leaves something to do about an operation, and rule 9 lets it run.
    fn is_pending(&self, index: usize) -> bool {
        match self.past(index) {
            Some(past) => past.state != PastState::Done,
            None => true,
        }
    }

    fn pending(&mut self) -> Vec<usize> {
        self.compare_set();
        let mut pending = Vec::new();
        for (position, migration) in self.input.set.migrations.iter().enumerate() {
            let range = self.input.operations.ranges[position].clone();
            pending.extend(self.pending_of_migration(migration, range));
            if self.input.to == Some(migration.id.as_str()) {
                break;
            }
        }
        pending
    }

    /// Takes the next operation of the files.
    fn arrive(&mut self, index: usize) {
        self.arrived = index;
        if self.decide_plainly(index) {
            self.wake();
            return;
        }
        let analysis = self.analyze(index);
        if analysis.opaque.is_none() && self.wait_behind(index, &analysis) {
            return;
        }
        let before = self.decisions.len();
        self.judge(index);
        if self.may_wake(index, before) {
            self.wake();
        }
    }

    /// Whether what was just decided about an operation can matter to one that waits: not if it waits now itself, and
    /// not if it only added what nobody waits for.
    fn may_wake(&self, index: usize, before: usize) -> bool {
        match &self.decisions[before..] {
            [] => self.parked.last().is_none_or(|parked| parked.index != index),
            [Decision { action: Action::Run, analysis, .. }] => {
                !matches!(analysis.class, Class::Adds | Class::Writes | Class::Reads)
                    || analysis.opaque.is_some()
                    || analysis.provides.iter().any(|facet| self.awaited.contains(facet))
            }
            _ => true,
        }
    }

    /// Decides what needs no judgement: transaction marks, session statements, what the file rolls back.
    fn decide_plainly(&mut self, index: usize) -> bool {
        let operation = self.operation(index);
        if let Some(diagnostic) = self.input.set_aside.get(&index) {
            let diagnostic = diagnostic.clone();
            if diagnostic.code == Code::DN808 {
                // The failure itself is told by the report.
                self.pending.insert(index);
                self.skipped.insert(index, self.analyze(index).provides.clone());
                self.plain_decision(index, Action::Skip, diagnostic.message, Some(diagnostic.code));
            } else {
                self.skip(index, diagnostic);
            }
            return true;
        }
        if operation.directives.skip {
            self.satisfy(index, "`-- dunlin: skip` stands above it".into(), None);
            return true;
        }
        if operation.transaction.is_some() {
            self.run(index, Arc::new(self.analyze_now(index)));
            return true;
        }
        if operation.rolled_back {
            let mut analysis = self.analyze_now(index);
            analysis.effects.clear();
            self.run(index, Arc::new(analysis));
            return true;
        }
        false
    }

    fn analyze_now(&self, index: usize) -> Analysis {
        let operation = self.operation(index);
        analyze(&operation.statement, &self.catalog, &operation.session)
    }

    pub(super) fn analyze(&self, index: usize) -> Arc<Analysis> {
        if let Some(known) = self.analyses.borrow().get(&index) {
            return known.clone();
        }
        let analysis = Arc::new(self.analyze_now(index));
        self.analyses.borrow_mut().insert(index, analysis.clone());
        analysis
    }

    fn apply(&mut self, effects: &[Effect], by: usize) {
        if !effects.is_empty() {
            self.catalog.apply(effects, Origin::Simulated(u32::try_from(by).unwrap_or(u32::MAX)));
        }
        // Also without effects: what was decided once is not asked for again.
        self.analyses.get_mut().clear();
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

    /// Parks an operation behind one that waits and does not commute with it; true if it was parked.
    fn wait_behind(&mut self, index: usize, analysis: &Arc<Analysis>) -> bool {
        let Some(blocker) = self.blocker(index, analysis) else { return false };
        self.park_behind(index, blocker, analysis.clone());
        true
    }

    /// The first waiting operation, written before this one, that must stay before it.
    fn blocker(&self, index: usize, analysis: &Analysis) -> Option<usize> {
        self.parked
            .iter()
            .take_while(|parked| parked.index < index)
            .find(|parked| {
                !parked.analysis.footprint.commutes_with(&analysis.footprint)
                    && !self.waits_for(parked, index, &mut BTreeSet::new())
            })
            .map(|parked| parked.index)
    }

    /// Whether a waiting operation needs another one, directly or through those that it waits behind.
    fn waits_for(&self, parked: &Parked, index: usize, seen: &mut BTreeSet<usize>) -> bool {
        if parked.needs.contains(&index) {
            return true;
        }
        if !seen.insert(parked.index) {
            return false;
        }
        self.parked
            .iter()
            .take_while(|earlier| earlier.index < parked.index)
            .filter(|earlier| !earlier.needs.contains(&parked.index))
            .filter(|earlier| !earlier.analysis.footprint.commutes_with(&parked.analysis.footprint))
            .any(|earlier| self.waits_for(earlier, index, seen))
    }

    fn park(&mut self, index: usize, missing: Vec<Facet>, behind: Option<usize>, analysis: Arc<Analysis>) {
        self.awaited.extend(missing.iter().cloned());
        let needs = if missing.is_empty() { BTreeSet::new() } else { self.needs_of(index, &missing) };
        self.parked.retain(|parked| parked.index != index);
        let at = self.parked.partition_point(|parked| parked.index < index);
        self.parked.insert(at, Parked { index, missing, needs, behind, analysis });
    }

    fn park_behind(&mut self, index: usize, blocker: usize, analysis: Arc<Analysis>) {
        let missing = analysis.invalid().flat_map(|requirement| requirement.any_of.clone()).collect();
        self.park(index, missing, Some(blocker), analysis);
    }

    /// Judges an operation against the catalog as it is now, and does what follows.
    fn judge(&mut self, index: usize) {
        let analysis = self.analyze(index);
        match self.decide(index, &analysis) {
            Verdict::Run(ensures) => {
                self.ensure(index, ensures);
                // What was ensured may have been what the analysis found missing.
                let analysis = self.analyze(index);
                self.run(index, analysis);
            }
            Verdict::Wait(missing) => {
                if self.input.policy.order == Order::Files {
                    let diagnostic =
                        self.missing_diagnostic(index, &analysis).severity(Severity::Error).help(
                            "`--order dependencies` lets Dunlin run it after the operation that it waits for",
                        );
                    self.refuse(index, diagnostic);
                } else {
                    self.park(index, missing, None, analysis);
                }
            }
            Verdict::Satisfied(reason, code, ensures) => {
                self.ensure(index, ensures);
                self.satisfy(index, reason, code);
            }
            Verdict::Skip(diagnostic) => self.skip(index, diagnostic),
            Verdict::Held(code, reason) => self.hold(index, code, reason),
            Verdict::Refuse(diagnostic) => self.refuse(index, diagnostic),
        }
    }

    /// Judges what waits again, until nothing changes.
    fn wake(&mut self) {
        let mut at = 0;
        while at < self.parked.len() {
            let index = self.parked[at].index;
            let analysis = self.analyze(index);
            if let Some(blocker) = self.blocker(index, &analysis) {
                // What it lacks and touches may be another now than when it was parked.
                self.park_behind(index, blocker, analysis);
                at += 1;
                continue;
            }
            let before = self.parked[at].missing.clone();
            let parked = self.parked.remove(at);
            if !parked.missing.is_empty() {
                self.waits.insert(index, parked.missing.clone());
            }
            self.judge(index);
            let again = self.parked.iter().position(|parked| parked.index == index);
            match again {
                // Nothing has changed for it.
                Some(position) if self.parked[position].missing == before && parked.behind.is_none() => {
                    at += 1
                }
                _ => at = 0,
            }
        }
    }

    /// Runs an operation: its effects are applied.
    fn run(&mut self, index: usize, analysis: Arc<Analysis>) {
        let moved = self.farthest.is_some_and(|farthest| index < farthest);
        self.farthest = self.farthest.max(Some(index));
        self.open.remove(&index);
        self.parked.retain(|parked| parked.index != index);
        // A comment or a privilege that is not as it was tells nothing of what ran.
        let details = |effect: &Effect| matches!(effect, Effect::SetDetail { .. });
        if !analysis.effects.iter().all(details) {
            self.changing.insert(index);
        }
        self.apply(&analysis.effects, index);
        let reason = moved.then(|| {
            let by = self.operation(self.waited_for(index));
            format!("waited for {}, line {}", by.file.path, by.line)
        });
        if moved {
            self.diagnostics.push(self.moved_diagnostic(index));
        }
        let sql = self.positional_rewrite(index, &analysis).or_else(|| analysis.rewrite.clone());
        let analysis = self.kept(analysis);
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

    /// What is kept of an analysis once its effects are applied: `check` shows more than a run needs.
    fn kept(&self, mut analysis: Arc<Analysis>) -> Arc<Analysis> {
        if !self.input.check {
            let kept = Arc::make_mut(&mut analysis);
            kept.requires.retain(|requirement| requirement.verdict != crate::analyze::Verdict::Valid);
            (kept.effects, kept.declaration, kept.rewrite) = (Vec::new(), None, None);
            (kept.costs, kept.remarks) = (Vec::new(), Vec::new());
        }
        analysis
    }

    /// The operation that made what a moved one lacked; the last one before it where it only waited behind others.
    fn waited_for(&self, index: usize) -> usize {
        let missing = self.waits.get(&index);
        let made = |decision: &&Decision| {
            decision.action == Action::Run
                && missing.is_some_and(|missing| {
                    decision.analysis.provides.iter().any(|facet| missing.contains(facet))
                })
        };
        self.decisions.iter().rev().find(made).map_or(self.arrived, |decision| decision.operation)
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

    fn ensure(&mut self, at: usize, ensures: Vec<Ensure>) {
        for ensure in ensures {
            self.apply(&ensure.effects, ensure.declared_by);
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

    fn plain_decision(&mut self, index: usize, action: Action, reason: String, code: Option<Code>) {
        self.open.remove(&index);
        self.parked.retain(|parked| parked.index != index);
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

    fn satisfy(&mut self, index: usize, reason: String, code: Option<Code>) {
        self.plain_decision(index, Action::Satisfied, reason, code);
    }

    fn skip(&mut self, index: usize, diagnostic: Diagnostic) {
        let fails = self.input.policy.invalid_operations == InvalidOperations::Fail || self.input.check;
        let diagnostic = if fails { diagnostic.severity(Severity::Error) } else { diagnostic };
        self.refused |= fails;
        let analysis = self.analyze(index);
        self.skipped.insert(index, analysis.provides.clone());
        self.plain_decision(index, Action::Skip, diagnostic.message.clone(), Some(diagnostic.code));
        self.diagnostics.push(diagnostic);
    }

    fn hold(&mut self, index: usize, code: Code, reason: String) {
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

    fn refuse(&mut self, index: usize, diagnostic: Diagnostic) {
        self.refused = true;
        self.plain_decision(index, Action::Skip, diagnostic.message.clone(), Some(diagnostic.code));
        self.diagnostics.push(diagnostic.severity(Severity::Error));
    }

    /// Which open operations make what, later ones and waiting ones.
    fn provider_index(&self) -> &HashMap<Facet, Vec<usize>> {
        self.providers.get_or_init(|| {
            let mut providers: HashMap<Facet, Vec<usize>> = HashMap::new();
            for index in &self.open {
                // Not kept: it is asked for once, and of everything.
                for facet in self.analyze_now(*index).provides {
                    providers.entry(facet).or_default().push(*index);
                }
            }
            providers
        })
    }

    /// The first open operation, other than `index`, that makes one of these.
    pub(super) fn provider(&self, any_of: &[Facet], index: usize) -> Option<usize> {
        let providers = self.provider_index();
        any_of
            .iter()
            .filter_map(|facet| providers.get(facet))
            .flatten()
            .copied()
            .filter(|provider| *provider != index && self.open.contains(provider))
            .min()
    }

    /// Everything that an operation which lacks `missing` waits for, directly or through others.
    fn needs_of(&self, index: usize, missing: &[Facet]) -> BTreeSet<usize> {
        let mut needs = BTreeSet::new();
        let mut queue: Vec<Vec<Facet>> = missing.iter().map(|facet| vec![facet.clone()]).collect();
        while let Some(any_of) = queue.pop() {
            let Some(provider) = self.provider(&any_of, index) else { continue };
            if needs.insert(provider) {
                queue.extend(self.analyze(provider).invalid().map(|requirement| requirement.any_of.clone()));
            }
        }
        needs
    }

    /// What still waits at the end waits in a circle.
    fn finish(&mut self) {
        self.wake();
        self.release_blocked();
        self.judge_recorded_skips();
        if self.parked.is_empty() {
            return;
        }
        let circle = self.circle();
        let diagnostic = self.circle_diagnostic(&circle);
        self.refused = true;
        self.diagnostics.push(diagnostic);
        let waiting: Vec<usize> = self.parked.iter().map(|parked| parked.index).collect();
        for index in waiting {
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
            let needed = |index: usize| self.parked.iter().any(|parked| parked.needs.contains(&index));
            let next = self.parked.iter().find(|parked| parked.missing.is_empty() && needed(parked.index));
            let Some(index) = next.map(|parked| parked.index) else { return };
            self.parked.retain(|parked| parked.index != index);
            self.arrived = index;
            self.judge(index);
            self.wake();
        }
    }

    /// An operation that a former run skipped, and that is valid now, but may not run by itself.
    fn judge_recorded_skips(&mut self) {
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

    /// Whether the class never waits for a later creator.
    pub(super) fn may_wait(analysis: &Analysis) -> bool {
        matches!(analysis.class, Class::Adds | Class::Writes)
    }
}
