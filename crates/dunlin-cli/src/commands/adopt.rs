//! `dunlin adopt`.

use super::Context;
use crate::args::{Adopt, Format};
use crate::backend;
use crate::command_error::CommandError;
use crate::exit_codes::ExitCode;
use crate::progress::Progress;
use crate::render::report;
use dunlin::execute::AdoptWhat;

/// Records migrations that are in the database already.
pub(super) async fn run(context: &Context<'_>, flags: &Adopt) -> Result<ExitCode, CommandError> {
    context.require_format("adopt", &[Format::Text, Format::Json])?;
    let what = if flags.all { AdoptWhat::All } else { AdoptWhat::Ids(flags.ids.clone()) };
    let session = context.open(flags.lock.lock_wait)?;
    let mut progress = Progress::new(context.screen, context.global.output.log_format);
    let result =
        backend::adopt(&session.migrations, &session.target, &session.options, &what, &mut |event| {
            progress.on(event);
        })
        .await;
    progress.finish();
    let adopted = result?;
    context.emit(&adopted, |view| report::adopted(view, &adopted))?;
    Ok(ExitCode::Done)
}
