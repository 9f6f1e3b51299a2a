//! Events of a run on stderr: one redrawn line on a terminal, lines of text or JSON in logs.

use crate::args::LogFormat;
use crate::duration::human;
use crate::render::diagnostic::{self, Sources};
use crate::render::{Tone, View, count, one_line, status};
use crate::screen::{Screen, say};
use dunlin::diagnostic::{Diagnostic, Severity};
use dunlin::execute::{Event, Running};
use dunlin::plan::{Action, Plan};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What listens to a run on behalf of the user.
pub(crate) struct Progress {
    view: View,
    format: LogFormat,
    live: bool,
    started: Instant,
    sources: Sources,
    /// Made when the first unit starts: a run with nothing to do needs none.
    bar: Option<ProgressBar>,
    /// The steps of each unit of the plan that are still to run, for the terminal.
    units: BTreeMap<u32, Vec<String>>,
    operations: usize,
    finished: usize,
}

impl Progress {
    /// Makes a listener for the terminal or for logs.
    pub(crate) fn new(screen: &Screen, format: LogFormat) -> Progress {
        Progress {
            view: screen.err,
            format,
            live: screen.live && format == LogFormat::Text && !screen.err.quiet,
            started: Instant::now(),
            sources: Sources::default(),
            bar: None,
            units: BTreeMap::new(),
            operations: 0,
            finished: 0,
        }
    }

    /// Takes one event.
    pub(crate) fn on(&mut self, event: &Event<'_>) {
        if self.format == LogFormat::Json {
            if !self.view.quiet || matters(event) {
                say(&json_line(event, self.started.elapsed()).to_string());
            }
            return;
        }
        if self.live {
            self.draw(event);
        }
        if self.view.quiet && !matters(event) {
            return;
        }
        if let Some(line) = self.line(event) {
            match &self.bar {
                Some(bar) => bar.suspend(|| say(&line)),
                None => say(&line),
            }
        }
    }

    /// Takes the redrawn line away.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn draw(&mut self, event: &Event<'_>) {
        match event {
            Event::Planned { plan, .. } => {
                self.units = units(plan);
                if let Some(bar) = &self.bar {
                    bar.set_length(bar.position() + self.units.len() as u64);
                }
            }
            Event::UnitStarted { unit, migration, operations } => {
                (self.operations, self.finished) = (*operations, 0);
                let length = self.units.len() as u64;
                let bar = self.bar.get_or_insert_with(|| new_bar(length));
                bar.set_message(position(migration, self.units.get(unit), 0, *operations));
            }
            Event::StepFinished { step, .. } if step.unit > 0 => {
                self.finished += 1;
                if let Some(bar) = &self.bar {
                    let steps = self.units.get(&step.unit);
                    bar.set_message(position(&step.migration, steps, self.finished, self.operations));
                }
            }
            Event::UnitCommitted { .. } => {
                if let Some(bar) = &self.bar {
                    bar.inc(1);
                }
            }
            Event::WaitingForLock { .. }
            | Event::WaitingForFormerRun { .. }
            | Event::Reconnecting { .. }
            | Event::Retrying { .. }
            | Event::Waiting { .. }
            | Event::StepFinished { .. } => {}
            Event::Connected { .. }
            | Event::StepSkipped { .. }
            | Event::BlockerEnded { .. }
            | Event::Notice { .. }
            | Event::Diagnostic(_) => {}
        }
    }

    /// Gives the line of text that an event is worth.
    fn line(&mut self, event: &Event<'_>) -> Option<String> {
        match event {
            Event::Connected { server, database } => {
                self.view.verbose.then(|| format!("connected to {database}, PostgreSQL {server}"))
            }
            Event::WaitingForLock { holder, waited_ms } => {
                let holder = holder.as_deref().unwrap_or("another Dunlin");
                Some(format!("waiting for the lock, held by {holder} ({} so far)", human(*waited_ms)))
            }
            Event::WaitingForFormerRun { pid, doing, since, waited_ms } => {
                let since = since.as_ref().map_or(String::new(), |since| format!(" since {since}"));
                let doing = doing.as_ref().map_or(String::new(), |doing| format!(": {doing}"));
                Some(format!(
                    "waiting for server process {pid} of a run that was cut off, at work{since} ({} so far){doing}",
                    human(*waited_ms)
                ))
            }
            Event::Reconnecting { reason, wait_ms } => {
                Some(format!("{reason}; connecting again in {}", human(*wait_ms)))
            }
            Event::Planned { again: true, .. } => self
                .view
                .verbose
                .then(|| "the rest is planned anew, since the schema may have changed".to_owned()),
            Event::Planned { .. } => None,
            Event::UnitStarted { operations, .. } => {
                self.operations = *operations;
                None
            }
            Event::StepFinished { step, rows, duration_ms } => self.view.verbose.then(|| {
                let rows = rows.map_or(String::new(), |rows| format!(", {}", count(rows as usize, "row")));
                let sql = one_line(&step.sql, 60);
                format!("  {}#{}: {sql}{rows} ({})", step.migration, step.operation, human(*duration_ms))
            }),
            // On a terminal the line moves on by itself.
            Event::UnitCommitted { migration, duration_ms, .. } => {
                (!self.live || self.view.verbose).then(|| {
                    format!("{migration}: {} in {}", count(self.operations, "operation"), human(*duration_ms))
                })
            }
            Event::StepSkipped { step, diagnostic } => {
                let head = self.view.paint(Tone::Notice, "skipped");
                let place = format!("{}:{}", step.file, step.line);
                Some(format!(
                    "{head} {}#{} ({place}): {} [{}]",
                    step.migration, step.operation, diagnostic.message, diagnostic.code
                ))
            }
            Event::Retrying { migration, reason, blockers, wait_ms } => {
                let blockers = if blockers.is_empty() {
                    String::new()
                } else {
                    format!("; in the way: {}", blockers.join("; "))
                };
                Some(format!("{migration}: {reason}, rolled back, again in {}{blockers}", human(*wait_ms)))
            }
            Event::Waiting { migration, blockers, waited_ms } => Some(format!(
                "{migration}: waits, at work for {} so far; in the way: {}",
                human(*waited_ms),
                blockers.join("; ")
            )),
            Event::BlockerEnded { blocker, done } => {
                Some(format!("{done}, since it was in the way: {blocker}"))
            }
            Event::Notice { severity, message, place } => {
                let place = place.as_ref().map_or(String::new(), |(file, line)| format!(" ({file}:{line})"));
                Some(format!("{}: {message}{place}", severity.to_lowercase()))
            }
            Event::Diagnostic(found) => {
                let wanted = self.view.verbose || found.severity > Severity::Note;
                wanted.then(|| diagnostic::render(&self.view, &mut self.sources, found) + "\n")
            }
        }
    }
}

/// Tells of a run that is followed from outside of it: what is seen, whenever it changes.
pub(crate) struct Follow {
    format: LogFormat,
    quiet: bool,
    /// The line that a terminal redraws.
    bar: Option<ProgressBar>,
}

impl Follow {
    /// Makes a listener for the terminal or for logs.
    pub(crate) fn new(screen: &Screen, format: LogFormat) -> Follow {
        let live = screen.live && format == LogFormat::Text && !screen.err.quiet;
        Follow { format, quiet: screen.err.quiet, bar: live.then(|| new_bar(0)) }
    }

    /// Takes what is seen.
    pub(crate) fn on(&mut self, seen: &Running) {
        match (self.format, &self.bar) {
            _ if self.quiet => {}
            (LogFormat::Json, _) => {
                let mut line = json!(seen);
                line["event"] = json!("seen");
                say(&line.to_string());
            }
            (LogFormat::Text, Some(bar)) => bar.set_message(status::running(seen)),
            (LogFormat::Text, None) => say(&status::running(seen)),
        }
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    /// A run that is interrupted leaves no half-drawn line behind.
    fn drop(&mut self) {
        self.finish();
    }
}

/// Says whether an event is to be seen also with `-q`.
fn matters(event: &Event<'_>) -> bool {
    match event {
        Event::BlockerEnded { .. }
        | Event::StepSkipped { .. }
        | Event::Retrying { .. }
        | Event::Waiting { .. }
        | Event::Reconnecting { .. }
        | Event::WaitingForLock { .. }
        | Event::WaitingForFormerRun { .. } => true,
        Event::Notice { severity, .. } => severity == "WARNING",
        Event::Diagnostic(diagnostic) => diagnostic.severity > Severity::Note,
        Event::Connected { .. }
        | Event::Planned { .. }
        | Event::UnitStarted { .. }
        | Event::StepFinished { .. }
        | Event::UnitCommitted { .. } => false,
    }
}

fn units(plan: &Plan) -> BTreeMap<u32, Vec<String>> {
    let mut units: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| matches!(step.action, Action::Run | Action::Ensure)) {
        let text = format!("#{} {}", step.operation, one_line(&step.sql, 120));
        units.entry(step.unit).or_default().push(text);
    }
    units
}

fn position(migration: &str, steps: Option<&Vec<String>>, finished: usize, operations: usize) -> String {
    match steps.and_then(|steps| steps.get(finished)) {
        Some(step) => format!("{migration} {step}"),
        None => format!("{migration} {finished}/{operations}"),
    }
}

fn new_bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    // The spinner and the clock go on while the server works.
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Writes a diagnostic as the logs in JSON have it.
pub(crate) fn diagnostic_line(diagnostic: &Diagnostic) -> String {
    json!({"event": "diagnostic", "diagnostic": diagnostic}).to_string()
}

fn json_line(event: &Event<'_>, elapsed: Duration) -> Value {
    let mut line = match event {
        Event::Connected { server, database } => {
            json!({"event": "connected", "server": server, "database": database})
        }
        Event::WaitingForLock { holder, waited_ms } => {
            json!({"event": "waiting_for_lock", "holder": holder, "waited_ms": waited_ms})
        }
        Event::WaitingForFormerRun { pid, doing, since, waited_ms } => json!({
            "event": "waiting_for_former_run", "pid": pid, "doing": doing, "since": since, "waited_ms": waited_ms,
        }),
        Event::Reconnecting { reason, wait_ms } => {
            json!({"event": "reconnecting", "reason": reason, "wait_ms": wait_ms})
        }
        Event::Planned { plan, again } => {
            json!({"event": "planned", "steps": plan.steps.len(), "refused": plan.refused, "again": again})
        }
        Event::UnitStarted { unit, migration, operations } => {
            json!({"event": "unit_started", "unit": unit, "migration": migration, "operations": operations})
        }
        Event::StepFinished { step, rows, duration_ms } => json!({
            "event": "step_finished", "migration": step.migration, "operation": step.operation,
            "action": step.action, "file": step.file, "line": step.line, "rows": rows, "duration_ms": duration_ms,
        }),
        Event::StepSkipped { step, diagnostic } => json!({
            "event": "step_skipped", "migration": step.migration, "operation": step.operation,
            "diagnostic": diagnostic,
        }),
        Event::UnitCommitted { unit, migration, duration_ms } => {
            json!({"event": "unit_committed", "unit": unit, "migration": migration, "duration_ms": duration_ms})
        }
        Event::Retrying { migration, reason, blockers, wait_ms } => json!({
            "event": "retrying", "migration": migration, "reason": reason, "blockers": blockers, "wait_ms": wait_ms,
        }),
        Event::Waiting { migration, blockers, waited_ms } => json!({
            "event": "waiting", "migration": migration, "blockers": blockers, "waited_ms": waited_ms,
        }),
        Event::BlockerEnded { blocker, done } => {
            json!({"event": "blocker_ended", "blocker": blocker, "done": done})
        }
        Event::Notice { severity, message, place } => json!({
            "event": "notice", "severity": severity, "message": message,
            "file": place.as_ref().map(|(file, _)| file), "line": place.as_ref().map(|(_, line)| line),
        }),
        Event::Diagnostic(diagnostic) => json!({"event": "diagnostic", "diagnostic": diagnostic}),
    };
    line["elapsed_ms"] = json!(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    fn progress(verbose: bool, quiet: bool) -> Progress {
        let view = View { verbose, quiet, ..samples::VIEW };
        Progress::new(&Screen { out: view, err: view, live: false }, LogFormat::Text)
    }

    #[test]
    fn lines_of_a_log() {
        let (_, plan) = samples::plan();
        let step = &plan.steps[2];
        let mut log = progress(true, false);
        let mut line = |event: Event<'_>| log.line(&event).unwrap_or_default();
        let events = [
            line(Event::WaitingForLock { holder: Some("pid 7 on db1".into()), waited_ms: 1_500 }),
            line(Event::UnitStarted { unit: 1, migration: "0001_init", operations: 2 }),
            line(Event::StepFinished { step, rows: Some(1), duration_ms: 3 }),
            line(Event::UnitCommitted { unit: 1, migration: "0001_init", duration_ms: 12 }),
            line(Event::StepSkipped { step, diagnostic: &samples::missing_column() }),
            line(Event::Retrying {
                migration: "0001_init",
                reason: "lock timeout on content".into(),
                blockers: vec!["pid 9 (pg_dump)".into()],
                wait_ms: 700,
            }),
            line(Event::Waiting {
                migration: "0001_init",
                blockers: vec!["pid 9 (psql), idle in transaction, for 60 s: select 1".into()],
                waited_ms: 4_000,
            }),
            line(Event::Notice {
                severity: "NOTICE".into(),
                message: "hello".into(),
                place: Some(("m/0001_init.sql".into(), 5)),
            }),
        ];
        insta::assert_snapshot!(events.join("\n"));
    }

    #[test]
    fn the_line_of_the_terminal_follows_the_run() {
        let mut progress = progress(false, false);
        progress.live = true;
        let (_, plan) = samples::plan();
        progress.on(&Event::Planned { plan: &plan, again: false });
        assert!(progress.bar.is_none(), "nothing is drawn before something runs");
        progress.on(&Event::UnitStarted { unit: 1, migration: "0001_init", operations: 2 });
        let message =
            |progress: &Progress| progress.bar.as_ref().map(ProgressBar::message).unwrap_or_default();
        assert!(message(&progress).starts_with("0001_init #1 ALTER TABLE"), "{}", message(&progress));
        progress.on(&Event::StepFinished { step: &plan.steps[1], rows: None, duration_ms: 1 });
        assert!(message(&progress).starts_with("0001_init #2 CREATE INDEX"), "{}", message(&progress));
        progress.on(&Event::UnitCommitted { unit: 1, migration: "0001_init", duration_ms: 1 });
        let bar = progress.bar.as_ref().map(|bar| (bar.position(), bar.length()));
        assert_eq!(bar, Some((1, Some(4))));
        progress.finish();
        assert!(progress.bar.is_none());
    }

    #[test]
    fn quiet_keeps_what_matters() {
        let notice =
            |severity: &str| Event::Notice { severity: severity.into(), message: "m".into(), place: None };
        assert!(!matters(&notice("NOTICE")));
        assert!(matters(&notice("WARNING")));
        assert!(matters(&Event::Diagnostic(&samples::missing_column())));
    }

    #[test]
    fn a_json_line_has_the_time() {
        let event = Event::UnitCommitted { unit: 1, migration: "a\"b", duration_ms: 2 };
        let line = json_line(&event, Duration::from_millis(5)).to_string();
        assert_eq!(
            line,
            r#"{"duration_ms":2,"elapsed_ms":5,"event":"unit_committed","migration":"a\"b","unit":1}"#
        );
    }

    #[test]
    fn the_terminal_shows_the_operation_that_works() {
        let units = units(&samples::plan().1);
        assert_eq!(
            position("0001_init", units.get(&1), 1, 2),
            "0001_init #2 CREATE INDEX content_project ON content (project_id)"
        );
        assert_eq!(position("x", None, 1, 2), "x 1/2");
    }
}
