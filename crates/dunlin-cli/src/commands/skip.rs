//! `dunlin skip ID#N`.

use super::{Context, operation_of};
use crate::args::{Format, Skip};
use crate::backend;
use crate::command_error::CommandError;
use crate::exit_codes::ExitCode;
use crate::render::show;
use dunlin::execute::ShownOperation;
use serde::Serialize;

/// The document of `dunlin skip --format json`.
#[derive(Serialize)]
struct Skipped {
    format: u32,
    migration: String,
    #[serde(flatten)]
    operation: ShownOperation,
}

/// Records that an operation shall never run.
pub(super) async fn run(context: &Context<'_>, flags: &Skip) -> Result<ExitCode, CommandError> {
    context.require_format("skip", &[Format::Text, Format::Json])?;
    let (migration, number) = operation_of(&flags.operation)?;
    let session = context.open(flags.lock.lock_wait)?;
    let operation =
        backend::skip(&session.migrations, &session.target, &session.options, &migration, number).await?;
    let skipped = Skipped { format: 1, migration, operation };
    context.emit(&skipped, |view| {
        let Skipped { migration, operation, .. } = &skipped;
        format!(
            "Recorded: {migration}#{number} shall never run.\n{}Next: `dunlin plan` shows what is left.\n",
            show::one(view, operation)
        )
    })?;
    Ok(ExitCode::Done)
}
