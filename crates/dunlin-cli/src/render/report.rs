//! What a run did, what it left out and why, what was kept, what was undone, and what to type next.

use super::diagnostic::{Sources, diagnostics};
use super::{Tone, View, block, count, plan, shell, wrap, wrap_lines};
use crate::duration;
use dunlin::diagnostic::{Code, Diagnostic, Location, Severity};
use dunlin::execute::{Adopted, Failure, NotRun, Outcome, Report};
use dunlin::source::Span;
use std::fmt::Write as _;

/// More names than this are counted, not listed.
const LISTED: usize = 30;

/// Renders the report of `up`.
pub(crate) fn render(view: &View, sources: &mut Sources, report: &Report) -> String {
    let mut out = String::new();
    let shown = |found: &&Diagnostic| view.verbose || found.severity > Severity::Note;
    out.push_str(&diagnostics(view, sources, report.diagnostics.iter().filter(shown)));
    let failures: Vec<Diagnostic> = failures(report).collect();
    out.push_str(&diagnostics(view, sources, &failures));
    if !view.quiet {
        applied(view, report, &mut out);
        ensured(view, report, &mut out);
    }
    not_run(view, "Skipped", &report.skipped, &mut out);
    not_run(view, "Held", &report.held, &mut out);
    let mut end = String::new();
    ending(view, report, &mut end);
    out + &wrap_lines(&end, view.width)
}

/// Gives the failures that no diagnostic tells about yet.
fn failures(report: &Report) -> impl Iterator<Item = Diagnostic> {
    let list: &[Failure] = match (&report.failed, report.failures.as_slice()) {
        (Some(failure), []) => std::slice::from_ref(failure),
        (_, list) => list,
    };
    let told = |failure: &&Failure| {
        report.diagnostics.iter().any(|found| {
            let place = found.location.as_ref().map(|location| (location.file.as_str(), location.line));
            found.severity == Severity::Error
                && found.message.contains(&failure.message)
                && place == Some((failure.file.as_str(), failure.line))
        })
    };
    list.iter().filter(move |failure| !told(failure)).map(failure)
}

fn failure(failure: &Failure) -> Diagnostic {
    let Failure { migration, operation, sqlstate, message, .. } = failure;
    let text = format!("{migration}#{operation} failed: {message} (SQLSTATE {sqlstate})");
    let mut diagnostic = Diagnostic::new(Code::DN808, text).severity(Severity::Error);
    diagnostic.location = Some(Location {
        file: failure.file.clone(),
        line: failure.line,
        column: failure.column,
        span: Span::default(),
    });
    if let Some(detail) = &failure.detail {
        diagnostic = diagnostic.note(format!("the server says: {detail}"));
    }
    match &failure.hint {
        Some(hint) => diagnostic.help(format!("the server's hint: {hint}")),
        None => diagnostic,
    }
}

fn applied(view: &View, report: &Report, out: &mut String) {
    if report.applied.is_empty() {
        return;
    }
    let what = count(report.applied.len(), "migration");
    let head = view.paint(Tone::Good, &format!("Applied {what}"));
    let _ = writeln!(out, "{head} in {}:", duration::human(report.duration_ms));
    let listed = if view.verbose { report.applied.len() } else { LISTED };
    for id in report.applied.iter().take(listed) {
        let _ = writeln!(out, "  {id}");
    }
    if let Some(more) = report.applied.len().checked_sub(listed).filter(|more| *more > 0) {
        let _ = writeln!(out, "  … and {more} more (`dunlin status` lists them)");
    }
}

fn ensured(view: &View, report: &Report, out: &mut String) {
    if report.ensured.is_empty() {
        return;
    }
    let head = view.paint(Tone::Good, "Ensured");
    let _ = writeln!(out, "{head} what the files declare and the database lacked:");
    for ensured in &report.ensured {
        let by = format!("declared by {}#{}", ensured.migration, ensured.operation);
        let _ = writeln!(out, "  {}  {}", ensured.object, view.paint(Tone::Faint, &by));
        out.push_str(&view.paint(Tone::Faint, block(&ensured.sql, "    ").trim_end_matches('\n')));
        out.push('\n');
    }
}

fn not_run(view: &View, title: &str, list: &[NotRun], out: &mut String) {
    if list.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "{}:",
        view.paint(Tone::Notice, &format!("{title} {}", count(list.len(), "operation")))
    );
    for item in list {
        let head = format!("{}#{}", item.migration, item.operation);
        let _ = writeln!(out, "  {} [{}]", view.paint(Tone::Strong, &head), item.code);
        out.push_str(&wrap(&item.reason, view.width, "    "));
    }
}

fn ending(view: &View, report: &Report, out: &mut String) {
    match report.outcome {
        Outcome::Nothing => out.push_str("Nothing to do: the database is up to date.\n"),
        Outcome::Applied => out.push_str("The database is up to date.\n"),
        Outcome::Partial => partial(report, out),
        Outcome::Failed => failed(view, report, out),
        Outcome::Refused | Outcome::Error => {
            let head = view.paint(Tone::Bad, "Refused");
            let _ = writeln!(out, "{head}: nothing ran, nothing was changed.");
            out.push_str(
                "Next: fix what is said above, then `dunlin plan` shows what `dunlin up` will do.\n",
            );
        }
    }
}

fn partial(report: &Report, out: &mut String) {
    if let Some(skipped) = report.skipped.first() {
        let _ = writeln!(
            out,
            "Skipped operations run by themselves once what they need is there, if they only add to the schema. \
             Next: `dunlin explain {}`, or add what is missing in a new migration.",
            skipped.code
        );
    }
    if let Some(held) = report.held.first() {
        out.push_str(&plan::held(&held.migration, held.operation));
    }
    if report.skipped.is_empty() && report.held.is_empty() {
        out.push_str("Not everything is done: `dunlin status` shows what is left.\n");
    }
}

fn failed(view: &View, report: &Report, out: &mut String) {
    let head = view.paint(Tone::Bad, "Failed");
    let Some(failure) = &report.failed else {
        let _ = writeln!(out, "{head}: what was committed before is kept and recorded.");
        out.push_str("Next: `dunlin up` again goes on from there; `dunlin status` shows the state.\n");
        return;
    };
    let _ = writeln!(out, "{head} at {}#{}.", failure.migration, failure.operation);
    let kept = match report.applied.as_slice() {
        [] => "what earlier runs applied; this one had finished no migration before".to_owned(),
        applied => format!("{} of this run and everything before", count(applied.len(), "migration")),
    };
    let _ = writeln!(out, "  Kept:   {kept}.");
    let _ = writeln!(out, "  Undone: what {} had done since its last commit.", failure.migration);
    let _ = writeln!(
        out,
        "Next: {}`dunlin up`: it does what is left, and only that.\n      `dunlin show {}` shows its SQL and this error.",
        before_the_next_run(failure),
        shell(&failure.migration)
    );
}

/// What to do before `dunlin up` is typed again: not every failure is a fault of the file.
fn before_the_next_run(failure: &Failure) -> String {
    match failure.sqlstate.as_str() {
        // query_canceled: Ctrl-C, statement_timeout or pg_cancel_backend.
        "57014" => "the statement was cancelled; when the time is right, ".into(),
        "42501" => "grant the privilege, or work as another role, then ".into(),
        "53100" => "make room on the server's disk, then ".into(),
        "40001" | "40P01" | "55P03" => "others were in the way; ".into(),
        state if ["08", "53", "57", "58"].iter().any(|class| state.starts_with(class)) => {
            "see to the server or the connection, then ".into()
        }
        _ => format!("fix {} (or the data), then ", failure.file),
    }
}

/// Renders what `adopt` recorded.
pub(crate) fn adopted(view: &View, adopted: &Adopted) -> String {
    let mut out = String::new();
    match adopted.adopted.as_slice() {
        [] => out.push_str("No migration was recorded.\n"),
        ids => {
            let what = format!("Recorded {} as applied", count(ids.len(), "migration"));
            let _ = writeln!(out, "{}; no SQL of theirs was run:", view.paint(Tone::Good, &what));
            ids.iter().for_each(|id| {
                let _ = writeln!(out, "  {id}");
            });
        }
    }
    if let Some(first) = adopted.not_proved.first() {
        let title = "Not recorded, since the database does not prove";
        not_run(view, title, &adopted.not_proved, &mut out);
        let _ = writeln!(
            out,
            "Next: `dunlin adopt {}` if you know that it was done; `dunlin up` runs what is pending.",
            shell(&first.migration)
        );
    } else {
        out.push_str("Next: `dunlin plan` shows what is left.\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_partial_run() {
        let (mut sources, report) = samples::partial();
        insta::assert_snapshot!(render(&samples::VIEW, &mut sources, &report));
    }

    #[test]
    fn a_failed_run_says_what_was_kept_and_undone() {
        let (mut sources, report) = samples::failed();
        insta::assert_snapshot!(render(&samples::VIEW, &mut sources, &report));
    }

    #[test]
    fn what_is_not_a_fault_of_the_file_is_not_blamed_on_it() {
        let (mut sources, mut report) = samples::failed();
        let failed = report.failed.as_mut().unwrap();
        for (sqlstate, said) in [
            ("57014", "Next: the statement was cancelled; when the time is right, `dunlin up`"),
            ("53100", "Next: make room on the server's disk, then `dunlin up`"),
            ("23514", "Next: fix "),
        ] {
            failed.sqlstate = sqlstate.into();
            let report = Report {
                failed: Some(failed.clone()),
                ..Report { outcome: Outcome::Failed, ..Report::nothing() }
            };
            let text = render(&samples::VIEW, &mut sources, &report);
            assert!(text.contains(said), "{text}");
        }
    }

    #[test]
    fn a_failure_is_told_once() {
        let (mut sources, mut report) = samples::failed();
        report.diagnostics.extend(report.failed.as_ref().map(failure));
        let text = render(&samples::VIEW, &mut sources, &report);
        assert_eq!(text.matches("DN808").count(), 1, "{text}");
    }

    #[test]
    fn nothing_to_do_is_one_line() {
        let text = render(&samples::VIEW, &mut Sources::default(), &Report::nothing());
        assert_eq!(text, "Nothing to do: the database is up to date.\n");
    }

    #[test]
    fn adopting_lists_what_is_not_proved() {
        insta::assert_snapshot!(adopted(&samples::VIEW, &samples::adopted()));
    }
}
