//! Constraints of a table.

use crate::catalog::effect::{Slot, Target};
use crate::catalog::{Catalog, ColumnNumber, ConstraintKind, Id, Origin, RelationKind};
use std::collections::{BTreeSet, HashMap};

impl Catalog {
    pub(super) fn add_constraint(
        &mut self,
        relation: Target,
        constraint: &crate::catalog::Constraint,
        index_name: Option<&str>,
        origin: Origin,
        slots: &mut HashMap<Slot, Id>,
    ) {
        let id = match relation {
            Target::Existing(id) => id,
            Target::New(slot) => match slots.get(&slot) {
                Some(id) => *id,
                None => return,
            },
        };
        let mut constraint = crate::catalog::Constraint { origin, ..constraint.clone() };
        if let ConstraintKind::ForeignKey(reference) = &mut constraint.kind {
            reference.table = self.place(reference.table, slots);
        }
        let Some(schema) = self.relations.get(&id).map(|table| table.schema) else { return };
        if let Some(name) = index_name {
            constraint.index = self.relation_names.get(&(schema, name.to_owned())).copied();
            if let (ConstraintKind::PrimaryKey, Some(index)) = (&constraint.kind, constraint.index)
                && let Some(crate::catalog::Relation { kind: RelationKind::Index(index), .. }) =
                    self.relations.get_mut(&index)
            {
                index.primary = true;
            }
        }
        if let Some(table) = self.relations.get_mut(&id) {
            if matches!(constraint.kind, ConstraintKind::PrimaryKey) {
                for column in table.columns.iter_mut().filter(|c| constraint.columns.contains(&c.number)) {
                    column.not_null = true;
                }
            }
            table.constraints.push(constraint);
        }
        self.note_dependencies(id);
    }

    pub(super) fn drop_constraint(&mut self, relation: Id, name: &str) {
        let Some(table) = self.relations.get_mut(&relation) else { return };
        let Some(at) = table.constraints.iter().position(|constraint| constraint.name == name) else {
            return;
        };
        let constraint = table.constraints.remove(at);
        if let (Some(index), false) =
            (constraint.index, matches!(constraint.kind, ConstraintKind::ForeignKey(_)))
        {
            let referring = self.foreign_keys_to(relation, &constraint.columns);
            self.remove_relation(index);
            for (table, name) in referring {
                self.drop_constraint(table, &name);
            }
        }
    }

    /// Foreign keys that refer to a key on exactly these columns, in any order, with no other such key left.
    pub fn foreign_keys_to(&self, relation: Id, columns: &[ColumnNumber]) -> Vec<(Id, String)> {
        let wanted: BTreeSet<ColumnNumber> = columns.iter().copied().collect();
        let mut found = Vec::new();
        for id in std::iter::once(relation).chain(self.dependents_of(relation)) {
            let Some(table) = self.relation(id) else { continue };
            for constraint in &table.constraints {
                if let ConstraintKind::ForeignKey(reference) = &constraint.kind {
                    let columns: BTreeSet<ColumnNumber> = reference.columns.iter().copied().collect();
                    if reference.table == relation && columns == wanted {
                        found.push((id, constraint.name.clone()));
                    }
                }
            }
        }
        found
    }

    pub(super) fn rename_constraint(&mut self, relation: Id, name: &str, to: &str) {
        let Some(table) = self.relations.get_mut(&relation) else { return };
        let mut index = None;
        for constraint in table.constraints.iter_mut().filter(|constraint| constraint.name == name) {
            to.clone_into(&mut constraint.name);
            if !matches!(constraint.kind, ConstraintKind::ForeignKey(_)) {
                index = constraint.index;
            }
        }
        self.note_constraints(relation);
        if let Some(index) = index {
            self.rename_only(index, to);
        }
    }
}
