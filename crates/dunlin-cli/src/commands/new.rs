//! `dunlin new NAME`: a file in the style of those that are there.

use super::Context;
use crate::args::{Format, New};
use crate::command_error::CommandError;
use crate::exit_codes::ExitCode;
use serde::Serialize;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The document of `dunlin new --format json`.
#[derive(Serialize)]
struct Made<'a> {
    format: u32,
    path: &'a str,
}

/// Makes a migration file and says where it is.
pub(super) fn run(context: &Context<'_>, flags: &New) -> Result<ExitCode, CommandError> {
    context.require_format("new", &[Format::Text, Format::Json])?;
    let settings = context.layers()?.settings(None)?;
    let name = file_name(&flags.name)?;
    let folder = &settings.migrations;
    let io = |action: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| CommandError::Io { action, path, source }
    };
    std::fs::create_dir_all(folder).map_err(io("make the folder", folder))?;
    let names = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>())
        .map_err(io("read", folder))?;
    let next = next(&names, &name, now());
    let path = folder.join(&next.path);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(io("make the folder", parent))?;
    }
    std::fs::File::create_new(&path)
        .and_then(|mut file| file.write_all(next.text.as_bytes()))
        .map_err(io("make", &path))?;
    let shown = Path::new(&settings.migrations_shown).join(&next.path).display().to_string();
    context.emit(&Made { format: 1, path: &shown }, |_| format!("{shown}\n"))?;
    Ok(ExitCode::Done)
}

/// Makes a name that every file system and shell takes.
fn file_name(name: &str) -> Result<String, CommandError> {
    let odd = |why: &str| {
        let message = format!("`{name}` cannot be the name of a migration: {why}");
        Err(CommandError::usage(message, "say in a few words what it does, such as add_users_email"))
    };
    let name = name.trim();
    let name = name.strip_suffix(".sql").unwrap_or(name);
    if name.is_empty() {
        return odd("it is empty");
    }
    if name.len() > 120 {
        return odd("it is too long");
    }
    if let Some(c) = name.chars().find(|c| !c.is_alphanumeric() && !matches!(c, '_' | '-' | ' ')) {
        return odd(&format!("`{}` may not stand in it", c.escape_debug()));
    }
    if !name.chars().any(char::is_alphabetic) {
        return odd("it has no letter");
    }
    if name.starts_with('-') {
        return odd("it looks like a flag");
    }
    Ok(name.split_whitespace().collect::<Vec<_>>().join("_"))
}

/// A new migration: its path in the folder, and its text.
#[derive(Debug, PartialEq, Eq)]
struct Next {
    path: PathBuf,
    text: String,
}

/// How a migration's name starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `0001_name`, with at least so many digits.
    Number(usize),
    /// `V1__name`, with at least so many digits.
    Flyway(usize),
    /// `20240101120000_name`, with so many digits.
    Timestamp(usize),
}

/// The newest migration that is there.
struct Newest<'a> {
    version: u128,
    style: Style,
    path: &'a Path,
    file: String,
}

fn newest(paths: &[PathBuf]) -> Option<Newest<'_>> {
    let candidates = paths.iter().filter_map(|path| {
        let file = path.file_name()?.to_str()?.to_owned();
        let folder = path.is_dir() && ["up.sql", "migration.sql"].iter().any(|name| path.join(name).exists());
        if !folder && (!file.ends_with(".sql") || file.ends_with(".down.sql")) {
            return None;
        }
        let (version, style) = version(&file)?;
        Some(Newest { version, style, path, file })
    });
    candidates.max_by_key(|newest| newest.version)
}

fn version(file: &str) -> Option<(u128, Style)> {
    let flyway = file.strip_prefix(['V', 'v']).filter(|rest| rest.contains("__"));
    let rest = flyway.unwrap_or(file);
    let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
    let version = digits.parse().ok()?;
    let style = match (flyway, digits.len()) {
        (Some(_), width) if width < 10 => Style::Flyway(width),
        (None, width) if width < 10 => Style::Number(width),
        (_, width) => Style::Timestamp(width),
    };
    Some((version, style))
}

fn next(paths: &[PathBuf], name: &str, now: u64) -> Next {
    let comment = format!("-- {}\n", name.replace('_', " "));
    let Some(newest) = newest(paths) else {
        return Next { path: format!("0001_{name}.sql").into(), text: comment };
    };
    let after = newest.version + 1;
    let flyway = newest.file.starts_with(['V', 'v']) && newest.file.contains("__");
    let number = match newest.style {
        Style::Number(width) | Style::Flyway(width) => format!("{after:0width$}"),
        Style::Timestamp(width) => {
            // A clock that is behind must not put the new file before the newest one.
            let stamp = timestamp(now, width).filter(|stamp| *stamp >= after);
            format!("{:0width$}", stamp.unwrap_or(after))
        }
    };
    let stem =
        if flyway { format!("{}{number}__{name}", &newest.file[..1]) } else { format!("{number}_{name}") };
    if newest.path.is_dir() {
        let file = if newest.path.join("up.sql").exists() { "up.sql" } else { "migration.sql" };
        return Next { path: Path::new(&stem).join(file), text: comment };
    }
    let suffix = if newest.file.ends_with(".up.sql") { ".up.sql" } else { ".sql" };
    Next { path: format!("{stem}{suffix}").into(), text: sections(newest.path, comment) }
}

/// Adds the section marks that the newest file has.
fn sections(newest: &Path, comment: String) -> String {
    let text = std::fs::read_to_string(newest).unwrap_or_default();
    if text.contains("-- +goose Up") {
        format!("-- +goose Up\n{comment}\n-- +goose Down\n")
    } else if text.contains("-- migrate:up") {
        format!("-- migrate:up\n{comment}\n-- migrate:down\n")
    } else {
        comment
    }
}

#[expect(clippy::disallowed_methods, reason = "the time becomes part of a file's name")]
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Writes a time as people number migrations: seconds, milliseconds, or year to minute or second (UTC).
fn timestamp(seconds: u64, width: usize) -> Option<u128> {
    let seconds = u128::from(seconds);
    let date = u128::from(date_number(seconds as u64));
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match width {
        10 => Some(seconds),
        13 => Some(seconds * 1_000),
        12 => Some(date * 10_000 + hour * 100 + minute),
        14 => Some(date * 1_000_000 + hour * 10_000 + minute * 100 + second),
        _ => None,
    }
}

/// Gives the day of a time as the number YYYYMMDD ("civil from days", after Howard Hinnant).
fn date_number(seconds: u64) -> u64 {
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    year * 10_000 + month * 100 + day
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_709_210_096; // 2024-02-29 12:34:56 UTC

    fn after(names: &[&str]) -> String {
        let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        next(&paths, "x", NOW).path.display().to_string()
    }

    #[test]
    fn the_next_file_follows_the_style_of_the_newest() {
        assert_eq!(after(&[]), "0001_x.sql");
        assert_eq!(after(&["README.md", "notes.sql"]), "0001_x.sql");
        assert_eq!(after(&["0009_a.sql", "0010_b.sql", "0011_c.sql.bak"]), "0011_x.sql");
        assert_eq!(after(&["1_a.sql", "9_b.sql"]), "10_x.sql");
        assert_eq!(after(&["000001_a.up.sql", "000001_a.down.sql"]), "000002_x.up.sql");
        assert_eq!(after(&["V1__a.sql", "V1.2__b.sql", "R__views.sql"]), "V2__x.sql");
        assert_eq!(after(&["20240101120000_a.sql"]), "20240229123456_x.sql");
        assert_eq!(after(&["202401011200_a.sql"]), "202402291234_x.sql");
        assert_eq!(after(&["20990101120000_a.sql"]), "20990101120001_x.sql");
        assert_eq!(after(&["1709210000_a.sql"]), "1709210096_x.sql");
        assert_eq!(after(&["1609210000000_a.sql"]), "1709210096000_x.sql");
    }

    #[test]
    fn folders_and_sections_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let migration = folder.path().join("20240101120000_a");
        std::fs::create_dir(&migration).unwrap();
        std::fs::write(migration.join("up.sql"), "").unwrap();
        let made = next(std::slice::from_ref(&migration), "x", NOW);
        assert_eq!(made.path, Path::new("20240229123456_x/up.sql"));
        let goose = folder.path().join("0001_a.sql");
        std::fs::write(&goose, "-- +goose Up\nSELECT 1;\n").unwrap();
        assert_eq!(next(&[goose], "add_b", NOW).text, "-- +goose Up\n-- add b\n\n-- +goose Down\n");
    }

    #[test]
    fn odd_names_are_refused() {
        assert_eq!(file_name(" add users ").unwrap(), "add_users");
        assert_eq!(file_name("größe").unwrap(), "größe");
        for odd in ["", "  ", "../x", "a/b", "a.b", "a'b", "a\nb", "-a", "123", &"x".repeat(121)] {
            assert_eq!(file_name(odd).unwrap_err().exit_code(), ExitCode::Usage, "{odd}");
        }
    }

    #[test]
    fn days_are_counted_with_leap_years() {
        assert_eq!(date_number(0), 19_700_101);
        assert_eq!(date_number(951_782_400), 20_000_229);
        assert_eq!(date_number(4_107_542_400), 21_000_301);
    }
}
