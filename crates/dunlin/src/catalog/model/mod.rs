//! What a database's schema is made of.
//!
//! Objects have an [`Id`] of their own, so that a rename does not break what refers to them: as in
//! PostgreSQL, views, indexes and constraints refer to relations and column numbers, not names.

mod column;
mod constraint;
mod relation;
mod routine;
mod type_ref;
mod types;
mod view;

pub use column::{Column, Identity};
pub use constraint::{Attached, Constraint, ConstraintKind, Reference, Trigger};
pub use relation::{Index, IndexKey, Relation, RelationKind, Sequence};
pub use routine::{Function, FunctionKind, Parameter};
pub use type_ref::TypeRef;
pub use types::{Domain, EnumLabel, Type, TypeKind};
pub use view::ViewQuery;

use serde::{Deserialize, Serialize};

/// Identifies an object within one [`Catalog`](super::Catalog).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Id(pub u32);

/// A column's number within its relation; never used again after the column was dropped.
pub type ColumnNumber = i16;

/// Where an object of the catalog comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Origin {
    /// It was there when the catalog was read.
    #[default]
    Live,
    /// The n-th simulated operation made it.
    Simulated(u32),
}

/// An expression as text: from a file, or as the server writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    /// The text, such as `now()` or `(price > 0)`.
    pub text: String,
}

impl Expr {
    /// Makes an expression.
    pub fn new(text: impl Into<String>) -> Expr {
        Expr { text: text.into() }
    }
}

/// Something that an object cannot be without: as in `pg_depend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dependency {
    /// The object that is needed.
    pub on: Id,
    /// The column of it that is needed, if it is a relation and not needed as a whole.
    pub column: Option<ColumnNumber>,
}

/// A schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its name.
    pub name: String,
    /// The role that owns it.
    pub owner: String,
    /// Who made it.
    pub origin: Origin,
}
