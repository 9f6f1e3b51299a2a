//! Constraints of a table.

use crate::catalog::effect::{ConstraintChange, Slot, Target};
use crate::catalog::{
    Catalog, ColumnChange, ColumnNumber, Constraint, ConstraintKind, Id, Origin, PartKind, Reference,
    RelationKind,
};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

impl Catalog {
    pub(super) fn add_constraint(
        &mut self,
        relation: Target,
        constraint: &Constraint,
        index_name: Option<&str>,
        origin: Origin,
        slots: &mut FxHashMap<Slot, Id>,
    ) {
        let id = match relation {
            Target::Existing(id) => self.place(id, slots),
            Target::New(slot) => match slots.get(&slot) {
                Some(id) => *id,
                None => return,
            },
        };
        let mut constraint = Constraint { origin, ..constraint.clone() };
        if let ConstraintKind::ForeignKey(reference) = &mut constraint.kind {
            reference.table = self.place(reference.table, slots);
            constraint.index = self.referenced_index(reference);
        }
        let Some(schema) = self.relations.get(&id).map(|table| table.schema) else { return };
        if let Some(name) = index_name {
            constraint.index = self.relation_names.get(&(schema, name.to_owned())).copied();
            self.mark_primary(&constraint);
        }
        self.put_constraint(id, constraint);
    }

    fn mark_primary(&mut self, constraint: &Constraint) {
        if constraint.kind == ConstraintKind::PrimaryKey
            && let Some(RelationKind::Index(index)) =
                constraint.index.and_then(|id| self.relations.get_mut(&id)).map(|found| &mut found.kind)
        {
            index.primary = true;
        }
    }

    /// The index of the key that a foreign key refers to.
    fn referenced_index(&self, reference: &Reference) -> Option<Id> {
        let wanted: BTreeSet<ColumnNumber> = reference.columns.iter().copied().collect();
        let indexes = self.indexes_of(reference.table);
        let fitting = indexes.iter().filter(|(_, _, index)| {
            let columns: Option<BTreeSet<ColumnNumber>> = index.keys.iter().map(|key| key.column).collect();
            index.unique && index.immediate && index.predicate.is_none() && columns.as_ref() == Some(&wanted)
        });
        fitting.min_by_key(|(id, _, index)| (!index.primary, *id)).map(|(id, _, _)| *id)
    }

    /// Adds a constraint to a table; a CHECK goes down to descendants, where it merges with one of its name.
    fn put_constraint(&mut self, id: Id, constraint: Constraint) {
        let mut primary = Vec::new();
        let check = matches!(constraint.kind, ConstraintKind::Check(_));
        let goes_down = constraint.goes_down();
        let Some(table) = self.relations.get_mut(&id) else { return };
        if matches!(constraint.kind, ConstraintKind::PrimaryKey) {
            primary.clone_from(&constraint.columns);
        }
        let partition = table.partition_bound.is_some();
        let not_null = constraint.kind == ConstraintKind::NotNull;
        let merges = |there: &Constraint| match not_null {
            true => there.kind == ConstraintKind::NotNull && there.columns == constraint.columns,
            false => there.name == constraint.name,
        };
        let there = table.constraints.iter_mut().find(|there| merges(there));
        match there {
            Some(there) if check && matches!(there.kind, ConstraintKind::Check(_)) => {
                // Of the same name: they merge, on whichever side it was first.
                there.inherited |= constraint.inherited;
                there.merge_enforced(&constraint);
                // A partition's is never its own.
                there.local = (there.local || constraint.local) && !(partition && there.inherited);
            }
            Some(there) if not_null => {
                there.inherited |= constraint.inherited;
                there.local |= constraint.local;
            }
            Some(_) if goes_down => return,
            _ => {
                table.constraints.push(constraint.clone());
                self.part_is_new(id, PartKind::Constraint, &constraint.name);
            }
        }
        self.note_dependencies(id);
        for column in primary {
            self.with_column(id, column, |column| column.not_null = true);
        }
        if !goes_down {
            return;
        }
        for child in self.children_of(id) {
            let columns = self.translated(id, child, &constraint.columns);
            let below = Constraint { columns, inherited: true, local: false, ..constraint.clone() };
            self.put_constraint(child, below);
        }
    }

    /// The numbers that columns of one table have in another, by name.
    pub(super) fn translated(&self, from: Id, to: Id, columns: &[ColumnNumber]) -> Vec<ColumnNumber> {
        let (Some(from), Some(to)) = (self.relations.get(&from), self.relations.get(&to)) else {
            return Vec::new();
        };
        let names = from.names(columns);
        names.iter().filter_map(|name| to.column(name).map(|column| column.number)).collect()
    }

    /// Drops a constraint; descendants lose a CHECK as they lose columns.
    pub(super) fn drop_constraint(&mut self, relation: Id, name: &str, only: bool) {
        let Some(constraint) = self.drop_constraint_alone(relation, name) else { return };
        if !constraint.goes_down() {
            return;
        }
        for child in self.children_of(relation) {
            let below = self.constraint_below(relation, child, &constraint);
            self.leave_constraint(child, &below, only, false);
        }
    }

    /// The name that a constraint has in a descendant: NOT NULL is known by its column.
    pub(super) fn constraint_below(&self, relation: Id, child: Id, constraint: &Constraint) -> String {
        let columns = self.translated(relation, child, &constraint.columns);
        let is_it = |found: &&Constraint| found.kind == ConstraintKind::NotNull && found.columns == columns;
        let found = self.relation(child).and_then(|child| child.constraints.iter().find(is_it));
        match found {
            Some(found) if constraint.kind == ConstraintKind::NotNull => found.name.clone(),
            _ => constraint.name.clone(),
        }
    }

    /// Drops a constraint with its index, the foreign keys on it, and its parts in partitions. A CHECK that goes
    /// with something else stays in descendants, as the server leaves it.
    pub(super) fn drop_constraint_alone(&mut self, relation: Id, name: &str) -> Option<Constraint> {
        let table = self.relations.get_mut(&relation)?;
        let at = table.constraints.iter().position(|constraint| constraint.name == name)?;
        let constraint = table.constraints.remove(at);
        if let (ConstraintKind::NotNull, [column]) = (&constraint.kind, constraint.columns.as_slice()) {
            let column = *column;
            self.with_column(relation, column, |column| column.not_null = false);
        }
        if let (Some(index), true) = (constraint.index, constraint.is_key()) {
            let referring = self.foreign_keys_on(relation, index);
            let parts = self.children_of(index);
            self.remove_relation(index);
            for (table, name) in referring {
                self.drop_constraint(table, &name, false);
            }
            parts.into_iter().for_each(|part| self.drop_relation(part));
        }
        if constraint.is_foreign_key() {
            for child in self.children_of(relation) {
                let part = self.relation(child).and_then(|child| {
                    let mut parts = child.constraints.iter().filter(|c| c.is_foreign_key());
                    parts.find(|c| c.parent.as_deref() == Some(name)).map(|part| part.name.clone())
                });
                if let Some(part) = part {
                    self.drop_constraint_alone(child, &part);
                }
            }
        }
        Some(constraint)
    }

    /// A parent of `child` has no CHECK of that name any more, or is none any more. With `keep` it becomes the
    /// child's own; with `keep_last`, when no other parent has it.
    pub(super) fn leave_constraint(&mut self, child: Id, name: &str, keep: bool, keep_last: bool) {
        let parents = self.relations.get(&child).map(|table| table.parents.clone()).unwrap_or_default();
        let inherited = parents.iter().any(|parent| {
            self.relation(*parent)
                .and_then(|parent| parent.constraint(name))
                .is_some_and(Constraint::goes_down)
        });
        let Some(table) = self.relations.get_mut(&child) else { return };
        let Some(found) = table.constraints.iter_mut().find(|c| c.name == name && c.inherited) else {
            return;
        };
        found.inherited = inherited;
        found.local |= keep || (keep_last && !inherited);
        if !found.inherited && !found.local {
            self.drop_constraint(child, name, false);
        }
    }

    /// Foreign keys to a key of a table that depend on its index.
    pub fn foreign_keys_on(&self, relation: Id, index: Id) -> Vec<(Id, String)> {
        let mut found = Vec::new();
        for id in std::iter::once(relation).chain(self.dependents_of(relation)) {
            let Some(table) = self.relation(id) else { continue };
            let on_it = table.constraints.iter().filter(|c| c.is_foreign_key() && c.index == Some(index));
            found.extend(on_it.map(|constraint| (id, constraint.name.clone())));
        }
        found
    }

    pub(super) fn rename_constraint(&mut self, relation: Id, name: &str, to: &str) {
        self.part_renamed(relation, PartKind::Constraint, name, to);
        let Some(table) = self.relations.get_mut(&relation) else { return };
        let mut index = None;
        let mut goes_down = false;
        for constraint in table.constraints.iter_mut().filter(|constraint| constraint.name == name) {
            to.clone_into(&mut constraint.name);
            index = constraint.index.filter(|_| constraint.is_key());
            goes_down = constraint.goes_down();
        }
        self.note_constraints(relation);
        if let Some(index) = index {
            self.rename_only(index, to);
        }
        for child in self.children_of(relation) {
            let Some(table) = self.relations.get_mut(&child) else { continue };
            for part in table.constraints.iter_mut().filter(|c| c.parent.as_deref() == Some(name)) {
                part.parent = Some(to.to_owned());
            }
            if goes_down && table.constraint(name).is_some_and(|found| found.inherited) {
                self.rename_constraint(child, name, to);
            }
        }
    }

    /// Says that a constraint holds for all rows, also those of descendants.
    pub(super) fn validate_constraint(&mut self, relation: Id, name: &str) {
        let Some(table) = self.relations.get_mut(&relation) else { return };
        let Some(found) = table.constraints.iter_mut().find(|c| c.name == name) else { return };
        found.validated = true;
        let found = found.clone();
        for child in self.children_of(relation) {
            let below = self.constraint_below(relation, child, &found);
            let part = self.relation(child).and_then(|child| {
                let goes_down = found.goes_down();
                let inherited =
                    child.constraints.iter().find(|c| c.name == below && goes_down && c.inherited);
                inherited.or_else(|| child.constraints.iter().find(|c| c.parent.as_deref() == Some(name)))
            });
            if let Some(part) = part.map(|part| part.name.clone()) {
                self.validate_constraint(child, &part);
            }
        }
    }

    pub(super) fn attach_constraint(&mut self, relation: Id, name: &str, parent: &str) {
        let Some(table) = self.relations.get_mut(&relation) else { return };
        if let Some(found) = table.constraints.iter_mut().find(|c| c.name == name) {
            found.inherited = true;
            found.local = false;
            found.parent = Some(parent.to_owned());
        }
    }

    /// ALTER CONSTRAINT of a NOT NULL: with INHERIT children get it, with NO INHERIT theirs becomes their own.
    fn inherit_not_null(&mut self, relation: Id, constraint: &Constraint) {
        for child in self.children_of(relation) {
            let below = self.constraint_below(relation, child, constraint);
            let columns = self.translated(relation, child, &constraint.columns);
            let Some(table) = self.relations.get_mut(&child) else { continue };
            if let Some(found) = table.constraints.iter_mut().find(|found| found.name == below) {
                found.inherited = !constraint.no_inherit;
                found.local |= constraint.no_inherit;
            }
            for column in columns.into_iter().filter(|_| !constraint.no_inherit) {
                self.alter_column(child, column, &ColumnChange::NotNull(true), false);
            }
        }
    }

    pub(super) fn alter_constraint(&mut self, relation: Id, name: &str, change: ConstraintChange) {
        let Some(table) = self.relations.get_mut(&relation) else { return };
        let Some(found) = table.constraints.iter_mut().find(|c| c.name == name) else { return };
        match change {
            ConstraintChange::Timing(deferrable, deferred) => {
                found.deferrable = deferrable;
                found.deferred = deferred;
            }
            ConstraintChange::Enforced(enforced) => {
                found.enforced = enforced;
                found.validated = enforced;
            }
            ConstraintChange::NoInherit(no_inherit) => {
                found.no_inherit = no_inherit;
                let found = found.clone();
                self.inherit_not_null(relation, &found);
                return;
            }
        }
        for child in self.children_of(relation) {
            let parts = self.relation(child).map(|child| {
                let parts = child.constraints.iter().filter(|c| c.parent.as_deref() == Some(name));
                parts.map(|part| part.name.clone()).collect::<Vec<_>>()
            });
            for part in parts.unwrap_or_default() {
                self.alter_constraint(child, &part, change);
            }
        }
    }
}
