//! Quoting of identifiers and literals by PostgreSQL's rules (`quote_ident`, `quote_literal`).

/// Begins a message with statements of Dunlin's own, to the end of their transaction.
///
/// Functions, operators and types that the user's search path finds first may be called like the server's, or fit an
/// argument better than those; and a database may have changed how an array is written.
pub(crate) const OWN: &str = "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL array_nulls = on; SET LOCAL transform_null_equals = off; ";

/// Quotes an identifier if it is not a lower-case simple name, or if it is a keyword.
///
/// ```
/// assert_eq!(dunlin::pg::quote_ident("users"), "users");
/// assert_eq!(dunlin::pg::quote_ident("User"), "\"User\"");
/// assert_eq!(dunlin::pg::quote_ident("order"), "\"order\"");
/// ```
pub fn quote_ident(name: &str) -> String {
    let mut bytes = name.bytes();
    let simple = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if simple && !crate::syntax::needs_quotes(name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a string as a literal that reads the same whatever `standard_conforming_strings` is.
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_sql_fits_into_every_encoding() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pg/sql");
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            assert!(std::fs::read_to_string(&path).unwrap().is_ascii(), "{}", path.display());
        }
    }

    #[test]
    fn identifiers() {
        let cases = [
            ("a_1", "a_1"),
            ("1a", "\"1a\""),
            ("", "\"\""),
            ("a\"b", "\"a\"\"b\""),
            ("é", "\"é\""),
            ("a$", "\"a$\""),
            ("select", "\"select\""),
            ("int", "\"int\""),
            ("name", "name"),
        ];
        for (name, expected) in cases {
            assert_eq!(quote_ident(name), expected);
        }
    }

    #[test]
    fn literals() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\b'"), "E'a\\\\b'''");
    }
}
