//! Masks the passwords in connection strings.

use super::keys;

const MASK: &str = "***";

/// Masks every password in a connection string, also in one that is wrongly written.
///
/// When it is unclear where a password ends, more than the password is masked.
///
/// ```
/// assert_eq!(dunlin::pg::redact("postgres://me:secret@host/db"), "postgres://me:***@host/db");
/// assert_eq!(dunlin::pg::redact("host=h password='a b' user=me"), "host=h password=*** user=me");
/// ```
pub fn redact(text: &str) -> String {
    match text.find("://") {
        Some(at) if !text[..at].contains(['=', ' ']) => redact_uri(&text[..at + 3], &text[at + 3..]),
        _ => redact_pairs(text),
    }
}

fn redact_uri(scheme: &str, rest: &str) -> String {
    // A password may hold any unescaped sign by mistake: only a query that reads as one is a query.
    let (head, query) = match rest.split_once('?') {
        Some((head, query)) if is_query(query) && !is_cut(head, query) => (head, Some(query)),
        _ => (rest, None),
    };
    let mut out = scheme.to_owned();
    match head.rfind('@') {
        Some(at) => {
            let user = head[..at].split_once(':').map(|(user, _)| user);
            out.push_str(user.unwrap_or(&head[..at]));
            if user.is_some() {
                out.push(':');
                out.push_str(MASK);
            }
            out.push_str(&head[at..]);
        }
        None => out.push_str(head),
    }
    if let Some(query) = query {
        let masked: Vec<String> = query.split('&').map(redact_parameter).collect();
        out.push('?');
        out.push_str(&masked.join("&"));
    }
    out
}

fn is_query(query: &str) -> bool {
    query.split('&').all(|pair| {
        pair.is_empty()
            || pair.split_once('=').is_some_and(|(key, value)| {
                !key.contains(['@', ':', '/']) && (!value.contains('@') || keys::find(key).is_some())
            })
    })
}

/// Says that the question mark may stand inside a password: the @ comes later, and a port is no number.
fn is_cut(head: &str, query: &str) -> bool {
    let port = |part: &str| part.split_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_err());
    let authority = head.split('/').next().unwrap_or_default();
    query.contains('@') && !head.contains('@') && authority.split(',').any(port)
}

/// Says whether a key names a secret, also under percent signs or in another tool's spelling.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.contains('%')
        || ["pass", "secret", "pwd", "token"].iter().any(|part| key.contains(part)) && key != "passfile"
}

fn redact_parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((key, _)) if is_secret(key) => format!("{key}={MASK}"),
        _ => pair.to_owned(),
    }
}

fn redact_pairs(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let key = rest[..equals].trim_end();
        let name = &key[key.rfind(char::is_whitespace).map_or(0, |at| at + 1)..];
        let after = rest[equals + 1..].trim_start();
        let end = value_end(after);
        if is_secret(name) {
            // Words without `=` after an unquoted password may be the rest of it.
            out.push_str(&rest[..=equals]);
            out.push_str(MASK);
            let tail = &after[end..];
            let next = tail.find('=').map(|at| tail[..at].trim_end());
            let kept = match next {
                Some(head) => head.rfind(char::is_whitespace).unwrap_or(0),
                None => tail.len(),
            };
            rest = &tail[kept..];
        } else {
            let consumed = rest.len() - after.len() + end;
            out.push_str(&rest[..consumed]);
            rest = &rest[consumed..];
        }
    }
    out.push_str(rest);
    out
}

/// Finds where a value ends, quoted or not.
fn value_end(text: &str) -> usize {
    let quoted = text.starts_with('\'');
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '\'' if quoted => return at + 1,
            c if !quoted && c.is_whitespace() => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::redact;
    use crate::pg::conninfo::{ConnInfo, Environment};
    use proptest::prelude::*;

    proptest! {
        /// Whatever is wrong with how a password is written, neither masks nor messages show a part of it.
        #[test]
        fn no_part_of_a_password_is_shown(password in "(Zq|[:@/?#%& '\\\\\\[\\],1]){0,8}Zq") {
            let env = Environment { os_user: Some("me".into()), ..Environment::default() };
            for text in [
                format!("postgres://u:{password}@host:5/db?sslmode=require"),
                format!("postgres://u:{password}@host"),
                format!("host=h password='{}' user=u", password.replace('\\', "\\\\").replace('\'', "\\'")),
                format!("host=h password={password}"),
            ] {
                let redacted = redact(&text);
                prop_assert!(!redacted.contains("Zq"), "{} became {}", text, redacted);
                let shown = match ConnInfo::parse(&text, &env) {
                    Ok(info) => format!("{info:?} {info}"),
                    Err(error) => format!("{error:?} {error}"),
                };
                prop_assert!(!shown.contains("Zq"), "{} shows {}", text, shown);
            }
        }
    }

    #[test]
    fn masks_what_could_be_a_password() {
        let cases = [
            ("postgres://u:secret@h/db", "postgres://u:***@h/db"),
            ("postgres://u:se@cret@h/db", "postgres://u:***@h/db"),
            ("postgres://u:se/cret@h/db", "postgres://u:***@h/db"),
            ("postgres://u:se?cret@h/db", "postgres://u:***@h/db"),
            ("postgres://u:se?c=ret@h/db", "postgres://u:***@h/db"),
            ("postgres://u:se?user=ret@h/db", "postgres://u:***@h/db"),
            ("postgres://u:@h/db", "postgres://u:***@h/db"),
            ("postgres://h:5432/db?user=a@b", "postgres://h:5432/db?user=a@b"),
            ("postgres://h/db?sslmode=require&password=x", "postgres://h/db?sslmode=require&password=***"),
            ("postgres://h/db?sslpassword=x&passfile=/f", "postgres://h/db?sslpassword=***&passfile=/f"),
            ("host=h password = 'a \\' b' user=u", "host=h password =*** user=u"),
            ("password=a\\ b user=u", "password=*** user=u"),
            ("password=top secret user=u", "password=*** user=u"),
            ("password=top secret", "password=***"),
            ("password='top", "password=***"),
            ("dbname=x", "dbname=x"),
            ("mydb", "mydb"),
        ];
        for (text, expected) in cases {
            assert_eq!(redact(text), expected, "{text}");
        }
    }
}
