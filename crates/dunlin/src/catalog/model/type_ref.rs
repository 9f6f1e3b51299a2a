//! How a type is referred to.

use super::Id;
use crate::catalog::Ident;
use std::fmt;

/// The type of a column: which type, its modifiers, and whether it is an array of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeRef {
    /// The type's schema; `pg_catalog` for built-in ones.
    pub schema: String,
    /// The element type's internal name, such as `int4`, `varchar`, `mood`.
    pub name: String,
    /// Modifiers as text, such as `20` or `10,2`; for `interval` the fields, such as `day to second(3)`.
    pub modifiers: Option<String>,
    /// Whether it is an array of the type (PostgreSQL does not keep the number of dimensions).
    pub array: bool,
    /// The type in the catalog where it is not built in.
    pub id: Option<Id>,
}

impl TypeRef {
    /// Makes a built-in type without modifiers.
    pub fn builtin(name: &str) -> TypeRef {
        TypeRef { schema: "pg_catalog".into(), name: name.into(), modifiers: None, array: false, id: None }
    }

    /// The type that is not known, as of a view's column that could not be worked out.
    pub fn unknown() -> TypeRef {
        TypeRef::builtin("?")
    }

    /// Whether nothing is known of the type.
    pub fn is_unknown(&self) -> bool {
        self.name == "?"
    }
}

/// The names under which SQL knows the built-in types, and their names in `pg_type`.
const SQL_NAMES: &[(&str, &str)] = &[
    ("bool", "boolean"),
    ("bpchar", "character"),
    // One byte, not the SQL type of that name.
    ("char", "\"char\""),
    ("float4", "real"),
    ("float8", "double precision"),
    ("int2", "smallint"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("time", "time without time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
    ("timetz", "time with time zone"),
    ("varbit", "bit varying"),
    ("varchar", "character varying"),
];

impl fmt::Display for TypeRef {
    /// Writes the type as `format_type` does with an empty search path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.schema == "pg_catalog" {
            let sql = SQL_NAMES
                .iter()
                .find(|(name, _)| *name == self.name)
                .map_or(self.name.as_str(), |(_, sql)| sql);
            let modifiers = self.modifiers.as_deref().unwrap_or("");
            match (sql.split_once(' '), modifiers) {
                (_, "") => f.write_str(sql)?,
                // The precision of time types stands in the middle: timestamp(3) with time zone.
                (Some((head, tail)), _) if tail.ends_with("time zone") => {
                    write!(f, "{head}({modifiers}) {tail}")?
                }
                _ if self.name == "interval" && !modifiers.starts_with(|c: char| c.is_ascii_digit()) => {
                    write!(f, "interval {modifiers}")?;
                }
                _ => write!(f, "{sql}({modifiers})")?,
            }
        } else {
            write!(f, "{}.{}", Ident(&self.schema), Ident(&self.name))?;
            if let Some(modifiers) = &self.modifiers {
                write!(f, "({modifiers})")?;
            }
        }
        if self.array { f.write_str("[]") } else { Ok(()) }
    }
}
