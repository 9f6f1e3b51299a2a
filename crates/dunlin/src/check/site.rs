//! What a rule sees.

use super::{Start, Step};
use crate::analyze::{Class, Cost, Lock, LockMode, Work};
use crate::catalog::{
    Catalog, Column, ColumnChange, Constraint, Effect, Id, Origin, QName, Relation, Target,
};
use crate::source::Span;

/// What a rule found.
pub struct Finding {
    /// What is the matter, naming the object.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// A place inside the statement, where one is known.
    pub span: Option<Span>,
}

impl Finding {
    /// Makes a finding about the whole statement.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Finding {
        Finding { message: message.into(), help: help.into(), span: None }
    }
}

/// What an earlier statement of the same transaction leaves behind until the commit.
pub struct Held {
    /// Locks on tables that others use.
    pub locks: Vec<Lock>,
    /// Tables with rows of which it changes many.
    pub changed: Vec<QName>,
    /// Constraints that it added without looking at the rows.
    pub not_valid: Vec<(Id, String)>,
}

/// A statement where it runs.
pub struct Site<'a> {
    /// The catalog before it.
    pub catalog: &'a Catalog,
    /// The statement.
    pub step: &'a Step<'a>,
    /// What ran before it in its transaction.
    pub earlier: &'a [Held],
    pub(super) start: Start,
    pub(super) migrations: &'a [usize],
}

/// The schema that a set ends in.
pub struct End<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
}

/// A column that a statement makes or gives another type.
pub struct NewColumn<'a> {
    /// Its table.
    pub table: QName,
    /// The column as it is then.
    pub column: Column,
    /// Where it is declared.
    pub span: Option<Span>,
    /// The effect that makes it.
    pub effect: &'a Effect,
}

impl Site<'_> {
    /// The relation's name as people write it.
    pub fn name(&self, id: Id) -> String {
        self.catalog.relation_name(id).to_string()
    }

    /// Whether a relation was there before this migration, so that others may use it.
    pub fn existed(&self, id: Id) -> bool {
        self.catalog.relation(id).is_some_and(|relation| self.is_older(relation.origin, relation))
    }

    fn is_older(&self, origin: Origin, relation: &Relation) -> bool {
        if relation.persistence == 't' {
            return false;
        }
        match origin {
            Origin::Live => true,
            Origin::Simulated(operation) => {
                let made_in = self.migrations.get(operation as usize);
                self.start == Start::Files && made_in != self.migrations.get(self.step.operation)
            }
        }
    }

    /// Whether a relation was there before this migration and may have rows.
    pub fn has_rows(&self, id: Id) -> bool {
        let known_empty = |relation: &Relation| {
            self.start == Start::Server
                && relation.origin == Origin::Live
                && relation.has_rows == Some(false)
                && relation.partition_key.is_none()
        };
        self.existed(id)
            && self.catalog.relation(id).is_some_and(|relation| {
                let table =
                    relation.index().map_or(Some(relation), |index| self.catalog.relation(index.table));
                !table.is_some_and(known_empty)
            })
    }

    /// What the statement costs on tables with rows.
    pub fn costs(&self) -> impl Iterator<Item = &Cost> {
        self.step.analysis.costs.iter().filter(|cost| self.has_rows(cost.relation))
    }

    /// The rewrites or scans that are needed for a reason.
    pub fn work(&self, work: Work) -> impl Iterator<Item = &Cost> {
        self.costs().filter(move |cost| cost.work == work)
    }

    /// The lock that the statement holds on a relation.
    pub fn lock_on(&self, id: Id) -> Option<LockMode> {
        self.step.analysis.locks.iter().find(|lock| lock.relation == Some(id)).map(|lock| lock.mode)
    }

    /// What others cannot do meanwhile, as the end of a sentence.
    pub fn blocked(&self, id: Id) -> &'static str {
        match self.lock_on(id) {
            Some(LockMode::AccessExclusive) => "nobody can read or write it",
            Some(LockMode::Share | LockMode::ShareRowExclusive | LockMode::Exclusive) => {
                "nobody can write to it"
            }
            _ => "it stays usable",
        }
    }

    /// Constraints that the statement adds to tables that exist.
    pub fn new_constraints(&self) -> impl Iterator<Item = (Id, &Constraint)> {
        self.step.effects.iter().filter_map(|effect| match effect {
            Effect::AddConstraint { relation: Target::Existing(id), constraint, .. } => {
                Some((*id, constraint.as_ref()))
            }
            _ => None,
        })
    }

    /// Columns that the statement makes, or gives another type.
    pub fn new_columns(&self) -> Vec<NewColumn<'_>> {
        let mut found = Vec::new();
        let declared = self.step.analysis.declaration.as_ref();
        for effect in self.step.effects {
            match effect {
                Effect::CreateRelation { name, relation, .. } if relation.is_table() => {
                    let Some(declared) = declared.filter(|declared| declared.name == *name) else { continue };
                    for (column, span) in &declared.column_spans {
                        let Some(column) = relation.column(column) else { continue };
                        let (table, column) = (name.clone(), column.clone());
                        found.push(NewColumn { table, column, span: Some(*span), effect });
                    }
                }
                Effect::AddColumn { relation, column } => found.push(NewColumn {
                    table: self.catalog.relation_name(*relation),
                    column: column.as_ref().clone(),
                    span: None,
                    effect,
                }),
                Effect::AlterColumn { relation, column, change: ColumnChange::Type(ty, _), .. } => {
                    let old =
                        self.catalog.relation(*relation).and_then(|table| table.column_numbered(*column));
                    let Some(old) = old else { continue };
                    let column = Column { ty: ty.clone(), ..old.clone() };
                    let table = self.catalog.relation_name(*relation);
                    found.push(NewColumn { table, column, span: None, effect });
                }
                _ => {}
            }
        }
        found
    }

    /// Whether the statement adds a column of that name to a table that exists.
    pub fn adds_column(&self, name: &str) -> bool {
        self.step
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::AddColumn { column, .. } if column.name == name))
    }

    /// Whether the statement changes many rows of tables that have some: UPDATE, DELETE, MERGE.
    pub fn changed(&self) -> Vec<QName> {
        let changes = matches!(self.step.analysis.class, Class::Writes | Class::Removes)
            && matches!(self.step.analysis.kind, "UPDATE" | "DELETE" | "MERGE");
        let locks = self.step.analysis.locks.iter().filter(|_| changes);
        locks
            .filter(|lock| lock.mode == LockMode::RowExclusive)
            .filter_map(|lock| lock.relation)
            .filter(|id| self.has_rows(*id))
            .map(|id| self.catalog.relation_name(id))
            .collect()
    }

    /// The locks that keep readers and writers out of tables that others use; indexes and sequences are left out.
    pub fn exclusive(&self) -> Vec<&Lock> {
        let locks = self.step.analysis.locks.iter();
        locks
            .filter(|lock| lock.mode == LockMode::AccessExclusive)
            .filter(|lock| {
                lock.relation.is_some_and(|id| {
                    self.existed(id)
                        && self.catalog.relation(id).is_some_and(|relation| {
                            relation.is_table()
                                || relation.kind == crate::catalog::RelationKind::MaterializedView
                        })
                })
            })
            .collect()
    }

    /// What the statement leaves behind until its transaction ends, beyond what earlier ones did.
    pub(super) fn held(&self) -> Option<Held> {
        let known = |lock: &Lock| {
            self.earlier.iter().flat_map(|held| &held.locks).any(|held| held.object == lock.object)
        };
        let held = Held {
            locks: self.exclusive().into_iter().filter(|lock| !known(lock)).cloned().collect(),
            changed: self.changed(),
            not_valid: self
                .new_constraints()
                .filter(|(_, constraint)| !constraint.validated)
                .map(|(id, constraint)| (id, constraint.name.clone()))
                .collect(),
        };
        let is_empty = held.locks.is_empty() && held.changed.is_empty() && held.not_valid.is_empty();
        (!is_empty).then_some(held)
    }

    /// The new columns of a built-in type, as text for people, and where the first is; none where there are none.
    pub fn columns_of_type(&self, name: &str) -> Option<(String, Option<Span>)> {
        let is_meant =
            |new: &NewColumn<'_>| new.column.ty.schema == "pg_catalog" && new.column.ty.name == name;
        let columns: Vec<NewColumn<'_>> = self.new_columns().into_iter().filter(is_meant).collect();
        let names: Vec<String> =
            columns.iter().map(|new| format!("`{}.{}`", new.table, new.column.name)).collect();
        columns.first().map(|first| (names.join(", "), first.span))
    }
}
