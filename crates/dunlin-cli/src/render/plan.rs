//! The plan in running order, grouped by migration, and what to type next.

use super::diagnostic::{Sources, diagnostics};
use super::{Tone, View, count, one_line, shell, wrap, wrap_lines};
use dunlin::analyze::LockMode;
use dunlin::diagnostic::Severity;
use dunlin::plan::{Action, Plan, Step};
use std::fmt::Write as _;

/// Renders a plan.
pub(crate) fn render(view: &View, sources: &mut Sources, plan: &Plan) -> String {
    let mut out = String::new();
    if !view.quiet {
        steps(view, plan, &mut out);
        if !plan.steps.is_empty() {
            out.push('\n');
        }
    }
    let shown = plan.diagnostics.iter().filter(|found| !view.quiet || found.severity > Severity::Note);
    out.push_str(&diagnostics(view, sources, shown));
    out.push_str(&wrap_lines(&ending(view, plan), view.width));
    out
}

fn steps(view: &View, plan: &Plan, out: &mut String) {
    let mut migration = "";
    let mut seen: Vec<&str> = Vec::new();
    let mut unit = 0;
    for step in &plan.steps {
        if step.migration != migration {
            migration = &step.migration;
            unit = 0;
            let again = if seen.contains(&migration) { " (continued)" } else { "" };
            seen.push(migration);
            let gap = if out.is_empty() { "" } else { "\n" };
            let title = view.paint(Tone::Strong, migration);
            let _ = writeln!(out, "{gap}{title}{again}  {}", view.paint(Tone::Faint, &step.file));
        }
        if step.unit > 0 {
            if unit > 0 && unit != step.unit {
                let cut = "  ── commit; what follows is a transaction of its own ──";
                let _ = writeln!(out, "{}", view.paint(Tone::Faint, cut));
            }
            unit = step.unit;
        }
        one_step(view, step, out);
    }
}

fn one_step(view: &View, step: &Step, out: &mut String) {
    let (word, tone) = action(step.action);
    let number = format!("#{}", step.operation);
    let head = format!("  {} {number:<4}", view.paint(tone, &format!("{word:<9}")));
    let what = match (&step.object, step.action) {
        (Some(object), Action::Ensure) => format!("{object}: {}", step.sql),
        _ => step.sql.clone(),
    };
    let _ = writeln!(out, "{head} {}", one_line(&what, view.width.saturating_sub(17)));
    let indent = " ".repeat(17);
    let mut why = step.reason.clone().unwrap_or_default();
    if let Some(code) = step.code {
        why = format!("{why} [{code}]").trim_start().to_owned();
    }
    if step.moved {
        let moved = "moved: runs here, not where it is written";
        why = if why.is_empty() { moved.to_owned() } else { format!("{moved}; {why}") };
    }
    if !why.is_empty() {
        out.push_str(&view.paint(Tone::Faint, wrap(&why, view.width, &indent).trim_end_matches('\n')));
        out.push('\n');
    }
    let locks: Vec<String> = step
        .locks
        .iter()
        .filter(|lock| view.verbose || lock.mode > LockMode::RowExclusive)
        .map(|lock| format!("{} ({})", lock.object, mode(lock.mode)))
        .collect();
    if !locks.is_empty() {
        let text = wrap(&format!("locks {}", locks.join(", ")), view.width, &indent);
        let _ = writeln!(out, "{}", view.paint(Tone::Faint, text.trim_end_matches('\n')));
    }
}

fn action(action: Action) -> (&'static str, Tone) {
    match action {
        Action::Run => ("run", Tone::Good),
        Action::Ensure => ("ensure", Tone::Good),
        Action::Satisfied => ("satisfied", Tone::Faint),
        Action::Skip => ("skip", Tone::Notice),
        Action::Held => ("held", Tone::Notice),
    }
}

/// Writes a lock level with what it blocks, which is what people want to know.
fn mode(mode: LockMode) -> &'static str {
    match mode {
        LockMode::AccessShare => "ACCESS SHARE",
        LockMode::RowShare => "ROW SHARE",
        LockMode::RowExclusive => "ROW EXCLUSIVE",
        LockMode::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE: reads and writes go on",
        LockMode::Share => "SHARE: blocks writes",
        LockMode::ShareRowExclusive => "SHARE ROW EXCLUSIVE: blocks writes",
        LockMode::Exclusive => "EXCLUSIVE: blocks writes",
        LockMode::AccessExclusive => "ACCESS EXCLUSIVE: blocks reads and writes",
    }
}

/// Says whether anything would run or be recorded.
pub(crate) fn is_pending(plan: &Plan) -> bool {
    !plan.steps.is_empty()
}

fn ending(view: &View, plan: &Plan) -> String {
    if plan.refused {
        let errors = plan.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
        let head = view.paint(Tone::Bad, "Refused");
        let why = match errors {
            0 => "as the policies say".to_owned(),
            errors => format!("because of {}", count(errors, "error")),
        };
        return format!(
            "{head} {why}. `dunlin up` would change nothing.\nNext: fix it, then `dunlin plan` again.\n"
        );
    }
    if plan.steps.is_empty() {
        return "Nothing to do: the database is up to date.\n".to_owned();
    }
    let number = |action| plan.steps.iter().filter(|step| step.action == action).count();
    let parts: Vec<String> = [
        (number(Action::Run), "to run"),
        (number(Action::Ensure), "to ensure"),
        (number(Action::Satisfied), "there already"),
        (number(Action::Skip), "skipped"),
        (number(Action::Held), "held"),
    ]
    .iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{number} {what}"))
    .collect();
    let mut out = format!("{}\n", view.paint(Tone::Strong, &format!("Operations: {}.", parts.join(", "))));
    if number(Action::Run) + number(Action::Ensure) + number(Action::Satisfied) > 0 {
        out.push_str("Next: `dunlin up` does this.\n");
    }
    if let Some(step) = plan.steps.iter().find(|step| step.action == Action::Skip) {
        let code = step.code.map_or(String::new(), |code| format!(" (`dunlin explain {code}`)"));
        let _ = writeln!(out, "Skipped operations are judged again on every change{code}.");
    }
    if let Some(step) = plan.steps.iter().find(|step| step.action == Action::Held) {
        out.push_str(&held(&step.migration, step.operation));
    }
    out
}

/// Says what the user can type about a held operation.
pub(crate) fn held(migration: &str, operation: u32) -> String {
    format!(
        "Held operations wait for your word: `dunlin adopt {}` if it was done already, `dunlin skip {}` if it shall \
         never run.\n",
        shell(migration),
        shell(&format!("{migration}#{operation}"))
    )
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_plan_with_everything() {
        let (mut sources, plan) = samples::plan();
        insta::assert_snapshot!(render(&samples::VIEW, &mut sources, &plan));
    }

    #[test]
    fn an_empty_and_a_refused_plan() {
        let (mut sources, mut plan) = samples::plan();
        plan.steps.clear();
        plan.diagnostics.clear();
        let text = render(&samples::VIEW, &mut sources, &plan);
        assert_eq!(text, "Nothing to do: the database is up to date.\n");
        plan.refused = true;
        plan.diagnostics = vec![samples::circle()];
        insta::assert_snapshot!(render(&samples::VIEW, &mut sources, &plan));
    }

    #[test]
    fn colours_only_when_wanted() {
        let (mut sources, plan) = samples::plan();
        assert!(!render(&samples::VIEW, &mut sources, &plan).contains('\u{1b}'));
        let view = View { styled: true, ..samples::VIEW };
        assert!(render(&view, &mut sources, &plan).contains("\u{1b}[32mrun"));
    }
}
