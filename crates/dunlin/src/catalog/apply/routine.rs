//! Functions, procedures and aggregates; SET SCHEMA of what is no relation.

use crate::catalog::effect::Slot;
use crate::catalog::{Catalog, Id, Origin, Other, QName};
use rustc_hash::FxHashMap;

impl Catalog {
    pub(super) fn create_function(
        &mut self,
        name: &QName,
        mut function: crate::catalog::Function,
        origin: Origin,
        slots: &mut FxHashMap<Slot, Id>,
    ) {
        let Some(schema) = self.schema_names.get(&name.schema).copied() else {
            if Catalog::is_system_schema(&name.schema) {
                self.system_functions.insert(name.name.clone());
            }
            return;
        };
        (function.schema, function.origin) = (schema, origin);
        for ty in
            function.parameters.iter_mut().map(|parameter| &mut parameter.ty).chain(&mut function.result)
        {
            self.place_type(ty, slots);
        }
        self.place_all(&mut function.depends, slots);
        let signature = function.signature();
        let same = self.function_names.get(&(schema, name.name.clone())).and_then(|ids| {
            ids.iter()
                .copied()
                .find(|id| self.functions.get(id).is_some_and(|old| old.signature() == signature))
        });
        match same {
            Some(id) => {
                self.functions.insert(id, function);
                self.note_dependencies(id);
            }
            None => {
                let id = self.add_function(function);
                self.born(id);
            }
        }
    }

    pub(super) fn take_function(&mut self, id: Id) -> Option<crate::catalog::Function> {
        let function = self.functions.remove(&id)?;
        if let Some(ids) = self.function_names.get_mut(&(function.schema, function.name.clone())) {
            ids.retain(|other| *other != id);
        }
        Some(function)
    }

    pub(super) fn drop_function(&mut self, id: Id) {
        if self.take_function(id).is_some() {
            for dependent in self.dependents_of(id) {
                self.drop_dependence(dependent, id);
            }
        }
    }

    pub(super) fn move_to(&mut self, object: Id, schema: &str) {
        let Some(target) = self.schema_names.get(schema).copied() else {
            if let Some(function) = self.function(object).filter(|_| Catalog::is_system_schema(schema)) {
                // What is there is not listed.
                self.system_functions.insert(function.name.clone());
                self.drop_function(object);
            }
            return;
        };
        if let Some(mut function) = self.take_function(object) {
            function.schema = target;
            self.add_function_as(object, function);
        } else if let Some(ty) = self.types.get_mut(&object) {
            let old = (std::mem::replace(&mut ty.schema, target), ty.name.clone());
            self.type_names.remove(&old);
            self.type_names.insert((target, old.1.clone()), object);
            if let Some(relation) = self.relation_names.get(&old).copied() {
                self.move_relation(relation, schema);
            }
            self.refresh_type_names(object);
        } else if let Some(other) = self.other(object).cloned() {
            self.replace_other(object, &Other { schema: Some(target), ..other });
        }
    }
}
