//! An ALTER TABLE's text with some of its actions taken out.

use crate::syntax::{Token, TokenKind, tokens};

/// Takes the actions `done` (of `count`) out of an ALTER TABLE whose table's name starts at `name_at`;
/// none when the text is not as expected or nothing would be left.
pub(super) fn without(sql: &str, name_at: usize, count: usize, done: &[usize]) -> Option<String> {
    let tokens = tokens(sql);
    let mut at = tokens.iter().position(|token| token.span.start == name_at)?;
    while is_name(&tokens[at]) && tokens.get(at + 1).is_some_and(|token| token.is_punct(sql, ".")) {
        at += 2;
    }
    if tokens.get(at + 1).is_some_and(|token| token.text(sql) == "*") {
        at += 1;
    }
    let head = tokens.get(at)?.span.end;
    let mut cuts = vec![head];
    let mut depth = 0_i32;
    for token in tokens.get(at + 1..)? {
        match token.text(sql) {
            "(" | "[" if token.kind == TokenKind::Punct => depth += 1,
            ")" | "]" if token.kind == TokenKind::Punct => depth -= 1,
            "," if depth == 0 => cuts.push(token.span.start),
            _ => {}
        }
    }
    cuts.push(sql.len());
    if cuts.len() != count + 1 {
        return None;
    }
    let kept: Vec<&str> = cuts
        .windows(2)
        .enumerate()
        .filter(|(at, _)| !done.contains(at))
        .map(|(_, pair)| sql[pair[0]..pair[1]].trim_start_matches(',').trim())
        .collect();
    (!kept.is_empty()).then(|| format!("{} {}", &sql[..head], kept.join(", ")))
}

fn is_name(token: &Token) -> bool {
    matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdent)
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn actions_are_cut_at_commas_outside_parentheses() {
        let sql = "ALTER TABLE ONLY a.\"B,\" ADD x numeric(1,2) DEFAULT 1, -- one, two\n DROP y, ADD CHECK (z IN (1,2))";
        let at = sql.find("a.").unwrap();
        assert_eq!(
            without(sql, at, 3, &[0]).as_deref(),
            Some("ALTER TABLE ONLY a.\"B,\" -- one, two\n DROP y, ADD CHECK (z IN (1,2))")
        );
        assert_eq!(
            without(sql, at, 3, &[0, 1]).as_deref(),
            Some("ALTER TABLE ONLY a.\"B,\" ADD CHECK (z IN (1,2))")
        );
        assert_eq!(without(sql, at, 2, &[0]), None);
        assert_eq!(without(sql, at, 3, &[0, 1, 2]), None);
    }
}
