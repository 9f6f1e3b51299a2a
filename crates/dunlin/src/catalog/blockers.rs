//! What keeps an object from being dropped without CASCADE, as in `pg_depend`.

use super::{Catalog, ColumnNumber, Dependent, Id, RelationKind, TypeKind};
use std::collections::BTreeSet;

impl Catalog {
    /// Finds an object that surely needs one of `roots` and does not go with them.
    pub fn blocker(&self, roots: &[Id]) -> Option<Id> {
        let gone = self.going_with(roots);
        for on in &gone {
            let mut dependents = self.dependents_of(*on).into_iter();
            let found = dependents.find(|id| !gone.contains(id) && self.is_sure_dependent(*id));
            if found.is_some() {
                return found;
            }
        }
        roots.iter().find_map(|root| self.referring_to_whole(*root, &gone))
    }

    /// The objects, and what is part of them: indexes, owned sequences, partitions, statistics.
    fn going_with(&self, roots: &[Id]) -> BTreeSet<Id> {
        let mut gone: BTreeSet<Id> = roots.iter().copied().collect();
        let mut queue: Vec<Id> = roots.to_vec();
        while let Some(on) = queue.pop() {
            for id in self.dependents_of(on) {
                if self.is_part_of(id, on) && gone.insert(id) {
                    queue.push(id);
                }
            }
        }
        gone
    }

    fn is_part_of(&self, id: Id, on: Id) -> bool {
        if let Some(other) = self.other(id) {
            return other.part_of.iter().any(|need| need.on == on);
        }
        self.relation(id).is_some_and(|relation| match &relation.kind {
            RelationKind::Index(index) => index.table == on || relation.parents.contains(&on),
            RelationKind::Sequence(sequence) => sequence.owned_by.is_some_and(|(table, _)| table == on),
            _ => relation.partition_bound.is_some() && relation.parents.contains(&on),
        })
    }

    /// Ranges, base types and composite types have parts of their own that the model does not tell apart.
    fn is_sure_dependent(&self, id: Id) -> bool {
        // The constructors of a range type are part of it.
        if self.function(id).is_some_and(|function| function.language == "internal") {
            return false;
        }
        match self.type_by_id(id) {
            Some(ty) => matches!(ty.kind, TypeKind::Domain(_)),
            None => true,
        }
    }

    /// A partition of a table that a foreign key refers to cannot go alone.
    fn referring_to_whole(&self, partition: Id, gone: &BTreeSet<Id>) -> Option<Id> {
        let mut whole = partition;
        while let Some(parent) = self
            .relation(whole)
            .filter(|relation| relation.partition_bound.is_some())
            .and_then(|relation| relation.parents.first().copied())
        {
            let referring = self.dependents_of(parent).into_iter().chain([parent]).find(|id| {
                !gone.contains(id)
                    && self.relation(*id).is_some_and(|table| {
                        table.constraints.iter().any(|constraint| match &constraint.kind {
                            super::ConstraintKind::ForeignKey(reference) => reference.table == parent,
                            _ => false,
                        })
                    })
            });
            if referring.is_some() {
                return referring;
            }
            whole = parent;
        }
        None
    }

    /// Finds what surely needs a column and does not go with it, as DROP COLUMN takes along its table's
    /// indexes and constraints.
    pub fn column_blocker(&self, relation: Id, column: ColumnNumber) -> Option<Dependent> {
        self.column_dependents(relation, column).into_iter().find(|dependent| match dependent {
            Dependent::Relation(id) => self
                .relation(*id)
                .is_some_and(|found| found.index().is_none_or(|index| index.table != relation)),
            // Until PostgreSQL 14 a generated column goes with what it is made of.
            Dependent::Column(id, _) => *id != relation || self.server_version >= 150_000,
            Dependent::Constraint(id, name) => {
                *id != relation
                    || self.relation(*id).and_then(|table| table.constraint(name)).is_some_and(|constraint| {
                        constraint.is_foreign_key() && !constraint.columns.contains(&column)
                    })
            }
            Dependent::Function(_) | Dependent::Trigger(..) | Dependent::Policy(..) | Dependent::Rule(..) => {
                true
            }
        })
    }

    /// Whether anything is in a schema.
    pub fn is_schema_used(&self, schema: Id) -> bool {
        self.relations().any(|(_, found)| found.schema == schema)
            || self.types().any(|(_, found)| found.schema == schema)
            || self.functions().any(|(_, found)| found.schema == schema)
            || self.others().any(|(_, found)| found.schema == Some(schema))
    }

    /// Names an object of any kind for people.
    pub fn phrase_of(&self, id: Id) -> String {
        if let Some(relation) = self.relation(id) {
            return format!("{} `{}`", relation.kind.noun(), self.relation_name(id));
        }
        if self.function(id).is_some() {
            return format!("function `{}`", self.function_name(id));
        }
        match self.other(id) {
            Some(other) => format!("{} `{}`", other.class, self.other_label(other)),
            None => format!("type `{}`", self.type_name(id)),
        }
    }
}
