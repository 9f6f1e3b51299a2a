//! Where the server's programs are.

use super::EmbeddedError;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest major version that Dunlin works with.
const OLDEST: u32 = 14;

/// A directory with `initdb` and `postgres`, and their version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) directory: PathBuf,
    pub(super) version: String,
    pub(super) major: u32,
}

/// Finds server programs: those in `given` or in `DUNLIN_PG_BIN` and no others, else the first usable ones of `PATH`,
/// `pg_config` and the folders that packages use. Those of version `major` are preferred, if it is given.
pub(super) fn find(given: Option<&Path>, major: Option<u32>) -> Result<Binaries, EmbeddedError> {
    let given = given.map(Path::to_owned).or_else(|| std::env::var_os("DUNLIN_PG_BIN").map(PathBuf::from));
    if let Some(directory) = given {
        return Binaries::in_directory(&directory)
            .ok_or(EmbeddedError::NoBinaries { looked: vec![directory] });
    }
    let mut looked = Vec::new();
    let mut usable = None;
    let searches: [fn() -> Vec<PathBuf>; 3] = [on_path, told_by_pg_config, usual_folders];
    for directory in searches.into_iter().flat_map(|search| search()) {
        if looked.contains(&directory) {
            continue;
        }
        if let Some(binaries) = Binaries::in_directory(&directory) {
            if major.is_none_or(|major| binaries.major == major) {
                return Ok(binaries);
            }
            usable.get_or_insert(binaries);
        }
        looked.push(directory);
    }
    usable.ok_or_else(|| EmbeddedError::NoBinaries { looked: shown(looked) })
}

impl Binaries {
    fn in_directory(directory: &Path) -> Option<Self> {
        let directory = std::path::absolute(directory).ok()?;
        if !directory.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
        let (version, major) = parse_version(&String::from_utf8_lossy(&output.stdout))?;
        let directory = where_links_lead(&directory).unwrap_or(directory);
        (major >= OLDEST).then_some(Self { directory, version, major })
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Follows links to single programs, as packages put them on `PATH`, to the folder that has all programs.
fn where_links_lead(directory: &Path) -> Option<PathBuf> {
    let folder = std::fs::canonicalize(directory.join("postgres")).ok()?.parent()?.to_owned();
    folder.join("initdb").is_file().then_some(folder)
}

/// Reads `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn parse_version(text: &str) -> Option<(String, u32)> {
    let version = text.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((version.to_owned(), digits.parse().ok()?))
}

fn on_path() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect())
        .unwrap_or_default()
}

fn told_by_pg_config() -> Vec<PathBuf> {
    let Ok(output) = Command::new("pg_config").arg("--bindir").output() else { return Vec::new() };
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if folder.is_absolute() { vec![folder] } else { Vec::new() }
}

fn usual_folders() -> Vec<PathBuf> {
    let versioned = [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/usr/libexec", "postgresql", ""),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
    ];
    let mut folders: Vec<PathBuf> =
        versioned.into_iter().flat_map(|(parent, prefix, tail)| newest_first(parent, prefix, tail)).collect();
    folders.extend(["/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin"].map(PathBuf::from));
    folders
}

/// Lists `parent/prefixN/tail` for every number N that is there, the highest first.
fn newest_first(parent: &str, prefix: &str, tail: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, if tail.is_empty() { entry.path() } else { entry.path().join(tail) }))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// What to show of the places that were looked at: the patterns for those that depend on a version.
fn shown(mut looked: Vec<PathBuf>) -> Vec<PathBuf> {
    looked.push(PathBuf::from("/usr/lib/postgresql/*/bin"));
    looked.push(PathBuf::from("/usr/pgsql-*/bin"));
    looked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_packagers_write_them() {
        let read = |text| parse_version(text).map(|(version, major)| format!("{version} {major}"));
        assert_eq!(
            read("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n").as_deref(),
            Some("15.14 15")
        );
        assert_eq!(read("postgres (PostgreSQL) 19devel\n").as_deref(), Some("19devel 19"));
        assert_eq!(read("postgres (PostgreSQL) 18beta1").as_deref(), Some("18beta1 18"));
        assert_eq!(read("something else"), None);
    }

    #[test]
    fn newest_versions_come_first() {
        let temporary = tempfile::tempdir().unwrap();
        for name in ["9", "15", "18", "common"] {
            std::fs::create_dir(temporary.path().join(name)).unwrap();
        }
        let found = newest_first(temporary.path().to_str().unwrap(), "", "bin");
        let names: Vec<_> = found.iter().map(|path| path.strip_prefix(temporary.path()).unwrap()).collect();
        assert_eq!(names, ["18/bin", "15/bin", "9/bin"].map(Path::new));
    }

    #[test]
    fn a_folder_without_programs_is_refused_rather_than_passed_over() {
        let temporary = tempfile::tempdir().unwrap();
        let error = find(Some(temporary.path()), None).unwrap_err();
        assert!(
            matches!(&error, EmbeddedError::NoBinaries { looked } if looked == &[temporary.path().to_owned()])
        );
        assert_eq!(error.code().as_str(), "DN807");
        assert!(error.help().unwrap().contains("install"));
    }
}
