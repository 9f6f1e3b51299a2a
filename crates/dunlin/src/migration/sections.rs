//! Files that hold both directions: goose (`-- +goose Up`), sql-migrate (`-- +migrate Up`), dbmate
//! (`-- migrate:up`), and the marks with which they and sqlx turn the transaction off.

use crate::source::Span;

/// Which parts of a file apply and undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sections {
    pub up: Span,
    pub down: Option<Span>,
    pub no_transaction: bool,
}

/// A line that starts a section.
struct Mark {
    up: bool,
    line: Span,
}

/// Finds the sections; a file without marks applies as a whole.
pub(super) fn sections(text: &str) -> Sections {
    let mut found = Sections { up: Span::new(0, text.len()), down: None, no_transaction: false };
    let first = text.lines().next().unwrap_or("");
    found.no_transaction = mark(first).is_some_and(|mark| mark.eq_ignore_ascii_case("no-transaction"));
    if !["+goose", "+migrate", "migrate:"].iter().any(|word| text.contains(word)) {
        return found;
    }
    let mut marks: Vec<Mark> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let span = Span::new(at, at + line.len());
        at = span.end;
        let Some(words) = mark(line).and_then(section_words) else { continue };
        match words[0].as_str() {
            "up" => marks.push(Mark { up: true, line: span }),
            "down" => marks.push(Mark { up: false, line: span }),
            "no" => found.no_transaction |= words.get(1).is_some_and(|word| word == "transaction"),
            _ => {}
        }
        if words[0] == "up" {
            found.no_transaction |=
                words[1..].iter().any(|word| word == "notransaction" || word == "transaction:false");
        }
    }
    for (at, mark) in marks.iter().enumerate() {
        let end = marks.get(at + 1).map_or(text.len(), |next| next.line.start);
        if mark.up {
            // What stands above the first mark is not passed over.
            let start = if at == 0 { 0 } else { mark.line.end };
            found.up = Span::new(start, end);
        } else {
            let span = Span::new(mark.line.end, end);
            found.down = (!text[span.range()].trim().is_empty()).then_some(span);
            if at == 0 {
                found.up = Span::new(0, mark.line.start);
            }
        }
    }
    found
}

/// Takes the text of a line that is a `--` comment.
fn mark(line: &str) -> Option<&str> {
    line.trim().strip_prefix("--").map(str::trim)
}

/// Splits `+goose Up`, `+migrate Up notransaction` or `migrate:up transaction:false` into what follows
/// the tool's name, in lower case.
fn section_words(mark: &str) -> Option<Vec<String>> {
    let rest = ["+goose ", "+migrate ", "migrate:"].iter().find_map(|tool| mark.strip_prefix(tool))?;
    let words: Vec<String> = rest.split_whitespace().map(str::to_ascii_lowercase).collect();
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (&str, Option<&str>, bool) {
        let found = sections(text);
        (&text[found.up.range()], found.down.map(|span| &text[span.range()]), found.no_transaction)
    }

    #[test]
    fn goose_dbmate_and_sqlx_marks_are_understood() {
        let goose = "-- +goose NO TRANSACTION\n-- +goose Up\nA;\n-- +goose StatementBegin\nB;\n-- +goose StatementEnd\n-- +goose Down\nC;\n";
        let (up, down, no_transaction) = parts(goose);
        assert!(up.contains("A;") && up.contains("B;") && !up.contains("C;"));
        assert_eq!((down, no_transaction), (Some("C;\n"), true));
        assert_eq!(parts("-- migrate:up transaction:false\r\nA;\r\n-- migrate:down\r\n").1, None);
        assert!(parts("-- migrate:up transaction:false\r\nA;\r\n-- migrate:down\r\n").2);
        assert_eq!(parts("-- migrate:down\nC;\n-- migrate:up\nA;\n"), ("A;\n", Some("C;\n"), false));
        assert_eq!(parts("-- no-transaction\nA;"), ("-- no-transaction\nA;", None, true));
        assert_eq!(parts("A; -- no-transaction"), ("A; -- no-transaction", None, false));
        assert_eq!(parts("X;\n-- +goose Up\nA;"), ("X;\n-- +goose Up\nA;", None, false));
    }
}
