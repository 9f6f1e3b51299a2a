//! The two forms of connection strings, read as libpq's `fe-connect.c` reads them.

use super::keys;
use super::{ConnInfoError, Settings};

/// Reads a connection string: a URI, `key = value` pairs, or a bare database name as psql takes it.
pub(super) fn parse(text: &str) -> Result<Settings, ConnInfoError> {
    if let Some(rest) = uri_rest(text) {
        return parse_uri(rest);
    }
    if let Some(at) = text.find("://") {
        let scheme = &text[..at];
        if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-:".contains(c)) {
            return Err(ConnInfoError::Scheme { scheme: scheme.to_owned() });
        }
    }
    if text.contains('=') {
        return parse_pairs(text);
    }
    let mut settings = Settings::new();
    let name = text.trim();
    if !name.is_empty() {
        settings.insert("dbname", name.to_owned());
    }
    Ok(settings)
}

/// Gives what follows the scheme of a PostgreSQL URI.
pub(super) fn uri_rest(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"))
}

/// Stores a value under a known key. An empty value counts as not given, as it does in libpq in effect.
fn store(settings: &mut Settings, name: &str, value: String, hide: bool) -> Result<(), ConnInfoError> {
    let Some(key) = keys::find(name) else {
        if hide {
            return Err(ConnInfoError::AfterPassword);
        }
        return Err(ConnInfoError::UnknownKey { key: name.to_owned(), near: keys::near(name) });
    };
    if value.contains('\0') {
        return Err(ConnInfoError::Nul);
    }
    if value.is_empty() {
        settings.remove(key.name);
    } else {
        settings.insert(key.name, value);
    }
    Ok(())
}

/// Reads `key = value` pairs with libpq's quoting and escapes.
fn parse_pairs(text: &str) -> Result<Settings, ConnInfoError> {
    let mut settings = Settings::new();
    let mut rest = text.trim_start();
    // What follows a password without quotes, or sticks to one with quotes, may be the rest of the password: it is never shown.
    let (mut hide, mut after_password) = (false, false);
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..].trim_start();
        let Some(after) = rest.strip_prefix('=') else {
            if after_password {
                return Err(ConnInfoError::AfterPassword);
            }
            return Err(ConnInfoError::MissingEquals { key: name.to_owned() });
        };
        let (value, quoted, after) = read_value(after.trim_start())?;
        store(&mut settings, name, value, hide)?;
        after_password = name.ends_with("password");
        hide = after_password && !(quoted && after.starts_with(|c: char| c.is_ascii_whitespace()));
        rest = after.trim_start();
    }
    Ok(settings)
}

/// Reads one value, quoted or not; gives it, whether it was quoted, and what follows.
fn read_value(text: &str) -> Result<(String, bool, &str), ConnInfoError> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, true, &text[at + 1..])),
            c if !quoted && c.is_ascii_whitespace() => return Ok((value, false, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted { Err(ConnInfoError::UnterminatedQuote) } else { Ok((value, false, "")) }
}

/// Reads what follows `postgres://`.
fn parse_uri(rest: &str) -> Result<Settings, ConnInfoError> {
    let mut settings = Settings::new();
    let mut rest = rest;
    if let Some(at) = rest.find(['@', '/']).filter(|at| rest[*at..].starts_with('@')) {
        let (user, password) = match rest[..at].split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (&rest[..at], None),
        };
        store(&mut settings, "user", decode(user)?, false)?;
        if let Some(password) = password {
            store(&mut settings, "password", decode(password)?, false)?;
        }
        rest = &rest[at + 1..];
    }
    let (hosts, ports, after) = parse_authority(rest)?;
    // Only separators mean that no host was given at all.
    store(&mut settings, "host", decode(&hosts)?, false)?;
    store(&mut settings, "port", decode(&ports)?, false)?;
    let (path, query) = match after.split_once('?') {
        Some((path, query)) => (path, query),
        None => (after, ""),
    };
    // An @ this late is that of a password with an unescaped slash or question mark before it.
    let key_has_at = |pair: &str| pair.split('=').next().is_some_and(|key| key.contains('@'));
    if path.contains('@') || query.split('&').any(key_has_at) {
        return Err(ConnInfoError::UnescapedPassword);
    }
    if let Some(dbname) = path.strip_prefix('/').filter(|name| !name.is_empty()) {
        store(&mut settings, "dbname", decode(dbname)?, false)?;
    }
    parse_query(query, &mut settings)?;
    Ok(settings)
}

/// Reads `host:port,host:port`; gives the hosts and the ports, each joined by commas, and what follows.
fn parse_authority(text: &str) -> Result<(String, String, &str), ConnInfoError> {
    let (mut hosts, mut ports) = (String::new(), String::new());
    let mut rest = text;
    loop {
        let host;
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']').ok_or(ConnInfoError::Brackets)?;
            host = &inner[..end];
            rest = &inner[end + 1..];
            if host.is_empty() || !(rest.is_empty() || rest.starts_with([':', '/', '?', ','])) {
                return Err(ConnInfoError::Brackets);
            }
        } else {
            let end = rest.find([':', '/', '?', ',']).unwrap_or(rest.len());
            host = &rest[..end];
            rest = &rest[end..];
        }
        // A second `@` means that the password held one: what follows the first is part of it.
        if host.contains('@') {
            return Err(ConnInfoError::UnescapedPassword);
        }
        hosts.push_str(host);
        if let Some(after) = rest.strip_prefix(':') {
            let end = after.find(['/', '?', ',']).unwrap_or(after.len());
            if !after[..end].bytes().all(|b| b.is_ascii_digit() || b == b'%') {
                return Err(ConnInfoError::UnescapedPassword);
            }
            ports.push_str(&after[..end]);
            rest = &after[end..];
        }
        let Some(after) = rest.strip_prefix(',') else { return Ok((hosts, ports, rest)) };
        hosts.push(',');
        ports.push(',');
        rest = after;
    }
}

/// Reads the parameters after `?`.
fn parse_query(query: &str, settings: &mut Settings) -> Result<(), ConnInfoError> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| ConnInfoError::MissingEquals { key: decode_lossy(pair) })?;
        if value.contains('=') {
            return Err(ConnInfoError::ExtraEquals { key: decode_lossy(name) });
        }
        let (name, value) = (decode(name)?, decode(value)?);
        // The JDBC driver's spelling, which libpq takes too.
        if name == "ssl" && value == "true" {
            store(settings, "sslmode", "require".to_owned(), false)?;
        } else {
            store(settings, &name, value, false)?;
        }
    }
    Ok(())
}

fn decode_lossy(text: &str) -> String {
    decode(text).unwrap_or_else(|_| text.to_owned())
}

/// Decodes `%XX`.
fn decode(text: &str) -> Result<String, ConnInfoError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut input = text.bytes();
    while let Some(byte) = input.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
        match (digit(input.next()), digit(input.next())) {
            (Some(0), Some(0)) => return Err(ConnInfoError::Nul),
            // Two hexadecimal digits always fit a byte.
            (Some(high), Some(low)) => bytes.extend(u8::try_from(high * 16 + low)),
            _ => return Err(ConnInfoError::PercentEncoding),
        }
    }
    String::from_utf8(bytes).map_err(|_| ConnInfoError::PercentEncoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(text: &str) -> Vec<(&'static str, String)> {
        parse(text).unwrap().into_iter().collect()
    }

    fn pairs(expected: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let mut all: Vec<_> = expected.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        all.sort();
        all
    }

    /// The cases of libpq's own `t/001_uri.pl`.
    #[test]
    fn uris_as_libpq_tests_them() {
        let cases: &[(&str, &[(&'static str, &str)])] = &[
            (
                "postgresql://uri-user:secret@host:12345/db",
                &[
                    ("user", "uri-user"),
                    ("password", "secret"),
                    ("host", "host"),
                    ("port", "12345"),
                    ("dbname", "db"),
                ],
            ),
            (
                "postgresql://host/db?user=uri-user",
                &[("user", "uri-user"), ("dbname", "db"), ("host", "host")],
            ),
            (
                "postgresql://uri-user@host:12345",
                &[("user", "uri-user"), ("host", "host"), ("port", "12345")],
            ),
            ("postgresql://host:12345/?user=u", &[("user", "u"), ("host", "host"), ("port", "12345")]),
            ("postgresql://host?", &[("host", "host")]),
            ("postgresql://", &[]),
            ("postgresql:///?user=uri-user&port=12345", &[("user", "uri-user"), ("port", "12345")]),
            ("postgres://[::1]:5/db", &[("host", "::1"), ("port", "5"), ("dbname", "db")]),
            ("postgresql://[2001:db8::1234]/", &[("host", "2001:db8::1234")]),
            ("postgres://[200z:db8::1234]/", &[("host", "200z:db8::1234")]),
            ("postgresql://%68ost/", &[("host", "host")]),
            (
                "postgresql://host/db?u%73er=uri-user",
                &[("user", "uri-user"), ("host", "host"), ("dbname", "db")],
            ),
            (
                "postgres://%2Fvar%2Flib%2Fpostgresql/dbname",
                &[("host", "/var/lib/postgresql"), ("dbname", "dbname")],
            ),
            ("postgres://@host", &[("host", "host")]),
            ("postgres://host:/", &[("host", "host")]),
            ("postgres://:12345/", &[("port", "12345")]),
            (
                "postgres://otheruser@?host=/no/such/directory",
                &[("user", "otheruser"), ("host", "/no/such/directory")],
            ),
            ("postgres://a:1,b,[::1]:3/", &[("host", "a,b,::1"), ("port", "1,,3")]),
            ("postgresql://host/?ssl=true", &[("host", "host"), ("sslmode", "require")]),
            ("postgres://u:p%40s@h/", &[("user", "u"), ("password", "p@s"), ("host", "h")]),
        ];
        for (uri, expected) in cases {
            assert_eq!(get(uri), pairs(expected), "{uri}");
        }
    }

    #[test]
    fn pairs_with_quotes_and_escapes() {
        assert_eq!(
            get(r"host = h  password='it\'s \\ a' dbname=my\ db user=''"),
            pairs(&[("host", "h"), ("password", r"it's \ a"), ("dbname", "my db")])
        );
        assert_eq!(get("mydb"), pairs(&[("dbname", "mydb")]));
    }

    #[test]
    fn faults_are_named_and_never_show_the_password() {
        let cases = [
            ("postgresql://host?zzz", "missing \"=\" after \"zzz\""),
            ("postgresql://host?user=a=b", "more than one \"=\" after \"user\""),
            (
                "postgresql://host/?sslmod=a",
                "no connection parameter is called \"sslmod\"; did you mean sslmode",
            ),
            ("postgresql://%", "percent"),
            ("postgres://[::1", "bracket"),
            ("postgres://[]", "bracket"),
            ("postgres://[::1]z", "bracket"),
            ("postgres://u:se@cret@h/db", "percent-encoded"),
            ("postgres://u:se/cret@h/db", "percent-encoded"),
            ("password=top secret", "quotes"),
            ("password=top sec=ret", "quotes"),
            ("host='h", "quote"),
            ("mysql://u:secret@h/db", "mysql"),
            ("jdbc:postgresql://h/db?password=secret", "jdbc:postgresql"),
            ("postgres://u:%0secret@h", "percent"),
        ];
        for (text, part) in cases {
            let error = parse(text).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(error.to_string().contains(part), "{text}: {shown}");
            assert!(!shown.contains("cret"), "{text}: {shown}");
        }
    }
}
