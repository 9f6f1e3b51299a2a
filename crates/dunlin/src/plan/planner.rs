//! The simulation: pending operations are taken in file order and run, wait, are satisfied, skipped or held.
//!
//! See design, section 3. The catalog is changed only when an operation runs; what waits is judged
//! again after each change. Nothing here touches a server.

use super::belief::Belief;
use super::ensure::Ensure;
use super::operations::{Operation, Operations};
use super::parking::Parking;
use super::past::{Past, PastOperation, PastState};
use super::policy::{Order, Policy};
use super::step::Action;
use crate::analyze::{Analysis, Class, Facet, Footprint, TransactionStatement, analyze, analyze_unpacked};
use crate::catalog::{Catalog, Effect, Origin};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::migration::MigrationSet;
use crate::syntax::Tree;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
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
    pub set_aside: &'a HashMap<usize, SetAside>,
    /// Whether this is `dunlin check`: what is missing is an error.
    pub check: bool,
}

/// Why an operation does not run in this run any more.
#[derive(Debug, Clone)]
pub struct SetAside {
    /// What is said about it.
    pub diagnostic: Diagnostic,
    /// Whether it stays pending since an operation failed, and is not skipped; the report tells of the failure.
    pub pending: bool,
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

/// The state of the simulation.
pub(super) struct Planner<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) start: Catalog,
    pub(super) catalog: Catalog,
    pub(super) decisions: Vec<Decision>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) refused: bool,
    /// The operations that are to be judged; none where all are.
    pending_only: Option<Vec<usize>>,
    /// Operations that are decided.
    pub(super) closed: FxHashSet<usize>,
    pub(super) parking: Parking,
    pub(super) skipped: HashMap<usize, Vec<Facet>>,
    /// What each open operation makes, worked out when something is missing for the first time.
    providers: OnceCell<HashMap<Facet, Vec<usize>>>,
    pub(super) belief: OnceCell<Belief>,
    /// What operations that waited lacked.
    pub(super) waits: HashMap<usize, Vec<Facet>>,
    /// The decision that made what operations lack or lacked, as a position in `decisions`.
    pub(super) made: HashMap<Facet, usize>,
    /// Operations that depend on one that failed in this run: they stay pending.
    pub(super) pending: HashSet<usize>,
    /// What they touch, as far as it is known.
    pub(super) touched: Vec<(usize, Footprint)>,
    /// Operations that lacked something when they were judged first.
    pub(super) lacked: HashSet<usize>,
    /// The last operation of the files that has run so far.
    pub(super) farthest: Option<usize>,
    /// The operation that is arriving: what runs after it was written later.
    pub(super) arrived: usize,
    /// Analyses against the catalog as it is now: forgotten with each change of it.
    pub(super) analyses: RefCell<FxHashMap<usize, Arc<Analysis>>>,
    /// The decisions about an operation, and those at its place, as positions in `decisions`.
    pub(super) decided: FxHashMap<usize, Vec<usize>>,
    /// The operations of this plan that change the schema; their effects are not kept.
    pub(super) changing: FxHashSet<usize>,
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
        diagnostics: Vec::new(),
        refused: false,
        pending_only: None,
        closed: FxHashSet::default(),
        parking: Parking::default(),
        skipped: HashMap::new(),
        providers: OnceCell::new(),
        belief: OnceCell::new(),
        waits: HashMap::new(),
        made: HashMap::new(),
        pending: HashSet::new(),
        touched: Vec::new(),
        lacked: HashSet::new(),
        farthest: None,
        arrived: 0,
        analyses: RefCell::default(),
        decided: FxHashMap::default(),
        changing: FxHashSet::default(),
        tellers: RefCell::default(),
        rearranged: false,
        removing: OnceCell::new(),
    };
    planner.compare_set();
    planner.find_pending();
    planner.arrive_all();
    planner.check_text();
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

    /// Refuses the plan for faults of the text, which are told before anything else.
    ///
    /// They are looked for when all is read; a plan that is refused is made to its end all the same.
    fn check_text(&mut self) {
        let mut diagnostics: Vec<Diagnostic> = self.input.operations.diagnostics().cloned().collect();
        diagnostics.extend(self.input.set.diagnostics.iter().cloned());
        for (index, operation) in self.input.operations.all.iter().enumerate() {
            if self.input.set_aside.contains_key(&index) {
                continue;
            }
            if let Tree::Refused(diagnostic) = &operation.statement.tree
                && !self.input.accepted.contains(&index)
                && self.is_pending(index)
            {
                diagnostics.push(diagnostic.clone());
            }
            let refused = match operation.transaction {
                Some(TransactionStatement::Refused(what)) => Some(what),
                Some(TransactionStatement::Rollback) => Some("ROLLBACK of a whole transaction"),
                _ => None,
            };
            if let Some(what) = refused
                && self.is_pending(index)
            {
                diagnostics.push(
                    Diagnostic::new(Code::DN810, format!("not possible in a migration: {what}"))
                        .at(&operation.file, operation.statement.span)
                        .help("take it out of the file: Dunlin keeps lock, session and transactions itself"),
                );
            }
        }
        self.refused |= diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        diagnostics.append(&mut self.diagnostics);
        self.diagnostics = diagnostics;
    }

    /// Whether the journal leaves something to do about an operation, and rule 9 lets it run.
    fn is_pending(&self, index: usize) -> bool {
        match self.past(index) {
            Some(past) => past.state != PastState::Done,
            None => true,
        }
    }

    /// Finds what is to be judged, by what is recorded; where nothing is, it is everything, read or not.
    fn find_pending(&mut self) {
        if self.input.past.migrations.is_empty() {
            return;
        }
        let mut pending = Vec::new();
        for (position, migration) in self.input.set.migrations.iter().enumerate() {
            let range = self.input.operations.ranges[position].clone();
            pending.extend(self.pending_of_migration(migration, range));
            if self.input.to == Some(migration.id.as_str()) {
                break;
            }
        }
        self.pending_only = Some(pending);
    }

    /// How many migrations are looked at.
    fn migrations(&self) -> usize {
        let all = &self.input.set.migrations;
        let last = self.input.to.and_then(|to| all.iter().position(|migration| migration.id == to));
        last.map_or(all.len(), |last| last + 1)
    }

    /// The operations that are to be judged and not decided yet, in file order; waits until all are read.
    fn open(&self) -> Vec<usize> {
        let all = match (&self.pending_only, self.migrations().checked_sub(1)) {
            (Some(pending), _) => pending.clone(),
            (None, Some(last)) => (0..self.input.operations.ranges[last].end).collect(),
            (None, None) => Vec::new(),
        };
        all.into_iter().filter(|index| !self.closed.contains(index)).collect()
    }

    fn arrive_all(&mut self) {
        if let Some(pending) = self.pending_only.clone() {
            pending.into_iter().for_each(|index| self.arrive(index));
            return;
        }
        for migration in 0..self.migrations() {
            self.input.operations.all.arrive(migration);
            for index in self.input.operations.ranges[migration].clone() {
                self.arrive(index);
            }
        }
    }

    /// Takes the next operation of the files.
    fn arrive(&mut self, index: usize) {
        self.arrived = index;
        let from = self.decisions.len();
        if self.decide_plainly(index) {
            self.wake_after(from);
            return;
        }
        let analysis = self.analyze(index);
        if let Some(failed) = self.failed_before(&analysis) {
            self.leave_pending(index, failed);
            self.wake_after(from);
            return;
        }
        if analysis.class != Class::Opaque && self.wait_behind(index, &analysis) {
            return;
        }
        drop(analysis);
        self.judge(index);
        self.wake_after(from);
    }

    /// Decides what needs no judgement: transaction marks, session statements, what the file rolls back.
    fn decide_plainly(&mut self, index: usize) -> bool {
        let operation = self.operation(index);
        if let Some(SetAside { diagnostic, pending }) = self.input.set_aside.get(&index) {
            let diagnostic = diagnostic.clone();
            if *pending {
                self.pend(index, diagnostic.message, diagnostic.code);
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

    /// Leaves an operation pending since one failed in this run.
    fn pend(&mut self, index: usize, reason: String, code: Code) {
        let analysis = self.analyze(index);
        self.pending.insert(index);
        self.skipped.insert(index, analysis.provides.clone());
        // What cannot be read is known to touch nothing.
        if !matches!(self.operation(index).statement.tree, Tree::Refused(_)) {
            self.touched.push((index, analysis.footprint.clone()));
        }
        self.plain_decision(index, Action::Skip, reason, Some(code));
    }

    /// An operation that stays pending and does not commute with one that comes after it.
    ///
    /// What cannot be understood may depend on any; that one which failed could not be understood says nothing.
    fn failed_before(&self, analysis: &Analysis) -> Option<usize> {
        if self.pending.is_empty() {
            return None;
        }
        if analysis.opaque.is_some() {
            return self.pending.iter().copied().min();
        }
        let meets =
            |(_, footprint): &&(usize, Footprint)| !footprint.known_part_commutes_with(&analysis.footprint);
        self.touched.iter().find(meets).map(|(index, _)| *index)
    }

    /// Leaves an operation pending that comes after one which failed and must not overtake it.
    fn leave_pending(&mut self, index: usize, failed: usize) {
        let (operation, other) = (self.operation(index), self.operation(failed));
        let message = format!(
            "it does not commute with operation {} of {}, which failed or stays pending",
            other.number,
            self.migration_id(failed)
        );
        let diagnostic = Diagnostic::new(Code::DN209, message.clone())
            .at(&operation.file, operation.statement.span)
            .because(&other.file, other.statement.span, "has to run before it")
            .help("it runs with the next `dunlin up`, after that operation");
        self.diagnostics.push(diagnostic);
        self.pend(index, message, Code::DN209);
    }

    fn analyze_now(&self, index: usize) -> Analysis {
        let operation = self.operation(index);
        let (statement, session) = (&operation.statement, &operation.session);
        self.input.operations.all.with_tree(index, |tree| match tree {
            Some(tree) => analyze_unpacked(statement, tree, &self.catalog, session),
            None => analyze(statement, &self.catalog, session),
        })
    }

    pub(super) fn analyze(&self, index: usize) -> Arc<Analysis> {
        if let Some(known) = self.analyses.borrow().get(&index) {
            return known.clone();
        }
        let analysis = Arc::new(self.analyze_now(index));
        self.analyses.borrow_mut().insert(index, analysis.clone());
        analysis
    }

    pub(super) fn apply(&mut self, effects: Vec<Effect>, by: usize) {
        if !effects.is_empty() {
            self.catalog.apply_taken(effects, Origin::Simulated(u32::try_from(by).unwrap_or(u32::MAX)));
        }
        // Also without effects: what was decided once is not asked for again.
        self.analyses.get_mut().clear();
    }

    /// Judges an operation against the catalog as it is now, and does what follows.
    pub(super) fn judge(&mut self, index: usize) {
        let analysis = self.analyze(index);
        match self.decide(index, &analysis) {
            Verdict::Run(ensures) => {
                drop(analysis);
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

    /// Which open operations make what, later ones and waiting ones.
    fn provider_index(&self) -> &HashMap<Facet, Vec<usize>> {
        self.providers.get_or_init(|| {
            let mut providers: HashMap<Facet, Vec<usize>> = HashMap::new();
            for index in self.open() {
                // Not kept: it is asked for once, and of everything.
                for facet in self.analyze_now(index).provides {
                    providers.entry(facet).or_default().push(index);
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
            .filter(|provider| *provider != index && !self.closed.contains(provider))
            .min()
    }

    /// Whether it may wait for a later creator. An extension only adds, too, though nobody knows what: all waits with it.
    pub(super) fn may_wait(analysis: &Analysis) -> bool {
        matches!(analysis.class, Class::Adds | Class::Writes) || analysis.kind == "CREATE EXTENSION"
    }
}
