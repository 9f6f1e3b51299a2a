//! Triggers, policies and rules.

use crate::catalog::{Catalog, Id, ObjectRef};

impl Catalog {
    pub(super) fn drop_attached(&mut self, relation: Id, object: &ObjectRef) {
        let Some(table) = self.relations.get_mut(&relation) else { return };
        match object {
            ObjectRef::Trigger { name, .. } => table.triggers.retain(|trigger| trigger.name != *name),
            ObjectRef::Policy { name, .. } => table.policies.retain(|policy| policy.name != *name),
            ObjectRef::Rule { name, .. } => table.rules.retain(|rule| rule.name != *name),
            _ => {}
        }
    }

    pub(super) fn rename_attached(&mut self, relation: Id, object: &ObjectRef, to: &str) {
        let Some(table) = self.relations.get_mut(&relation) else { return };
        match object {
            ObjectRef::Trigger { name, .. } => {
                table
                    .triggers
                    .iter_mut()
                    .filter(|t| t.name == *name)
                    .for_each(|t| to.clone_into(&mut t.name));
            }
            ObjectRef::Policy { name, .. } => {
                table
                    .policies
                    .iter_mut()
                    .filter(|p| p.name == *name)
                    .for_each(|p| to.clone_into(&mut p.name));
            }
            ObjectRef::Rule { name, .. } => {
                table.rules.iter_mut().filter(|r| r.name == *name).for_each(|r| to.clone_into(&mut r.name));
            }
            _ => {}
        }
    }
}
