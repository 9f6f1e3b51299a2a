//! Whether a change of a column's type leaves the stored values as they are, and whether a text is volatile.

use super::Context;
use crate::catalog::{Catalog, Name, TypeKind, TypeRef, builtin};
use crate::syntax::{TokenKind, tokens};

/// Whether values of the old type are values of the new one, bit by bit, and none has to be looked at.
pub(super) fn keeps_values(catalog: &Catalog, old: &TypeRef, new: &TypeRef) -> bool {
    if old.is_unknown() || new.is_unknown() {
        // Nothing can be said; the larger cost is the safer word.
        return false;
    }
    if old.to_string() == new.to_string() {
        return true;
    }
    if has_constraints(catalog, new) {
        return false;
    }
    let (old, new) = (base_of(catalog, old), base_of(catalog, new));
    if old.to_string() == new.to_string() {
        return true;
    }
    if old.array || new.array {
        // The elements are only passed over where nothing at all is done to them.
        return old.array == new.array && old.name == new.name && new.modifiers.is_none();
    }
    keeps_element(catalog, &old, &new)
}

fn keeps_element(catalog: &Catalog, old: &TypeRef, new: &TypeRef) -> bool {
    if old.schema != "pg_catalog" || new.schema != "pg_catalog" {
        return false;
    }
    if old.name == new.name {
        return widens(&old.name, old.modifiers.as_deref(), new.modifiers.as_deref());
    }
    // A length that is written has to be enforced; that of the old type is not known to the new one.
    new.modifiers.is_none() && only_relabels(catalog, &old.name, &new.name)
}

/// Whether a cast between two built-in types only changes the label of a value (`pg_cast.castmethod = 'b'`).
fn only_relabels(catalog: &Catalog, old: &str, new: &str) -> bool {
    let named = |name| builtin::type_named("pg_catalog", name);
    let (Some(old), Some(new)) = (named(old), named(new)) else { return false };
    let major = builtin::major(catalog.server_version);
    builtin::cast(old, new, major).is_some_and(|cast| cast.method == 'b')
}

/// Whether the new modifiers of a type let in everything that the old ones let in, as the server knows it.
fn widens(name: &str, old: Option<&str>, new: Option<&str>) -> bool {
    let Some(new) = new else { return true };
    let numbers =
        |text: &str| -> Vec<i64> { text.split(',').filter_map(|part| part.trim().parse().ok()).collect() };
    let new = numbers(new);
    match name {
        "varchar" | "varbit" => match (old.map(numbers).as_deref(), new.as_slice()) {
            (Some([old]), [new]) => old <= new,
            _ => false,
        },
        "numeric" => match (old.map(numbers).as_deref(), new.as_slice()) {
            (Some([old, old_scale]), [new, new_scale]) => old_scale == new_scale && old <= new,
            _ => false,
        },
        // Six digits are all that is stored.
        "timestamp" | "timestamptz" | "time" | "timetz" => {
            match (old.map(numbers).as_deref(), new.as_slice()) {
                (_, [6]) => true,
                (Some([old]), [new]) => old <= new,
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether a type is a domain with rules of its own, or over one.
pub(super) fn has_constraints(catalog: &Catalog, ty: &TypeRef) -> bool {
    match ty.id.and_then(|id| catalog.type_by_id(id)).map(|ty| &ty.kind) {
        Some(TypeKind::Domain(domain)) => {
            domain.not_null || !domain.constraints.is_empty() || has_constraints(catalog, &domain.base)
        }
        _ => false,
    }
}

/// The type that a domain is over in the end.
pub(super) fn base_of(catalog: &Catalog, ty: &TypeRef) -> TypeRef {
    match ty.id.and_then(|id| catalog.type_by_id(id)).map(|ty| &ty.kind) {
        Some(TypeKind::Domain(domain)) if !ty.array => base_of(catalog, &domain.base),
        _ => ty.clone(),
    }
}

impl Context<'_> {
    /// Whether an expression may give another value for each row; a function that is not known may.
    pub(super) fn is_volatile(&self, expression: &str) -> bool {
        let all = tokens(expression);
        let words: Vec<_> = all.iter().filter(|token| !token.is_comment()).collect();
        words.windows(2).enumerate().any(|(at, pair)| {
            let [word, next] = pair else { return false };
            if !matches!(word.kind, TokenKind::Word | TokenKind::QuotedIdent)
                || !next.is_punct(expression, "(")
            {
                return false;
            }
            let text = |token: &crate::syntax::Token| token.text(expression).trim_matches('"').to_owned();
            let schema = (at >= 2 && words[at - 1].is_punct(expression, ".")).then(|| text(words[at - 2]));
            self.calls_volatile(&Name { schema, name: text(word) })
        })
    }

    fn calls_volatile(&self, name: &Name) -> bool {
        let own: Vec<_> = self
            .catalog
            .functions()
            .filter(|(_, function)| function.name == name.name)
            .filter(|(_, function)| {
                name.schema
                    .as_deref()
                    .is_none_or(|schema| schema == self.catalog.schema_name(function.schema))
            })
            .collect();
        if !own.is_empty() {
            return own.iter().any(|(_, function)| function.volatility == 'v');
        }
        let found = match name.schema.as_deref() {
            None | Some("pg_catalog") => builtin::functions(&name.name),
            Some(_) => &[],
        };
        match found {
            [] => name.schema.is_some() || !is_syntax(&name.name),
            found => found.iter().any(|function| function.volatility == 'v'),
        }
    }
}

/// Words before a parenthesis that are no functions: types with modifiers and expressions of the grammar.
fn is_syntax(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    builtin::is_type(&word)
        || crate::syntax::needs_quotes(&word)
        || matches!(
            word.as_str(),
            "coalesce"
                | "greatest"
                | "least"
                | "nullif"
                | "row"
                | "cast"
                | "extract"
                | "position"
                | "overlay"
                | "substring"
                | "trim"
                | "values"
                | "in"
                | "and"
                | "or"
                | "not"
                | "decimal"
                | "dec"
                | "character"
                | "char"
                | "nchar"
                | "varying"
                | "precision"
                | "float"
                | "integer"
                | "time"
                | "timestamp"
                | "interval"
                | "exists"
                | "normalize"
                | "grouping"
                | "any"
                | "all"
                | "some"
                | "array"
                | "then"
                | "else"
                | "when"
                | "case"
        )
}
