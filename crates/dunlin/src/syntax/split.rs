//! Cuts text into top-level statements, as psql does, before anything is parsed.

use super::digest::Digester;
use super::lexer::{Lexer, Token, TokenKind};
use super::{Comment, TokenDigest};
use crate::source::Span;

/// Enough of a statement's first tokens to tell what it is: `SELECT pg_catalog.set_config('…', 'off'`.
const HEAD: usize = 10;

/// One statement's text, not parsed yet.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// From its first token to its last, without the semicolon.
    pub span: Span,
    pub digest: TokenDigest,
    pub comments: Vec<Comment>,
    pub copy_data: Option<Span>,
    /// Plain strings were read with backslash escapes.
    pub backslash_strings: bool,
}

/// What stands next in a text.
#[derive(Debug, Clone)]
pub(super) enum Cut {
    Statement(Piece),
    /// A line that starts with a backslash.
    PsqlCommand(Span),
}

/// Walks a text from statement to statement.
#[derive(Debug, Clone)]
pub(super) struct Cutter<'a> {
    text: &'a str,
    end: usize,
    lexer: Lexer<'a>,
    /// Comments since the last statement.
    pub comments: Vec<Comment>,
}

/// What is known of the statement that is being read.
#[derive(Default)]
struct Reading {
    head: Vec<Token>,
    digest: Digester,
    last: Option<Token>,
    /// Open parentheses and brackets.
    depth: usize,
    /// Open `BEGIN ATOMIC` and, in it, open `CASE`.
    blocks: usize,
    from_stdin: bool,
}

impl<'a> Cutter<'a> {
    pub(super) fn new(text: &'a str, span: Span) -> Self {
        let end = span.end.min(text.len());
        Self { text, end, lexer: Lexer::new(text, span.start, end), comments: Vec::new() }
    }

    /// Goes on at byte `at`, which is outside of any statement.
    pub(super) fn seek(&mut self, at: usize) {
        self.lexer.seek(at);
    }

    /// Gives the next statement or psql command; `\restrict` lines of dumps are read over.
    pub(super) fn next_cut(&mut self) -> Option<Cut> {
        let mut reading = Reading::default();
        while let Some(token) = self.lexer.next() {
            if token.is_comment() {
                // A comment inside a statement is the statement's own.
                if reading.head.is_empty() {
                    self.comments.push(comment(self.text, &token));
                } else {
                    self.keep_if_trailing(&reading, &token);
                }
            } else if reading.head.is_empty() && token.text(self.text) == "\\" {
                if let Some(cut) = self.psql_command(&token) {
                    return Some(cut);
                }
            } else if token.is_punct(self.text, ";") && reading.depth == 0 && reading.blocks == 0 {
                if !reading.head.is_empty() {
                    return Some(self.finish(reading, true));
                }
            } else {
                reading.add(token, self.text);
            }
        }
        (!reading.head.is_empty()).then(|| self.finish(reading, false))
    }

    /// Marks a comment that may turn out to stand behind the text's last token.
    fn keep_if_trailing(&mut self, reading: &Reading, token: &Token) {
        if reading.depth == 0 && reading.blocks == 0 {
            self.comments.push(comment(self.text, token));
        }
    }

    fn psql_command(&mut self, token: &Token) -> Option<Cut> {
        let line = line_at(self.text, token.span.start, self.end);
        self.lexer.seek(line.end);
        let command = self.text[line.range()].trim_end();
        let word = command.split_whitespace().next().unwrap_or("");
        if word == "\\restrict" || word == "\\unrestrict" {
            return None;
        }
        Some(Cut::PsqlCommand(Span::new(line.start, line.start + command.len())))
    }

    fn finish(&mut self, reading: Reading, semicolon: bool) -> Cut {
        let start = reading.head.first().map_or(0, |token| token.span.start);
        let end = reading.last.map_or(start, |token| token.span.end);
        let (before, behind): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.comments).into_iter().partition(|comment| comment.span.start < start);
        if !semicolon {
            self.comments = behind.into_iter().filter(|comment| comment.span.start >= end).collect();
        }
        let backslash_strings = !self.lexer.standard_conforming;
        if let Some(conforming) = sets_standard_conforming(&reading.head, self.text) {
            self.lexer.standard_conforming = conforming;
        }
        let copy_data = if semicolon && reading.from_stdin { self.copy_data() } else { None };
        Cut::Statement(Piece {
            span: Span::new(start, end),
            digest: reading.digest.finish(),
            comments: before,
            copy_data,
            backslash_strings,
        })
    }

    /// Reads the lines behind `COPY … FROM stdin;` up to the line `\.`.
    fn copy_data(&mut self) -> Option<Span> {
        let line = line_at(self.text, self.lexer.position(), self.end);
        let rest = self.text[line.range()].trim();
        if !rest.is_empty() && !rest.starts_with("--") {
            return None;
        }
        let start = (line.end + 1).min(self.end);
        let mut at = start;
        while at < self.end {
            let line = line_at(self.text, at, self.end);
            if self.text[line.range()].trim_end_matches('\r') == "\\." {
                self.lexer.seek(line.end);
                return Some(Span::new(start, at));
            }
            at = (line.end + 1).min(self.end);
        }
        self.lexer.seek(self.end);
        Some(Span::new(start, self.end))
    }
}

impl Reading {
    fn add(&mut self, token: Token, text: &str) {
        if token.kind == TokenKind::Punct {
            match token.text(text) {
                "(" | "[" => self.depth += 1,
                ")" | "]" => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        } else if token.kind == TokenKind::Word {
            self.word(&token, text);
        }
        self.digest.add(&token, text);
        if self.head.len() < HEAD {
            self.head.push(token);
        }
        self.last = Some(token);
    }

    fn word(&mut self, token: &Token, text: &str) {
        let after = |word: &str| self.last.is_some_and(|last| last.is_word(text, word));
        if token.is_word(text, "stdin") && after("from") && self.depth == 0 {
            self.from_stdin = self.head.first().is_some_and(|first| first.is_word(text, "copy"));
        }
        if token.is_word(text, "atomic") && after("begin") && self.blocks == 0 {
            self.blocks = usize::from(self.makes_routine(text));
        } else if self.blocks > 0 && !after("as") && !self.last.is_some_and(|last| last.is_punct(text, ".")) {
            // `AS end` and `x.case` are names.
            if token.is_word(text, "case") {
                self.blocks += 1;
            } else if token.is_word(text, "end") {
                self.blocks -= 1;
            }
        }
    }

    fn makes_routine(&self, text: &str) -> bool {
        self.head.first().is_some_and(|first| first.is_word(text, "create"))
            && self.head.iter().take(4).any(|t| t.is_word(text, "function") || t.is_word(text, "procedure"))
    }
}

/// Reads `SET`, `RESET` and `set_config` of `standard_conforming_strings` at a statement's head.
fn sets_standard_conforming(head: &[Token], text: &str) -> Option<bool> {
    const NAME: &str = "standard_conforming_strings";
    let word = |at: usize| head.get(at).map_or("", |token| token.text(text)).trim_matches(['\'', '"']);
    let is = |at: usize, what: &str| word(at).eq_ignore_ascii_case(what);
    let on = |at: usize| !["off", "false", "0", "no", "of", "f"].iter().any(|off| is(at, off));
    if is(0, "set") {
        let name = 1 + usize::from(is(1, "session") || is(1, "local"));
        return (is(name, NAME) && (is(name + 1, "to") || is(name + 1, "="))).then(|| on(name + 2));
    }
    if is(0, "reset") {
        return (is(1, NAME) || is(1, "all")).then_some(true);
    }
    let call = (1..4).find(|at| is(*at, "set_config"))?;
    (is(0, "select") && is(call + 2, NAME)).then(|| on(call + 4))
}

/// Gives the rest of the line from `at`, without its line end.
fn line_at(text: &str, at: usize, end: usize) -> Span {
    let length = text.as_bytes()[at..end].iter().position(|byte| *byte == b'\n');
    Span::new(at, length.map_or(end, |length| at + length))
}

pub(super) fn comment(text: &str, token: &Token) -> Comment {
    let raw = token.text(text);
    let inner = match token.kind {
        TokenKind::LineComment => raw.trim_start_matches("--"),
        _ => raw.strip_prefix("/*").unwrap_or(raw).strip_suffix("*/").unwrap_or(raw),
    };
    Comment { span: token.span, text: inner.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        let mut cutter = Cutter::new(text, Span::new(0, text.len()));
        std::iter::from_fn(|| cutter.next_cut())
            .map(|cut| match cut {
                Cut::Statement(piece) => text[piece.span.range()].to_owned(),
                Cut::PsqlCommand(span) => text[span.range()].to_owned(),
            })
            .collect()
    }

    #[test]
    fn semicolons_inside_anything_do_not_cut() {
        for one in [
            "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b)",
            "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 ELSE CASE 2 WHEN 3 \
             THEN 4 END END; SELECT 1 AS end; SELECT x.end FROM x; END",
            "DO $a$ BEGIN; $b$ ; $b$ END; $a$",
            "SELECT E'\\';', \";\", U&\"\\;\", 'a;' -- ;\n, /* ; /* ; */ ; */ 2",
            "SELECT '{[;', x[1], (2)",
        ] {
            assert_eq!(cut(one), [one]);
            assert_eq!(cut(&format!(";{one};\n ; {one} -- end;")), [one, one]);
        }
        assert_eq!(cut("BEGIN; SELECT 1; END; COMMIT").len(), 4);
    }

    #[test]
    fn strings_that_do_not_conform_are_honoured_until_reset() {
        for set in [
            "SET standard_conforming_strings = off",
            "SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false)",
        ] {
            let text = format!("{set}; SELECT 'a\\';b'; RESET ALL; SELECT '\\'; SELECT 2");
            assert_eq!(cut(&text)[1..], ["SELECT 'a\\';b'", "RESET ALL", "SELECT '\\'", "SELECT 2"]);
        }
    }

    #[test]
    fn psql_lines_and_copy_data_are_no_sql() {
        let text = "\\restrict it's\r\nCOPY public.t (a, b) FROM stdin; -- x\r\n1\t';\r\n\\.\r\nSELECT 1;\n\\i it's.sql\nSELECT 2";
        assert_eq!(cut(text), ["COPY public.t (a, b) FROM stdin", "SELECT 1", "\\i it's.sql", "SELECT 2"]);
        let mut cutter = Cutter::new(text, Span::new(0, text.len()));
        let Some(Cut::Statement(piece)) = cutter.next_cut() else { panic!() };
        assert_eq!(piece.copy_data.map(|span| &text[span.range()]), Some("1\t';\r\n"));
    }

    #[test]
    fn comments_belong_to_the_statement_behind_them() {
        let text = "-- a\n/* b */ SELECT /* in */ 1 -- own\n; -- c\nSELECT 2 -- d\n";
        let mut cutter = Cutter::new(text, Span::new(0, text.len()));
        let mut seen = Vec::new();
        while let Some(Cut::Statement(piece)) = cutter.next_cut() {
            seen.push(piece.comments.iter().map(|comment| comment.text.clone()).collect::<Vec<_>>());
        }
        assert_eq!(seen, [vec!["a", "b"], vec!["c"]]);
        assert_eq!(cutter.comments.iter().map(|comment| &comment.text[..]).collect::<Vec<_>>(), ["d"]);
    }
}
