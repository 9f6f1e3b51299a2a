//! `-- dunlin: …` comments.

use super::Directives;
use crate::diagnostic::{Code, Diagnostic, near_names};
use crate::source::{SourceFile, Span};
use crate::syntax::{Comment, Lexer, Statement, comments_before_first_statement};

/// What the comments above a statement ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatementDirectives {
    /// `-- dunlin: allow data-loss`.
    pub allow_data_loss: bool,
    /// `-- dunlin: skip`.
    pub skip: bool,
}

/// A directive with what it says.
enum Directive {
    DependsOn(Vec<(String, Span)>),
    NoTransaction,
    RenamedFrom((String, Span)),
    AllowDataLoss,
    Skip,
}

/// As users write them.
const NAMES: [&str; 5] = ["depends on", "no transaction", "renamed from", "allow data-loss", "skip"];

/// Reads the directives before a file's first statement; those of the first statement pass.
pub(super) fn of_file(file: &SourceFile) -> (Directives, Vec<Diagnostic>) {
    let mut directives = Directives::default();
    let mut diagnostics = Vec::new();
    for comment in comments_before_first_statement(&file.text) {
        match read(&comment, file) {
            Some(Ok(Directive::DependsOn(ids))) => directives.depends_on.extend(ids),
            Some(Ok(Directive::NoTransaction)) => directives.no_transaction = true,
            Some(Ok(Directive::RenamedFrom(id))) => directives.renamed_from = Some(id),
            Some(Err(diagnostic)) => diagnostics.push(*diagnostic),
            Some(Ok(Directive::AllowDataLoss | Directive::Skip)) | None => {}
        }
    }
    (directives, diagnostics)
}

/// Reads the directives above a statement, and what is wrong with them.
///
/// `file` is the one that the statement's spans count in. Faults above the first statement are in
/// [`super::Migration::diagnostics`] already; further down the file's directives are out of place.
pub fn statement_directives(
    file: &SourceFile,
    statement: &Statement,
) -> (StatementDirectives, Vec<Diagnostic>) {
    let mut directives = StatementDirectives::default();
    let mut diagnostics = Vec::new();
    for comment in &statement.comments {
        match read(comment, file) {
            Some(Ok(Directive::AllowDataLoss)) => directives.allow_data_loss = true,
            Some(Ok(Directive::Skip)) => directives.skip = true,
            Some(_) if is_first(statement, file) => {}
            Some(Ok(_)) => diagnostics.push(
                Diagnostic::new(Code::DN107, "this directive is for the whole file")
                    .at(file, comment.span)
                    .help("put it before the first statement"),
            ),
            Some(Err(diagnostic)) => diagnostics.push(*diagnostic),
            None => {}
        }
    }
    (directives, diagnostics)
}

fn is_first(statement: &Statement, file: &SourceFile) -> bool {
    let mut tokens = Lexer::new(&file.text, 0, file.text.len());
    tokens.find(|token| !token.is_comment()).is_none_or(|token| token.span.start >= statement.span.start)
}

fn read(comment: &Comment, file: &SourceFile) -> Option<Result<Directive, Box<Diagnostic>>> {
    let (dunlin, text) = comment.text.split_once(':')?;
    if !dunlin.eq_ignore_ascii_case("dunlin") {
        return None;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let ids = |skip: usize| -> Vec<(String, Span)> {
        let list = words[skip..].join(" ");
        let ids = list.split(',').map(str::trim).filter(|id| !id.is_empty());
        ids.map(|id| (id.to_owned(), place(id, comment, file))).collect()
    };
    let directive = match lower[..] {
        ["depends", "on", ..] if !ids(2).is_empty() => Directive::DependsOn(ids(2)),
        ["renamed", "from", ..] if ids(2).len() == 1 => Directive::RenamedFrom(ids(2).remove(0)),
        ["no", "transaction"] => Directive::NoTransaction,
        ["allow", "data-loss"] => Directive::AllowDataLoss,
        ["skip"] => Directive::Skip,
        _ => return Some(Err(Box::new(unknown(&lower, text.trim(), comment, file)))),
    };
    Some(Ok(directive))
}

fn unknown(words: &[&str], text: &str, comment: &Comment, file: &SourceFile) -> Diagnostic {
    let head = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    let help = if NAMES[..3].contains(&head.as_str()) && head != "no transaction" {
        format!("write the id of a migration behind it: `-- dunlin: {head} ID`")
    } else {
        let plain = words.join(" ").replace('-', " ");
        let near = near_names(&head, NAMES).into_iter().chain(near_names(&plain, NAMES));
        match near.chain(words.first().into_iter().flat_map(|word| near_names(word, NAMES))).next() {
            Some(name) => format!("did you mean `-- dunlin: {name}`?"),
            None => format!("the directives are: {}", NAMES.join(", ")),
        }
    };
    Diagnostic::new(Code::DN107, format!("the directive `{text}` is not known"))
        .at(file, comment.span)
        .help(help)
}

/// Finds an id in its comment, for a caret.
fn place(id: &str, comment: &Comment, file: &SourceFile) -> Span {
    let found = file.slice(comment.span).rfind(id);
    found.map_or(comment.span, |at| Span::new(at, at + id.len()).shifted(comment.span.start))
}
