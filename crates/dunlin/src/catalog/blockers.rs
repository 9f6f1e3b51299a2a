//! What keeps an object from being dropped without CASCADE, as in `pg_depend`.

use super::{
    Catalog, ColumnNumber, Dependent, Detail, DetailValue, Id, Ident, Privileges, Relation, RelationKind,
    Subject, TypeKind,
};
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
        let whole = roots.iter().find_map(|root| self.referring_to_whole(*root, &gone));
        whole.or_else(|| gone.iter().find_map(|id| self.user_by_name(*id, &gone)))
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
            // Operator classes go with their access method, as long as nothing uses them.
            let of_method = matches!(other.class.as_str(), "operator class" | "operator family")
                && self.other(on).is_some_and(|on| on.class == "access method");
            return of_method || other.part_of.iter().any(|need| need.on == on);
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

    /// Columns and keys name their collations and operator classes, tables their access method.
    fn user_by_name(&self, root: Id, gone: &BTreeSet<Id>) -> Option<Id> {
        let other = self.other(root)?;
        let schema = other.schema.map_or("", |schema| self.schema_name(schema));
        let text = format!("{}.{}", Ident(schema), Ident(&other.name));
        let is_it = |name: &Option<String>| name.as_deref() == Some(text.as_str());
        let uses = |id: Id, relation: &Relation| match other.class.as_str() {
            "collation" => {
                relation.columns.iter().any(|column| is_it(&column.collation))
                    || relation
                        .index()
                        .is_some_and(|index| index.keys.iter().any(|key| is_it(&key.collation)))
            }
            "operator class" => {
                relation.index().is_some_and(|index| index.keys.iter().any(|key| is_it(&key.opclass)))
            }
            "access method" => {
                let method = self.detail_text(&Subject::Object(id), Detail::AccessMethod);
                method == Some(&other.name)
                    || relation.index().is_some_and(|index| index.method == other.name)
            }
            _ => false,
        };
        let mut users = self.relations().filter(|(id, relation)| !gone.contains(id) && uses(*id, relation));
        users.next().map(|(id, _)| id)
    }

    /// What keeps a role from being dropped: what it owns in this database, and privileges that it has.
    pub fn blocker_of_role(&self, role: &str) -> Option<String> {
        let schema = self.schemas().find(|(_, schema)| schema.owner == role);
        if let Some((_, schema)) = schema {
            return Some(format!("schema `{}`", schema.name));
        }
        let owned = self.relations().find(|(_, relation)| relation.owner == role).map(|(id, _)| id);
        let details = || self.with_detail(Detail::Owner);
        let owned = owned.or_else(|| {
            details().find_map(|(of, owner)| match (of, owner) {
                (Subject::Object(id), DetailValue::Text(owner))
                    if **owner == *role && self.is_object(*id) =>
                {
                    Some(*id)
                }
                _ => None,
            })
        });
        if let Some(id) = owned {
            return Some(self.phrase_of(id));
        }
        let mapping = self.others_of("user mapping").find(|(_, mapping)| mapping.name == role);
        if let Some((id, _)) = mapping {
            return Some(self.phrase_of(id));
        }
        self.with_detail(Detail::Privileges).find_map(|(of, value)| match (of, value) {
            (Subject::Default(of, ..), _) if **of == *role => Some("a default privilege".to_owned()),
            (Subject::Object(id) | Subject::Column(id, _), DetailValue::Text(text))
                if self.is_object(*id) =>
            {
                let names = Privileges::parse(text).is_some_and(|privileges| privileges.names(role));
                names.then(|| match self.schema(*id) {
                    Some(schema) => format!("schema `{}`", schema.name),
                    None => self.phrase_of(*id),
                })
            }
            _ => None,
        })
    }

    /// Whether the object is there still.
    fn is_object(&self, id: Id) -> bool {
        self.schema(id).is_some()
            || self.relation(id).is_some()
            || self.type_by_id(id).is_some()
            || self.function(id).is_some()
            || self.other(id).is_some()
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

    /// What is kept by class and name and cannot be without a column: a publication's list of columns.
    pub fn other_needing(&self, relation: Id, column: ColumnNumber) -> Option<Id> {
        let uses = |id: &Id| {
            let depends = self.other(*id).map(|other| other.depends.as_slice()).unwrap_or_default();
            depends.iter().any(|need| need.on == relation && need.column == Some(column))
        };
        self.dependents_of(relation).into_iter().find(uses)
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
