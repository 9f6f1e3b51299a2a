//! Mangled dollar quotes: `$$` that a shell, make or a template engine turned into `$`, `$$$` or nothing.

use super::lexer::{Lexer, Token, TokenKind};
use crate::source::Span;

/// A body whose dollar quotes are broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mangled {
    /// The opening quote, or the place where it should be.
    pub at: Span,
    /// From the statement's first token to its last.
    pub span: Span,
    /// Both quotes, each to be replaced by `$$`; none when that is not known to be right.
    pub quotes: Option<[Span; 2]>,
}

/// Looks for a mangled body in a statement that does not parse; it may reach far behind the statement's
/// first semicolon.
pub(super) fn find(text: &str, piece: Span, end: usize) -> Option<Mangled> {
    let mut lexer = Lexer::new(text, piece.start, end);
    let mut next = || lexer.by_ref().find(|token| !token.is_comment());
    let first = next()?;
    let is_do = first.is_word(text, "do");
    if !is_do && !first.is_word(text, "create") {
        return None;
    }
    let mut last = first;
    while let Some(token) = next().filter(|token| token.span.start < piece.end) {
        let quotable = ["do", "as", "plpgsql", "sql"].iter().any(|word| last.is_word(text, word));
        if quotable && is_lone(&token, text) {
            return Some(single(text, first.span.start, token, end));
        }
        if token.kind == TokenKind::DollarString && token.text(text).starts_with("$$$") {
            return tripled(text, first.span.start, token, end);
        }
        let vanished = token.is_word(text, "begin") || token.is_word(text, "declare");
        if is_do && last == first && (vanished || token.kind == TokenKind::Number) {
            let span = Span::new(first.span.start, text[..end].trim_end().len());
            return Some(Mangled { at: token.span, span, quotes: None });
        }
        last = token;
    }
    None
}

fn is_lone(token: &Token, text: &str) -> bool {
    token.kind == TokenKind::Other && token.text(text) == "$"
}

/// `$ … $`: the next lone `$` closes the body.
fn single(text: &str, start: usize, open: Token, end: usize) -> Mangled {
    let mut lexer = Lexer::new(text, open.span.end, end);
    match lexer.find(|token| is_lone(token, text)) {
        Some(close) => body(text, start, [open.span, close.span], end),
        None => Mangled { at: open.span, span: Span::new(start, text[..end].trim_end().len()), quotes: None },
    }
}

/// `$$$ … $$$`: PostgreSQL reads `$$`, a body that starts with `$`, `$$` and a lone `$`.
fn tripled(text: &str, start: usize, string: Token, end: usize) -> Option<Mangled> {
    let Span { start: from, end: to } = string.span;
    let closed = to - from >= 6 && text.as_bytes().get(to) == Some(&b'$') && to < end;
    closed.then(|| body(text, start, [Span::new(from, from + 3), Span::new(to - 2, to + 1)], end))
}

fn body(text: &str, start: usize, quotes: [Span; 2], end: usize) -> Mangled {
    let inner = &text[quotes[0].end..quotes[1].start];
    let last = Lexer::new(text, quotes[1].end, end)
        .take_while(|token| !token.is_punct(text, ";"))
        .filter(|token| !token.is_comment())
        .last();
    Mangled {
        at: quotes[0],
        span: Span::new(start, last.map_or(quotes[1].end, |token| token.span.end)),
        quotes: (!inner.contains('$')).then_some(quotes),
    }
}

/// Writes `$$` for each of the quotes.
pub(super) fn rewrite(text: &str, quotes: &[Span]) -> String {
    let mut written = String::with_capacity(text.len() + quotes.len());
    let mut at = 0;
    for quote in quotes {
        written.push_str(&text[at..quote.start]);
        written.push_str("$$");
        at = quote.end;
    }
    written.push_str(&text[at..]);
    written
}

#[cfg(test)]
mod tests {
    use super::super::repair_dollar_quotes;

    #[test]
    fn bodies_without_other_dollars_are_repaired() {
        let good = "DO $$ BEGIN\n  PERFORM 1; -- don't\nEND $$;\nCREATE FUNCTION f() RETURNS int AS $$ BEGIN RETURN 1; END; \
                    $$ LANGUAGE plpgsql;\nSELECT 1;\n";
        for mangled in [good.replace("$$", "$"), good.replace("$$", "$$$")] {
            assert_eq!(repair_dollar_quotes(&mangled).as_deref(), Some(good));
        }
        assert_eq!(repair_dollar_quotes(good), None);
        assert_eq!(
            repair_dollar_quotes("CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS $ SELECT $1; $;"),
            None
        );
        assert_eq!(repair_dollar_quotes(&(good.replace("$$", "$") + "SELEC 1")), None);
        assert_eq!(repair_dollar_quotes("DO BEGIN NULL; END;"), None);
    }
}
