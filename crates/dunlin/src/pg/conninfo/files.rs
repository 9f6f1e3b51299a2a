//! The password file and the service files.

use super::keys;
use super::{ConnInfoError, Environment, HostTarget, Settings, default_socket_directory};
use std::path::Path;

/// Looks a password up in a password file, "The Password File" of the manual; a fault becomes a warning.
pub(super) struct PassFile {
    lines: Vec<String>,
}

impl PassFile {
    /// Reads the file; gives none if there is no usable file, with a warning if it is there but unsafe.
    pub(super) fn read(path: &Path, warnings: &mut Vec<String>) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        if !metadata.is_file() {
            warnings.push(format!("password file \"{}\" is not a plain file", path.display()));
            return None;
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            if metadata.permissions().mode() & 0o077 != 0 {
                warnings.push(format!(
                    "password file \"{}\" is not used because it has group or world access; \
                     permissions should be u=rw (0600) or less",
                    path.display()
                ));
                return None;
            }
        }
        let text = std::fs::read(path).ok()?;
        let text = String::from_utf8_lossy(&text);
        Some(Self { lines: text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect() })
    }

    /// Finds the password of the first line that fits.
    pub(super) fn password(
        &self,
        target: &HostTarget,
        port: u16,
        dbname: &str,
        user: &str,
    ) -> Option<String> {
        let host = match target {
            HostTarget::DefaultSocket => "localhost".to_owned(),
            HostTarget::Unix(path) if path == default_socket_directory() => "localhost".to_owned(),
            HostTarget::Unix(path) => path.display().to_string(),
            HostTarget::Tcp { name, .. } => name.clone(),
        };
        let wanted = [host.as_str(), &port.to_string(), dbname, user];
        self.lines.iter().find_map(|line| {
            let mut rest = line.as_str();
            for value in wanted {
                rest = match_field(rest, value)?;
            }
            Some(unescape(rest.trim_end_matches('\r'))).filter(|password| !password.is_empty())
        })
    }
}

/// Gives what follows the field and its colon, if the field is `*` or equals `value`.
fn match_field<'a>(line: &'a str, value: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut expected = value.chars();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ':' => return expected.next().is_none().then(|| &line[at + 1..]),
            '\\' if chars.next().map(|(_, c)| c) == expected.next() => {}
            c if c != '\\' && Some(c) == expected.next() => {}
            _ => return None,
        }
    }
    None
}

/// Takes the backslashes off; the password itself ends at an unescaped colon, or with the line.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            ':' => break,
            c => out.push(c),
        }
    }
    out
}

/// Adds what the service file says for `service`, "The Connection Service File" of the manual.
pub(super) fn apply_service(
    settings: &mut Settings,
    service: &str,
    env: &Environment,
) -> Result<(), ConnInfoError> {
    let user_file = match env.get("PGSERVICEFILE") {
        Some(path) => Some(path.into()),
        None => env.home.as_ref().map(|home| home.join(".pg_service.conf")),
    };
    let directory = env.get("PGSYSCONFDIR").unwrap_or("/etc/postgresql-common");
    let system_file = Path::new(directory).join("pg_service.conf");
    for path in user_file.into_iter().chain([system_file]) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if let Some(found) = read_service(&text, service, &path)? {
            for (key, value) in found {
                settings.entry(key).or_insert(value);
            }
            return Ok(());
        }
    }
    Err(ConnInfoError::ServiceNotFound { service: service.to_owned() })
}

/// Reads one section of a service file; gives none if it is not there.
fn read_service(text: &str, service: &str, path: &Path) -> Result<Option<Settings>, ConnInfoError> {
    let mut found: Option<Settings> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if section.strip_suffix(']') == Some(service) {
                found = Some(Settings::new());
            }
            continue;
        }
        let Some(settings) = &mut found else { continue };
        let fault = || ConnInfoError::ServiceFile { path: path.to_owned(), line: index + 1 };
        let (name, value) = line.split_once('=').ok_or_else(fault)?;
        // Services do not nest, in libpq neither.
        let key = keys::find(name).filter(|key| key.name != "service").ok_or_else(fault)?;
        if !value.is_empty() {
            settings.entry(key.name).or_insert_with(|| value.to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(lines: &str, host: &str, db: &str, user: &str) -> Option<String> {
        let file = PassFile { lines: lines.lines().map(str::to_owned).collect() };
        file.password(&HostTarget::Tcp { name: host.to_owned(), address: None }, 5432, db, user)
    }

    #[test]
    fn the_first_line_that_fits_wins() {
        let lines = "other:5432:db:me:no\nh:*:db:me:one\n*:*:*:*:two";
        assert_eq!(lookup(lines, "h", "db", "me").as_deref(), Some("one"));
        assert_eq!(lookup(lines, "h", "db2", "me").as_deref(), Some("two"));
        assert_eq!(lookup("h:5433:*:*:x", "h", "db", "me"), None);
        assert_eq!(lookup("hh:*:*:*:x", "h", "db", "me"), None);
        assert_eq!(lookup("h:*:*:*:x", "hh", "db", "me"), None);
    }

    #[test]
    fn backslashes_escape_colons_and_backslashes() {
        assert_eq!(lookup(r"\:\:1:*:a\\b:*:p\:w\\", "::1", r"a\b", "me").as_deref(), Some(r"p:w\"));
    }

    #[test]
    fn a_service_is_one_section() {
        let text = "# x\n[a]\nhost=one\n\n[b]\nhost=two\nport=5433\n[c]\nhost=three\n";
        let path = Path::new("/f");
        let found = read_service(text, "b", path).unwrap().unwrap();
        assert_eq!(found.get("host").map(String::as_str), Some("two"));
        assert_eq!(found.get("port").map(String::as_str), Some("5433"));
        assert!(read_service(text, "z", path).unwrap().is_none());
        assert!(matches!(
            read_service("[b]\nnonsense", "b", path),
            Err(ConnInfoError::ServiceFile { line: 2, .. })
        ));
    }
}
