//! `dunlin doctor`.

use super::{Context, options, require_folder};
use crate::args::Format;
use crate::backend::{self, Migrations, redact};
use crate::command_error::CommandError;
use crate::config::{Layers, Settings};
use crate::exit_codes::ExitCode;
use crate::render::status;
use dunlin::execute::{Doctor, DoctorCheck};

/// Looks at the configuration first, then at the server.
pub(super) async fn run(context: &Context<'_>) -> Result<ExitCode, CommandError> {
    context.require_format("doctor", &[Format::Text, Format::Json])?;
    let layers = context.layers()?;
    let settings = layers.settings(None)?;
    let (mut checks, usable) = configuration(context, &layers, &settings);
    if usable {
        let (target, _embedded) = context.target(&layers, &settings)?;
        let options = options(&settings);
        let migrations =
            Migrations::Folder { path: settings.migrations, shown_as: settings.migrations_shown };
        checks.extend(backend::doctor(&migrations, &target, &options).await.checks);
    }
    let failed = |name: &str| checks.iter().any(|check| check.status == "error" && check.name == name);
    let code = match checks.iter().any(|check| check.status == "error") {
        false => ExitCode::Done,
        true if failed("migrations folder") || failed("database") => ExitCode::Usage,
        true if failed("connection") => ExitCode::Connection,
        true => ExitCode::Refused,
    };
    let doctor = Doctor { format: 1, ok: code == ExitCode::Done, checks };
    context.emit(&doctor, |view| status::doctor(view, &doctor))?;
    Ok(code)
}

/// Checks what can be checked without a server; says also whether the server can be asked.
fn configuration(
    context: &Context<'_>,
    layers: &Layers<'_>,
    settings: &Settings,
) -> (Vec<DoctorCheck>, bool) {
    let file = match layers.file.shown_as.as_str() {
        "" => "no dunlin.toml; flags, environment and defaults hold".to_owned(),
        file => file.to_owned(),
    };
    let mut checks = vec![check("configuration", Ok(file))];
    checks.push(check(
        "migrations folder",
        require_folder(settings).map(|()| settings.migrations_shown.clone()),
    ));
    let database = match &context.global.connection.embedded {
        Some(None) => Ok("a private PostgreSQL, whose data goes at exit".to_owned()),
        Some(Some(folder)) => Ok(format!("a private PostgreSQL in {}", folder.display())),
        None => layers.database_url().map_err(CommandError::from).map(|url| match url.text.as_str() {
            "" => format!("from {} and the other PG* variables", url.origin),
            text => format!("{} from {}", redact(text), url.origin),
        }),
    };
    let usable = database.is_ok() && checks.iter().all(|check| check.status == "ok");
    checks.push(check("database", database));
    if let Some(warning) = layers.overridden_section() {
        let section = check("environment", Ok(warning));
        checks.push(DoctorCheck { status: "warning".to_owned(), ..section });
    }
    (checks, usable)
}

fn check(name: &str, result: Result<String, CommandError>) -> DoctorCheck {
    let name = name.to_owned();
    match result {
        Ok(message) => DoctorCheck { name, status: "ok".to_owned(), message, help: None },
        Err(error) => {
            let diagnostic = error.diagnostic();
            DoctorCheck {
                name,
                status: "error".to_owned(),
                message: diagnostic.message,
                help: diagnostic.help,
            }
        }
    }
}
