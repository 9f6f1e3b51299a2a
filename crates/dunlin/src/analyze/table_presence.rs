//! Whether a table is there already as a CREATE TABLE declares it.

use super::Presence;
use super::sameness::{self, Sameness};
use super::table_shape::Shape;
use crate::catalog::{ObjectRef, QName, Relation, RelationKind, TypeRef};
use std::mem::discriminant;

/// Compares a declared table with the one that is there. Columns beyond the declared ones do not count:
/// later migrations add them.
pub(super) fn compare(shape: &Shape<'_>, existing: &Relation, tolerated: bool) -> Presence {
    compare_relations(&shape.name, &shape.relation, existing, tolerated)
}

/// Compares a relation that a statement would make with the one that is there.
pub(super) fn compare_relations(
    name: &QName,
    declared: &Relation,
    existing: &Relation,
    tolerated: bool,
) -> Presence {
    let object = ObjectRef::relation(name);
    let same_kind = discriminant(&declared.kind) == discriminant(&existing.kind)
        || (declared.is_table() && existing.is_table());
    if !same_kind {
        let (expected, actual) = (declared.kind.noun().to_owned(), existing.kind.noun().to_owned());
        return Presence::Different { object, expected, actual, tolerated };
    }
    // A sequence's position and limits are for later migrations to change.
    if matches!(declared.kind, RelationKind::Sequence(_)) {
        return Presence::Same { reason: format!("sequence `{name}` is there already") };
    }
    if let (Some(written), Some(actual)) = (&declared.query, &existing.query) {
        return same_query(name, existing, written, actual, tolerated);
    }
    if !declared.columns_known || !existing.columns_known {
        return Presence::Unknown { object, tolerated };
    }
    let mut expected = Vec::new();
    let mut actual = Vec::new();
    for column in &declared.columns {
        let written = format!("`{}` {}", column.name, column.ty);
        match existing.column(&column.name) {
            None => {
                expected.push(written);
                actual.push(format!("no `{}`", column.name));
            }
            Some(found) if differ(&column.ty, &found.ty) => {
                expected.push(written);
                actual.push(format!("`{}` {}", found.name, found.ty));
            }
            Some(_) => {}
        }
    }
    if expected.is_empty() {
        let noun = existing.kind.noun();
        return Presence::Same { reason: format!("{noun} `{name}` is there already") };
    }
    Presence::Different { object, expected: expected.join(", "), actual: actual.join(", "), tolerated }
}

/// Judges a view or materialized view by its query.
fn same_query(name: &QName, existing: &Relation, written: &str, actual: &str, tolerated: bool) -> Presence {
    let object = ObjectRef::relation(name);
    match sameness::queries(written, actual) {
        Sameness::Same => {
            let noun = existing.kind.noun();
            Presence::Same { reason: format!("{noun} `{name}` is there already") }
        }
        Sameness::Different => Presence::Different {
            object,
            expected: written.to_owned(),
            actual: actual.trim().trim_end_matches(';').to_owned(),
            tolerated,
        },
        Sameness::Unknown => Presence::Unknown { object, tolerated },
    }
}

/// Whether two types are surely not the same.
pub(super) fn differ(a: &TypeRef, b: &TypeRef) -> bool {
    if a.is_unknown() || b.is_unknown() {
        return false;
    }
    match (a.id, b.id) {
        (Some(left), Some(right)) => left != right || a.array != b.array,
        _ => a.to_string() != b.to_string(),
    }
}
