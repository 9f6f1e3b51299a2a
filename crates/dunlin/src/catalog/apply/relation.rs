//! Relations as a whole: views, names, schemas, parents.

use crate::catalog::effect::RelationChange;
use crate::catalog::{Catalog, ConstraintKind, Id, Origin, RelationKind, TypeKind};
use std::collections::HashMap;

impl Catalog {
    pub(super) fn replace_view(&mut self, view: Id, with: &crate::catalog::Relation, origin: Origin) {
        if let Some(old) = self.relations.get_mut(&view) {
            let kept: HashMap<String, Origin> =
                old.columns.iter().map(|c| (c.name.clone(), c.origin)).collect();
            old.columns.clone_from(&with.columns);
            for column in &mut old.columns {
                column.origin = kept.get(&column.name).copied().unwrap_or(origin);
            }
            old.columns_known = with.columns_known;
            old.query.clone_from(&with.query);
            old.depends.clone_from(&with.depends);
        }
        self.note_dependencies(view);
    }

    /// Renames a relation; an index's constraint goes along, as in PostgreSQL.
    pub(super) fn rename_relation(&mut self, relation: Id, to: &str) {
        let carried = self.relations.get(&relation).and_then(|r| r.index().map(|index| index.table));
        self.rename_only(relation, to);
        if let Some(table) = carried.and_then(|table| self.relations.get_mut(&table)) {
            for constraint in table.constraints.iter_mut().filter(|c| c.index == Some(relation)) {
                if !matches!(constraint.kind, ConstraintKind::ForeignKey(_)) {
                    to.clone_into(&mut constraint.name);
                }
            }
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
    }

    pub(super) fn forget_relation_name(&mut self, key: &(Id, String), id: Id) {
        if self.relation_names.get(key) == Some(&id) {
            self.relation_names.remove(key);
        }
    }

    pub(super) fn move_relation(&mut self, relation: Id, schema: &str) {
        let Some(target) = self.schema_names.get(schema).copied() else { return };
        let mut along = vec![relation];
        along.extend(self.dependents_of(relation).into_iter().filter(|id| {
            self.relations.get(id).is_some_and(|dependent| match &dependent.kind {
                RelationKind::Index(index) => index.table == relation,
                RelationKind::Sequence(sequence) => {
                    sequence.owned_by.is_some_and(|(table, _)| table == relation)
                }
                _ => false,
            })
        }));
        for id in along {
            let Some(moved) = self.relations.get_mut(&id) else { continue };
            let old = (std::mem::replace(&mut moved.schema, target), moved.name.clone());
            self.forget_relation_name(&old, id);
            self.relation_names.insert((target, old.1), id);
        }
    }

    pub(super) fn alter_relation(&mut self, id: Id, change: &RelationChange) {
        let from_parent: Vec<String> = match change {
            RelationChange::AddParent(parent, _) => self
                .relation(*parent)
                .map(|parent| parent.columns.iter().map(|column| column.name.clone()).collect())
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        let Some(relation) = self.relations.get_mut(&id) else { return };
        match change {
            RelationChange::Owner(owner) => relation.owner.clone_from(owner),
            RelationChange::RowSecurity(enabled, forced) => {
                let (old_enabled, old_forced) = relation.row_security;
                relation.row_security = (enabled.unwrap_or(old_enabled), forced.unwrap_or(old_forced));
            }
            RelationChange::Persistence(persistence) => relation.persistence = *persistence,
            RelationChange::AddParent(parent, bound) => {
                relation.parents.push(*parent);
                for column in relation.columns.iter_mut().filter(|c| from_parent.contains(&c.name)) {
                    column.inherited = true;
                }
                relation.partition_bound.clone_from(bound);
            }
            RelationChange::RemoveParent(parent) => {
                relation.parents.retain(|old| old != parent);
                relation.partition_bound = None;
                relation.columns.iter_mut().for_each(|column| column.inherited = false);
            }
            RelationChange::Options(options) => relation.options.clone_from(options),
            RelationChange::OwnedBy(owner) => {
                if let RelationKind::Sequence(sequence) = &mut relation.kind {
                    sequence.owned_by = *owner;
                }
            }
        }
        self.note_dependencies(id);
    }
}
