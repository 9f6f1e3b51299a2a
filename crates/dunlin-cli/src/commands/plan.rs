//! `dunlin plan`, which is also `dunlin up --dry-run`.

use super::{Context, add, json};
use crate::args::{self, Format, Up};
use crate::backend;
use crate::command_error::CommandError;
use crate::exit_codes::ExitCode;
use crate::progress::Progress;
use crate::render::diagnostic::{Sources, diagnostics};
use crate::render::{self, annotations, sql};
use crate::screen::{print, say};
use dunlin::execute::{ErrorKind, ExecuteError};
use dunlin::plan::Plan;
use std::path::Path;

/// Shows the plan.
pub(super) async fn run(context: &Context<'_>, flags: &args::Plan) -> Result<ExitCode, CommandError> {
    let plan = make(context, flags.to.as_deref()).await?;
    if let Some(path) = &flags.out {
        write(path, &plan)?;
    }
    show(context, &plan)?;
    Ok(match plan.refused {
        true => ExitCode::Refused,
        false if flags.exit_code && render::plan::is_pending(&plan) => ExitCode::Pending,
        false => ExitCode::Done,
    })
}

/// Shows what `up` with these flags would do.
pub(super) async fn dry_run(context: &Context<'_>, flags: &Up) -> Result<ExitCode, CommandError> {
    let plan = make(context, flags.to.as_deref()).await?;
    show(context, &plan)?;
    Ok(if plan.refused { ExitCode::Refused } else { ExitCode::Done })
}

async fn make(context: &Context<'_>, to: Option<&str>) -> Result<Plan, CommandError> {
    let formats = [Format::Text, Format::Json, Format::Sql, Format::Github, Format::Sarif];
    context.require_format("plan", &formats)?;
    let mut session = context.open(None)?;
    session.options.to = to.map(str::to_owned);
    let mut progress = Progress::new(context.screen, context.global.output.log_format);
    // The plan's own diagnostics are part of its document.
    let mut listener = |event: &dunlin::execute::Event<'_>| {
        if !matches!(event, dunlin::execute::Event::Diagnostic(_)) {
            progress.on(event);
        }
    };
    let result = backend::plan(&session.migrations, &session.target, &session.options, &mut listener).await;
    progress.finish();
    Ok(result.or_else(refused)?)
}

/// Makes an empty plan of a refusal.
fn refused(error: ExecuteError) -> Result<Plan, ExecuteError> {
    if error.kind != ErrorKind::Refused {
        return Err(error);
    }
    let mut plan = Plan {
        format: 1,
        refused: true,
        steps: Vec::new(),
        diagnostics: Vec::new(),
        fingerprint: String::new(),
    };
    if let Some(report) = &error.report {
        plan.diagnostics.clone_from(&report.diagnostics);
    }
    add(&mut plan.diagnostics, &error.diagnostic);
    Ok(plan)
}

fn show(context: &Context<'_>, plan: &Plan) -> Result<(), CommandError> {
    match context.format() {
        Format::Json => print(&json(plan)),
        Format::Text => print(&render::plan::render(context.view(), &mut Sources::default(), plan)),
        Format::Github => print(&annotations::github(&plan.diagnostics)),
        Format::Sarif => print(&json(&annotations::sarif(&plan.diagnostics))),
        Format::Sql => {
            let said = diagnostics(&context.screen.err, &mut Sources::default(), &plan.diagnostics);
            if !said.is_empty() {
                say(&said);
            }
            print(&sql::plan(plan))
        }
    }
}

fn write(path: &Path, plan: &Plan) -> Result<(), CommandError> {
    std::fs::write(path, json(plan)).map_err(|source| CommandError::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin::diagnostic::Code;

    #[test]
    fn a_refusal_is_a_plan_and_all_else_an_error() {
        let plan = refused(ExecuteError::new(ErrorKind::Refused, Code::DN605, "m")).unwrap();
        assert!(plan.refused);
        assert_eq!(plan.diagnostics.len(), 1);
        assert!(refused(ExecuteError::new(ErrorKind::Connection, Code::DN801, "m")).is_err());
    }
}
