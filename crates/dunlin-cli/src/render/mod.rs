//! Documents as people read them: each function turns one document into text, and prints nothing.

pub(crate) mod annotations;
pub(crate) mod diagnostic;
pub(crate) mod plan;
pub(crate) mod report;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod show;
pub(crate) mod sql;
pub(crate) mod status;

use crate::secrets;
use anstyle::{AnsiColor, Style};

/// How text is to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// With colours.
    pub(crate) styled: bool,
    /// Columns.
    pub(crate) width: usize,
    /// Say more.
    pub(crate) verbose: bool,
    /// Say less.
    pub(crate) quiet: bool,
}

/// What a piece of text is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Strong,
    Good,
    Notice,
    Bad,
    Faint,
}

impl View {
    /// Colours a text, if colours are wanted.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.styled {
            return text.to_owned();
        }
        let style = match tone {
            Tone::Strong => Style::new().bold(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Notice => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Faint => Style::new().dimmed(),
        };
        format!("{style}{text}{style:#}")
    }
}

/// Writes a number with its noun: `1 operation`, `2 operations`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Writes a word as a shell takes it.
pub(crate) fn shell(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Gives SQL on one line, masked, and cut to `width` characters.
pub(crate) fn one_line(sql: &str, width: usize) -> String {
    let masked = secrets::mask(sql);
    let mut line = String::new();
    let mut length = 0;
    for word in masked.split_whitespace() {
        let space = usize::from(length > 0);
        let chars = word.chars().count();
        if length + space + chars > width {
            let room = width.saturating_sub(length + space + 1);
            if space == 1 && room > 0 {
                line.push(' ');
            }
            line.extend(word.chars().take(room));
            line.push('…');
            return line;
        }
        if space == 1 {
            line.push(' ');
        }
        line.push_str(word);
        length += space + chars;
    }
    line
}

/// Breaks a text into lines of at most `width` characters, each behind `indent`.
pub(crate) fn wrap(text: &str, width: usize, indent: &str) -> String {
    let room = width.saturating_sub(indent.chars().count()).max(20);
    let mut out = String::new();
    for paragraph in text.lines() {
        let mut length = 0;
        for word in paragraph.split_whitespace() {
            let chars = word.chars().count();
            if length > 0 && length + 1 + chars > room {
                out.push('\n');
                length = 0;
            }
            if length > 0 {
                out.push(' ');
                length += 1;
            } else {
                out.push_str(indent);
            }
            out.push_str(word);
            length += chars;
        }
        out.push('\n');
    }
    out
}

/// Breaks the lines that are too long, each at its own indentation.
pub(crate) fn wrap_lines(text: &str, width: usize) -> String {
    let indent = |line: &str| " ".repeat(line.len() - line.trim_start_matches(' ').len());
    text.lines()
        .map(|line| {
            if line.chars().count() <= width { format!("{line}\n") } else { wrap(line, width, &indent(line)) }
        })
        .collect()
}

/// Breaks a shown SQL text into indented lines, masked, as it was written.
pub(crate) fn block(sql: &str, indent: &str) -> String {
    let masked = secrets::mask(sql);
    masked.lines().map(|line| format!("{indent}{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_on_one_line_is_cut_by_characters() {
        assert_eq!(one_line("SELECT  1,\n  'é'", 80), "SELECT 1, 'é'");
        assert_eq!(one_line("ééééé ééééé", 9), "ééééé éé…");
        assert_eq!(one_line("PASSWORD 'abc'", 80), "PASSWORD '***'");
        assert_eq!(one_line("abcdefghij", 5), "abcd…");
    }

    #[test]
    fn what_to_type_is_quoted_for_the_shell() {
        assert_eq!(shell("0001_größe"), "0001_größe");
        assert_eq!(shell("a#2"), "'a#2'");
        assert_eq!(shell("it's $x"), r"'it'\''s $x'");
    }

    #[test]
    fn wrapped_text_is_indented() {
        assert_eq!(wrap("aaaa bbbb cccc dddd eeee", 22, "  "), "  aaaa bbbb cccc dddd\n  eeee\n");
        assert_eq!(wrap("a\n\nb", 40, ""), "a\n\nb\n");
    }
}
