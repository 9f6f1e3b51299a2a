//! `dunlin show ID`.

use super::Context;
use crate::args::{Format, Show};
use crate::backend;
use crate::command_error::CommandError;
use crate::exit_codes::ExitCode;
use crate::render::{show, sql};
use crate::screen::print;

/// Shows one migration.
pub(super) async fn run(context: &Context<'_>, flags: &Show) -> Result<ExitCode, CommandError> {
    context.require_format("show", &[Format::Text, Format::Json, Format::Sql])?;
    let session = context.open(None)?;
    let shown = backend::show(&session.migrations, &session.target, &session.options, &flags.id).await?;
    match context.format() {
        Format::Sql => print(&sql::shown(&shown))?,
        _ => context.emit(&shown, |view| show::render(view, &shown))?,
    }
    Ok(ExitCode::Done)
}
