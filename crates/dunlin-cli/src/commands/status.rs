//! `dunlin status`.

use super::Context;
use crate::args::Format;
use crate::backend;
use crate::command_error::CommandError;
use crate::exit_codes::ExitCode;
use crate::render::status;

/// Shows the state of each migration.
pub(super) async fn run(context: &Context<'_>) -> Result<ExitCode, CommandError> {
    context.require_format("status", &[Format::Text, Format::Json])?;
    let session = context.open(None)?;
    let found = backend::status(&session.migrations, &session.target, &session.options).await?;
    context.emit(&found, |view| status::render(view, &found))?;
    Ok(ExitCode::Done)
}
