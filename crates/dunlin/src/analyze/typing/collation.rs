//! Collations of expressions (`parse_collate.c`).

use super::Ty;
use std::sync::Arc;

/// The collation of an expression, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Collation {
    /// None: the type has no collation.
    #[default]
    Absent,
    /// That of a column, constant or type; none is the database's default.
    Implicit(Option<Arc<str>>),
    /// Implicit ones that differ: nothing is known of it but that it cannot be used.
    Conflict,
    /// What COLLATE says.
    Explicit(Option<Arc<str>>),
}

impl Collation {
    /// The collation that a type brings.
    pub fn of_type(ty: Ty) -> Collation {
        match ty.builtin().map(|found| found.collation) {
            Some(None) => Collation::Absent,
            Some(Some(name)) => Collation::Implicit(named(name)),
            None => match ty {
                Ty::Unsure => Collation::Absent,
                // A domain may be over text; what has no collation ignores it.
                _ => Collation::Implicit(None),
            },
        }
    }

    /// The collation of a column that the catalog describes.
    pub fn of_column(ty: Ty, collation: Option<&str>) -> Collation {
        match collation {
            Some(name) => Collation::Implicit(named(name.trim_matches('"'))),
            None => Collation::of_type(ty),
        }
    }

    /// The collation that COLLATE names.
    pub fn explicit(name: &str) -> Collation {
        Collation::Explicit(named(name.trim_matches('"')))
    }

    /// The collation of an expression of type `ty` over others.
    pub fn merged<'a>(ty: Ty, inputs: impl Iterator<Item = &'a Collation>) -> Collation {
        let own = Collation::of_type(ty);
        if own == Collation::Absent {
            return own;
        }
        match inputs.fold(Collation::Absent, merge) {
            Collation::Absent => own,
            found => found,
        }
    }

    /// Its name as the catalog writes it, where it is not the type's own.
    pub fn name_for(&self, ty: Ty) -> Option<String> {
        let (Collation::Implicit(name) | Collation::Explicit(name)) = self else { return None };
        let own = match Collation::of_type(ty) {
            Collation::Implicit(own) => own,
            _ => return None,
        };
        let text = || name.as_deref().unwrap_or("default").to_owned();
        (own != *name).then(|| match text() {
            // What has a schema is written as it must be.
            text if text.contains('.') => text,
            text => crate::catalog::Ident(&text).to_string(),
        })
    }

    fn strength(&self) -> u8 {
        match self {
            Collation::Absent => 0,
            Collation::Implicit(_) => 1,
            Collation::Conflict => 2,
            Collation::Explicit(_) => 3,
        }
    }
}

fn named(name: &str) -> Option<Arc<str>> {
    (name != "default").then(|| Arc::from(name))
}

fn merge(one: Collation, other: &Collation) -> Collation {
    match (&one, other) {
        (a, b) if b.strength() > a.strength() => other.clone(),
        (a, b) if b.strength() < a.strength() || a == b => one,
        // The default gives way.
        (Collation::Implicit(None), Collation::Implicit(_)) => other.clone(),
        (Collation::Implicit(_), Collation::Implicit(None)) => one,
        _ => Collation::Conflict,
    }
}
