//! Types and domains.

use crate::catalog::{Catalog, EnumLabel, Id, Origin, TypeKind};

impl Catalog {
    pub(super) fn add_enum_label(
        &mut self,
        ty: Id,
        label: &str,
        place: Option<&(bool, String)>,
        origin: Origin,
    ) {
        let Some(TypeKind::Enum(labels)) = self.types.get_mut(&ty).map(|ty| &mut ty.kind) else { return };
        let at = place
            .and_then(|(before, near)| {
                let at = labels.iter().position(|old| old.label == *near)?;
                Some(if *before { at } else { at + 1 })
            })
            .unwrap_or(labels.len());
        labels.insert(at, EnumLabel { label: label.to_owned(), origin });
    }

    pub(super) fn rename_type(&mut self, ty: Id, to: &str) {
        if let Some(relation) = self
            .types
            .get(&ty)
            .filter(|ty| ty.kind == TypeKind::Composite)
            .and_then(|found| self.relation_names.get(&(found.schema, found.name.clone())).copied())
        {
            self.rename_only(relation, to);
            return;
        }
        self.rename_type_only(ty, to);
    }

    pub(super) fn rename_type_only(&mut self, ty: Id, to: &str) {
        let Some(found) = self.types.get_mut(&ty) else { return };
        let old = (found.schema, std::mem::replace(&mut found.name, to.to_owned()));
        self.type_names.remove(&old);
        self.type_names.insert((old.0, to.to_owned()), ty);
        self.refresh_type_names(ty);
    }

    /// Columns and parameters hold a type's name beside its id, for display: keeps them true.
    /// A schema has another name: what is written with it, of its types, rows and sequences, is written anew.
    pub(super) fn refresh_names_in(&mut self, schema: Id) {
        let types = self.types.iter().filter(|(_, ty)| ty.schema == schema).map(|(id, _)| *id);
        let relations =
            self.relations.iter().filter(|(_, relation)| relation.schema == schema).map(|(id, _)| *id);
        let all: Vec<Id> = types.chain(relations).collect();
        for id in all {
            self.refresh_type_names(id);
            self.refresh_nextval(id);
        }
    }

    pub(super) fn refresh_type_names(&mut self, ty: Id) {
        let name = self.type_name(ty);
        let fix = |reference: &mut crate::catalog::TypeRef| {
            if reference.id == Some(ty) {
                reference.schema.clone_from(&name.schema);
                reference.name.clone_from(&name.name);
            }
        };
        self.other_types().for_each(fix);
        for id in self.dependents_of(ty) {
            if let Some(relation) = self.relations.get_mut(&id) {
                relation.columns.iter_mut().for_each(|column| fix(&mut column.ty));
            }
            if let Some(function) = self.functions.get_mut(&id) {
                function.parameters.iter_mut().for_each(|parameter| fix(&mut parameter.ty));
                function.result.iter_mut().for_each(fix);
            }
        }
    }

    pub(super) fn drop_type(&mut self, ty: Id) {
        let Some(removed) = self.types.remove(&ty) else { return };
        let key = (removed.schema, removed.name);
        self.type_names.remove(&key);
        if removed.kind == TypeKind::Composite
            && let Some(relation) = self.relation_names.get(&key).copied()
        {
            self.drop_relation(relation);
        }
        for id in self.dependents_of(ty) {
            self.drop_dependence(id, ty);
        }
    }
}
