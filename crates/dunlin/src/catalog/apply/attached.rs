//! Triggers, policies and rules.

use crate::catalog::{Catalog, Detail, DetailValue, Id, Ident, ObjectRef, PartKind, Subject, Trigger};

impl Catalog {
    /// Makes a trigger, which takes the place of one of the same name.
    pub(super) fn create_trigger(&mut self, relation: Id, trigger: Trigger) {
        match self.relation(relation).is_some_and(|table| table.has_trigger(&trigger.name)) {
            // One that is replaced is enabled again, and keeps the rest.
            true => {
                let of = Subject::Part(relation, PartKind::Trigger, trigger.name.as_str().into());
                self.set_detail(of, Detail::Enabled, DetailValue::Absent);
            }
            false => self.part_is_new(relation, PartKind::Trigger, &trigger.name),
        }
        if trigger.above.is_some() {
            self.enabled_as_above(relation, &trigger.name);
        }
        if let Some(table) = self.relations.get_mut(&relation) {
            table.triggers.retain(|old| old.name != trigger.name);
            table.triggers.push(trigger);
        }
        self.note_dependencies(relation);
    }

    /// A partition's trigger is enabled as the one that it comes from.
    fn enabled_as_above(&mut self, partition: Id, name: &str) {
        let of = |table: Id| Subject::Part(table, PartKind::Trigger, name.into());
        let parent = self.relation(partition).and_then(|table| table.parents.first().copied());
        let value = parent.map(|parent| self.detail(&of(parent), Detail::Enabled).clone());
        self.set_detail(of(partition), Detail::Enabled, value.unwrap_or(DetailValue::Absent));
    }

    /// Drops a trigger, and those that partitions got from it.
    pub(super) fn drop_trigger(&mut self, relation: Id, name: &str) {
        let Some(table) = self.relations.get_mut(&relation) else { return };
        table.triggers.retain(|trigger| trigger.name != name);
        for (child, name) in self.cloned_triggers(relation, name) {
            self.drop_trigger(child, &name);
        }
    }

    /// The triggers that partitions have from this table's of that name.
    fn cloned_triggers(&self, relation: Id, name: &str) -> Vec<(Id, String)> {
        let of = |child: Id| {
            let triggers = self.relation(child).map(|child| child.triggers.as_slice()).unwrap_or_default();
            triggers.iter().find(|trigger| trigger.above.as_deref() == Some(name))
        };
        let children = self.children_of(relation).into_iter();
        children.filter_map(|child| Some((child, of(child)?.name.clone()))).collect()
    }

    /// Renames a trigger; from PostgreSQL 15 on those of partitions go along.
    fn rename_trigger(&mut self, relation: Id, name: &str, to: &str) {
        let parts = self.cloned_triggers(relation, name);
        self.part_renamed(relation, PartKind::Trigger, name, to);
        let Some(table) = self.relations.get_mut(&relation) else { return };
        for trigger in table.triggers.iter_mut().filter(|trigger| trigger.name == name) {
            to.clone_into(&mut trigger.name);
            // The name stands in the text too, once.
            let said = |name: &str| format!("TRIGGER {} ", Ident(name));
            trigger.definition =
                trigger.definition.take().map(|text| text.replacen(&said(name), &said(to), 1));
        }
        for (child, name) in parts {
            let table = self.relations.get_mut(&child);
            let part = table.and_then(|table| table.triggers.iter_mut().find(|part| part.name == name));
            if let Some(part) = part {
                part.above = Some(to.to_owned());
            }
            if self.server_version >= 150_000 {
                self.rename_trigger(child, &name, to);
            }
        }
    }

    pub(super) fn drop_attached(&mut self, relation: Id, object: &ObjectRef) {
        if let ObjectRef::Trigger { name, .. } = object {
            self.drop_trigger(relation, name);
        }
        let Some(table) = self.relations.get_mut(&relation) else { return };
        match object {
            ObjectRef::Policy { name, .. } => table.policies.retain(|policy| policy.name != *name),
            ObjectRef::Rule { name, .. } => table.rules.retain(|rule| rule.name != *name),
            _ => {}
        }
    }

    pub(super) fn rename_attached(&mut self, relation: Id, object: &ObjectRef, to: &str) {
        if let ObjectRef::Trigger { name, .. } = object {
            self.rename_trigger(relation, name, to);
        }
        match object {
            ObjectRef::Policy { name, .. } => self.part_renamed(relation, PartKind::Policy, name, to),
            ObjectRef::Rule { name, .. } => self.part_renamed(relation, PartKind::Rule, name, to),
            _ => {}
        }
        let Some(table) = self.relations.get_mut(&relation) else { return };
        match object {
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
