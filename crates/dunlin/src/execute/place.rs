//! Where in its file an error is, as far as the server tells: a position, a data line of COPY, a line of a block.

use crate::pg::ServerError;
use crate::plan::Operation;
use crate::source::Span;
use crate::syntax::{Token, TokenKind, tokens};

/// The byte of the file that an error points at; `sent` is the text that the server got.
///
/// `bytes` says that the server counts bytes, as one with the encoding SQL_ASCII does, and not characters.
pub(super) fn offset(operation: &Operation, sent: &str, error: &ServerError, bytes: bool) -> usize {
    let start = operation.statement.span.start;
    let context = error.where_.as_deref().unwrap_or_default();
    if let Some(position) = error.position {
        let at = byte_of(sent, position, bytes);
        let written: &str = &operation.statement.sql;
        return start + if sent == written { at } else { as_written(written, sent, at) };
    }
    if let (Some(data), Some(line)) = (operation.statement.copy_data, copy_line(context)) {
        return data_line(operation, data, line);
    }
    block_line(context)
        .and_then(|line| block_offset(&operation.statement.sql, line))
        .map_or(start, |at| start + at)
}

/// The byte of a position that counts characters (or bytes) from 1.
fn byte_of(sent: &str, position: u32, bytes: bool) -> usize {
    let position = usize::try_from(position).unwrap_or(1).saturating_sub(1);
    if bytes {
        return sent.len().min(position);
    }
    sent.char_indices().nth(position).map_or(sent.len(), |(at, _)| at)
}

/// The place in the written statement of a place in what was sent instead of it.
///
/// What both begin and end with is the same place; in between a word that the written statement has once is meant.
fn as_written(written: &str, sent: &str, at: usize) -> usize {
    let (ours, theirs) = (tokens(written), tokens(sent));
    let Some(found) = theirs.iter().rposition(|token| token.span.start <= at) else { return 0 };
    let same = |a: &Token, b: &Token| a.text(written).eq_ignore_ascii_case(b.text(sent));
    let into = at - theirs[found].span.start;
    let before = ours.iter().zip(&theirs).take_while(|(a, b)| same(a, b)).count();
    if found < before {
        return ours[found].span.start + into;
    }
    let behind = ours.iter().rev().zip(theirs.iter().rev()).take_while(|(a, b)| same(a, b)).count();
    let from_end = theirs.len() - found;
    if from_end <= behind && from_end <= ours.len() - before {
        return ours[ours.len() - from_end].span.start + into;
    }
    let mut meant = ours.iter().filter(|token| same(token, &theirs[found]));
    match (meant.next(), meant.next()) {
        (Some(token), None) if matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdent) => {
            token.span.start
        }
        _ => 0,
    }
}

/// The number of the data line that COPY was at; the context may be in any language.
fn copy_line(context: &str) -> Option<usize> {
    let line = context.lines().find(|line| line.contains("COPY") && !line.contains("PL/pgSQL"))?;
    first_number(line.split_once([',', '、'])?.1)
}

/// The line of a DO block that was running, from 1 where its text begins.
fn block_line(context: &str) -> Option<usize> {
    // The outermost comes last.
    let line = context.lines().rfind(|line| line.contains("inline_code_block"))?;
    first_number(line.split_once("inline_code_block")?.1)
}

fn first_number(text: &str) -> Option<usize> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok().filter(|number| *number > 0)
}

/// Where a data line of COPY begins; in the text format a line that ends in a backslash goes on.
fn data_line(operation: &Operation, data: Span, line: usize) -> usize {
    let csv = tokens(&operation.statement.sql).iter().any(|token| {
        token.is_word(&operation.statement.sql, "csv") || token.text(&operation.statement.sql) == "'csv'"
    });
    let (mut at, mut number) = (data.start, 1);
    let mut continued = false;
    for text in operation.file.slice(data).split_inclusive('\n') {
        if number >= line && !continued {
            break;
        }
        let written = text.trim_end_matches(['\n', '\r']);
        let backslashes = written.len() - written.trim_end_matches('\\').len();
        continued = !csv && backslashes % 2 == 1;
        number += usize::from(!continued);
        at += text.len();
    }
    at.min(data.end)
}

/// Where a line of the block of a DO begins, its white space left out; line 1 is the one that its text begins in.
fn block_offset(sql: &str, line: usize) -> Option<usize> {
    let body = tokens(sql)
        .into_iter()
        .find(|token| matches!(token.kind, TokenKind::DollarString | TokenKind::String))?;
    let mut at = body.span.start;
    for _ in 1..line {
        at += sql[at..body.span.end].find('\n')? + 1;
    }
    let blank = sql[at..].len() - sql[at..].trim_start_matches([' ', '\t']).len();
    Some(at + blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_characters() {
        assert_eq!(&"select 'é', x"[byte_of("select 'é', x", 13, false)..], "x");
        assert_eq!(&"select 'é', x"[byte_of("select 'é', x", 14, true)..], "x");
    }

    #[test]
    fn a_place_in_rewritten_text_is_found_in_what_was_written() {
        let place = |written: &str, sent: &str, word: &str| {
            let at = as_written(written, sent, sent.find(word).unwrap());
            written[at..].split([' ', ',', ';']).next().unwrap_or_default().to_owned()
        };
        let written = "insert into  t values (1, nö)";
        let sent = "insert into  t (b, a) values (1, nö)";
        assert_eq!(place(written, sent, "nö"), "nö)");
        assert_eq!(place(written, sent, "t (b"), "t");
        let written = "alter table t add column a int, add column b nope";
        assert_eq!(place(written, "ALTER TABLE t ADD COLUMN b nope", "nope"), "nope");
        assert_eq!(place(written, "ALTER TABLE t ADD COLUMN b nope", "b nope"), "b");
        assert_eq!(place("drop table a, b", "DROP TABLE x", "x"), "drop");
    }

    #[test]
    fn lines_of_contexts() {
        assert_eq!(copy_line("COPY t, line 12, column a: \"x\""), Some(12));
        assert_eq!(copy_line("PL/pgSQL function f() line 3 at RAISE\nCOPY t, line 4"), Some(4));
        assert_eq!(block_line("PL/pgSQL function inline_code_block line 7 at RAISE"), Some(7));
        let nested = "PL/pgSQL function inline_code_block line 2 at SQL\nSQL statement \"DO\"\n\
                      PL/pgSQL function inline_code_block line 5 at SQL statement";
        assert_eq!(block_line(nested), Some(5));
        assert_eq!(block_line("PL/pgSQL function f() line 3 at RAISE"), None);
        assert_eq!(copy_line("COPY t1, Zeile 12, Spalte a: »x 7«"), Some(12));
        assert_eq!(copy_line("t1のCOPY、行12、列a: \"x\""), Some(12));
        assert_eq!(block_line("PL/pgSQL-Funktion inline_code_block Zeile 7 bei RAISE"), Some(7));
        assert_eq!(block_line("PL/pgSQL関数inline_code_blockの7行目 - RAISE"), Some(7));
        let sql = "do $$\nbegin\n  raise 'x';\nend $$";
        assert_eq!(block_offset(sql, 3).map(|at| &sql[at..at + 5]), Some("raise"));
        assert_eq!(block_offset(sql, 9), None);
    }
}
