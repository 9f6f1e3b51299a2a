//! Long `INSERT … VALUES`: fifty megabytes of rows would become gigabytes of tree that says the same
//! thing a million times.

use super::lexer::{Lexer, TokenKind};
use crate::source::Span;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Shorter statements are parsed as they are.
const LONG: usize = 128 << 10;

/// Blanks out the rows of a long INSERT that are like an earlier row but for their constants.
///
/// All places stay where they are, and so does everything that rows can refer to: constants inside
/// calls (`nextval('a')`) and before casts (`'a'::regclass`) must be equal for rows to be alike. Gives
/// nothing when the statement is something else.
pub(super) fn thin(sql: &str, standard_conforming: bool) -> Option<String> {
    if sql.len() < LONG {
        return None;
    }
    let mut lexer = Lexer::new(sql, 0, sql.len());
    lexer.standard_conforming = standard_conforming;
    let mut tokens = lexer.filter(|token| !token.is_comment()).peekable();
    if !tokens.next()?.is_word(sql, "insert") {
        return None;
    }
    let mut depth = 0usize;
    for token in tokens.by_ref() {
        depth += usize::from(token.is_punct(sql, "("));
        depth -= usize::from(depth > 0 && token.is_punct(sql, ")"));
        if depth == 0 && token.is_word(sql, "values") {
            break;
        }
    }
    let mut thinned = sql.to_owned();
    let mut seen = HashSet::new();
    // The comma before the row goes with it; the first row has none and is always new.
    let mut start = tokens.peek()?.span.start;
    loop {
        if !tokens.next()?.is_punct(sql, "(") {
            return None;
        }
        let mut shape = DefaultHasher::new();
        let mut depth = 1usize;
        let mut end = start;
        while depth > 0 {
            let token = tokens.next()?;
            let text = token.text(sql);
            end = token.span.end;
            depth += usize::from(token.is_punct(sql, "("));
            depth -= usize::from(token.is_punct(sql, ")"));
            token.kind.hash(&mut shape);
            let constant =
                matches!(token.kind, TokenKind::String | TokenKind::DollarString | TokenKind::Number);
            let cast = tokens.peek().is_some_and(|next| next.text(sql) == "::");
            if !constant || depth > 1 || cast {
                text.hash(&mut shape);
            }
        }
        if !seen.insert(shape.finish()) {
            blank(&mut thinned, Span::new(start, end));
        }
        match tokens.next() {
            Some(comma) if comma.is_punct(sql, ",") => start = comma.span.start,
            _ => return Some(thinned),
        }
    }
}

fn blank(text: &mut String, span: Span) {
    let blanks = " ".repeat(span.end - span.start);
    text.replace_range(span.range(), &blanks);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_refer_to_something_else_stay() {
        let rows = ",\n('é;', 2, now(), null)".repeat(20_000);
        let sql = format!(
            "INSERT INTO t (a, b) VALUES (1, 'a', now(), NULL){rows}, ('a', 1, now(), nextval('s')),\n\
             ('a', 1, now(), nextval('q')), ('a'::x, 1), ('b'::x, 1), (2, 'z', now(), NULL) ON CONFLICT DO NOTHING"
        );
        let Some(thinned) = thin(&sql, true) else { panic!() };
        assert_eq!(thinned.len(), sql.len());
        assert_eq!(thinned.find("ON CONFLICT"), sql.find("ON CONFLICT"));
        let words: Vec<_> = thinned.split_whitespace().collect();
        assert_eq!(
            words.join(" "),
            "INSERT INTO t (a, b) VALUES (1, 'a', now(), NULL), ('é;', 2, now(), null) , ('a', 1, now(), nextval('s')), \
             ('a', 1, now(), nextval('q')), ('a'::x, 1), ('b'::x, 1) ON CONFLICT DO NOTHING"
        );
        assert_eq!(thin("INSERT INTO t VALUES (1), (2)", true), None);
        assert_eq!(thin(&format!("UPDATE t SET a = '{}'", " ".repeat(LONG)), true), None);
    }
}
