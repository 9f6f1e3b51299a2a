//! Recursive descent over the tokens of a body.

use super::strings::constant;
use super::{
    Branch, Declare, Dynamic, Handler, LoopHeader, PlBlock, PlError, PlSql, PlStmt, RaiseLevel, Returned,
};
use crate::source::Span;
use crate::syntax::lexer::{Token, TokenKind, tokens};

/// Blocks nested deeper than any body that people write.
const MAX_DEPTH: usize = 250;

/// Reads the body of a PL/pgSQL function or DO block; spans count from the body's start.
pub fn plpgsql(body: &str) -> Result<PlBlock, PlError> {
    let mut parser = Parser { text: body, tokens: tokens(body), at: 0, depth: 0 };
    parser.options();
    let label = parser.label()?;
    let block = parser.block(label)?;
    parser.take_punct(";");
    match parser.peek() {
        None => Ok(block),
        Some(_) => Err(parser.error("text behind the end of the block")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

type Result<T, E = PlError> = std::result::Result<T, E>;

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn error(&self, message: &str) -> PlError {
        PlError { message: message.into(), at: self.peek().map_or(self.text.len(), |token| token.span.start) }
    }

    fn word_at(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word(self.text, word))
    }

    fn text_at(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text(self.text))
    }

    fn is_word(&self, word: &str) -> bool {
        self.word_at(self.at, word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.take_word(word) {
            Ok(())
        } else {
            Err(self.error(&format!("expected {}", word.to_uppercase())))
        }
    }

    fn take_punct(&mut self, mark: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_punct(self.text, mark));
        self.at += usize::from(found);
        found
    }

    fn expect_semicolon(&mut self) -> Result<()> {
        if self.take_punct(";") { Ok(()) } else { Err(self.error("expected a semicolon")) }
    }

    /// Gives the span from token `from` up to and without token `to`.
    fn span(&self, from: usize, to: usize) -> Span {
        let start = self.tokens.get(from).map_or(self.text.len(), |token| token.span.start);
        if to <= from {
            return Span::new(start, start);
        }
        Span::new(start, self.tokens[to - 1].span.end)
    }

    /// Finds the first token from here that is one of the words, outside of parentheses; the end of the
    /// statement before it is an error, unless `;` is asked for.
    fn find(&self, words: &[&str]) -> Result<usize> {
        let mut depth = 0usize;
        for at in self.at..self.tokens.len() {
            let token = &self.tokens[at];
            match token.text(self.text) {
                "(" | "[" if token.kind == TokenKind::Punct => depth += 1,
                ")" | "]" if token.kind == TokenKind::Punct => {
                    depth = depth.checked_sub(1).ok_or_else(|| self.error("mismatched parentheses"))?;
                }
                ";" if token.kind == TokenKind::Punct => {
                    let found = words.contains(&";") && depth == 0;
                    return if found { Ok(at) } else { Err(self.error("statement ends too early")) };
                }
                _ if depth == 0 && words.iter().any(|word| token.is_word(self.text, word)) => return Ok(at),
                _ if matches!(token.kind, TokenKind::Unterminated | TokenKind::Other) => break,
                _ => {}
            }
        }
        Err(self.error("statement without an end"))
    }

    /// Takes the tokens up to `word`, and the word.
    fn until(&mut self, word: &str) -> Result<Span> {
        let end = self.find(&[word])?;
        let span = self.span(self.at, end);
        self.at = end + 1;
        Ok(span)
    }

    /// Skips `#variable_conflict use_column` and the like.
    fn options(&mut self) {
        while self.text_at(self.at) == "#" {
            let line = self.text[self.tokens[self.at].span.start..].find('\n');
            let end = line.map_or(self.text.len(), |line| self.tokens[self.at].span.start + line);
            while self.peek().is_some_and(|token| token.span.start < end) {
                self.at += 1;
            }
        }
    }

    /// Takes `<<label>>`.
    fn label(&mut self) -> Result<Option<String>> {
        if self.text_at(self.at) != "<<" {
            return Ok(None);
        }
        if self.text_at(self.at + 2) != ">>" {
            return Err(self.error("expected a label"));
        }
        let label = folded(self.text_at(self.at + 1));
        self.at += 3;
        Ok(Some(label))
    }

    fn block(&mut self, label: Option<String>) -> Result<PlBlock> {
        let start = self.at;
        let mut declares = Vec::new();
        while self.take_word("declare") {
            while !self.is_word("begin") && !self.is_word("declare") {
                declares.push(self.declare()?);
            }
        }
        self.expect_word("begin")?;
        let body = self.statements()?;
        let mut handlers = Vec::new();
        if self.take_word("exception") {
            while self.take_word("when") {
                let conditions = self.until("then")?;
                handlers.push(Handler { conditions, body: self.statements()? });
            }
        }
        self.expect_word("end")?;
        let span = self.span(start, self.at);
        self.end_label();
        Ok(PlBlock { span, label, declares, body, handlers })
    }

    fn end_label(&mut self) {
        let name = self.peek().is_some_and(|t| matches!(t.kind, TokenKind::Word | TokenKind::QuotedIdent));
        self.at += usize::from(name);
    }

    fn declare(&mut self) -> Result<Declare> {
        let end = self.find(&[";"])?;
        let Some(name) = self.peek().map(|token| folded(token.text(self.text))) else {
            return Err(self.error("expected a name"));
        };
        self.at += 1;
        let mut declare = Declare {
            name,
            type_span: Span::default(),
            default_span: None,
            query_span: None,
            arguments: Vec::new(),
        };
        let from = self.at;
        let find = |words: &[&str]| (from..end).find(|at| words.iter().any(|word| self.word_at(*at, word)));
        if self.word_at(from, "alias") {
            // Another name for a parameter.
        } else if let Some(cursor) = find(&["cursor"]).filter(|at| *at <= from + 2) {
            let query = (cursor..end).find(|at| self.word_at(*at, "for") || self.word_at(*at, "is"));
            declare.query_span = query.map(|query| self.span(query + 1, end));
            declare.arguments = self.cursor_arguments(cursor + 1, query.unwrap_or(end));
        } else {
            let from = from + usize::from(self.word_at(from, "constant"));
            let default = (from..end)
                .find(|at| matches!(self.text_at(*at), ":=" | "=") || self.word_at(*at, "default"));
            let typed = default.unwrap_or(end);
            let not_null = (from..typed).find(|at| self.word_at(*at, "not") || self.word_at(*at, "collate"));
            declare.type_span = self.span(from, not_null.unwrap_or(typed));
            declare.default_span = default.map(|default| self.span(default + 1, end));
        }
        self.at = end + 1;
        Ok(declare)
    }

    /// The names in `(name type, …)` behind CURSOR.
    fn cursor_arguments(&self, start: usize, end: usize) -> Vec<String> {
        let mut depth = 0usize;
        let mut names = Vec::new();
        for at in start..end {
            match self.text_at(at) {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 1 && matches!(self.text_at(at), "(" | ",") {
                names.push(folded(self.text_at(at + 1)));
            }
        }
        names
    }

    /// Reads statements up to what ends a list: END, ELSE, ELSIF, WHEN or EXCEPTION.
    fn statements(&mut self) -> Result<Vec<PlStmt>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("nested too deep"));
        }
        let mut statements = Vec::new();
        while !self.at_end_of_list() {
            statements.push(self.statement()?);
        }
        self.depth -= 1;
        Ok(statements)
    }

    fn at_end_of_list(&self) -> bool {
        const ENDS: [&str; 6] = ["end", "else", "elsif", "elseif", "when", "exception"];
        self.assignment().is_none() && ENDS.iter().any(|word| self.is_word(word))
    }

    /// Finds the `:=` or `=` behind a target such as `a.b[1].c`.
    fn assignment(&self) -> Option<usize> {
        let name = |at: usize| {
            self.tokens.get(at).is_some_and(|token| {
                matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdent | TokenKind::Param)
            })
        };
        let mut at = self.at;
        if !name(at) {
            return None;
        }
        at += 1;
        loop {
            match self.text_at(at) {
                ":=" | "=" => return Some(at),
                "." if name(at + 1) => at += 2,
                "[" => {
                    let mut depth = 0usize;
                    loop {
                        match self.text_at(at) {
                            "" | ";" => return None,
                            "[" => depth += 1,
                            "]" => depth -= 1,
                            _ => {}
                        }
                        at += 1;
                        if depth == 0 {
                            break;
                        }
                    }
                }
                _ => return None,
            }
        }
    }

    fn statement(&mut self) -> Result<PlStmt> {
        let label = self.label()?;
        let start = self.at;
        if let Some(operator) = self.assignment() {
            let target = self.span(start, operator);
            self.at = operator + 1;
            let end = self.find(&[";"])?;
            let expr = self.span(operator + 1, end);
            self.at = end + 1;
            return Ok(PlStmt::Assign { span: self.span(start, end), target, expr });
        }
        let Some(first) = self.peek() else { return Err(self.error("expected END")) };
        match first.text(self.text).to_ascii_lowercase().as_str() {
            "begin" | "declare" => {
                let block = self.block(label)?;
                self.expect_semicolon()?;
                Ok(PlStmt::Block(block))
            }
            "if" => self.if_statement(),
            "case" => self.case_statement(),
            "loop" | "while" | "for" | "foreach" => self.loop_statement(label),
            _ => self.simple_statement(),
        }
    }

    fn if_statement(&mut self) -> Result<PlStmt> {
        let start = self.at;
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        self.at += 1;
        loop {
            let cond = self.until("then")?;
            branches.push(Branch { cond, body: self.statements()? });
            if !self.take_word("elsif") && !self.take_word("elseif") {
                break;
            }
        }
        if self.take_word("else") {
            otherwise = self.statements()?;
        }
        self.end_of("if")?;
        Ok(PlStmt::If { span: self.span(start, self.at - 1), branches, otherwise })
    }

    fn case_statement(&mut self) -> Result<PlStmt> {
        let start = self.at;
        self.at += 1;
        let subject = self.until("when")?;
        let subject = (subject.end > subject.start).then_some(subject);
        let mut branches = Vec::new();
        loop {
            let cond = self.until("then")?;
            branches.push(Branch { cond, body: self.statements()? });
            if !self.take_word("when") {
                break;
            }
        }
        let otherwise = if self.take_word("else") { Some(self.statements()?) } else { None };
        self.end_of("case")?;
        Ok(PlStmt::Case { span: self.span(start, self.at - 1), subject, branches, otherwise })
    }

    fn end_of(&mut self, what: &str) -> Result<()> {
        self.expect_word("end")?;
        self.expect_word(what)?;
        if what == "loop" {
            self.end_label();
        }
        self.expect_semicolon()
    }

    fn loop_statement(&mut self, label: Option<String>) -> Result<PlStmt> {
        let start = self.at;
        let header = if self.take_word("loop") {
            LoopHeader::Forever
        } else if self.take_word("while") {
            LoopHeader::While(self.until("loop")?)
        } else if self.take_word("foreach") {
            self.until("in")?;
            self.expect_word("array")?;
            LoopHeader::Array(self.until("loop")?)
        } else {
            self.at += 1;
            self.until("in")?;
            let end = self.find(&["loop"])?;
            let header = self.for_header(end);
            self.at = end + 1;
            header
        };
        let body = self.statements()?;
        self.end_of("loop")?;
        Ok(PlStmt::Loop { span: self.span(start, self.at - 1), label, header, body })
    }

    /// Reads what stands between IN and LOOP.
    fn for_header(&self, end: usize) -> LoopHeader {
        let start = self.at;
        if self.word_at(start, "execute") {
            return LoopHeader::Execute(self.dynamic(start + 1, end));
        }
        let mut depth = 0usize;
        let mut range = None;
        for at in start..end {
            match self.text_at(at) {
                "(" | "[" => depth += 1,
                ")" | "]" => depth = depth.saturating_sub(1),
                ".." if depth == 0 => range = range.or(Some(at)),
                _ => {}
            }
        }
        if let Some(range) = range {
            let start = start + usize::from(self.word_at(start, "reverse"));
            let by = (range..end).find(|at| self.word_at(*at, "by"));
            let mut spans = vec![self.span(start, range), self.span(range + 1, by.unwrap_or(end))];
            spans.extend(by.map(|by| self.span(by + 1, end)));
            return LoopHeader::Range(spans);
        }
        const QUERIES: [&str; 8] =
            ["select", "with", "values", "table", "insert", "update", "delete", "merge"];
        if self.text_at(start) == "("
            || QUERIES
                .iter()
                .chain(&["show", "explain", "call", "fetch"])
                .any(|word| self.word_at(start, word))
        {
            return LoopHeader::Query(self.sql(start, end));
        }
        LoopHeader::Cursor(self.span(start, end))
    }

    fn simple_statement(&mut self) -> Result<PlStmt> {
        let start = self.at;
        let end = self.end_of_sql()?;
        self.at = end + 1;
        let span = self.span(start, end);
        let word = self.text_at(start).to_ascii_lowercase();
        Ok(match word.as_str() {
            "" | ";" => return Err(self.error("expected a statement")),
            "execute" => PlStmt::Execute { span, dynamic: self.dynamic(start + 1, end) },
            "perform" => {
                let mut query = self.sql(start, end);
                // As long as PERFORM, so that all places stay.
                query.sql.replace_range(.."perform".len(), "SELECT ");
                PlStmt::Perform(query)
            }
            "raise" => PlStmt::Raise { span, level: self.raise_level(start + 1) },
            "return" => PlStmt::Return { span, returned: self.returned(start + 1, end) },
            "null" => PlStmt::Null { span },
            "commit" | "rollback" => PlStmt::Transaction { span },
            "assert" => PlStmt::Assert { span, expr: self.span(start + 1, end) },
            "open" => self.open(start, end),
            "exit" | "continue" | "get" | "fetch" | "move" | "close" => PlStmt::Other { span },
            _ if self.tokens[start].kind == TokenKind::Word || word == "(" => {
                PlStmt::Sql(self.sql(start, end))
            }
            _ => {
                self.at = start;
                return Err(self.error("expected a statement"));
            }
        })
    }

    /// Finds the semicolon that ends an SQL command; those inside BEGIN ATOMIC do not.
    fn end_of_sql(&mut self) -> Result<usize> {
        let start = self.at;
        let atomic = self.word_at(start, "create")
            && (start + 1..start + 4).any(|at| self.word_at(at, "function") || self.word_at(at, "procedure"));
        let mut end = self.find(&[";"])?;
        let begin = |end: usize| {
            (start..end).find(|at| self.word_at(*at, "begin") && self.word_at(*at + 1, "atomic"))
        };
        if let Some(begin) = begin(end).filter(|_| atomic) {
            loop {
                let count = |word: &str| (begin..end).filter(|at| self.word_at(*at, word)).count();
                if count("end") > count("case") {
                    break;
                }
                self.at = end + 1;
                end = self.find(&[";"])?;
            }
        }
        Ok(end)
    }

    fn raise_level(&self, at: usize) -> RaiseLevel {
        match self.text_at(at).to_ascii_lowercase().as_str() {
            "debug" => RaiseLevel::Debug,
            "log" => RaiseLevel::Log,
            "info" => RaiseLevel::Info,
            "notice" => RaiseLevel::Notice,
            "warning" => RaiseLevel::Warning,
            _ => RaiseLevel::Exception,
        }
    }

    fn returned(&self, at: usize, end: usize) -> Returned {
        if at == end {
            Returned::Nothing
        } else if self.word_at(at, "query") && self.word_at(at + 1, "execute") {
            Returned::Execute(self.dynamic(at + 2, end))
        } else if self.word_at(at, "query") {
            Returned::Query(self.sql(at + 1, end))
        } else {
            let at = at + usize::from(self.word_at(at, "next"));
            if at == end { Returned::Nothing } else { Returned::Expr(self.span(at, end)) }
        }
    }

    fn open(&self, start: usize, end: usize) -> PlStmt {
        let span = self.span(start, end);
        match (start + 2..(start + 5).min(end)).find(|at| self.word_at(*at, "for")) {
            Some(at) if self.word_at(at + 1, "execute") => {
                PlStmt::OpenExecute { span, dynamic: self.dynamic(at + 2, end) }
            }
            Some(at) => PlStmt::OpenQuery { span, query: self.sql(at + 1, end) },
            None => PlStmt::Other { span },
        }
    }

    /// Reads `expr [INTO …] [USING …]`.
    fn dynamic(&self, start: usize, end: usize) -> Dynamic {
        let mut depth = 0usize;
        let stop = (start..end).find(|at| {
            match self.text_at(*at) {
                "(" | "[" => depth += 1,
                ")" | "]" => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && (self.word_at(*at, "into") || self.word_at(*at, "using"))
        });
        let expr_end = stop.unwrap_or(end);
        let mut inner = (start, expr_end);
        while self.encloses(inner.0, inner.1) {
            inner = (inner.0 + 1, inner.1 - 1);
        }
        Dynamic {
            expr: self.span(start, expr_end),
            literal: constant(self.text, &self.tokens[inner.0..inner.1]),
            rest: stop.map(|stop| self.span(stop, end)),
        }
    }

    /// Says whether one pair of parentheses is around all tokens.
    fn encloses(&self, start: usize, end: usize) -> bool {
        if end < start + 2 || self.text_at(start) != "(" || self.text_at(end - 1) != ")" {
            return false;
        }
        let mut depth = 0usize;
        for at in start..end - 1 {
            match self.text_at(at) {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return false;
            }
        }
        true
    }

    /// Takes an SQL command's text, with `INTO [STRICT] targets` blanked out.
    fn sql(&self, start: usize, end: usize) -> PlSql {
        let span = self.span(start, end);
        let mut sql = self.text[span.range()].to_owned();
        let into = self.targets_clause(start, end);
        if let Some(into) = into {
            let range = into.start - span.start..into.end - span.start;
            let blanks = " ".repeat(range.len());
            sql.replace_range(range, &blanks);
        }
        PlSql { span, sql, into }
    }

    fn targets_clause(&self, start: usize, end: usize) -> Option<Span> {
        // Only these give rows to PL/pgSQL; IMPORT FOREIGN SCHEMA … INTO and others keep theirs.
        const GIVERS: [&str; 8] =
            ["select", "with", "insert", "update", "delete", "merge", "values", "explain"];
        GIVERS.iter().chain(&["call", "table", "show", "execute"]).find(|word| self.word_at(start, word))?;
        let into = (start..end).find(|at| {
            let owned = *at > start && (self.word_at(*at - 1, "insert") || self.word_at(*at - 1, "merge"));
            self.word_at(*at, "into") && !owned && self.text_at(at.wrapping_sub(1)) != "."
        })?;
        let mut at = into + 1 + usize::from(self.word_at(into + 1, "strict"));
        loop {
            at += 1;
            while self.text_at(at) == "." && at < end {
                at += 2;
            }
            if self.text_at(at) == "," && at < end {
                at += 1;
            } else {
                return Some(self.span(into, at.min(end)));
            }
        }
    }
}

/// Folds a name as PostgreSQL does.
fn folded(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_ascii_lowercase(),
    }
}
