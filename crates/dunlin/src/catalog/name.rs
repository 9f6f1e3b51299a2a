//! Names as they are written, names as they resolve, and references to objects.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A name as it is written in SQL, folded, with or without its schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The schema, if one is written.
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
}

impl Name {
    /// Makes a name from a list of parts (`[name]`, `[schema, name]`, `[catalog, schema, name]`).
    pub fn from_parts(parts: &[String]) -> Name {
        let mut reversed = parts.iter().rev();
        let name = reversed.next().cloned().unwrap_or_default();
        Name { schema: reversed.next().cloned(), name }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{}.{}", Ident(schema), Ident(&self.name)),
            None => write!(f, "{}", Ident(&self.name)),
        }
    }
}

/// A name with its schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QName {
    /// The schema.
    pub schema: String,
    /// The name in it.
    pub name: String,
}

impl QName {
    /// Makes a qualified name.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> QName {
        QName { schema: schema.into(), name: name.into() }
    }
}

impl fmt::Display for QName {
    /// Writes the name as people say it: without `public`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.schema != "public" {
            write!(f, "{}.", Ident(&self.schema))?;
        }
        write!(f, "{}", Ident(&self.name))
    }
}

/// Displays an identifier, quoted where PostgreSQL needs it.
pub struct Ident<'a>(pub &'a str);

impl fmt::Display for Ident<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.bytes();
        let plain = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'$')
            && !crate::syntax::needs_quotes(self.0);
        if plain { f.write_str(self.0) } else { write!(f, "\"{}\"", self.0.replace('"', "\"\"")) }
    }
}

/// Which object is meant, by name. Order and text are total and stable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ObjectRef {
    /// A schema.
    Schema {
        /// Its name.
        name: String,
    },
    /// Whatever lives in `pg_class`: table, view, materialized view, index, sequence, composite type.
    Relation {
        /// Its name.
        name: QName,
    },
    /// A column of a relation.
    Column {
        /// The relation.
        relation: QName,
        /// The column's name.
        column: String,
    },
    /// A constraint of a table.
    Constraint {
        /// The table.
        relation: QName,
        /// The constraint's name.
        name: String,
    },
    /// A trigger of a table or view.
    Trigger {
        /// The table.
        relation: QName,
        /// The trigger's name.
        name: String,
    },
    /// A row security policy.
    Policy {
        /// The table.
        relation: QName,
        /// The policy's name.
        name: String,
    },
    /// A rewrite rule.
    Rule {
        /// The table.
        relation: QName,
        /// The rule's name.
        name: String,
    },
    /// A unique key on exactly these columns (sorted).
    UniqueKey {
        /// The table.
        relation: QName,
        /// The columns, sorted.
        columns: Vec<String>,
    },
    /// A type or domain.
    Type {
        /// Its name.
        name: QName,
    },
    /// A label of an enum type.
    EnumLabel {
        /// The type.
        name: QName,
        /// The label.
        label: String,
    },
    /// A function, procedure or aggregate; all overloads when `arguments` is none.
    Function {
        /// Its name.
        name: QName,
        /// Its input types, as `format_type` writes them.
        arguments: Option<String>,
    },
    /// An extension.
    Extension {
        /// Its name.
        name: String,
    },
    /// A role.
    Role {
        /// Its name.
        name: String,
    },
    /// Any other kind of object, such as `collation`, `operator`, `publication`.
    Other {
        /// The kind, as `COMMENT ON` says it, in lower case.
        class: String,
        /// Its name, with the schema where it has one.
        name: String,
    },
}

impl ObjectRef {
    /// Refers to a relation.
    pub fn relation(name: &QName) -> ObjectRef {
        ObjectRef::Relation { name: name.clone() }
    }

    /// Refers to a column.
    pub fn column(relation: &QName, column: &str) -> ObjectRef {
        ObjectRef::Column { relation: relation.clone(), column: column.into() }
    }

    /// Gives the relation that the object is, or is a part of.
    pub fn parent_relation(&self) -> Option<&QName> {
        match self {
            ObjectRef::Relation { name } => Some(name),
            ObjectRef::Column { relation, .. }
            | ObjectRef::Constraint { relation, .. }
            | ObjectRef::Trigger { relation, .. }
            | ObjectRef::Policy { relation, .. }
            | ObjectRef::Rule { relation, .. }
            | ObjectRef::UniqueKey { relation, .. } => Some(relation),
            _ => None,
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectRef::Schema { name } => write!(f, "schema {}", Ident(name)),
            ObjectRef::Relation { name } | ObjectRef::Type { name } => write!(f, "{name}"),
            ObjectRef::Column { relation, column } => write!(f, "{relation}.{}", Ident(column)),
            ObjectRef::Constraint { relation, name } => write!(f, "constraint {} on {relation}", Ident(name)),
            ObjectRef::Trigger { relation, name } => write!(f, "trigger {} on {relation}", Ident(name)),
            ObjectRef::Policy { relation, name } => write!(f, "policy {} on {relation}", Ident(name)),
            ObjectRef::Rule { relation, name } => write!(f, "rule {} on {relation}", Ident(name)),
            ObjectRef::UniqueKey { relation, columns } => {
                let list: Vec<String> = columns.iter().map(|column| Ident(column).to_string()).collect();
                write!(f, "unique key {relation} ({})", list.join(", "))
            }
            ObjectRef::EnumLabel { name, label } => write!(f, "label '{label}' of {name}"),
            ObjectRef::Function { name, arguments: Some(arguments) } => write!(f, "{name}({arguments})"),
            ObjectRef::Function { name, arguments: None } => write!(f, "{name}()"),
            ObjectRef::Extension { name } => write!(f, "extension {}", Ident(name)),
            ObjectRef::Role { name } => write!(f, "role {}", Ident(name)),
            ObjectRef::Other { class, name } => write!(f, "{class} {name}"),
        }
    }
}
