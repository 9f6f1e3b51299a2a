//! Whether two definitions say the same: what a file writes, and how the server writes it back.
//!
//! The server is not asked: both texts are parsed, put into one spelling (`term`) and compared
//! (`compare`). A wrong [`Sameness::Different`] refuses a plan and a wrong [`Sameness::Same`] hides a
//! drift, so what cannot be decided is [`Sameness::Unknown`].

mod compare;
mod constant;
mod query;
mod statement;
mod term;
#[cfg(test)]
mod tests;

use crate::catalog::TypeRef;
use crate::syntax::{on_large_stack, parse_expression};
use term::{Const, Term, Type};

pub use query::queries;
pub use statement::{
    constraints, constraints_apart_from_validity, functions, index_definitions, policies, triggers,
};

/// Whether two definitions are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sameness {
    /// They surely mean the same.
    Same,
    /// They surely differ.
    Different,
    /// It cannot be said.
    Unknown,
}

impl Sameness {
    /// Joins the answers for two parts of a definition: one difference makes it different.
    #[must_use]
    pub fn and(self, other: Sameness) -> Sameness {
        match (self, other) {
            (Sameness::Different, _) | (_, Sameness::Different) => Sameness::Different,
            (Sameness::Unknown, _) | (_, Sameness::Unknown) => Sameness::Unknown,
            (Sameness::Same, Sameness::Same) => Sameness::Same,
        }
    }

    /// Leaves `Same` and makes anything else `Unknown`.
    #[must_use]
    pub fn or_unknown(self) -> Sameness {
        if self == Sameness::Same { self } else { Sameness::Unknown }
    }

    /// Gives `Same` or `Different`.
    pub fn of(same: bool) -> Sameness {
        if same { Sameness::Same } else { Sameness::Different }
    }
}

/// Compares two expressions over one table: of CHECK, an index, a policy, a generated column.
pub fn expressions(a: &str, b: &str) -> Sameness {
    roomy(a, b, || {
        if a == b {
            return Sameness::Same;
        }
        match (expression(a), expression(b)) {
            (Some(a), Some(b)) => compare::terms(&a, &b),
            _ => Sameness::Unknown,
        }
    })
}

/// Compares two DEFAULT expressions of a column; empty and NULL are no default.
pub fn defaults(a: &str, b: &str, column_type: &TypeRef) -> Sameness {
    roomy(a, b, || match (default(a), default(b)) {
        // Strings without a type are of the column's.
        (Some(Term::Const(Const::Text(a))), Some(Term::Const(Const::Text(b))))
            if !column_type.is_unknown() =>
        {
            let typed = |text| term::cast(Term::Const(Const::Text(text)), as_written(column_type));
            compare::terms(&typed(a), &typed(b))
        }
        (Some(a), Some(b)) => compare::terms(&a, &b),
        _ if a.trim() == b.trim() => Sameness::Same,
        _ => Sameness::Unknown,
    })
}

/// Compares two types as the catalog keeps them.
pub fn types(a: &TypeRef, b: &TypeRef) -> Sameness {
    if a.is_unknown() || b.is_unknown() {
        return Sameness::Unknown;
    }
    let key = |ty: &TypeRef| (ty.schema.clone(), ty.name.clone(), ty.modifiers.clone(), ty.array);
    Sameness::of(key(a) == key(b))
}

/// Gives work on texts that can be deep trees a large stack. Callers that compare much wrap all of it in
/// [`on_large_stack`] themselves.
fn roomy(a: &str, b: &str, work: impl FnOnce() -> Sameness + Send) -> Sameness {
    const SHORT: usize = 128;
    if a.len().max(b.len()) <= SHORT { work() } else { on_large_stack(work) }
}

fn expression(text: &str) -> Option<Term> {
    let select = parse_expression(text).ok()?;
    let [target] = select.target_list.as_slice() else { return None };
    let mut value = serde_json::to_value(target).ok()?;
    query::prepare(&mut value, false);
    let plain = serde_json::json!({
        "distinct": select.distinct_clause.is_empty(), "from": select.from_clause.is_empty(),
        "where": select.where_clause.is_none(), "name": value["node"]["ResTarget"]["name"] == "",
    });
    if plain.as_object()?.values().any(|flag| flag != true) {
        return None;
    }
    term::normalise(&value["node"]["ResTarget"]["val"]).ok()
}

/// Gives a default as a term.
fn default(text: &str) -> Option<Term> {
    if text.trim().is_empty() {
        return Some(Term::Const(Const::Null));
    }
    Some(match expression(text)? {
        Term::Cast(inner, _) if *inner == Term::Const(Const::Null) => *inner,
        other => other,
    })
}

/// The column's type as a cast names it; the length does not show in a default.
fn as_written(ty: &TypeRef) -> Type {
    let schema = (ty.schema != "pg_catalog").then(|| ty.schema.clone());
    let name = schema.into_iter().chain([ty.name.clone()]).collect();
    Type { name, modifiers: Vec::new(), array: ty.array }
}
