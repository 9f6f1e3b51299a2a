//! From a file's text to its [`Script`]: cut, parse each statement, explain what cannot be parsed.

use super::bulk;
use super::dollar::{self, Mangled};
use super::lexer::{Lexer, Token};
use super::parser::{Mode, Parsed, Refusal, on_large_stack, parse_all, parse_packed};
use super::split::{Cut, Cutter, Piece, comment};
use super::{Comment, LenientForm, PackedTree, ParseOptions, Script, Statement, Tree, lenient};
use crate::diagnostic::{Code, Diagnostic, Location, Severity};
use crate::source::{LineIndex, SourceFile, Span};
use std::cell::OnceCell;
use std::sync::Arc;

/// A longer text is parsed statement by statement: the trees of a whole text take a hundred times its size.
const AT_ONCE: usize = 64 << 10;

/// Cuts `span` of `file` into statements and parses each.
///
/// Every byte that is not white space or a comment belongs to a statement, its `COPY` data, or a
/// diagnostic. Call it inside [`on_large_stack`] when there are many files.
pub fn parse(file: &SourceFile, span: Span, options: &ParseOptions) -> Script {
    on_large_stack(|| {
        let script = read(file, span, options);
        if options.repair && !script.mangled.is_empty() {
            return repaired(file, span, options).unwrap_or(script);
        }
        script
    })
}

/// Reads the comments that a text starts with, without reading any further.
pub fn comments_before_first_statement(text: &str) -> Vec<Comment> {
    let comments = Lexer::new(text, 0, text.len()).take_while(Token::is_comment);
    comments.map(|token| comment(text, &token)).collect()
}

/// Writes `$$` where it was mangled, if the bodies hold no other `$` and the result parses in full.
///
/// Gives nothing when nothing is mangled or the repair is not certain.
pub fn repair_dollar_quotes(text: &str) -> Option<String> {
    let file = SourceFile { path: "".into(), text: text.into() };
    on_large_stack(|| {
        let (file, span, _) = repair(&file, Span::new(0, text.len()))?;
        Some(file.slice(span).to_owned())
    })
}

/// Repairs a part of a file; gives the new file, its part, and how many bodies were repaired.
fn repair(file: &SourceFile, span: Span) -> Option<(SourceFile, Span, Vec<Mangled>)> {
    let mangled = read(file, span, &ParseOptions::default()).mangled;
    let quotes: Vec<Span> = mangled.iter().map(|body| body.quotes).collect::<Option<Vec<_>>>()?.concat();
    if quotes.is_empty() {
        return None;
    }
    let text = dollar::rewrite(&file.text, &quotes);
    let behind = file.text.len().saturating_sub(span.end);
    let end = text.len() - behind;
    let repaired = SourceFile { path: file.path.clone(), text: text.into() };
    let span = Span::new(span.start, end);
    let script = read(&repaired, span, &ParseOptions::default());
    let clean = script.statements.iter().all(|statement| !matches!(statement.tree, Tree::Refused(_)));
    clean.then_some((repaired, span, mangled))
}

fn repaired(file: &SourceFile, span: Span, options: &ParseOptions) -> Option<Script> {
    let (repaired, span, mangled) = repair(file, span)?;
    let mut script = read(&repaired, span, options);
    script.diagnostics.extend(mangled.iter().map(|body| {
        Diagnostic::new(Code::DN106, "dollar quotes were mangled here; the repaired text is used")
            .severity(Severity::Warning)
            .at(file, body.at)
            .help("`dunlin check --fix` writes the repaired text to the file")
    }));
    script.repaired = Some(repaired);
    Some(script)
}

fn read(file: &SourceFile, span: Span, options: &ParseOptions) -> Script {
    let mut reader = Reader {
        file,
        end: span.end.min(file.text.len()),
        options,
        lines: OnceCell::new(),
        script: Script::default(),
    };
    let mut cutter = Cutter::new(&file.text, span);
    if let Some(comments) = reader.all_at_once(span) {
        reader.script.trailing_comments = comments;
        return reader.script;
    }
    while let Some(cut) = cutter.next_cut() {
        match cut {
            Cut::PsqlCommand(span) => {
                let diagnostic = reader.psql_command(span);
                reader.script.diagnostics.push(diagnostic);
            }
            Cut::Statement(piece) => {
                if let Some(end) = reader.statement(piece) {
                    cutter.seek(end);
                }
            }
        }
    }
    let mut script = reader.script;
    script.trailing_comments = cutter.comments;
    script
}

struct Reader<'a> {
    file: &'a SourceFile,
    end: usize,
    options: &'a ParseOptions,
    /// Made when the first diagnostic needs it.
    lines: OnceCell<LineIndex>,
    script: Script,
}

impl Reader<'_> {
    /// Adds a statement; gives the byte to go on at if the statement reaches farther than its piece.
    fn statement(&mut self, piece: Piece) -> Option<usize> {
        let sql = self.file.slice(piece.span);
        let mode = Mode { backslash_strings: piece.backslash_strings };
        let thinned = bulk::thin(sql, !piece.backslash_strings);
        let (message, at) = match parse_packed(thinned.as_deref().unwrap_or(sql), mode) {
            Ok(Parsed::Several(stmts)) if stmts.len() > 1 => {
                self.several(piece, stmts.iter().map(|stmt| (stmt.stmt_location, stmt.stmt_len)).collect());
                return None;
            }
            Ok(parsed) => {
                let tree =
                    parsed.one().map_or_else(|| Tree::Opaque("the parser gave no tree".into()), Tree::Parsed);
                self.push(piece, sql.into(), tree);
                return None;
            }
            Err(Refusal::Limit(reason)) => {
                self.push(piece, sql.into(), Tree::Opaque(reason));
                return None;
            }
            Err(Refusal::Syntax { message, at }) => (message, at),
        };
        if self.options.lenient && self.lenient(&piece, mode) {
            return None;
        }
        if let Some(mangled) = dollar::find(&self.file.text, piece.span, self.end) {
            return Some(self.mangled(piece, mangled));
        }
        let refused = self.syntax_error(&piece, &message, at);
        self.push(piece, sql.into(), Tree::Refused(refused));
        None
    }

    /// Reads plain statements with one parse of the whole text, which costs less than one of each; gives the comments
    /// behind them. None where there is anything else: each statement is read on its own then.
    fn all_at_once(&mut self, span: Span) -> Option<Vec<Comment>> {
        let text = self.file.slice(Span::new(span.start, self.end));
        if text.len() > AT_ONCE {
            return None;
        }
        let mut cutter = Cutter::new(&self.file.text, span);
        let mut pieces = Vec::new();
        while let Some(cut) = cutter.next_cut() {
            match cut {
                Cut::Statement(piece) if piece.copy_data.is_none() && !piece.backslash_strings => {
                    pieces.push(piece);
                }
                _ => return None,
            }
        }
        if pieces.len() < 2 {
            return None;
        }
        let trees = parse_all(text)?;
        let within = |(piece, (place, _)): (&Piece, &(Span, PackedTree))| {
            span.start + place.start <= piece.span.start
                && piece.span.end <= span.start.saturating_add(place.end)
        };
        if trees.len() != pieces.len() || !pieces.iter().zip(&trees).all(within) {
            return None;
        }
        for (piece, (_, tree)) in pieces.into_iter().zip(trees) {
            let (sql, offset) = (self.file.slice(piece.span).into(), piece.span.start - span.start);
            self.push_at(piece, sql, offset, Tree::Parsed(tree));
        }
        Some(cutter.comments)
    }

    fn push(&mut self, piece: Piece, sql: Arc<str>, tree: Tree) {
        self.push_at(piece, sql, 0, tree);
    }

    fn push_at(&mut self, piece: Piece, sql: Arc<str>, offset: usize, tree: Tree) {
        self.script.statements.push(Statement {
            span: piece.span,
            sql,
            offset,
            tree,
            lenient: None,
            lenient_at: Vec::new(),
            digest: piece.digest,
            comments: piece.comments,
            copy_data: piece.copy_data,
        });
    }

    /// Cuts a piece that the grammar reads as several statements, which our own rules should have cut.
    fn several(&mut self, piece: Piece, places: Vec<(i32, i32)>) {
        let mut comments = piece.comments;
        for (start, length) in places {
            let start = piece.span.start + usize::try_from(start).unwrap_or(0);
            let length = usize::try_from(length).ok().filter(|length| *length > 0);
            let end = length.map_or(piece.span.end, |length| (start + length).min(piece.span.end));
            let tokens = Lexer::new(&self.file.text, start, end).filter(|token| !token.is_comment());
            let mut digest = super::digest::Digester::default();
            let mut span: Option<Span> = None;
            for token in tokens {
                digest.add(&token, &self.file.text);
                span = Some(Span::new(span.map_or(token.span.start, |span| span.start), token.span.end));
            }
            let part = Piece {
                span: span.unwrap_or(Span::new(start, end)),
                digest: digest.finish(),
                comments: std::mem::take(&mut comments),
                copy_data: piece.copy_data.filter(|_| end == piece.span.end),
                backslash_strings: piece.backslash_strings,
            };
            let mode = Mode { backslash_strings: part.backslash_strings };
            let sql = self.file.slice(part.span);
            let tree = parse_packed(sql, mode).ok().and_then(Parsed::one).map_or_else(
                || Tree::Opaque("the statement could not be cut out of its text".into()),
                Tree::Parsed,
            );
            self.push(part, sql.into(), tree);
        }
    }

    /// Adds the statement if it is one of the lenient forms.
    fn lenient(&mut self, piece: &Piece, mode: Mode) -> bool {
        let sql = self.file.slice(piece.span);
        let Some((form, spans)) = lenient::find(sql) else { return false };
        let blanked = lenient::blank(sql, &spans);
        let Some(tree) = parse_packed(&blanked, mode).ok().and_then(Parsed::one) else { return false };
        let lenient_at: Vec<Span> = spans.iter().map(|span| span.shifted(piece.span.start)).collect();
        let place = Span::new(lenient_at[0].start, lenient_at[if form.is_if_exists() { 1 } else { 2 }].end);
        let diagnostic = Diagnostic::new(Code::DN105, format!("PostgreSQL has no {}", form.as_str()))
            .severity(Severity::Warning)
            .help("it runs as it is meant; `--dialect postgres` refuses it");
        self.script.diagnostics.push(self.placed(diagnostic, place));
        self.push(piece.clone(), blanked.into(), Tree::Parsed(tree));
        if let Some(statement) = self.script.statements.last_mut() {
            statement.lenient = Some(form);
            statement.lenient_at = lenient_at;
        }
        true
    }

    /// Adds a statement with mangled quotes, as one, and gives the byte behind it.
    fn mangled(&mut self, mut piece: Piece, mangled: Mangled) -> usize {
        let diagnostic = Diagnostic::new(Code::DN106, "the dollar quotes of this body are mangled").help(
            if mangled.quotes.is_some() {
                "write `$$` at both ends; `dunlin check --fix` does it"
            } else {
                "write `$$` before and behind the body (a shell, make or a template engine changed them)"
            },
        );
        let diagnostic = self.placed(diagnostic, mangled.at);
        piece.span = mangled.span;
        piece.copy_data = None;
        let mut digest = super::digest::Digester::default();
        for token in Lexer::new(&self.file.text, mangled.span.start, mangled.span.end) {
            digest.add(&token, &self.file.text);
        }
        piece.digest = digest.finish();
        self.push(piece, self.file.slice(mangled.span).into(), Tree::Refused(diagnostic));
        let end = mangled.span.end;
        self.script.mangled.push(mangled);
        end
    }

    fn syntax_error(&self, piece: &Piece, message: &str, at: Option<usize>) -> Diagnostic {
        let start = at.map_or(piece.span.start, |at| piece.span.start + at);
        let token = Lexer::new(&self.file.text, start, piece.span.end).next();
        let text = token.map_or("", |token| token.text(&self.file.text));
        if text == "\\" {
            return self
                .psql_command(Span::new(start, start + line_of(&self.file.text[start..self.end]).len()));
        }
        let length = token.filter(|token| token.span.start == start).map_or(0, |_| line_of(text).len());
        let mut diagnostic = Diagnostic::new(Code::DN101, message.to_owned());
        if text.starts_with(':') && message.starts_with("syntax error") {
            diagnostic = diagnostic.help("a psql variable? The server does not know it: write its value");
        }
        self.placed(diagnostic, Span::new(start, start + length))
    }

    fn psql_command(&self, span: Span) -> Diagnostic {
        let command = self.file.slice(span).split_whitespace().next().unwrap_or("\\");
        let help = match command {
            "\\i" | "\\ir" | "\\include" | "\\include_relative" => "put the file's SQL here",
            "\\copy" => "use COPY … FROM stdin with the data behind it",
            "\\set" => "write the variable's value where it is used",
            "\\c" | "\\connect" => "take the line away; the database is the one that Dunlin is connected to",
            "\\g" | "\\gx" | "\\gexec" | "\\gset" => "end the statement with a semicolon",
            "\\." => "there is no COPY … FROM stdin before this line; take it away",
            _ => "take the line away; it is for the psql program",
        };
        let message = format!("{command} is a command of psql, not SQL");
        self.placed(Diagnostic::new(Code::DN102, message).help(help), span)
    }

    fn placed(&self, mut diagnostic: Diagnostic, span: Span) -> Diagnostic {
        let text = &self.file.text;
        let (line, column) = self.lines.get_or_init(|| LineIndex::new(text)).line_column(text, span.start);
        diagnostic.location = Some(Location { file: self.file.path.to_string(), line, column, span });
        diagnostic
    }
}

impl LenientForm {
    /// Gives the form as users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddConstraintIfNotExists => "ADD CONSTRAINT IF NOT EXISTS",
            Self::CreateTypeIfNotExists => "CREATE TYPE IF NOT EXISTS",
            Self::CreateDomainIfNotExists => "CREATE DOMAIN IF NOT EXISTS",
            Self::CreateTriggerIfNotExists => "CREATE TRIGGER IF NOT EXISTS",
            Self::CreatePolicyIfNotExists => "CREATE POLICY IF NOT EXISTS",
            Self::RenameColumnIfExists => "RENAME COLUMN IF EXISTS",
        }
    }

    fn is_if_exists(self) -> bool {
        self == Self::RenameColumnIfExists
    }
}

/// Gives the text up to its first line end, so that a caret does not run over lines.
fn line_of(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}
