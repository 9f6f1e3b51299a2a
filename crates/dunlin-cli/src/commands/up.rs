//! `dunlin up`.

use super::{Context, add};
use crate::args::{Format, Up};
use crate::backend;
use crate::command_error::CommandError;
use crate::exit_codes::ExitCode;
use crate::progress::Progress;
use crate::render::diagnostic::Sources;
use crate::render::report;
use dunlin::execute::{ErrorKind, ExecuteError, Outcome, Report};
use dunlin::plan::Plan;
use std::path::Path;

/// Brings the database up to date and reports.
pub(super) async fn run(context: &Context<'_>, flags: &Up) -> Result<ExitCode, CommandError> {
    context.require_format("up", &[Format::Text, Format::Json])?;
    let expected_plan = flags.plan.as_deref().map(read_plan).transpose()?;
    let mut session = context.open(flags.lock.lock_wait)?;
    session.options.to.clone_from(&flags.to);
    session.options.keep_going = flags.keep_going;
    session.options.cancel_blockers = flags.cancel_blockers;
    session.options.interrupt = Some(context.interrupt.clone());
    session.options.expected_plan = expected_plan;
    let mut progress = Progress::new(context.screen, context.global.output.log_format);
    let result =
        backend::up(&session.migrations, &session.target, &session.options, &mut |event| progress.on(event))
            .await;
    progress.finish();
    let report = result.or_else(reported)?;
    context.emit(&report, |view| {
        let text = report::render(view, &mut Sources::default(), &report);
        match &flags.to {
            // What comes after it was not looked at.
            Some(to) => {
                text.replace("he database is up to date", &format!("he database is up to date up to {to}"))
            }
            None => text,
        }
    })?;
    Ok(ExitCode::of_report(&report, flags.fail_on_skip))
}

/// Makes a report of an error that ends a run which had started, or was refused.
fn reported(error: ExecuteError) -> Result<Report, CommandError> {
    let outcome = match error.kind {
        ErrorKind::Failed => Outcome::Failed,
        ErrorKind::Refused => Outcome::Refused,
        ErrorKind::Usage | ErrorKind::Lock | ErrorKind::Connection => return Err(error.into()),
    };
    let mut report = error.report.map_or_else(Report::nothing, |report| *report);
    report.outcome = outcome;
    // A failed statement is in `failed`; a lost connection is only in the diagnostic.
    if report.failed.is_none() && !report.diagnostics.contains(&error.diagnostic) {
        report.diagnostics.push(*error.diagnostic);
    } else {
        add(&mut report.diagnostics, &error.diagnostic);
    }
    Ok(report)
}

fn read_plan(path: &Path) -> Result<Plan, CommandError> {
    let text = std::fs::read_to_string(path).map_err(|source| CommandError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| {
        let message = format!("{} is not a plan: {error}", path.display());
        CommandError::usage(message, "`dunlin plan --out FILE` writes one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin::diagnostic::Code;

    #[test]
    fn an_error_in_the_middle_keeps_what_was_done() {
        let mut error = ExecuteError::new(ErrorKind::Failed, Code::DN801, "connection lost");
        error.report = Some(Box::new(Report { applied: vec!["a".into()], ..Report::nothing() }));
        let report = reported(error).unwrap();
        assert_eq!(
            (report.outcome, report.applied.as_slice()),
            (Outcome::Failed, ["a".to_owned()].as_slice())
        );
        assert_eq!(report.diagnostics.len(), 1);
    }

    #[test]
    fn a_refusal_is_a_report_and_a_lock_is_an_error() {
        let refused = reported(ExecuteError::new(ErrorKind::Refused, Code::DN805, "m")).unwrap();
        assert_eq!((refused.outcome, refused.diagnostics[0].code), (Outcome::Refused, Code::DN805));
        let lock = reported(ExecuteError::new(ErrorKind::Lock, Code::DN802, "m")).unwrap_err();
        assert_eq!(lock.exit_code(), ExitCode::Lock);
    }
}
