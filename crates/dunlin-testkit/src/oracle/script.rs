//! A file as psql reads it: statements, psql's own commands, variables, data lines of COPY.

use dunlin::syntax::{Lexer, Token, TokenKind};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

/// A statement that was cut out of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// Its text, psql variables replaced by their values.
    pub sql: String,
    /// The line that it starts in, from 1.
    pub line: usize,
    /// What psql does with its result.
    pub then: Then,
}

/// What psql does with a statement's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    /// It shows it.
    Show,
    /// `\gset`: its only row becomes variables, with a prefix.
    Set(String),
    /// `\gexec`: its values are statements.
    Execute,
}

/// What stands next in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// A statement to run.
    Statement(Cut),
    /// `\c`: a new session, as another role if one is named.
    Connect(Option<String>),
}

/// One `\if`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    /// What follows is read.
    Taken,
    /// A branch was read, or none is to be: what follows is not read.
    Done,
    /// What follows is not read, a later branch may be.
    Open,
}

/// Reads a file from statement to statement.
#[derive(Debug)]
pub(super) struct Script<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    variables: BTreeMap<String, String>,
    /// Variables whose values are not known here, such as what a program printed.
    unknown: BTreeSet<String>,
    branches: Vec<Branch>,
    queue: VecDeque<Cut>,
    ended: bool,
}

/// The statement that is being read.
#[derive(Default)]
struct Reading {
    head: Vec<Token>,
    start: Option<usize>,
    last: Option<Token>,
    depth: usize,
    /// Open `BEGIN ATOMIC` and, in it, open `CASE`.
    blocks: usize,
    /// Variables to replace.
    values: Vec<(Range<usize>, String)>,
    /// It has a variable whose value is not known.
    passed_over: bool,
}

impl<'a> Script<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            lexer: Lexer::new(text, 0, text.len()),
            variables: BTreeMap::new(),
            unknown: BTreeSet::new(),
            branches: Vec::new(),
            queue: VecDeque::new(),
            ended: false,
        }
    }

    /// Gives the next statement, or command that changes the session.
    pub(super) fn next_item(&mut self) -> Option<Item> {
        if let Some(cut) = self.queue.pop_front() {
            return Some(Item::Statement(cut));
        }
        let mut reading = Reading::default();
        while !self.ended
            && let Some(token) = self.lexer.next()
        {
            if token.is_comment() {
                continue;
            }
            let text = token.text(self.text);
            if text == "\\" {
                match self.command(&token, &mut reading) {
                    Some(item) => return Some(item),
                    None => continue,
                }
            }
            if token.is_punct(self.text, ";") && reading.depth == 0 && reading.blocks == 0 {
                if let Some(cut) = self.finish(std::mem::take(&mut reading), Then::Show) {
                    return Some(Item::Statement(cut));
                }
                continue;
            }
            if token.is_punct(self.text, ":") && self.variable(&token, &mut reading) {
                continue;
            }
            reading.add(token, self.text);
        }
        self.finish(reading, Then::Show).map(Item::Statement)
    }

    /// Puts statements that a result consists of before the rest of the file.
    pub(super) fn execute(&mut self, line: usize, statements: impl IntoIterator<Item = String>) {
        let cuts = statements.into_iter().map(|sql| Cut { sql, line, then: Then::Show });
        self.queue.extend(cuts);
    }

    /// Sets a variable.
    pub(super) fn set(&mut self, name: &str, value: Option<String>) {
        self.unknown.remove(name);
        match value {
            Some(value) => self.variables.insert(name.to_owned(), value),
            None => self.variables.remove(name),
        };
    }

    /// Says what `standard_conforming_strings` is now.
    pub(super) fn set_conforming(&mut self, conforming: bool) {
        self.lexer.standard_conforming = conforming;
    }

    /// Whether a backslash in a plain string is a plain character.
    pub(super) fn conforming(&self) -> bool {
        self.lexer.standard_conforming
    }

    /// Takes the data lines behind the statement that was read last. They end with `\.`; where a line before that
    /// looks like SQL there are none, since the server is expected to refuse the statement.
    pub(super) fn copy_data(&mut self) -> String {
        let start = self.line_end(self.lexer.position()) + 1;
        let mut at = start.min(self.text.len());
        while at < self.text.len() {
            let end = self.line_end(at);
            let line = self.text[at..end].trim_end_matches('\r');
            if line == "\\." {
                self.lexer.seek(end);
                return self.text[start..at].replace("\r\n", "\n");
            }
            if line.trim_end().ends_with(';') {
                break;
            }
            at = end + 1;
        }
        String::new()
    }

    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |length| at + length)
    }

    fn active(&self) -> bool {
        self.branches.iter().all(|branch| *branch == Branch::Taken)
    }

    fn finish(&mut self, reading: Reading, then: Then) -> Option<Cut> {
        let (start, last) = (reading.start?, reading.last?);
        if reading.passed_over || !self.active() {
            return None;
        }
        let mut sql = String::new();
        let mut at = start;
        let reading_several = reading.values.iter().any(|(_, value)| value.contains(';'));
        for (range, value) in reading.values {
            sql.push_str(&self.text[at..range.start]);
            sql.push_str(&value);
            at = range.end;
        }
        sql.push_str(&self.text[at..last.span.end]);
        let line = self.text[..start].matches('\n').count() + 1;
        // A variable may hold several statements.
        if reading_several {
            let mut inner = Script::new(&sql);
            inner.lexer.standard_conforming = self.lexer.standard_conforming;
            while let Some(Item::Statement(cut)) = inner.next_item() {
                self.queue.push_back(Cut { line, then: then.clone(), ..cut });
            }
            return self.queue.pop_front();
        }
        Some(Cut { sql, line, then })
    }

    /// Reads `:name`, `:'name'`, `:"name"` or `:{?name}` if it is a variable that was set.
    fn variable(&mut self, colon: &Token, reading: &mut Reading) -> bool {
        let rest = &self.text[colon.span.end..];
        let word = |text: &str| {
            let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
            text[..end].to_owned()
        };
        let (name, length, form) = if let Some(inner) = rest.strip_prefix("{?") {
            let name = word(inner);
            let length = name.len() + 3;
            (name, length, '?')
        } else if let Some(quote @ ('\'' | '"')) = rest.chars().next() {
            let name = word(&rest[1..]);
            if !rest[1 + name.len()..].starts_with(quote) {
                return false;
            }
            let length = name.len() + 2;
            (name, length, quote)
        } else {
            let name = word(rest);
            let length = name.len();
            (name, length, ':')
        };
        let value = match (self.variables.get(&name), form) {
            _ if name.is_empty() => return false,
            (value, '?') => if value.is_some() { "TRUE" } else { "FALSE" }.to_owned(),
            (Some(value), '\'') => dunlin::pg::quote_literal(value),
            (Some(value), '"') => format!("\"{}\"", value.replace('"', "\"\"")),
            (Some(value), _) => value.clone(),
            (None, _) if self.unknown.contains(&name) => {
                reading.passed_over = true;
                String::new()
            }
            (None, _) => return false,
        };
        let span = dunlin::source::Span::new(colon.span.start, colon.span.end + length);
        reading.values.push((span.range(), value));
        reading.add(Token { kind: TokenKind::Other, span }, self.text);
        self.lexer.seek(span.end);
        true
    }

    /// Reads a psql command; gives the statement that it sends.
    fn command(&mut self, backslash: &Token, reading: &mut Reading) -> Option<Item> {
        let start = backslash.span.end;
        let line = &self.text[start..self.line_end(start)];
        if let Some(';' | ':' | '\\') = line.chars().next() {
            self.lexer.seek(start + 1);
            // What psql sends in one message is sent statement by statement here.
            let ends = line.starts_with(';') && reading.depth == 0 && reading.blocks == 0;
            return ends
                .then(|| self.finish(std::mem::take(reading), Then::Show))
                .flatten()
                .map(Item::Statement);
        }
        let end = line.find(|c: char| c.is_whitespace() || c == '\\').unwrap_or(line.len());
        let name = &line[..end];
        let rest = &line[end..];
        let length = end_of_arguments(rest);
        let arguments = self.arguments(&rest[..length]);
        self.lexer.seek(start + end + length);
        if self.condition(name, &arguments) || !self.active() {
            return None;
        }
        let mut sends = |then| (then, std::mem::take(reading));
        let (then, reading) = match name {
            "g" | "gx" | "watch" | "crosstabview" => sends(Then::Show),
            "gset" => sends(Then::Set(arguments.into_iter().flatten().next().unwrap_or_default())),
            "gexec" => sends(Then::Execute),
            "r" | "reset" | "gdesc" => {
                *reading = Reading::default();
                return None;
            }
            "c" | "connect" => {
                let role = arguments.into_iter().nth(1).flatten().filter(|role| role != "-");
                return Some(Item::Connect(role));
            }
            _ => {
                self.settings_command(name, arguments);
                return None;
            }
        };
        self.finish(reading, then).map(Item::Statement)
    }

    fn settings_command(&mut self, name: &str, arguments: Vec<Option<String>>) {
        let known: Option<Vec<String>> = arguments.iter().cloned().collect();
        let first = arguments.into_iter().next().flatten().unwrap_or_default();
        match (name, known) {
            ("set", Some(known)) => self.set(&first, Some(known[1.min(known.len())..].concat())),
            ("unset", _) => self.set(&first, None),
            #[expect(clippy::disallowed_methods, reason = "psql's \\getenv reads the environment")]
            ("getenv", Some(known)) if known.len() > 1 => match std::env::var(&known[1]) {
                Ok(value) => self.set(&first, Some(value)),
                Err(_) => self.forget(&first),
            },
            ("set" | "getenv" | "prompt", _) => self.forget(&first),
            ("q" | "quit", _) => self.ended = true,
            _ => {}
        }
    }

    fn forget(&mut self, name: &str) {
        self.variables.remove(name);
        self.unknown.insert(name.to_owned());
    }

    /// Follows `\if` and its branches; a condition that is not known skips them all.
    fn condition(&mut self, name: &str, arguments: &[Option<String>]) -> bool {
        let outer = self
            .branches
            .split_last()
            .is_none_or(|(_, outer)| outer.iter().all(|branch| *branch == Branch::Taken));
        let chosen = |active: bool| match arguments.first().cloned().flatten().map(|text| truth(&text)) {
            _ if !active => Branch::Done,
            Some(Some(true)) => Branch::Taken,
            Some(Some(false)) => Branch::Open,
            _ => Branch::Done,
        };
        match (name, self.branches.last().copied()) {
            ("if", _) => {
                let branch = chosen(self.active());
                self.branches.push(branch);
            }
            ("elif" | "else", Some(branch)) => {
                self.branches.pop();
                self.branches.push(match (branch, name) {
                    (Branch::Open, "elif") => chosen(outer),
                    (Branch::Open, _) => Branch::Taken,
                    _ => Branch::Done,
                });
            }
            ("endif", Some(_)) => {
                self.branches.pop();
            }
            _ => return false,
        }
        true
    }

    /// Splits a command's arguments; one that is not known is none.
    fn arguments(&self, text: &str) -> Vec<Option<String>> {
        let mut all = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let mut value = Some(String::new());
            while let Some(first) = rest.chars().next().filter(|c| !c.is_whitespace()) {
                let (part, length) = self.argument_part(rest, first);
                value = value.zip(part).map(|(value, part)| value + &part);
                rest = &rest[length.min(rest.len())..];
            }
            all.push(value);
            rest = rest.trim_start();
        }
        all
    }

    /// Reads one quoted or plain part of an argument and gives its value and length.
    fn argument_part(&self, rest: &str, first: char) -> (Option<String>, usize) {
        let closing =
            |from: usize, quote: char| rest[from..].find(quote).map_or(rest.len(), |at| from + at + 1);
        match first {
            '\'' => {
                let end = closing(1, '\'');
                (Some(rest[1..end].trim_end_matches('\'').to_owned()), end)
            }
            '"' => {
                let end = closing(1, '"');
                (Some(rest[..end].to_owned()), end)
            }
            '`' => (None, closing(1, '`')),
            ':' => {
                let name = rest[1..].trim_start_matches(['\'', '"', '{', '?']);
                let length = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
                let mut end = rest.len() - name.len() + length;
                end += usize::from(rest[end..].starts_with(['\'', '"', '}']));
                let value = self.variables.get(&name[..length]).cloned();
                let value = if rest.starts_with(":{?") { Some(value.is_some().to_string()) } else { value };
                (value, end.max(1))
            }
            _ => {
                let quoted = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`' | ':');
                let end =
                    rest[first.len_utf8()..].find(quoted).map_or(rest.len(), |at| at + first.len_utf8());
                (Some(rest[..end].to_owned()), end)
            }
        }
    }
}

impl Reading {
    fn add(&mut self, token: Token, text: &str) {
        self.start.get_or_insert(token.span.start);
        if token.kind == TokenKind::Punct {
            match token.text(text) {
                "(" | "[" => self.depth += 1,
                ")" | "]" => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        } else if token.kind == TokenKind::Word {
            self.word(&token, text);
        }
        if self.head.len() < 4 {
            self.head.push(token);
        }
        self.last = Some(token);
    }

    fn word(&mut self, token: &Token, text: &str) {
        let after = |word: &str| self.last.is_some_and(|last| last.is_word(text, word));
        if token.is_word(text, "atomic") && after("begin") && self.blocks == 0 {
            let is = |word: &str| self.head.iter().any(|token| token.is_word(text, word));
            self.blocks = usize::from(is("create") && (is("function") || is("procedure")));
        } else if self.blocks > 0 && !after("as") && !self.last.is_some_and(|last| last.is_punct(text, ".")) {
            if token.is_word(text, "case") {
                self.blocks += 1;
            } else if token.is_word(text, "end") {
                self.blocks -= 1;
            }
        }
    }
}

/// A command's arguments end with the line, or where the next command starts.
fn end_of_arguments(text: &str) -> usize {
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (None, '\'' | '"' | '`') => quote = Some(character),
            (Some(open), character) if open == character => quote = None,
            (None, '\\') => return at,
            _ => {}
        }
    }
    text.len()
}

/// Reads a Boolean as psql does.
fn truth(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    match text.as_str() {
        "1" | "on" => Some(true),
        "0" | "of" | "off" => Some(false),
        "" => None,
        text if "true".starts_with(text) || "yes".starts_with(text) => Some(true),
        text if "false".starts_with(text) || "no".starts_with(text) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &str) -> Vec<String> {
        let mut script = Script::new(text);
        std::iter::from_fn(|| script.next_item())
            .map(|item| match item {
                Item::Statement(cut) => cut.sql,
                Item::Connect(role) => format!("\\c {role:?}"),
            })
            .collect()
    }

    #[test]
    fn psql_commands_end_statements_or_are_passed_over() {
        assert_eq!(
            statements(
                "\\d t\nselect 1 \\gset x_\nselect 2 \\g\n\\c - bob\nselect 3;\\echo it's\nselect 4\\gexec \\d\n"
            ),
            ["select 1", "select 2", "\\c Some(\"bob\")", "select 3", "select 4"]
        );
        assert_eq!(statements("select 1\\; select 2; select 3"), ["select 1", "select 2", "select 3"]);
        assert_eq!(
            statements("\\if false\nselect 1;\n\\else\nselect 2;\n\\endif\n\\if :x\nselect 3;\n\\endif"),
            ["select 2"]
        );
    }

    #[test]
    fn variables_are_replaced_where_they_are_set() {
        let text = "\\set a 'it''s' b\n\\set t tab\nselect :'t', :\"t\", :t, x::t, a[1:n] from :t; \\set u `ls`\nselect :u; select :none;";
        assert_eq!(statements(text), ["select 'tab', \"tab\", tab, x::t, a[1:n] from tab", "select :none"]);
    }

    #[test]
    fn data_lines_are_taken_where_they_look_like_data() {
        for (text, data) in [
            ("copy t from stdin;\n1\t2\n\\.\nselect 1;", "1\t2\n"),
            ("copy t from stdin;\nselect 1;\n\\.\n", ""),
            ("copy t from stdin;", ""),
        ] {
            let mut script = Script::new(text);
            script.next_item();
            assert_eq!(script.copy_data(), data);
        }
    }

    #[test]
    fn bodies_are_not_cut() {
        let text = "create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 1";
        assert_eq!(statements(text).len(), 2);
    }
}
