//! `dunlin status`.

use super::Context;
use crate::args::{self, Format};
use crate::backend;
use crate::command_error::CommandError;
use crate::exit_codes::ExitCode;
use crate::progress::Follow;
use crate::render::status;
use std::time::Duration;

/// How often a run is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Shows the state of each migration.
pub(super) async fn run(context: &Context<'_>, flags: &args::Status) -> Result<ExitCode, CommandError> {
    context.require_format("status", &[Format::Text, Format::Json])?;
    if flags.running {
        return running(context).await;
    }
    let session = context.open(None)?;
    let found = match flags.watch {
        true => {
            let mut follow = Follow::new(context.screen, context.global.output.log_format);
            let mut listener = |seen: &_| follow.on(seen);
            backend::watch(&session.migrations, &session.target, &session.options, EVERY, &mut listener)
                .await?
        }
        false => backend::status(&session.migrations, &session.target, &session.options).await?,
    };
    context.emit(&found, |view| status::render(view, &found))?;
    Ok(ExitCode::Done)
}

/// Says whether a run is under way.
async fn running(context: &Context<'_>) -> Result<ExitCode, CommandError> {
    let (target, options, _embedded) = context.open_database()?;
    let found = backend::running(&target, &options).await?;
    context.emit(&found, |_| status::running(&found) + "\n")?;
    Ok(if found.running { ExitCode::Done } else { ExitCode::Failed })
}
