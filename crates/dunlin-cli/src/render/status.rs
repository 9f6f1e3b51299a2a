//! The state of each migration, in a table, and details of what is not simply done.

use super::{Tone, View, count, shell, wrap};
use crate::duration;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use dunlin::execute::{Doctor, LastRun, MigrationStatus, OperationStatus, Running, Status};
use std::fmt::Write as _;

/// Renders `status`.
pub(crate) fn render(view: &View, status: &Status) -> String {
    if status.migrations.is_empty() {
        return "No migrations. Next: `dunlin new NAME` makes the first one.\n".to_owned();
    }
    let mut out = String::new();
    if !view.quiet {
        out.push_str(&table(view, &status.migrations));
    }
    for migration in &status.migrations {
        details(view, migration, &mut out);
    }
    out.push('\n');
    if let Some(run) = &status.last_run {
        let _ = writeln!(out, "{}", last_run(run));
    }
    out.push_str(&ending(&status.migrations));
    out
}

fn table(view: &View, migrations: &[MigrationStatus]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["migration", "state", "applied at", "took"]);
    for migration in migrations {
        table.add_row([
            migration.id.clone(),
            migration.state.clone(),
            migration.applied_at.clone().unwrap_or_default(),
            migration.duration_ms.map(duration::human).unwrap_or_default(),
        ]);
    }
    if let Some(column) = table.column_mut(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let tones =
        std::iter::once(Tone::Strong).chain(migrations.iter().map(|migration| tone(&migration.state)));
    let text = table.to_string();
    text.lines().zip(tones).fold(String::new(), |mut out, (line, tone)| {
        let line = line.strip_prefix(' ').unwrap_or(line).trim_end();
        let line = if tone == Tone::Good { line.to_owned() } else { view.paint(tone, line) };
        let _ = writeln!(out, "{line}");
        out
    })
}

fn tone(state: &str) -> Tone {
    match state {
        "applied" => Tone::Good,
        "failed" | "interrupted" | "missing" => Tone::Bad,
        "changed" | "partial" => Tone::Notice,
        _ => Tone::Faint,
    }
}

fn details(view: &View, migration: &MigrationStatus, out: &mut String) {
    let quiet = |state: &str| matches!(state, "done" | "pending") || (state == "satisfied" && !view.verbose);
    for operation in migration.operations.iter().filter(|operation| !quiet(&operation.state)) {
        let head = format!("{}#{}", migration.id, operation.operation);
        let _ = writeln!(out, "\n{} {}", view.paint(Tone::Strong, &head), why(operation));
        for text in [&operation.reason, &operation.message].into_iter().flatten() {
            out.push_str(&wrap(text, view.width, "    "));
        }
    }
}

/// Gives an operation's state with its code and SQLSTATE.
pub(super) fn why(operation: &OperationStatus) -> String {
    let mut text = operation.state.clone();
    if let Some(code) = &operation.code {
        let _ = write!(text, " [{code}]");
    }
    if let Some(sqlstate) = &operation.sqlstate {
        let _ = write!(text, " SQLSTATE {sqlstate}");
    }
    text
}

/// Says whether a run is under way, who works and on what, on one line.
pub(crate) fn running(seen: &Running) -> String {
    if !seen.running {
        return match seen.last_run.as_ref() {
            Some(run) => format!("No run is under way. {}", last_run(run)),
            None => "No run is under way.".to_owned(),
        };
    }
    let mut who = Vec::new();
    if let Some(run) = seen.last_run.as_ref().filter(|run| run.finished_at.is_none() && run.outcome.is_none())
    {
        let host = run.host.as_deref().filter(|host| !host.is_empty());
        let pid = run.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        who.push(format!(
            "run {}{}{pid}",
            run.id,
            host.map(|host| format!(" on {host}")).unwrap_or_default()
        ));
    }
    if let Some(pid) = seen.pid {
        let name = seen.application.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let from = seen.address.as_ref().map(|address| format!(" from {address}")).unwrap_or_default();
        let since = seen.since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
        who.push(format!("server process {pid}{name}{from} holds the lock{since}"));
    }
    let mut text = format!("A run is under way: {}.", who.join(", "));
    if let Some(doing) = &seen.doing {
        let _ = write!(text, " It works on: {}", super::one_line(doing, 100));
    }
    if !seen.waits_for.is_empty() {
        let _ = write!(text, " It waits for {}.", seen.waits_for.join(", "));
    }
    text
}

fn last_run(run: &LastRun) -> String {
    let at = match (&run.host, run.pid) {
        (Some(host), Some(pid)) => format!(" on {host} (pid {pid})"),
        (Some(host), None) => format!(" on {host}"),
        _ => String::new(),
    };
    let end = match (&run.finished_at, &run.outcome) {
        (Some(finished), Some(outcome)) => format!("ended {finished}: {outcome}"),
        (Some(finished), None) => format!("ended {finished}"),
        (None, Some(outcome)) => format!("{outcome}: it was cut off, and what it committed is kept"),
        (None, None) => "has not ended yet".to_owned(),
    };
    format!("Last run: {}, started {}{at}, {end}.", run.id, run.started_at)
}

fn ending(migrations: &[MigrationStatus]) -> String {
    let of = |state: &str| migrations.iter().filter(|migration| migration.state == state).collect::<Vec<_>>();
    let states = ["applied", "pending", "partial", "failed", "interrupted", "changed", "missing", "reverted"];
    let counts: Vec<String> = states
        .iter()
        .map(|state| (of(state).len(), state))
        .filter(|(number, _)| *number > 0)
        .map(|(number, state)| format!("{number} {state}"))
        .collect();
    let mut out = format!("{}: {}.\n", count(migrations.len(), "migration"), counts.join(", "));
    if let Some(failed) = of("failed").first() {
        let _ = writeln!(
            out,
            "Next: `dunlin show {}` shows the error; fix it, then `dunlin up`.",
            shell(&failed.id)
        );
    } else if let Some(interrupted) = of("interrupted").first() {
        let _ = writeln!(
            out,
            "Next: `dunlin show {}`; look at the database, then `adopt` or `skip`.",
            shell(&interrupted.id)
        );
    } else if !of("pending").is_empty() {
        out.push_str("Next: `dunlin plan` shows what `dunlin up` will do.\n");
    }
    out
}

/// Renders `doctor`.
pub(crate) fn doctor(view: &View, doctor: &Doctor) -> String {
    let mut out = String::new();
    let width = doctor.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    for check in doctor.checks.iter().filter(|check| !view.quiet || check.status != "ok") {
        let tone = match check.status.as_str() {
            "ok" => Tone::Good,
            "warning" => Tone::Notice,
            _ => Tone::Bad,
        };
        let word = view.paint(tone, &format!("{:<7}", check.status));
        let _ = writeln!(out, "{word} {:<width$}  {}", check.name, check.message);
        if let Some(help) = &check.help {
            out.push_str(&wrap(&format!("→ {help}"), view.width, &" ".repeat(width + 10)));
        }
    }
    let errors = doctor.checks.iter().filter(|check| check.status == "error").count();
    match errors {
        0 => out.push_str("All is well. Next: `dunlin plan`.\n"),
        errors => {
            let _ = writeln!(out, "{} to settle before `dunlin up` can work.", count(errors, "error"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_status_with_everything() {
        insta::assert_snapshot!(render(&samples::VIEW, &samples::status()));
    }

    #[test]
    fn a_run_under_way_is_one_line() {
        let text = running(&samples::running());
        let expected = "A run is under way: run 3 on db1 (pid 42), server process 77 (dunlin) from 10.0.0.7 holds the lock \
                        since 2026-01-02T03:04:04Z. It works on: CREATE INDEX CONCURRENTLY ON content (title) It waits \
                        for process 9 (pg_dump).";
        assert_eq!(text, expected);
        assert_eq!(running(&Running::default()), "No run is under way.");
    }

    #[test]
    fn no_migrations_says_what_to_type() {
        let status = Status { format: 1, migrations: Vec::new(), last_run: None };
        assert!(render(&samples::VIEW, &status).contains("dunlin new NAME"));
    }

    #[test]
    fn a_doctor_with_an_error() {
        insta::assert_snapshot!(doctor(&samples::VIEW, &samples::doctor()));
    }
}
