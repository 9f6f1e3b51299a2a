//! `dunlin check`: the files alone, no database.

use super::{Context, json, require_folder, say_ignored};
use crate::args::{Check, Format};
use crate::backend::{self, CheckFrom, ConnInfo, Embedded, EmbeddedOptions, Environment, Target};
use crate::command_error::CommandError;
use crate::config::{self, DatabaseUrl, Layers, Settings};
use crate::exit_codes::ExitCode;
use crate::render::diagnostic::{Sources, diagnostics};
use crate::render::{Tone, View, annotations, count};
use crate::screen::{print, say};
use dunlin::diagnostic::{Code, Diagnostic, Severity};
use dunlin::execute::{CheckReport, ErrorKind, ExecuteError, Options};
use dunlin::migration::MigrationSet;
use std::path::Path;

/// Analyses the files and shows what was found.
pub(super) async fn run(context: &Context<'_>, flags: &Check) -> Result<ExitCode, CommandError> {
    context.require_format("check", &[Format::Text, Format::Json, Format::Github, Format::Sarif])?;
    let layers = context.layers()?;
    let settings = layers.settings(None)?;
    require_folder(&settings)?;
    let from = from(context, &layers, &settings, flags.from.as_deref())?;
    let mut set = MigrationSet::load(&settings.migrations, &settings.migrations_shown)?;
    if flags.fix && fix(context, set.migrations.iter().map(|migration| &*migration.up.path))? {
        set = MigrationSet::load(&settings.migrations, &settings.migrations_shown)?;
    }
    if context.global.output.verbose {
        say_ignored(&set);
    }
    let start = backend::check_start(from).await?;
    let mut report = backend::check(&set, start, &settings.policy, &settings.check_ignore);
    if flags.converge && report.ok {
        report.diagnostics.extend(converge(context, &set, &settings).await?);
        report.ok = report.diagnostics.iter().all(|found| found.severity != Severity::Error);
    }
    match context.format() {
        Format::Github => print(&annotations::github(&report.diagnostics))?,
        Format::Sarif => print(&json(&annotations::sarif(&report.diagnostics)))?,
        _ => context.emit(&report, |view| render(view, &mut Sources::default(), &report))?,
    }
    Ok(if report.ok { ExitCode::Done } else { ExitCode::Refused })
}

/// Runs the set on private servers, at once and step by step, and compares.
async fn converge(
    context: &Context<'_>,
    set: &MigrationSet,
    settings: &Settings,
) -> Result<Vec<Diagnostic>, CommandError> {
    let options =
        Options { role: None, interrupt: Some(context.interrupt.clone()), ..super::options(settings) };
    let mut servers = Vec::new();
    let mut new_database = || {
        let failed = |message: String| ExecuteError::new(ErrorKind::Usage, Code::DN807, message);
        let server =
            Embedded::start(EmbeddedOptions::default()).map_err(|error| failed(error.to_string()))?;
        let conninfo = ConnInfo::parse(&server.url("postgres"), &Environment::default())
            .map_err(|error| failed(error.to_string()))?;
        servers.push(server);
        Ok(Target { conninfo, direct: None, connect_wait: settings.connect_wait })
    };
    Ok(backend::converge(set, &options, &mut new_database).await?)
}

fn from(
    context: &Context<'_>,
    layers: &Layers<'_>,
    settings: &Settings,
    from: Option<&str>,
) -> Result<CheckFrom, CommandError> {
    let Some(text) = from else { return Ok(CheckFrom::Empty) };
    if text.contains("://") {
        let mut environment = layers.environment.clone();
        environment.os_user = config::os_user(&environment);
        let url = DatabaseUrl { text: text.to_owned(), origin: "--from".to_owned() };
        let conninfo = context.conninfo(&url, &environment)?;
        let target = Target { conninfo, direct: None, connect_wait: settings.connect_wait };
        return Ok(CheckFrom::Server(Box::new(target)));
    }
    let sql = std::fs::read_to_string(text).map_err(|source| CommandError::Io {
        action: "read",
        path: text.into(),
        source,
    })?;
    Ok(CheckFrom::Sql { path: text.to_owned(), text: sql })
}

fn render(view: &View, sources: &mut Sources, report: &CheckReport) -> String {
    let shown = report.diagnostics.iter().filter(|found| !view.quiet || found.severity > Severity::Note);
    let mut out = diagnostics(view, sources, shown);
    let number = |severity| report.diagnostics.iter().filter(|found| found.severity == severity).count();
    let (errors, warnings) = (number(Severity::Error), number(Severity::Warning));
    let read = format!("{} in {}", count(report.operations, "operation"), count(report.files, "file"));
    let found = format!("{}, {}", count(errors, "error"), count(warnings, "warning"));
    let line = match report.ok {
        true => format!("{}: {read}, {found}.", view.paint(Tone::Good, "Checked")),
        false => format!("{}: {read}, {found}.", view.paint(Tone::Bad, "Not in order")),
    };
    out.push_str(&line);
    out.push('\n');
    if !report.ok {
        out.push_str(
            "Next: `dunlin explain CODE` says more; `--from FILE` tells what the database had before.\n",
        );
    }
    out
}

/// Repairs what can be repaired with certainty; says whether a file was written.
fn fix<'a>(context: &Context<'_>, files: impl Iterator<Item = &'a str>) -> Result<bool, CommandError> {
    let mut written = false;
    for file in files {
        let path = Path::new(file);
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        let body = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let Some(repaired) = backend::repair_dollar_quotes(body).filter(|repaired| repaired != body) else {
            continue;
        };
        let shown = difference(context.view(), file, body, &repaired);
        // Only in text is stdout free for it.
        if context.format() == Format::Text {
            print(&shown)?
        } else {
            say(&shown)
        }
        let mark = if body.len() < text.len() { "\u{feff}" } else { "" };
        replace(path, &format!("{mark}{repaired}")).map_err(|source| CommandError::Io {
            action: "write",
            path: path.to_owned(),
            source,
        })?;
        written = true;
    }
    if !written && context.format() == Format::Text {
        say("nothing to fix");
    }
    Ok(written)
}

/// Shows the lines that differ; a repair changes lines and neither adds nor removes any.
fn difference(view: &View, file: &str, old: &str, new: &str) -> String {
    let mut out = format!("--- {file}\n+++ {file} (repaired)\n");
    for (number, (old, new)) in old.lines().zip(new.lines()).enumerate().filter(|(_, (old, new))| old != new)
    {
        let number = number + 1;
        out.push_str(&format!(
            "@@ line {number} @@\n{}\n{}\n",
            view.paint(Tone::Bad, &format!("-{old}")),
            view.paint(Tone::Good, &format!("+{new}"))
        ));
    }
    out
}

/// Puts a new text in a file's place in one step: a user's file is never half written.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let permissions = path.metadata()?.permissions();
    let temporary = path.with_extension(format!("dunlin-{}", std::process::id()));
    let result = std::fs::write(&temporary, text)
        .and_then(|()| std::fs::set_permissions(&temporary, permissions))
        .and_then(|()| std::fs::rename(&temporary, &path));
    if result.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    fn report(ok: bool) -> CheckReport {
        CheckReport { format: 1, ok, files: 2, operations: 5, diagnostics: vec![samples::missing_column()] }
    }

    #[test]
    fn a_check_counts_what_it_found() {
        insta::assert_snapshot!(render(&samples::VIEW, &mut samples::sources(), &report(false)));
        let text = render(&samples::VIEW, &mut samples::sources(), &report(true));
        assert!(text.ends_with("Checked: 5 operations in 2 files, 0 errors, 1 warning.\n"), "{text}");
    }

    #[test]
    fn a_difference_names_the_lines() {
        let text = difference(&samples::VIEW, "a.sql", "DO $\nx\nEND $;\n", "DO $$\nx\nEND $$;\n");
        assert_eq!(
            text,
            "--- a.sql\n+++ a.sql (repaired)\n@@ line 1 @@\n-DO $\n+DO $$\n@@ line 3 @@\n-END $;\n+END $$;\n"
        );
    }

    #[test]
    fn a_file_is_replaced_behind_its_link_and_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.sql"), folder.path().join("link.sql"));
        std::fs::write(&real, "old").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        replace(&link, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(folder.path().read_dir().unwrap().count(), 2);
    }
}
