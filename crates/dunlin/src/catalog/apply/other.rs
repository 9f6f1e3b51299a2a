//! Applying what changes types and the objects that are kept by class and name.

use crate::catalog::effect::Slot;
use crate::catalog::{
    Catalog, Dependency, Detail, DetailValue, Id, Ident, Origin, Other, QName, RelationKind, Subject, Type,
    TypeKind, TypeRef,
};
use rustc_hash::FxHashMap;

impl Catalog {
    /// Makes a type, under the id of its slot if it has one.
    pub(super) fn create_type(
        &mut self,
        name: &QName,
        slot: Option<Slot>,
        ty: &Type,
        origin: Origin,
        slots: &mut FxHashMap<Slot, Id>,
    ) {
        let Some(schema) = self.schema_names.get(&name.schema).copied() else {
            // What is in PostgreSQL's own schemas is not listed.
            self.system_objects |= Catalog::is_system_schema(&name.schema);
            return;
        };
        let mut ty = Type { schema, origin, ..ty.clone() };
        if let TypeKind::Enum(labels) = &mut ty.kind {
            labels.iter_mut().for_each(|label| label.origin = origin);
        }
        self.place_all(&mut ty.depends, slots);
        let id = match slot {
            Some(slot) => self.place(slot.as_id(), slots),
            None => self.reserve(),
        };
        self.add_type_as(id, ty);
        self.born(id);
    }

    /// Makes an object that is kept by class and name, under the id of its slot if it has one.
    pub(super) fn create_other(
        &mut self,
        schema: Option<&str>,
        slot: Option<Slot>,
        other: &Other,
        origin: Origin,
        slots: &mut FxHashMap<Slot, Id>,
    ) {
        let schema = schema.and_then(|name| self.schema_names.get(name).copied());
        let mut other = Other { schema, origin, ..other.clone() };
        self.place_all(&mut other.depends, slots);
        self.place_all(&mut other.part_of, slots);
        let id = match slot {
            Some(slot) => self.place(slot.as_id(), slots),
            None => self.reserve(),
        };
        self.add_other_as(id, other);
        self.born(id);
    }

    /// Replaces the facts of an object; who refers to it by name follows.
    pub(super) fn replace_other(&mut self, id: Id, with: &Other) {
        let Some(old) = self.other(id).cloned() else { return };
        self.add_other_as(id, with.clone());
        match with.class.as_str() {
            "language" => {
                for function in self.functions.values_mut().filter(|found| found.language == old.name) {
                    function.language.clone_from(&with.name);
                }
            }
            "tablespace" => self.rename_tablespace(&old.name, &with.name),
            "collation" => {
                let (from, to) = (self.collation_text(&old), self.collation_text(with));
                self.rename_collation(&from, &to);
            }
            _ => {}
        }
    }

    fn rename_tablespace(&mut self, from: &str, to: &str) {
        let there: Vec<Subject> = self
            .with_detail(Detail::Tablespace)
            .filter(|(_, value)| **value == DetailValue::text(from))
            .map(|(of, _)| of.clone())
            .collect();
        for of in there {
            self.set_detail(of, Detail::Tablespace, DetailValue::text(to));
        }
    }

    /// A collation as columns and keys refer to it.
    fn collation_text(&self, collation: &Other) -> String {
        let schema = collation.schema.map_or("", |schema| self.schema_name(schema));
        format!("{}.{}", Ident(schema), Ident(&collation.name))
    }

    fn rename_collation(&mut self, from: &str, to: &str) {
        let rename = |collation: &mut Option<String>| {
            if collation.as_deref() == Some(from) {
                *collation = Some(to.to_owned());
            }
        };
        for relation in self.relations.values_mut() {
            relation.columns.iter_mut().for_each(|column| rename(&mut column.collation));
            if let RelationKind::Index(index) = &mut relation.kind {
                index.keys.iter_mut().for_each(|key| rename(&mut key.collation));
            }
        }
    }

    /// Turns placeholder ids into those that the objects of this operation have.
    pub(super) fn place_all(&mut self, depends: &mut [Dependency], slots: &mut FxHashMap<Slot, Id>) {
        for dependency in depends {
            dependency.on = self.place(dependency.on, slots);
        }
    }

    /// Turns the placeholder in a type's reference into the id that the type has.
    pub(super) fn place_type(&mut self, ty: &mut TypeRef, slots: &mut FxHashMap<Slot, Id>) {
        if let Some(id) = ty.id {
            ty.id = Some(self.place(id, slots));
        }
    }

    /// Drops the part of a type (a constraint of a domain), or all of it, that needs `on`, which is gone.
    pub(super) fn drop_dependence_of_type(&mut self, id: Id, on: Id) {
        let needs = |depends: &[Dependency]| depends.iter().any(|dependency| dependency.on == on);
        let Some(ty) = self.types.get_mut(&id) else { return };
        let whole =
            needs(&ty.depends) || matches!(&ty.kind, TypeKind::Domain(domain) if domain.base.id == Some(on));
        if whole {
            self.drop_type(id);
        } else if let TypeKind::Domain(domain) = &mut ty.kind {
            domain.constraints.retain(|constraint| !needs(&constraint.depends));
        }
    }

    /// Drops what lives in a schema, or belongs to it.
    pub(super) fn drop_others_of(&mut self, schema: Id) {
        let mut all: Vec<Id> =
            self.others().filter(|(_, other)| other.schema == Some(schema)).map(|(id, _)| id).collect();
        all.extend(self.dependents_of(schema));
        all.into_iter().for_each(|id| self.drop_other(id));
    }

    /// Every reference to a type outside of relations and functions.
    pub(super) fn other_types(&mut self) -> impl Iterator<Item = &mut TypeRef> {
        let domains = self.types.values_mut().filter_map(|ty| match &mut ty.kind {
            TypeKind::Domain(domain) => Some(&mut domain.base),
            _ => None,
        });
        domains.chain(self.others.values_mut().flat_map(|other| other.types.iter_mut().flatten()))
    }
}
