//! Masking of secrets in SQL and messages, before they are kept or shown.
//!
//! Where in doubt the text is masked: what the journal keeps is for people to read, never to run.

use std::borrow::Cow;

/// What stands in place of a secret.
const MASK: &str = "***";

/// Replaces passwords and other secrets in SQL by `***`.
///
/// Masked are the values of `PASSWORD` and of options, settings and columns that are named like a secret, the first
/// argument of `crypt`, and passwords in connection strings and URLs, in comments and function bodies too.
pub fn mask(sql: &str) -> String {
    masked(sql).into_owned()
}

/// The same; most texts stay as they are.
pub(crate) fn masked(sql: &str) -> Cow<'_, str> {
    if !may_hold_secrets(sql) {
        return Cow::Borrowed(sql);
    }
    let mut masker =
        Masker { rest: sql, out: String::with_capacity(sql.len()), expect: Expect::Nothing, set: false };
    masker.first_word(true);
    masker.run();
    Cow::Owned(masker.out)
}

/// Whether a text has a word in it that every secret comes with, in upper or lower case.
fn may_hold_secrets(sql: &str) -> bool {
    const HINTS: [&[u8]; 8] = [b"pass", b"pwd", b"secret", b"token", b"key", b"crypt", b"://", b"credential"];
    let bytes = sql.as_bytes();
    (0..bytes.len()).any(|at| {
        let begins =
            |hint: &[u8]| bytes[at..].get(..hint.len()).is_some_and(|t| t.eq_ignore_ascii_case(hint));
        matches!(bytes[at].to_ascii_lowercase(), b'p' | b's' | b't' | b'k' | b'c' | b':')
            && HINTS.iter().any(|hint| begins(hint))
    })
}

/// Replaces secrets in a message of the server, which quotes SQL and connection strings in the middle of words.
pub fn mask_message(message: &str) -> String {
    mask_plain(&mask(message))
}

/// What the text so far says of the next value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Nothing,
    /// The next value is a secret.
    Secret,
    /// After `set_config` or its parenthesis: the next literal names a setting.
    SettingName,
    /// After the name of a secret setting: a comma, then the secret.
    SettingValue,
    /// After `crypt`: a parenthesis, then the secret.
    Argument,
}

struct Masker<'t> {
    rest: &'t str,
    out: String,
    expect: Expect,
    /// In a SET statement, whose values need no quotes.
    set: bool,
}

impl<'t> Masker<'t> {
    /// Looks whether a statement that begins here is a SET.
    fn first_word(&mut self, begins: bool) {
        if begins {
            let word: String = self.rest.trim_start().chars().take_while(|c| c.is_alphabetic()).collect();
            self.set = word.eq_ignore_ascii_case("set");
        }
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn run(&mut self) {
        while let Some(character) = self.rest.chars().next() {
            if self.rest.starts_with("--") {
                let comment = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
                self.out.push_str(&mask_plain(comment));
            } else if self.rest.starts_with("/*") {
                let comment = self.take(self.rest.find("*/").map_or(self.rest.len(), |end| end + 2));
                self.out.push_str(&mask_plain(comment));
            } else if character == '\'' {
                self.literal(false);
            } else if character == '"' {
                let end = self.rest[1..].find('"').map_or(self.rest.len(), |end| end + 2);
                let name = self.take(end);
                self.out.push_str(name);
                self.word(name.trim_matches('"'));
            } else if let Some(tag) = dollar_tag(self.rest) {
                self.dollar_quoted(tag);
            } else if is_word_start(character) {
                self.plain_word();
            } else if character.is_ascii_digit() {
                let end = self
                    .rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
                    .unwrap_or(self.rest.len());
                let number = self.take(end);
                self.value(number);
            } else {
                let text = self.take(character.len_utf8());
                self.out.push_str(text);
                self.punctuation(character);
            }
        }
    }

    fn punctuation(&mut self, character: char) {
        let keeps = match self.expect {
            Expect::Secret => matches!(character, '=' | ':' | '>'),
            Expect::SettingName | Expect::Argument => character == '(',
            Expect::SettingValue => matches!(character, ',' | '=' | '>' | ':'),
            Expect::Nothing => false,
        };
        if !keeps && !character.is_whitespace() {
            self.expect = Expect::Nothing;
        }
        if character == ';' {
            self.first_word(true);
        }
    }

    fn plain_word(&mut self) {
        let end = self.rest.find(|c: char| !is_word_start(c) && !c.is_ascii_digit() && c != '$');
        let word = &self.rest[..end.unwrap_or(self.rest.len())];
        let after = &self.rest[word.len()..];
        if after.starts_with('\'') && matches!(word, "e" | "E" | "n" | "N" | "b" | "B" | "x" | "X") {
            self.take(word.len());
            self.out.push_str(word);
            self.literal(word.eq_ignore_ascii_case("e"));
        } else if word.eq_ignore_ascii_case("u") && after.starts_with("&'") {
            self.take(2);
            self.out.push_str("U&");
            self.literal(false);
        } else {
            self.take(word.len());
            let connects =
                matches!(word.to_ascii_lowercase().as_str(), "to" | "local" | "session" | "null" | "default");
            if self.set && self.expect == Expect::Secret && !connects {
                self.value(word);
            } else {
                self.out.push_str(word);
                if !(connects && self.expect == Expect::Secret) {
                    self.word(word);
                }
            }
        }
    }

    /// A bare value, such as a number, or the word behind `SET app.token =`.
    fn value(&mut self, value: &str) {
        let secret = self.expect == Expect::Secret && (self.set || self.out.trim_end().ends_with('='));
        self.out.push_str(if secret { MASK } else { value });
        self.expect = Expect::Nothing;
    }

    fn word(&mut self, word: &str) {
        let word = word.to_ascii_lowercase();
        self.expect = match word.as_str() {
            "set_config" => Expect::SettingName,
            "crypt" => Expect::Argument,
            word if is_secret_name(word) => Expect::Secret,
            _ => Expect::Nothing,
        };
    }

    fn literal(&mut self, escapes: bool) {
        let content = self.literal_content(escapes);
        let closed = self.rest.starts_with('\'');
        self.take(usize::from(closed));
        let close = if closed { "'" } else { "" };
        let (text, next) = self.settle(content, mask_plain);
        self.out.push_str(&format!("'{text}{close}"));
        self.expect = next;
    }

    /// Takes the opening quote and what is up to the closing one.
    fn literal_content(&mut self, escapes: bool) -> &'t str {
        self.take(1);
        let bytes = self.rest.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if escapes => at += 2,
                b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
                b'\'' => break,
                _ => at += 1,
            }
        }
        // An escape may stand before a character of several bytes, or at the very end.
        let mut end = at.min(self.rest.len());
        while !self.rest.is_char_boundary(end) {
            end += 1;
        }
        self.take(end)
    }

    fn dollar_quoted(&mut self, tag: &'t str) {
        self.take(tag.len());
        let end = self.rest.find(tag);
        let content = self.take(end.unwrap_or(self.rest.len()));
        let (text, next) = self.settle(content, mask);
        self.out.push_str(&format!("{tag}{text}"));
        if end.is_some() {
            self.out.push_str(self.rest.get(..tag.len()).unwrap_or_default());
            self.take(tag.len());
        }
        self.expect = next;
    }

    /// Masks a literal where a secret is expected, and says what is expected after it.
    fn settle(&self, content: &str, otherwise: fn(&str) -> String) -> (String, Expect) {
        match self.expect {
            Expect::Secret | Expect::SettingValue | Expect::Argument => (MASK.to_owned(), Expect::Nothing),
            Expect::SettingName if is_secret_setting(content) => (content.to_owned(), Expect::SettingValue),
            Expect::SettingName | Expect::Nothing => (otherwise(content), Expect::Nothing),
        }
    }
}

fn is_word_start(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_' || !character.is_ascii()
}

/// The opening `$tag$`, if one stands here.
fn dollar_tag(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('$')?;
    let end = inner.find('$')?;
    let tag = &inner[..end];
    let fits = tag.chars().all(|c| is_word_start(c) || c.is_ascii_digit())
        && !tag.starts_with(|c: char| c.is_ascii_digit());
    fits.then(|| &text[..end + 2])
}

fn is_secret_name(word: &str) -> bool {
    ["password", "passwd", "passphrase", "passcode", "secret", "credential"]
        .iter()
        .any(|part| word.contains(part))
        || ["pwd", "token", "apikey", "api_key", "access_key", "private_key"]
            .iter()
            .any(|end| word.ends_with(end))
}

fn is_secret_setting(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_secret_name(&name) || ["token", "key"].iter().any(|part| name.contains(part))
}

/// Masks `password=…`, `"password": "…"` and `scheme://user:…@host` in text that is not SQL.
fn mask_plain(text: &str) -> String {
    mask_urls(&mask_pairs(text))
}

fn mask_pairs(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some((start, name)) = next_pair_name(&lower, at) {
        let after = start + name.len();
        let value = value_after(&text[after..]).map(|(skip, length)| (after + skip, length));
        let (from, length) = value.unwrap_or((after, 0));
        out.push_str(&text[at..from]);
        if length > 0 {
            out.push_str(MASK);
        }
        at = from + length;
    }
    out.push_str(&text[at..]);
    out
}

fn next_pair_name(lower: &str, at: usize) -> Option<(usize, &'static str)> {
    let names = ["password", "passwd", "pwd", "secret", "api_key", "apikey"];
    names.iter().filter_map(|name| Some((lower[at..].find(name)? + at, *name))).min()
}

/// Where the value begins behind the name of a pair, and how long it is.
fn value_after(text: &str) -> Option<(usize, usize)> {
    let is_quote = |c: char| matches!(c, '"' | '\'');
    let named = text.trim_start_matches(is_quote).trim_start();
    let behind = named.strip_prefix(['=', ':'])?.trim_start();
    let value = behind.trim_start_matches(is_quote);
    let quoted = value.len() < behind.len();
    let ends =
        |c: char| is_quote(c) || (!quoted && (c.is_whitespace() || matches!(c, '&' | ',' | ';' | ')' | '}')));
    Some((text.len() - value.len(), value.find(ends).unwrap_or(value.len())))
}

fn mask_urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '\'' | '"'))
            .unwrap_or(after.len());
        let (authority, behind) = after.split_at(end);
        // A password may hold an at sign; what stands before the last one is not the host.
        match authority.rsplit_once('@').map(|(login, host)| (login.split_once(':'), host)) {
            Some((Some((user, _)), host)) => out.push_str(&format!("{user}:{MASK}@{host}")),
            _ => out.push_str(authority),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn masked(sql: &str, expected: &str) {
        assert_eq!(mask(sql), expected);
        assert_eq!(mask(expected), expected, "masking twice");
    }

    #[test]
    fn passwords_of_roles() {
        masked(
            "CREATE ROLE a LOGIN PASSWORD 'geheim''nis' VALID",
            "CREATE ROLE a LOGIN PASSWORD '***' VALID",
        );
        masked(
            "alter user a with encrypted password E'x\\'y'",
            "alter user a with encrypted password E'***'",
        );
        masked("ALTER USER a PASSWORD $p$x$p$;", "ALTER USER a PASSWORD $p$***$p$;");
        masked("ALTER ROLE a PASSWORD NULL; SELECT 'x'", "ALTER ROLE a PASSWORD NULL; SELECT 'x'");
        masked("ALTER USER a PASSWORD /* no */ U&'x'", "ALTER USER a PASSWORD /* no */ U&'***'");
    }

    #[test]
    fn options_and_connection_strings() {
        masked(
            "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'u', password 'p', fetch '1')",
            "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'u', password '***', fetch '1')",
        );
        masked(
            "CREATE SUBSCRIPTION s CONNECTION 'host=h password=p1 dbname=d' PUBLICATION p",
            "CREATE SUBSCRIPTION s CONNECTION 'host=h password=*** dbname=d' PUBLICATION p",
        );
        masked(
            "SELECT dblink('postgres://u:p@ss@h:5432/d?sslmode=require&password=q')",
            "SELECT dblink('postgres://u:***@h:5432/d?sslmode=require&password=***')",
        );
        masked("SELECT 'https://example.com:443/a@b'", "SELECT 'https://example.com:443/a@b'");
    }

    #[test]
    fn settings() {
        masked(
            "SELECT set_config('app.jwt_secret', 'x', false)",
            "SELECT set_config('app.jwt_secret', '***', false)",
        );
        masked(
            "select pg_catalog.set_config('app.key', 'x', true)",
            "select pg_catalog.set_config('app.key', '***', true)",
        );
        masked(
            "SELECT set_config('app.name', 'x', false), 'key'",
            "SELECT set_config('app.name', 'x', false), 'key'",
        );
        masked("SET app.token = abc123; SELECT 1", "SET app.token = ***; SELECT 1");
        masked("SET LOCAL app.api_key TO 'abc'", "SET LOCAL app.api_key TO '***'");
        masked("ALTER DATABASE d SET app.secret = 'x'", "ALTER DATABASE d SET app.secret = '***'");
    }

    #[test]
    fn bodies_comments_and_values() {
        masked(
            "DO $$ BEGIN EXECUTE 'x'; ALTER USER a PASSWORD 'p'; END $$; -- password: p2",
            "DO $$ BEGIN EXECUTE 'x'; ALTER USER a PASSWORD '***'; END $$; -- password: ***",
        );
        masked(
            "UPDATE u SET password = crypt('p', gen_salt('bf'))",
            "UPDATE u SET password = crypt('***', gen_salt('bf'))",
        );
        masked(
            "INSERT INTO t VALUES ('{\"password\": \"p\", \"a\": 1}')",
            "INSERT INTO t VALUES ('{\"password\": \"***\", \"a\": 1}')",
        );
    }

    #[test]
    fn messages() {
        let text = "could not connect with \"host=h password=p1\": no (postgres://u:p@h)";
        let expected = "could not connect with \"host=h password=***\": no (postgres://u:***@h)";
        assert_eq!(mask_message(text), expected);
        assert_eq!(mask_message("syntax error at \"password\""), "syntax error at \"password\"");
        assert_eq!(mask_message("at ALTER USER a PASSWORD 'x'"), "at ALTER USER a PASSWORD '***'");
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for sql in [
            "CREATE TABLE u (id int PRIMARY KEY, password text NOT NULL DEFAULT 'x', token text)",
            "COMMENT ON COLUMN u.password IS 'the hash'",
            "SELECT password, 'a' FROM u WHERE key = 'b'",
            "CREATE INDEX i ON u (token) WHERE kind = 'c'",
            "SELECT 'unterminated pass",
            "SELECT $1, $a$ key $b$",
            "SELECT E'key\\",
            "SELECT 'schlüssel key', \"ключ",
        ] {
            assert_eq!(mask(sql), sql);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_masked_and_passwords_vanish(before in ".{0,40}", junk in "[a-z=:/@'\"$ ;\\\\]{0,40}") {
            let _ = mask(&format!("{before} password {junk}"));
            let clean = before.replace(['\'', '"', '$', '-', '/', '\\'], "");
            let text = mask(&format!("{clean} ALTER USER a PASSWORD 'zzsecretzz'"));
            proptest::prop_assert!(!text.contains("zzsecretzz"), "{}", text);
        }
    }
}
