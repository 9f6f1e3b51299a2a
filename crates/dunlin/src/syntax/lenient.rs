//! Forms that PostgreSQL does not have but whose meaning is clear (design, rule 10).

use super::LenientForm;
use super::lexer::{Token, tokens};
use crate::source::Span;

/// Finds the tokens to blank so that PostgreSQL's grammar may accept `sql`.
pub(super) fn find(sql: &str) -> Option<(LenientForm, Vec<Span>)> {
    let tokens = tokens(sql);
    let (form, spans) = if tokens.first()?.is_word(sql, "alter") {
        in_alter(sql, &tokens)?
    } else {
        in_create(sql, &tokens)?
    };
    (!spans.is_empty()).then_some((form, spans))
}

/// Replaces the spans by as many spaces, so that all other bytes keep their place.
pub(super) fn blank(sql: &str, spans: &[Span]) -> String {
    let mut blanked = String::with_capacity(sql.len());
    for span in spans {
        blanked.push_str(&sql[blanked.len()..span.start]);
        blanked.extend(std::iter::repeat_n(' ', span.end - span.start));
    }
    blanked.push_str(&sql[blanked.len()..]);
    blanked
}

fn in_alter(sql: &str, tokens: &[Token]) -> Option<(LenientForm, Vec<Span>)> {
    let adds: Vec<Span> = places(sql, tokens, &["add", "constraint", "if", "not", "exists"])
        .flat_map(|at| spans(&tokens[at + 2..at + 5]))
        .collect();
    if !adds.is_empty() {
        return Some((LenientForm::AddConstraintIfNotExists, adds));
    }
    let at = places(sql, tokens, &["rename", "column", "if", "exists"]).next()?;
    Some((LenientForm::RenameColumnIfExists, spans(&tokens[at + 2..at + 4]).collect()))
}

/// Finds `IF NOT EXISTS` right behind the kind of object or right behind its name.
fn in_create(sql: &str, tokens: &[Token]) -> Option<(LenientForm, Vec<Span>)> {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(sql, word));
    let mut at = usize::from(is(0, "create"));
    at += if is(at, "or") && is(at + 1, "replace") { 2 } else { 0 };
    at += usize::from(is(at, "constraint") && is(at + 1, "trigger"));
    let form = match tokens.get(at).filter(|_| at > 0)?.text(sql).to_ascii_lowercase().as_str() {
        "type" => LenientForm::CreateTypeIfNotExists,
        "domain" => LenientForm::CreateDomainIfNotExists,
        "trigger" => LenientForm::CreateTriggerIfNotExists,
        "policy" => LenientForm::CreatePolicyIfNotExists,
        _ => return None,
    };
    let found = places(sql, tokens, &["if", "not", "exists"]).next()?;
    // A name has at most three parts: catalog.schema.name.
    (found <= at + 6).then(|| (form, spans(&tokens[found..found + 3]).collect()))
}

fn places<'a>(sql: &'a str, tokens: &'a [Token], words: &'a [&'a str]) -> impl Iterator<Item = usize> + 'a {
    let fits = move |window: &[Token]| window.iter().zip(words).all(|(token, word)| token.is_word(sql, word));
    tokens.windows(words.len()).enumerate().filter(move |(_, window)| fits(window)).map(|(at, _)| at)
}

fn spans(tokens: &[Token]) -> impl Iterator<Item = Span> {
    tokens.iter().map(|token| token.span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanking_keeps_every_other_byte_in_its_place() {
        let sql = "ALTER TABLE t ADD CONSTRAINT IF /*é*/ NOT EXISTS a UNIQUE (x), add constraint if not exists b CHECK (y)";
        let Some((form, spans)) = find(sql) else { panic!() };
        assert_eq!(form, LenientForm::AddConstraintIfNotExists);
        let blanked = blank(sql, &spans);
        assert_eq!(blanked.len(), sql.len());
        assert_eq!(blanked.find("UNIQUE"), sql.find("UNIQUE"));
        assert!(!blanked.to_lowercase().contains("exists"));
    }

    #[test]
    fn other_statements_have_no_lenient_form() {
        for sql in
            ["CREATE TABLE IF NOT EXISTS a (b int", "SELECT if not exists", "CREATE", "", "CREATE TYPE a"]
        {
            assert_eq!(find(sql), None, "{sql}");
        }
    }
}
