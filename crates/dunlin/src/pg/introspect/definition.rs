//! Definitions of indexes, keys and sequences, written as the server's `pg_get_*` functions write them.
//!
//! Asking the server costs a fifth of a millisecond for some kinds, which is most of the time that a large
//! schema takes; tests hold our text to the server's.

use super::rows::SequenceRow;
use crate::catalog::{
    Catalog, Column, ColumnNumber, Constraint, ConstraintKind, Id, Ident, Index, IndexKey, Reference,
    Relation, RelationKind, TypeRef,
};

/// Writes what `pg_get_indexdef` gives.
pub(super) fn index(catalog: &Catalog, name: &str, index: &Index, options: &[String]) -> Option<String> {
    let table = catalog.relation(index.table)?;
    let keys: Vec<String> = index.keys.iter().map(|key| index_key(table, key)).collect();
    let mut text = format!(
        "CREATE {}INDEX {} ON {}{} USING {} ({})",
        if index.unique { "UNIQUE " } else { "" },
        Ident(name),
        if table.kind == RelationKind::PartitionedTable { "ONLY " } else { "" },
        qualified(catalog, index.table),
        Ident(&index.method),
        keys.join(", ")
    );
    if !index.include.is_empty() {
        text.push_str(&format!(" INCLUDE ({})", columns(table, &index.include)));
    }
    if index.nulls_not_distinct {
        text.push_str(" NULLS NOT DISTINCT");
    }
    if !options.is_empty() {
        text.push_str(&format!(" WITH ({})", options_text(options)));
    }
    if let Some(predicate) = &index.predicate {
        text.push_str(&format!(" WHERE {}", predicate.text));
    }
    Some(text)
}

/// `fillfactor=70` becomes `fillfactor='70'`.
fn options_text(options: &[String]) -> String {
    let quoted = options.iter().map(|option| match option.split_once('=') {
        Some((name, value)) => format!("{}={}", Ident(name), crate::pg::quote_literal(value)),
        None => option.clone(),
    });
    quoted.collect::<Vec<_>>().join(", ")
}

fn index_key(table: &Relation, key: &IndexKey) -> String {
    let mut text = match (&key.expression, key.column) {
        (Some(expression), _) => expression.text.clone(),
        (None, Some(column)) => columns(table, &[column]),
        (None, None) => String::new(),
    };
    if let Some(collation) = &key.collation {
        text.push_str(&format!(" COLLATE {collation}"));
    }
    if let Some(opclass) = &key.opclass {
        text.push_str(&format!(" {opclass}"));
    }
    // NULLS FIRST is the default of DESC, and NULLS LAST that of ASC.
    text.push_str(match (key.descending, key.nulls_first) {
        (true, true) => " DESC",
        (true, false) => " DESC NULLS LAST",
        (false, true) => " NULLS FIRST",
        (false, false) => "",
    });
    text
}

/// Writes what `pg_get_constraintdef` gives; none for what only the server can write.
pub(super) fn constraint(
    catalog: &Catalog,
    table: &Relation,
    constraint: &Constraint,
    no_inherit: bool,
) -> Option<String> {
    let key = || -> String {
        let index = constraint.index.and_then(|id| catalog.relation(id)?.index());
        let distinct =
            if index.is_some_and(|index| index.nulls_not_distinct) { "NULLS NOT DISTINCT " } else { "" };
        let include = index.map(|index| index.include.as_slice()).filter(|include| !include.is_empty());
        let include = include.map_or_else(String::new, |list| format!(" INCLUDE ({})", columns(table, list)));
        format!("{distinct}({}){include}", columns(table, &constraint.columns))
    };
    let mut text = match &constraint.kind {
        ConstraintKind::PrimaryKey => format!("PRIMARY KEY {}", key()),
        ConstraintKind::Unique => format!("UNIQUE {}", key()),
        ConstraintKind::Check(expression) => format!("CHECK ({})", expression.text),
        ConstraintKind::NotNull => format!("NOT NULL {}", columns(table, &constraint.columns)),
        ConstraintKind::ForeignKey(reference) => foreign_key(catalog, table, &constraint.columns, reference)?,
        ConstraintKind::Exclude => return None,
    };
    if no_inherit && matches!(constraint.kind, ConstraintKind::Check(_) | ConstraintKind::NotNull) {
        text.push_str(" NO INHERIT");
    }
    if constraint.deferrable {
        text.push_str(" DEFERRABLE");
    }
    if constraint.deferred {
        text.push_str(" INITIALLY DEFERRED");
    }
    match (constraint.enforced, constraint.validated) {
        (false, _) => text.push_str(" NOT ENFORCED"),
        (true, false) => text.push_str(" NOT VALID"),
        (true, true) => {}
    }
    Some(text)
}

fn foreign_key(
    catalog: &Catalog,
    table: &Relation,
    own: &[ColumnNumber],
    reference: &Reference,
) -> Option<String> {
    let referenced = catalog.relation(reference.table)?;
    let mut text = format!(
        "FOREIGN KEY ({}) REFERENCES {}({})",
        columns(table, own),
        qualified(catalog, reference.table),
        columns(referenced, &reference.columns)
    );
    if reference.matching == 'f' {
        text.push_str(" MATCH FULL");
    }
    for (event, action) in [("UPDATE", reference.on_update), ("DELETE", reference.on_delete)] {
        if let Some(action) = action_text(action) {
            text.push_str(&format!(" ON {event} {action}"));
        }
    }
    Some(text)
}

/// The words of a referential action; none for the default.
fn action_text(action: char) -> Option<&'static str> {
    match action {
        'r' => Some("RESTRICT"),
        'c' => Some("CASCADE"),
        'n' => Some("SET NULL"),
        'd' => Some("SET DEFAULT"),
        _ => None,
    }
}

/// Writes a sequence's parameters, all of them.
pub(super) fn sequence(row: &SequenceRow, ty: &TypeRef) -> String {
    format!(
        "AS {ty} START WITH {} INCREMENT BY {} MINVALUE {} MAXVALUE {} CACHE {}{}",
        row.start,
        row.increment,
        row.min,
        row.max,
        row.cache,
        if row.cycle { " CYCLE" } else { "" }
    )
}

/// Quotes a name with its schema as the server does with an empty search path.
fn qualified(catalog: &Catalog, id: Id) -> String {
    let name = catalog.relation_name(id);
    if name.schema == super::build::TEMPORARY_SCHEMA {
        return Ident(&name.name).to_string();
    }
    format!("{}.{}", Ident(&name.schema), Ident(&name.name))
}

fn columns(table: &Relation, numbers: &[ColumnNumber]) -> String {
    let name = |number: &ColumnNumber| {
        table.column_numbered(*number).map(|Column { name, .. }| Ident(name).to_string())
    };
    numbers.iter().filter_map(name).collect::<Vec<_>>().join(", ")
}
