//! Ways to write the names of a test's objects.

use std::fmt::Write as _;

/// How the names in a template are written; what is done to the database must not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// As in the template.
    Plain,
    /// Other names, which sort in another order.
    Renamed,
    /// The same names, in another case at each place and sometimes quoted.
    Folded,
    /// Names that must be quoted: upper case, spaces, quotes, SQL.
    Quoted,
    /// Names outside ASCII, not quoted.
    Unicode,
}

impl Names {
    /// All ways.
    pub(crate) const ALL: [Names; 5] =
        [Names::Plain, Names::Renamed, Names::Folded, Names::Quoted, Names::Unicode];

    /// Gives a name as the catalog has it.
    pub(crate) fn raw(self, word: &str) -> String {
        match self {
            Names::Plain | Names::Folded => word.to_owned(),
            // The letter in front is for words that end in a digit.
            Names::Renamed => format!("n{}", word.chars().rev().collect::<String>()),
            Names::Quoted => format!("The {word}'s \"x\"; --"),
            Names::Unicode => format!("größe_{word}_日本"),
        }
    }

    /// Writes a template's names: `{word}` is an identifier, `{'word'}` the name as a string literal.
    ///
    /// Other braces, such as those of `'{}'`, stay.
    pub(crate) fn write(self, template: &str) -> String {
        let mut sql = String::with_capacity(template.len() * 2);
        let mut rest = template;
        let mut place = 0;
        while let Some(open) = rest.find('{') {
            sql.push_str(&rest[..open]);
            rest = &rest[open..];
            let close = rest.find('}').unwrap_or_else(|| panic!("a brace is open: {rest}"));
            let inside = &rest[1..close];
            let word = inside.trim_matches('\'');
            let is_word = word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            match (is_word, inside.starts_with('\'')) {
                (true, true) => write!(sql, "'{}'", self.raw(word).replace('\'', "''")).unwrap(),
                (true, false) => sql.push_str(&self.identifier(word, place)),
                (false, _) => sql.push_str(&rest[..=close]),
            }
            place += 1;
            rest = &rest[close + 1..];
        }
        sql + rest
    }

    fn identifier(self, word: &str, place: usize) -> String {
        match self {
            Names::Folded => match place % 4 {
                0 => word.to_uppercase(),
                1 => word.to_owned(),
                2 => format!("\"{word}\""),
                _ => word[..1].to_uppercase() + &word[1..],
            },
            Names::Quoted => format!("\"{}\"", self.raw(word).replace('"', "\"\"")),
            Names::Plain | Names::Renamed | Names::Unicode => self.raw(word),
        }
    }
}
