//! Simulate, order, decide: pending operations and a catalog become a [`Plan`].

mod belief;
mod edited;
mod ensure;
mod explain;
mod judge;
mod operations;
mod outcome;
mod parking;
mod past;
mod planner;
mod policy;
mod positional;
mod reached;
mod reading;
mod step;
#[cfg(test)]
mod tests;
mod units;
mod waiting;
#[cfg(test)]
mod waiting_tests;

pub use ensure::Ensure;
pub use operations::{Identity, Operation, Operations};
pub use past::{Past, PastMigration, PastOperation, PastState};
pub use planner::{Decision, Input, SetAside, Simulation, simulate};
pub use policy::{DataLoss, Dialect, EditedFiles, InvalidOperations, MissingColumns, Order, Policy};
pub use reading::{All, Ranges};
pub use step::{Action, Plan, Step};
pub use units::{Unit, is_mark, units};

use crate::migration::MigrationSet;
use std::thread::ScopedJoinHandle;

/// A plan with what the executor needs to run it.
pub struct Planned {
    /// What users see.
    pub plan: Plan,
    /// The decisions, one for each step of the plan.
    pub decisions: Vec<Decision>,
    /// Which of them share a transaction.
    pub units: Vec<Unit>,
    /// The catalog that the plan ends in, as simulated.
    pub catalog: crate::catalog::Catalog,
    /// Whether that catalog has what is deferred from the start of a transaction.
    pub deferred: bool,
}

/// Makes the plan for what is pending.
pub fn plan(input: &Input<'_>) -> Planned {
    let fingerprint = hex(&input.catalog.fingerprint());
    let simulation = simulate(input);
    let units = units(&simulation.decisions, input.operations, input.set);
    let steps = steps(&simulation.decisions, &units, input);
    let plan = Plan {
        format: 1,
        refused: simulation.refused,
        steps,
        diagnostics: simulation.diagnostics,
        fingerprint,
    };
    let deferred = simulation.catalog.has_deferred();
    Planned { plan, decisions: simulation.decisions, units, catalog: simulation.catalog, deferred }
}

/// With so many decisions a second thread makes half of the steps.
const MANY: usize = 10_000;

fn steps(decisions: &[Decision], units: &[Unit], input: &Input<'_>) -> Vec<Step> {
    let (set, operations) = (input.set, input.operations);
    let make = |units: &[Unit], steps: &mut Vec<Step>| {
        for unit in units {
            let decisions = &decisions[unit.decisions.clone()];
            steps.extend(decisions.iter().map(|decision| step(decision, unit, set, operations)));
        }
    };
    let mut steps = Vec::with_capacity(decisions.len());
    if decisions.len() < MANY {
        make(units, &mut steps);
        return steps;
    }
    let (first, second) = units.split_at(units.len() / 2);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, || {
            let count = second.iter().map(|unit| unit.decisions.len()).sum();
            let mut steps = Vec::with_capacity(count);
            make(second, &mut steps);
            steps
        });
        make(first, &mut steps);
        match thread.map(ScopedJoinHandle::join) {
            Ok(Ok(made)) => steps.extend(made),
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => make(second, &mut steps),
        }
    });
    steps
}

fn step(decision: &Decision, unit: &Unit, set: &MigrationSet, operations: &Operations) -> Step {
    let operation = &operations.all[decision.operation];
    let runs = matches!(decision.action, Action::Run | Action::Ensure);
    Step {
        migration: set.migrations[operation.migration].id.clone(),
        operation: operation.number,
        action: decision.action,
        unit: if runs { unit.number } else { 0 },
        sql: decision.sql.clone().unwrap_or_else(|| operation.statement.sql.to_string()),
        file: operation.file.path.to_string(),
        line: operation.line,
        reason: decision.reason.clone(),
        code: decision.code,
        moved: decision.moved,
        locks: if runs { decision.analysis.locks.clone() } else { Vec::new() },
        object: decision.ensure.as_ref().map(|ensure| ensure.object.to_string()),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}
