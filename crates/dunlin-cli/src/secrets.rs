//! Masks passwords in SQL before it is shown.

use std::borrow::Cow;

/// Masks what stands where a password stands; the length stays, so that places in the text keep their meaning.
///
/// Masked are the literal after the word PASSWORD, the value of `password=`, and the password of a URL.
pub(crate) fn mask(text: &str) -> Cow<'_, str> {
    let lower = text.to_ascii_lowercase();
    let mut ranges = Vec::new();
    for (at, word) in lower.match_indices("password") {
        ranges.extend(after_password(text, at + word.len()));
    }
    for (at, _) in lower.match_indices("://") {
        ranges.extend(in_url(text, at + 3));
    }
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.as_bytes().to_vec();
    for (start, end) in ranges {
        bytes[start..end].fill(b'*');
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn after_password(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    let gap = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '=', '"']).len();
    let start = at + gap;
    let rest = &text[start..];
    let quote = rest.strip_prefix(['E', 'e']).unwrap_or(rest);
    if let Some(inside) = quote.strip_prefix('\'') {
        let start = text.len() - inside.len();
        // `''` is a quote inside the literal.
        let mut end = start;
        loop {
            end += text[end..].find('\'').unwrap_or(text.len() - end);
            if !text[end..].starts_with("''") {
                return (end > start).then_some((start, end));
            }
            end += 2;
        }
    }
    let equals = text[at..start].contains('=');
    let end = start + rest.find([' ', '\'', '\n', '\t', '&', ';']).unwrap_or(rest.len());
    (equals && end > start).then_some((start, end))
}

fn in_url(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    let rest = &rest[..rest.find([' ', '\'', '"', '\n']).unwrap_or(rest.len())];
    let user = rest.find(':')?;
    let end = rest.rfind('@')?;
    (user + 1 < end).then_some((at + user + 1, at + end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_in_place() {
        for (text, masked) in [
            ("CREATE ROLE a PASSWORD 'ab''c' LOGIN", "CREATE ROLE a PASSWORD '*****' LOGIN"),
            ("alter role a encrypted password E'x'", "alter role a encrypted password E'*'"),
            ("OPTIONS (user 'u', password 'pw')", "OPTIONS (user 'u', password '**')"),
            ("CONNECTION 'host=h password=pw user=u'", "CONNECTION 'host=h password=** user=u'"),
            ("SELECT 'postgres://u:p@h/d'", "SELECT 'postgres://u:*@h/d'"),
            ("PASSWORD 'never closed", "PASSWORD '************"),
            ("ADD COLUMN password text DEFAULT 'x'", "ADD COLUMN password text DEFAULT 'x'"),
            ("WHERE password = 'ü'", "WHERE password = '**'"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }
}
