//! Relations as a whole: views, names, schemas, parents.

use crate::catalog::effect::{RelationChange, Slot};
use crate::catalog::{
    Catalog, ConstraintKind, DetailValue, Id, Ident, Identity, Origin, PartKind, RelationKind, TypeKind,
};
use rustc_hash::FxHashMap;

impl Catalog {
    pub(super) fn replace_view(&mut self, view: Id, with: &crate::catalog::Relation, origin: Origin) {
        if let Some(old) = self.relations.get_mut(&view) {
            let kept: FxHashMap<String, Origin> =
                old.columns.iter().map(|c| (c.name.clone(), c.origin)).collect();
            old.columns.clone_from(&with.columns);
            for column in &mut old.columns {
                column.origin = kept.get(&column.name).copied().unwrap_or(origin);
            }
            old.columns_known = with.columns_known;
            old.options.clone_from(&with.options);
            old.query.clone_from(&with.query);
            old.depends.clone_from(&with.depends);
            // A rule ON SELECT made a view of a table.
            if old.kind != with.kind {
                old.kind = with.kind.clone();
                old.constraints.clear();
                old.has_rows = with.has_rows;
            }
        }
        self.note_dependencies(view);
    }

    /// Ends a transaction: tables that were made with ON COMMIT DROP go.
    pub fn commit(&mut self) {
        let gone = self.relations.iter().filter(|(_, relation)| relation.dropped_at_commit);
        let gone: Vec<Id> = gone.map(|(id, _)| *id).collect();
        gone.into_iter().for_each(|id| self.drop_relation(id));
    }

    /// Renames a relation; an index's constraint goes along, as in PostgreSQL.
    pub(super) fn rename_relation(&mut self, relation: Id, to: &str) {
        let carried = self.relations.get(&relation).and_then(|r| r.index().map(|index| index.table));
        self.rename_only(relation, to);
        let mut renamed = None;
        if let Some(table) = carried.and_then(|table| self.relations.get_mut(&table)) {
            for constraint in table.constraints.iter_mut().filter(|c| c.index == Some(relation)) {
                if !matches!(constraint.kind, ConstraintKind::ForeignKey(_)) {
                    renamed = Some(std::mem::replace(&mut constraint.name, to.to_owned()));
                }
            }
        }
        if let (Some(table), Some(name)) = (carried, renamed) {
            self.part_renamed(table, PartKind::Constraint, &name, to);
        }
        carried.into_iter().for_each(|table| self.note_constraints(table));
    }

    pub(super) fn rename_only(&mut self, relation: Id, to: &str) {
        let Some(found) = self.relations.get_mut(&relation) else { return };
        let old = (found.schema, std::mem::replace(&mut found.name, to.to_owned()));
        let schema = old.0;
        self.forget_relation_name(&old, relation);
        self.relation_names.insert((schema, to.to_owned()), relation);
        if let Some(ty) = self
            .type_names
            .get(&old)
            .copied()
            .filter(|ty| self.types.get(ty).is_some_and(|ty| ty.kind == TypeKind::Composite))
        {
            self.rename_type_only(ty, to);
        }
        self.refresh_type_names(relation);
        self.refresh_nextval(relation);
    }

    /// Defaults hold a sequence's name as text.
    pub(super) fn refresh_nextval(&mut self, sequence: Id) {
        if !self.relations.get(&sequence).is_some_and(|found| matches!(found.kind, RelationKind::Sequence(_)))
        {
            return;
        }
        let name = self.relation_name(sequence);
        let qualified = format!("{}.{}", Ident(&name.schema), Ident(&name.name)).replace('\'', "''");
        for id in self.dependents_of(sequence) {
            let columns = self.relations.get_mut(&id).map(|table| table.columns.iter_mut());
            for column in columns.into_iter().flatten() {
                let uses = column.default_depends.iter().any(|need| need.on == sequence);
                if let Some(default) = column.default.as_mut().filter(|_| uses)
                    && default.text.starts_with("nextval('")
                    && default.text.ends_with("'::regclass)")
                {
                    default.text = format!("nextval('{qualified}'::regclass)");
                }
            }
        }
    }

    pub(super) fn forget_relation_name(&mut self, key: &(Id, String), id: Id) {
        if self.relation_names.get(key) == Some(&id) {
            self.relation_names.remove(key);
        }
    }

    pub(super) fn move_relation(&mut self, relation: Id, schema: &str) {
        if Catalog::is_system_schema(schema) && !self.schema_names.contains_key(schema) {
            // What is there is not listed.
            self.system_objects = true;
            self.drop_relation(relation);
            return;
        }
        let Some(target) = self.schema_names.get(schema).copied() else { return };
        let along: Vec<Id> = std::iter::once(relation).chain(self.parts_of(relation)).collect();
        for id in along {
            let Some(moved) = self.relations.get_mut(&id) else { continue };
            let old = (std::mem::replace(&mut moved.schema, target), moved.name.clone());
            self.forget_relation_name(&old, id);
            self.relation_names.insert((target, old.1), id);
            self.refresh_nextval(id);
        }
        self.refresh_type_names(relation);
    }

    /// The indexes and owned sequences of a table, which follow it.
    fn parts_of(&self, relation: Id) -> Vec<Id> {
        let mut parts = self.dependents_of(relation);
        parts.retain(|id| {
            self.relations.get(id).is_some_and(|dependent| match &dependent.kind {
                RelationKind::Index(index) => index.table == relation,
                RelationKind::Sequence(sequence) => {
                    sequence.owned_by.is_some_and(|(table, _)| table == relation)
                }
                _ => false,
            })
        });
        parts
    }

    pub(super) fn alter_relation(
        &mut self,
        id: Id,
        change: &RelationChange,
        slots: &mut FxHashMap<Slot, Id>,
    ) {
        match change {
            RelationChange::AddParent(parent, bound) => {
                let parent = self.place(*parent, slots);
                self.add_parent(id, parent, bound.as_deref());
            }
            RelationChange::RemoveParent(parent) => self.remove_parent(id, *parent),
            RelationChange::Owner(owner) => {
                for id in self.parts_of(id).into_iter().chain([id]) {
                    self.change_owner(id, &DetailValue::text(owner.as_str()));
                }
            }
            RelationChange::Persistence(persistence) => self.set_persistence(id, *persistence),
            _ => self.alter_facts(id, change),
        }
        self.note_dependencies(id);
    }

    fn alter_facts(&mut self, id: Id, change: &RelationChange) {
        let Some(relation) = self.relations.get_mut(&id) else { return };
        match change {
            RelationChange::RowSecurity(enabled, forced) => {
                let (old_enabled, old_forced) = relation.row_security;
                relation.row_security = (enabled.unwrap_or(old_enabled), forced.unwrap_or(old_forced));
            }
            RelationChange::Options(options) => relation.options.clone_from(options),
            RelationChange::OwnedBy(owner) => {
                if let RelationKind::Sequence(sequence) = &mut relation.kind {
                    sequence.owned_by = *owner;
                }
            }
            RelationChange::OfType(ty) => relation.of_type = *ty,
            RelationChange::Valid => {
                if let RelationKind::Index(index) = &mut relation.kind {
                    index.valid = true;
                }
            }
            _ => {}
        }
    }

    /// Indexes follow their table; owned sequences do from PostgreSQL 15 on.
    fn set_persistence(&mut self, id: Id, persistence: char) {
        let sequences = self.server_version >= 150_000;
        for id in self.parts_of(id).into_iter().chain([id]) {
            match self.relations.get_mut(&id) {
                Some(relation) if sequences || !matches!(relation.kind, RelationKind::Sequence(_)) => {
                    relation.persistence = persistence;
                }
                _ => {}
            }
        }
    }

    /// INHERIT, ATTACH PARTITION of a table or an index: columns and CHECK constraints of one name merge.
    fn add_parent(&mut self, id: Id, parent: Id, bound: Option<&str>) {
        let partition = bound.is_some();
        let from: Vec<String> = self.relations.get(&parent).map_or_else(Vec::new, |parent| {
            parent.columns.iter().map(|column| column.name.clone()).collect()
        });
        let down: Vec<String> = self.relations.get(&parent).map_or_else(Vec::new, |above| {
            let down = above.constraints.iter().filter(|constraint| constraint.goes_down());
            down.map(|constraint| self.constraint_below(parent, id, constraint)).collect()
        });
        let identities: Vec<(String, Identity)> =
            self.relations.get(&parent).map_or_else(Vec::new, |parent| {
                let columns = parent.columns.iter().filter(|_| partition && self.server_version >= 170_000);
                columns.filter_map(|column| Some((column.name.clone(), column.identity?))).collect()
            });
        let Some(relation) = self.relations.get_mut(&id) else { return };
        if !relation.parents.contains(&parent) {
            relation.parents.push(parent);
        }
        if partition {
            relation.partition_bound = bound.map(str::to_owned);
        }
        for column in relation.columns.iter_mut().filter(|c| from.contains(&c.name)) {
            column.inherited = true;
            column.local &= !partition;
        }
        for (name, identity) in identities {
            if let Some(column) = relation.columns.iter_mut().find(|column| column.name == name) {
                column.identity = Some(identity);
            }
        }
        for merged in relation.constraints.iter_mut().filter(|c| c.goes_down() && down.contains(&c.name)) {
            merged.inherited = true;
            merged.local &= !partition;
        }
        self.note_dependencies(id);
        self.complete_index(parent);
    }

    /// An index ON ONLY a partitioned table becomes valid with the last partition's index that is attached.
    fn complete_index(&mut self, id: Id) {
        let Some(relation) = self.relations.get(&id) else { return };
        let Some(index) = relation.index().filter(|index| !index.valid) else { return };
        let partitions = self.children_of(index.table);
        let attached = self.children_of(id).into_iter().filter_map(|part| self.relation(part)?.index());
        let covered: Vec<Id> = attached.filter(|part| part.valid).map(|part| part.table).collect();
        if !partitions.iter().all(|partition| covered.contains(partition)) {
            return;
        }
        let above = relation.parents.first().copied();
        if let Some(RelationKind::Index(index)) = self.relations.get_mut(&id).map(|found| &mut found.kind) {
            index.valid = true;
        }
        above.into_iter().for_each(|above| self.complete_index(above));
    }

    /// NO INHERIT and DETACH PARTITION: what came from the parent alone becomes the table's own.
    fn remove_parent(&mut self, id: Id, parent: Id) {
        let Some(relation) = self.relations.get_mut(&id) else { return };
        let partition = relation.partition_bound.take().is_some();
        relation.parents.retain(|old| *old != parent);
        let columns: Vec<String> =
            relation.columns.iter().filter(|c| c.inherited).map(|c| c.name.clone()).collect();
        let checks = relation.constraints.iter().filter(|c| c.inherited && c.parent.is_none() && !c.is_key());
        let checks: Vec<String> = checks.map(|c| c.name.clone()).collect();
        for column in columns {
            self.keep_column(id, &column);
        }
        for check in checks {
            self.leave_constraint(id, &check, false, true);
        }
        if partition {
            self.detach_parts(id, parent);
        }
    }

    /// Keys, foreign keys and indexes of a partition become its own; cloned triggers go.
    fn detach_parts(&mut self, id: Id, parent: Id) {
        let above: Vec<Id> = self.indexes_of(parent).into_iter().map(|(index, ..)| index).collect();
        let own: Vec<Id> = self.indexes_of(id).into_iter().map(|(index, ..)| index).collect();
        for index in own {
            if let Some(index) = self.relations.get_mut(&index) {
                index.parents.retain(|parent| !above.contains(parent));
            }
        }
        let Some(relation) = self.relations.get_mut(&id) else { return };
        for constraint in relation.constraints.iter_mut().filter(|c| c.parent.is_some()) {
            constraint.parent = None;
            constraint.inherited = false;
            constraint.local = true;
        }
        let cloned: Vec<String> =
            relation.triggers.iter().filter(|t| t.above.is_some()).map(|t| t.name.clone()).collect();
        for name in cloned {
            self.drop_trigger(id, &name);
        }
        if self.server_version >= 170_000 {
            self.drop_identities(id);
        }
    }

    /// A partition that is detached loses the identity of its columns, but not their numbers.
    fn drop_identities(&mut self, id: Id) {
        let columns = self.relations.get(&id).map(|table| table.columns.clone()).unwrap_or_default();
        for column in columns.iter().filter(|column| column.identity.is_some()) {
            self.alter_column(id, column.number, &crate::catalog::ColumnChange::Identity(None), false);
        }
    }
}
