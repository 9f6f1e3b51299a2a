//! Types of the user's.

use super::{Constraint, Dependency, Expr, Id, Origin, TypeRef};

/// What kind of type a [`Type`] is; table row types are not listed, they are their relations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeKind {
    /// An enum with its labels in order.
    Enum(Vec<EnumLabel>),
    /// A domain.
    Domain(Box<Domain>),
    /// A composite type; its attributes are those of the relation of the same name.
    Composite,
    /// A range type (or its multirange).
    Range,
    /// A base type of C functions, or a shell.
    Base,
}

/// A label of an enum type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumLabel {
    /// The label.
    pub label: String,
    /// Who made it.
    pub origin: Origin,
}

/// A domain's own facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// The type it is over.
    pub base: TypeRef,
    /// Whether it is NOT NULL.
    pub not_null: bool,
    /// Its default.
    pub default: Option<Expr>,
    /// Its CHECK constraints.
    pub constraints: Vec<Constraint>,
}

/// A type that is not built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// Its schema.
    pub schema: Id,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TypeKind,
    /// What it cannot be without, besides what its kind says: functions, a subtype, an operator class.
    pub depends: Vec<Dependency>,
    /// The extension that it belongs to.
    pub extension: Option<String>,
    /// Who made it.
    pub origin: Origin,
}

impl Type {
    /// Everything that it needs.
    pub(in crate::catalog) fn needs(&self) -> impl Iterator<Item = Id> {
        let domain = match &self.kind {
            TypeKind::Domain(domain) => Some(domain),
            _ => None,
        };
        let checks = domain.into_iter().flat_map(|domain| &domain.constraints);
        let checks = checks.flat_map(|constraint| &constraint.depends);
        let all = self.depends.iter().chain(checks).map(|dependency| dependency.on);
        all.chain(domain.and_then(|domain| domain.base.id))
    }
}
