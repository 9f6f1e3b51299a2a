//! Constraints, triggers, and what else is attached to a table.

use super::{ColumnNumber, Dependency, Expr, Id, Origin};

/// What a FOREIGN KEY refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The referenced table.
    pub table: Id,
    /// The referenced columns, in the order of the constraint's own columns.
    pub columns: Vec<ColumnNumber>,
    /// `a` no action, `r` restrict, `c` cascade, `n` set null, `d` set default, as in `confdeltype`.
    pub on_delete: char,
    /// The same for updates.
    pub on_update: char,
    /// `s` simple, `f` full, `p` partial, as in `confmatchtype`.
    pub matching: char,
}

/// The kinds of constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConstraintKind {
    /// PRIMARY KEY.
    PrimaryKey,
    /// UNIQUE.
    Unique,
    /// FOREIGN KEY.
    ForeignKey(Reference),
    /// CHECK (expression).
    Check(Expr),
    /// EXCLUDE.
    Exclude,
    /// NOT NULL (a constraint of its own from PostgreSQL 18).
    NotNull,
}

/// A constraint of a table (or of a domain, without columns).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: ConstraintKind,
    /// The columns it is on (for CHECK: those its expression uses).
    pub columns: Vec<ColumnNumber>,
    /// The index that carries it; of a FOREIGN KEY, the one of the referenced key.
    pub index: Option<Id>,
    /// Whether it is DEFERRABLE.
    pub deferrable: bool,
    /// Whether it is INITIALLY DEFERRED.
    pub deferred: bool,
    /// False for NOT VALID.
    pub validated: bool,
    /// False for NOT ENFORCED (from PostgreSQL 18).
    pub enforced: bool,
    /// Whether it came from a parent table.
    pub inherited: bool,
    /// Whether the table declares it itself, so that it stays when the parent's goes (`conislocal`).
    pub local: bool,
    /// NO INHERIT: descendants do not get it.
    pub no_inherit: bool,
    /// The constraint of the partitioned table whose part it is: of keys and foreign keys.
    pub parent: Option<String>,
    /// What its expression needs beyond the table's own columns.
    pub depends: Vec<Dependency>,
    /// `pg_get_constraintdef`, where the server was asked.
    pub definition: Option<String>,
    /// Who made it.
    pub origin: Origin,
}

impl Constraint {
    /// Makes a valid constraint without name and columns.
    pub fn new(kind: ConstraintKind) -> Constraint {
        Constraint {
            name: String::new(),
            kind,
            columns: Vec::new(),
            index: None,
            deferrable: false,
            deferred: false,
            validated: true,
            enforced: true,
            inherited: false,
            local: true,
            no_inherit: false,
            parent: None,
            depends: Vec::new(),
            definition: None,
            origin: Origin::Live,
        }
    }

    /// Whether it is a PRIMARY KEY, UNIQUE or EXCLUDE constraint, which an index carries.
    pub fn is_key(&self) -> bool {
        matches!(self.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique | ConstraintKind::Exclude)
    }

    /// Whether descendants get it too: CHECK and NOT NULL.
    pub fn goes_down(&self) -> bool {
        !self.no_inherit && matches!(self.kind, ConstraintKind::Check(_) | ConstraintKind::NotNull)
    }

    /// It meets another one of its name, for the same table: enforced is stronger, and then valid.
    pub(crate) fn merge_enforced(&mut self, other: &Constraint) {
        if other.enforced && !self.enforced {
            self.enforced = true;
            self.validated = true;
        }
    }

    /// Whether it is a FOREIGN KEY.
    pub fn is_foreign_key(&self) -> bool {
        matches!(self.kind, ConstraintKind::ForeignKey(_))
    }
}

/// A trigger of a table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// Its function.
    pub function: Option<Id>,
    /// Whether it is FOR EACH ROW: partitions get such a trigger too.
    pub row: bool,
    /// The columns it is on or its WHEN uses.
    pub columns: Vec<ColumnNumber>,
    /// `pg_get_triggerdef`, or the statement that made it.
    pub definition: Option<String>,
    /// The trigger of its partitioned table that it is the part of; it has the same name, unless that was renamed before
    /// PostgreSQL 15.
    pub above: Option<String>,
    /// Who made it.
    pub origin: Origin,
}

/// A row security policy or a rewrite rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its name.
    pub name: String,
    /// What it needs, the table's own columns included.
    pub depends: Vec<Dependency>,
    /// Its definition as the server or the file writes it.
    pub definition: Option<String>,
    /// Who made it.
    pub origin: Origin,
}
