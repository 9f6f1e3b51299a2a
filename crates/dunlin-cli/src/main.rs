//! The `dunlin` command: reads the command line and the configuration, calls the library, and shows what it says.

mod args;
mod backend;
mod command_error;
mod commands;
mod config;
mod duration;
mod exit_codes;
mod progress;
mod render;
#[cfg(test)]
mod schemas;
mod screen;
mod secrets;

use args::{Cli, Format, LogFormat, Output};
use clap::Parser as _;
use command_error::CommandError;
use commands::Context;
use exit_codes::ExitCode;
use screen::Screen;
use std::ffi::OsString;

/// Parse trees and catalogs are millions of small pieces, made by one thread and dropped by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let environment = config::environment();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments, &environment).into(),
    };
    let screen = Screen::detect(&cli.global.output, &environment);
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| CommandError::Io { action: "start", path: "the runtime".into(), source })
        .and_then(|runtime| {
            let (interrupt, wanted) = tokio::sync::watch::channel(false);
            let context = Context {
                global: &cli.global,
                environment: &environment,
                screen: &screen,
                interrupt: wanted,
            };
            let code = runtime.block_on(until_signal(commands::run(&context, &cli.command), &interrupt));
            // A name that is still being looked up on a thread must not hold the end back.
            runtime.shutdown_background();
            code
        });
    match result {
        Ok(code) => code,
        Err(error) => report(&error, &cli.global.output, &screen),
    }
    .into()
}

/// Runs a command until it ends or a signal asks for the end.
///
/// The first signal lets a run cancel its statement and record that; a second one, or two seconds, end it at once.
async fn until_signal(
    command: impl Future<Output = Result<ExitCode, CommandError>>,
    interrupt: &tokio::sync::watch::Sender<bool>,
) -> Result<ExitCode, CommandError> {
    let mut command = std::pin::pin!(command);
    let first = tokio::select! {
        result = &mut command => return result,
        signal = next_signal() => signal?,
    };
    if interrupt.receiver_count() < 2 {
        return Err(CommandError::Interrupted(first));
    }
    let _ = interrupt.send(true);
    tokio::select! {
        result = &mut command => result,
        second = next_signal() => Err(CommandError::Interrupted(second?)),
        () = tokio::time::sleep(std::time::Duration::from_secs(2)) => Err(CommandError::Interrupted(first)),
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn next_signal() -> Result<&'static str, CommandError> {
    use tokio::signal::unix::{SignalKind, signal};
    let handler = |kind| {
        signal(kind).map_err(|source| CommandError::Io {
            action: "listen to",
            path: "signals".into(),
            source,
        })
    };
    let (mut interrupt, mut terminate) =
        (handler(SignalKind::interrupt())?, handler(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok("Ctrl-C"),
        _ = terminate.recv() => Ok("SIGTERM"),
    }
}

/// Shows an error: as the one document on stdout if the format is JSON, else on stderr.
fn report(error: &CommandError, output: &Output, screen: &Screen) -> ExitCode {
    let diagnostic = error.diagnostic();
    match (output.format, output.log_format) {
        (Format::Json, _) => {
            if let Err(error) = screen::print(&commands::error_document(&diagnostic)) {
                screen::say(&format!("error: {error}"));
            }
        }
        (_, LogFormat::Json) => screen::say(&progress::diagnostic_line(&diagnostic)),
        (format, LogFormat::Text) => {
            if format == Format::Github {
                // Its annotations are read from both streams.
                screen::say(&render::annotations::github([&diagnostic]));
            }
            let mut sources = render::diagnostic::Sources::default();
            screen::say(&render::diagnostic::render(&screen.err, &mut sources, &diagnostic));
        }
    }
    error.exit_code()
}

/// Answers a command line that is help, a version, or wrong.
fn usage(error: &clap::Error, arguments: &[OsString], environment: &backend::Environment) -> ExitCode {
    let screen = Screen::detect(&Output::default(), environment);
    if !error.use_stderr() {
        let text = error.render();
        let text = if screen.out.styled { text.ansi().to_string() } else { text.to_string() };
        return match screen::print(&text) {
            Ok(()) => ExitCode::Done,
            Err(_) => ExitCode::Failed,
        };
    }
    let masked = masked(&error.render().to_string(), arguments);
    let format = format_of(arguments);
    if format != Format::Json {
        screen::say(&masked);
        return ExitCode::Usage;
    }
    // The first paragraph says what is wrong; usage and hints are for people.
    let first = masked.split("\n\n").next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first).trim();
    report(&CommandError::Arguments(message.to_owned()), &Output { format, ..Output::default() }, &screen)
}

/// Masks connection strings that stand where the message repeats an argument.
fn masked(text: &str, arguments: &[OsString]) -> String {
    arguments.iter().filter_map(|argument| argument.to_str()).fold(text.to_owned(), |text, argument| {
        let argument =
            argument.split_once("=postgres").map_or(argument, |(flag, _)| &argument[flag.len() + 1..]);
        let secret = argument.contains("://") || argument.contains("password=");
        if secret { text.replace(argument, &backend::redact(argument)) } else { text }
    })
}

/// Finds the format in a command line that could not be understood.
fn format_of(arguments: &[OsString]) -> Format {
    let json = arguments.iter().enumerate().any(|(at, argument)| match argument.to_str() {
        Some("--format=json") => true,
        Some("--format") => arguments.get(at + 1).is_some_and(|format| format == "json"),
        _ => false,
    });
    if json { Format::Json } else { Format::Text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(list: &[&str]) -> Vec<OsString> {
        list.iter().map(Into::into).collect()
    }

    #[test]
    fn the_format_is_found_in_a_wrong_command_line() {
        assert_eq!(format_of(&arguments(&["dunlin", "upp", "--format", "json"])), Format::Json);
        assert_eq!(format_of(&arguments(&["dunlin", "--format=json", "upp"])), Format::Json);
        assert_eq!(format_of(&arguments(&["dunlin", "json", "--format"])), Format::Text);
    }

    #[test]
    fn a_password_in_an_argument_is_not_repeated() {
        for argument in ["postgres://me:secret@h/db", "--databas-url=postgres://me:secret@h/db"] {
            let text = masked(&format!("error: unexpected '{argument}'"), &arguments(&["dunlin", argument]));
            assert!(!text.contains("secret"), "{text}");
            assert!(text.contains("@h/db"), "{text}");
        }
    }
}
