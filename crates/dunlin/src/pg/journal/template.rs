//! SQL files with `{names}` become statements; what stands for a name is quoted by whoever gives it.

use crate::pg::quote_literal;

/// Replaces each `{name}` once: what is put in is not looked at again, so it may hold braces.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out =
        String::with_capacity(template.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let found = values
            .iter()
            .find(|(name, _)| rest[1..].strip_prefix(name).is_some_and(|behind| behind.starts_with('}')));
        match found {
            Some((name, value)) => {
                out.push_str(value);
                rest = &rest[name.len() + 2..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Quotes a text, or says NULL.
pub(super) fn text(value: Option<&str>) -> String {
    value.map_or_else(|| "NULL".to_owned(), quote_literal)
}

/// Writes a number, or NULL.
pub(super) fn number(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

/// Writes bytes given in hexadecimal, or NULL.
pub(super) fn bytes(hexadecimal: Option<&str>) -> String {
    hexadecimal.map_or_else(
        || "NULL".to_owned(),
        |digits| format!("pg_catalog.decode({}, 'hex')", quote_literal(digits)),
    )
}

/// Writes an array of texts, one for each row.
pub(super) fn text_array<'a>(values: impl Iterator<Item = Option<&'a str>>) -> String {
    let quoted = values.map(|value| match value {
        Some(value) => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        None => "NULL".to_owned(),
    });
    quote_literal(&format!("{{{}}}", quoted.collect::<Vec<_>>().join(",")))
}

/// Writes an array of numbers, one for each row.
pub(super) fn number_array(values: impl Iterator<Item = Option<impl std::fmt::Display>>) -> String {
    format!("'{{{}}}'", values.map(number).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_not_looked_at_again() {
        assert_eq!(fill("{a} {b}{c} {ab}", &[("a", "'{b}'"), ("b", "2")]), "'{b}' 2{c} {ab}");
    }

    #[test]
    fn arrays_survive_every_quote() {
        let values = [Some("a\"b\\c'd"), None, Some("NULL"), Some("")];
        let array = r#"{"a\"b\\c'd",NULL,"NULL",""}"#;
        assert_eq!(text_array(values.into_iter()), quote_literal(array));
        assert_eq!(number_array([Some(1), None].into_iter()), "'{1,NULL}'");
    }
}
