//! Plans and migrations as SQL and nothing else.

use crate::secrets;
use dunlin::execute::Shown;
use dunlin::plan::{Action, Plan};
use std::fmt::Write as _;

/// Writes the statements that a plan runs, in running order; comments say where each comes from.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut out = String::new();
    if plan.refused {
        return out;
    }
    let mut unit = 0;
    for step in plan.steps.iter().filter(|step| matches!(step.action, Action::Run | Action::Ensure)) {
        if step.unit != unit {
            unit = step.unit;
            let _ = writeln!(out, "-- transaction {unit}");
        }
        let made = if step.action == Action::Ensure { "ensured for " } else { "" };
        let place =
            comment(&format!("{made}{}#{}, {}:{}", step.migration, step.operation, step.file, step.line));
        let _ = writeln!(out, "-- {place}\n{}", statement(&step.sql));
    }
    out
}

/// Writes the statements of a migration.
pub(crate) fn shown(shown: &Shown) -> String {
    shown.operations.iter().fold(String::new(), |mut out, operation| {
        let head = format!("{}#{}: {}", shown.id, operation.status.operation, operation.status.state);
        let _ = writeln!(out, "-- {}\n{}", comment(&head), statement(&operation.sql));
        out
    })
}

/// Keeps a comment on its line: file names may hold anything.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn statement(sql: &str) -> String {
    let sql = secrets::mask(sql.trim_end());
    let end = if sql.ends_with(';') { "" } else { "\n;" };
    // A comment on the last line would swallow a semicolon behind it.
    let last = sql.lines().last().unwrap_or("");
    if end.is_empty() || last.contains("--") { format!("{sql}{end}") } else { format!("{sql};") }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn only_what_runs_in_running_order() {
        insta::assert_snapshot!(plan(&samples::plan().1));
        insta::assert_snapshot!(shown(&samples::shown()));
    }

    #[test]
    fn a_statement_ends_outside_of_its_comment() {
        assert_eq!(statement("SELECT 1 -- one"), "SELECT 1 -- one\n;");
        assert_eq!(statement("SELECT 1;\n"), "SELECT 1;");
    }

    #[test]
    fn a_refused_plan_has_no_sql() {
        let mut refused = samples::plan().1;
        refused.refused = true;
        assert_eq!(plan(&refused), "");
    }
}
