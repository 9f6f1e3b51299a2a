//! `dunlin check`: the planner and the rules, on a schema that needs no server.

use super::event::Event;
use super::report::CheckReport;
use super::setup::connect_lock;
use super::{ExecuteError, Options, Target};
use crate::analyze::{Session, TransactionStatement, analyze};
use crate::catalog::{Catalog, Origin, SearchPath};
use crate::check::{Review, Start, Step, review};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::migration::MigrationSet;
use crate::pg::introspect::{Sizes, introspect_over};
use crate::plan::{Action, Decision, Dialect, Input, Operations, Past, Policy, Simulation, simulate, units};
use crate::source::{SourceFile, Span};
use crate::syntax::{ParseOptions, Tree, on_large_stack, parse};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What the database has before the set runs.
pub struct CheckStart {
    /// Its schema.
    pub catalog: Catalog,
    /// How much is known about it.
    pub known: Start,
    /// What is wrong with the text that it was read from.
    pub diagnostics: Vec<Diagnostic>,
}

impl CheckStart {
    /// Starts from an empty database.
    pub fn empty() -> CheckStart {
        CheckStart { catalog: Catalog::empty(), known: Start::Files, diagnostics: Vec::new() }
    }

    /// Starts from a schema in SQL, such as the output of `pg_dump --schema-only`.
    pub fn of_sql(file: &SourceFile) -> CheckStart {
        let span = Span::new(0, file.text.len());
        on_large_stack(|| {
            let script = parse(file, span, &ParseOptions::default());
            let mut catalog = Catalog::empty();
            if let Some(version) = dumped_from(&file.text) {
                catalog.server_version = version;
            }
            let mut diagnostics = script.diagnostics;
            let mut session = Session::new(SearchPath::default());
            for statement in &script.statements {
                if let Tree::Refused(diagnostic) = &statement.tree {
                    diagnostics.push(diagnostic.clone());
                    continue;
                }
                let analysis = analyze(statement, &catalog, &session);
                diagnostics.extend(analysis.invalid().map(|need| {
                    Diagnostic::new(need.code, need.message.clone())
                        .severity(Severity::Warning)
                        .at(file, need.span)
                        .help("the start is read from this file alone, in its order")
                }));
                catalog.apply(&analysis.effects, Origin::Live);
                analysis.session.iter().for_each(|change| session.apply(change));
            }
            CheckStart { catalog, known: Start::Schema, diagnostics }
        })
    }

    /// Starts from the schema of a database.
    ///
    /// # Errors
    /// When the server cannot be reached or read.
    pub async fn of_database(target: &Target, options: &Options) -> Result<CheckStart, ExecuteError> {
        let session = connect_lock(target, &mut |_: &Event<'_>| {}).await?;
        let read = introspect_over(&session, &options.journal_schema, Sizes::Measured).await?;
        Ok(CheckStart { catalog: read.catalog, known: Start::Server, diagnostics: Vec::new() })
    }
}

/// The server's version as pg_dump writes it into a comment at the top, as `server_version_num`.
fn dumped_from(text: &str) -> Option<u32> {
    let head = text.lines().take(20);
    let line = head.filter_map(|line| line.strip_prefix("-- Dumped from database version ")).next()?;
    let number: String = line.chars().take_while(char::is_ascii_digit).collect();
    Some(number.parse::<u32>().ok()? * 10_000)
}

/// Makes the plan for a set without a server and asks the rules about what would run.
///
/// Rules with a code in `ignore` are not asked.
pub fn check(set: &MigrationSet, start: CheckStart, policy: &Policy, ignore: &BTreeSet<Code>) -> CheckReport {
    let text = ParseOptions {
        repair: policy.dialect == Dialect::Repair,
        lenient: policy.dialect != Dialect::Postgres,
    };
    let CheckStart { catalog, known, mut diagnostics } = start;
    let (found, operations) = on_large_stack(|| {
        let operations = Operations::of(set, &text, &SearchPath::default());
        let input = Input {
            set,
            operations: &operations,
            catalog: catalog.clone(),
            past: &Past::default(),
            policy,
            to: None,
            accepted: &HashSet::new(),
            set_aside: &HashMap::new(),
            check: true,
        };
        let simulation = simulate(&input);
        let steps = steps(&simulation, &operations, set);
        let migrations: Vec<usize> = operations.all.iter().map(|operation| operation.migration).collect();
        let hazards =
            review(Review { start: known, catalog, steps: &steps, migrations: &migrations, ignore });
        drop(steps);
        let mut found = simulation.diagnostics;
        found.extend(hazards);
        (found, operations.all.len())
    });
    diagnostics.extend(found);
    let ok = diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error);
    CheckReport { format: 1, ok, files: set.migrations.len(), operations, diagnostics }
}

/// What would run, in running order, as the rules see it.
fn steps<'a>(simulation: &'a Simulation, operations: &'a Operations, set: &MigrationSet) -> Vec<Step<'a>> {
    let in_block = in_blocks(operations);
    let mut steps = Vec::new();
    for unit in units(&simulation.decisions, operations, set) {
        for at in unit.decisions.clone() {
            let decision = &simulation.decisions[at];
            if let Some(effects) = effects(decision) {
                let operation = &operations.all[decision.operation];
                steps.push(Step {
                    operation: decision.operation,
                    unit: unit.number,
                    in_block: in_block[decision.operation],
                    written: decision.action == Action::Run,
                    allow_data_loss: operation.directives.allow_data_loss,
                    file: &operation.file,
                    span: operation.statement.span,
                    analysis: &decision.analysis,
                    effects,
                });
            }
        }
    }
    steps
}

/// What a decision changes; none where nothing runs.
fn effects(decision: &Decision) -> Option<&[crate::catalog::Effect]> {
    match (decision.action, &decision.ensure) {
        (Action::Run, _) => Some(&decision.analysis.effects),
        (Action::Ensure, Some(ensure)) => Some(&ensure.effects),
        _ => None,
    }
}

/// Which operations stand between BEGIN and COMMIT of their file.
fn in_blocks(operations: &Operations) -> Vec<bool> {
    let mut all = Vec::with_capacity(operations.all.len());
    for range in operations.ranges.iter() {
        let mut inside = false;
        all.extend(operations.all[range.clone()].iter().map(|operation| {
            match operation.transaction {
                Some(TransactionStatement::Begin(_)) => inside = true,
                Some(TransactionStatement::Commit) => inside = false,
                _ => {}
            }
            inside
        }));
    }
    all
}
