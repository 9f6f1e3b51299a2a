//! Applying effects: what the schema is after an operation.

mod attached;
mod column;
mod constraint;
mod details;
mod drop;
mod other;
mod relation;
mod routine;
mod types;

pub use drop::Dependent;

use crate::catalog::effect::Slot;
use crate::catalog::{
    Catalog, ConstraintKind, Detail, DetailValue, Effect, Id, Origin, PartKind, QName, RelationKind, Subject,
    TypeKind,
};
use rustc_hash::FxHashMap;

impl Catalog {
    /// Applies the effects of one operation, in order; what is made is marked as made by `origin`.
    ///
    /// Effects are trusted: whether the server would accept them was decided by the analysis.
    pub fn apply(&mut self, effects: &[Effect], origin: Origin) {
        let mut slots: FxHashMap<Slot, Id> = FxHashMap::default();
        for effect in effects {
            self.apply_one(effect, origin, &mut slots);
        }
        self.acting = None;
    }

    /// The same with effects that nobody needs any more: what they make is not copied.
    pub fn apply_taken(&mut self, effects: Vec<Effect>, origin: Origin) {
        let mut slots: FxHashMap<Slot, Id> = FxHashMap::default();
        for effect in effects {
            match effect {
                Effect::CreateRelation { name, slot, relation } => {
                    self.create_relation(&name, slot, *relation, origin, &mut slots);
                }
                Effect::CreateFunction { name, function, details } => {
                    let signature = function.signature();
                    self.create_function(&name, *function, origin, &mut slots);
                    self.set_attributes(&name, &signature, &details);
                }
                effect => self.apply_one(&effect, origin, &mut slots),
            }
        }
        self.acting = None;
    }

    fn apply_one(&mut self, effect: &Effect, origin: Origin, slots: &mut FxHashMap<Slot, Id>) {
        match effect {
            Effect::CreateSchema(schema) => {
                let id = self.add_schema(crate::catalog::Schema { origin, ..schema.clone() });
                self.born(id);
            }
            Effect::CreateRelation { name, slot, relation } => {
                self.create_relation(name, *slot, (**relation).clone(), origin, slots);
            }
            Effect::ReplaceView { view, with } => self.replace_view(*view, with, origin),
            Effect::AddColumn { relation, column } => {
                let mut column = column.clone();
                for dependency in &mut column.default_depends {
                    dependency.on = self.place(dependency.on, slots);
                }
                self.add_column(*relation, &column, origin);
            }
            Effect::DropColumn { relation, column, only } => self.drop_column(*relation, *column, *only),
            Effect::RenameColumn { relation, column, to } => {
                self.rename_column(*relation, *column, to);
            }
            Effect::AlterColumn { relation, column, change, only } => {
                self.alter_column(*relation, *column, change, *only);
            }
            Effect::AddConstraint { relation, constraint, index_name } => {
                self.add_constraint(*relation, constraint, index_name.as_deref(), origin, slots);
            }
            Effect::DropConstraint { relation, name, only } => self.drop_constraint(*relation, name, *only),
            Effect::RenameConstraint { relation, name, to } => self.rename_constraint(*relation, name, to),
            Effect::ValidateConstraint { relation, name } => {
                self.validate_constraint(*relation, name);
            }
            Effect::AttachConstraint { relation, name, parent } => {
                self.attach_constraint(*relation, name, parent);
            }
            Effect::AlterConstraint { relation, name, change } => {
                self.alter_constraint(*relation, name, *change);
            }
            Effect::RenameRelation { relation, to } => self.rename_relation(*relation, to),
            Effect::MoveRelation { relation, schema } => self.move_relation(*relation, schema),
            Effect::DropRelation { relation } => self.drop_relation(*relation),
            Effect::AlterRelation { relation, change } => self.alter_relation(*relation, change, slots),
            Effect::CreateTrigger { relation, trigger } => {
                let trigger = crate::catalog::Trigger { origin, ..trigger.clone() };
                let relation = self.place(*relation, slots);
                self.create_trigger(relation, trigger);
            }
            Effect::CreatePolicy { relation, policy } => {
                self.part_is_new(*relation, PartKind::Policy, &policy.name);
                if let Some(table) = self.relation_mut(*relation) {
                    table.policies.push(crate::catalog::Attached { origin, ..policy.clone() });
                }
                self.note_dependencies(*relation);
            }
            Effect::CreateRule { relation, rule } => {
                let there = self
                    .relation(*relation)
                    .is_some_and(|table| table.rules.iter().any(|old| old.name == rule.name));
                if !there {
                    self.part_is_new(*relation, PartKind::Rule, &rule.name);
                }
                if let Some(table) = self.relation_mut(*relation) {
                    table.rules.retain(|old| old.name != rule.name);
                    table.rules.push(crate::catalog::Attached { origin, ..rule.clone() });
                }
                self.note_dependencies(*relation);
            }
            Effect::DropAttached { relation, object } => self.drop_attached(*relation, object),
            Effect::RenameAttached { relation, object, to } => self.rename_attached(*relation, object, to),
            Effect::CreateType { name, slot, ty } => self.create_type(name, *slot, ty, origin, slots),
            Effect::AddEnumLabel { ty, label, place } => {
                self.add_enum_label(*ty, label, place.as_ref(), origin)
            }
            Effect::RenameEnumLabel { ty, label, to } => {
                if let Some(TypeKind::Enum(labels)) = self.types.get_mut(ty).map(|ty| &mut ty.kind) {
                    labels
                        .iter_mut()
                        .filter(|old| old.label == *label)
                        .for_each(|old| old.label.clone_from(to));
                }
            }
            Effect::ReplaceType { ty, with } => {
                if let Some(old) = self.types.get_mut(ty) {
                    *old = crate::catalog::Type { schema: old.schema, ..(**with).clone() };
                }
                self.note_dependencies(*ty);
            }
            Effect::RenameType { ty, to } => self.rename_type(*ty, to),
            Effect::DropType { ty } => self.drop_type(*ty),
            Effect::CreateFunction { name, function, details } => {
                self.create_function(name, (**function).clone(), origin, slots);
                self.set_attributes(name, &function.signature(), details);
            }
            Effect::ReplaceFunction { function, with } => {
                if self.take_function(*function).is_some() {
                    self.add_function_as(*function, (**with).clone());
                }
            }
            Effect::RenameFunction { function, to } => {
                if let Some(mut moved) = self.take_function(*function) {
                    moved.name.clone_from(to);
                    self.add_function_as(*function, moved);
                }
            }
            Effect::DropFunction { function } => self.drop_function(*function),
            Effect::MoveTo { object, schema } => self.move_to(*object, schema),
            Effect::RenameSchema { schema, to } => {
                if let Some(old) = self.schemas.get_mut(schema) {
                    self.schema_names.remove(&old.name);
                    old.name.clone_from(to);
                    self.schema_names.insert(to.clone(), *schema);
                    self.refresh_names_in(*schema);
                }
            }
            Effect::OwnSchema { schema, owner } => {
                self.change_owner(*schema, &DetailValue::text(owner.as_str()));
            }
            Effect::DropSchema { schema } => self.drop_schema(*schema),
            Effect::CreateExtension { name } => {
                self.forget_details(&Subject::Extension(name.as_str().into()));
                self.extensions.insert(name.clone(), String::new());
            }
            Effect::DropExtension { name } => self.drop_extension(name),
            Effect::CreateRole { name } => {
                self.forget_details(&Subject::Role(name.as_str().into()));
                if let Some(roles) = &mut self.roles {
                    roles.insert(name.clone());
                }
            }
            Effect::RenameRole { name, to } => self.rename_role(name, to),
            Effect::DropRole { name } => {
                if let Some(roles) = &mut self.roles {
                    roles.remove(name);
                }
            }
            Effect::CreateOther { schema, slot, other } => {
                self.create_other(schema.as_deref(), *slot, other, origin, slots);
            }
            Effect::ReplaceOther { other, with } => self.replace_other(*other, with),
            Effect::DropOther { other } => self.drop_other(*other),
            Effect::Act { role } => self.acting = Some(role.clone()),
            Effect::SetDetail { of, detail, value } => match (self.place_subject(of, slots), detail) {
                (Subject::Object(id), Detail::Owner) => self.change_owner(id, value),
                (of, detail) => self.set_detail(of, *detail, value.clone()),
            },
            Effect::Open { schema } => {
                self.open.insert(*schema);
            }
            Effect::FillRows { relation } => {
                if let Some(table) = self.relation_mut(*relation) {
                    table.has_rows = Some(true);
                }
            }
            Effect::Opaque(reason) => {
                self.clouded.get_or_insert_with(|| reason.clone());
            }
            Effect::Unplaced(_) => {}
        }
    }

    fn create_relation(
        &mut self,
        name: &QName,
        slot: Slot,
        mut relation: crate::catalog::Relation,
        origin: Origin,
        slots: &mut FxHashMap<Slot, Id>,
    ) {
        let Some(schema) = self.schema_names.get(&name.schema).copied() else {
            // What is in PostgreSQL's own schemas is not listed.
            self.system_objects |= Catalog::is_system_schema(&name.schema);
            return;
        };
        (relation.schema, relation.origin) = (schema, origin);
        relation.name.clone_from(&name.name);
        relation.columns.iter_mut().for_each(|column| column.origin = origin);
        relation.constraints.iter_mut().for_each(|constraint| constraint.origin = origin);
        self.place_references(&mut relation, slots);
        // What is part of a table belongs to the table's owner.
        let whole = match &relation.kind {
            RelationKind::Index(index) => Some(index.table),
            RelationKind::Sequence(sequence) => sequence.owned_by.map(|(table, _)| table),
            _ => None,
        };
        let table = whole.and_then(|table| self.relations.get(&table));
        if let Some(table) = table.filter(|table| !table.owner.is_empty()) {
            relation.owner.clone_from(&table.owner);
        } else if relation.owner.is_empty() {
            relation.owner.clone_from(&self.current_role);
        }
        let id = self.place(slot.as_id(), slots);
        self.add_relation_as(id, relation);
        self.born(id);
    }

    /// Turns the placeholder ids in a relation into those that the relations of this operation have.
    fn place_references(&mut self, relation: &mut crate::catalog::Relation, slots: &mut FxHashMap<Slot, Id>) {
        match &mut relation.kind {
            RelationKind::Index(index) => index.table = self.place(index.table, slots),
            RelationKind::Sequence(crate::catalog::Sequence { owned_by: Some((table, _)), .. }) => {
                *table = self.place(*table, slots);
            }
            _ => {}
        }
        for parent in &mut relation.parents {
            *parent = self.place(*parent, slots);
        }
        for constraint in &mut relation.constraints {
            if let ConstraintKind::ForeignKey(reference) = &mut constraint.kind {
                reference.table = self.place(reference.table, slots);
            }
        }
        let depends = relation
            .columns
            .iter_mut()
            .flat_map(|column| &mut column.default_depends)
            .chain(&mut relation.depends);
        for dependency in depends {
            dependency.on = self.place(dependency.on, slots);
        }
    }

    /// The id of what a slot stands for, reserved when it is first met; any other id is itself.
    pub(super) fn place(&mut self, id: Id, slots: &mut FxHashMap<Slot, Id>) -> Id {
        match Slot::of(id) {
            Some(slot) => *slots.entry(slot).or_insert_with(|| self.reserve()),
            None => id,
        }
    }
}

impl Slot {
    /// The placeholder id by which other parts of the same operation refer to the relation in this slot.
    pub fn as_id(self) -> Id {
        Id(u32::MAX - self.0)
    }

    /// The slot that an id stands for, if it is a placeholder.
    fn of(id: Id) -> Option<Slot> {
        // Far more than one statement can make, far less than what a catalog leaves free.
        const PLACEHOLDERS: u32 = 1 << 24;
        let slot = u32::MAX - id.0;
        (slot < PLACEHOLDERS).then_some(Slot(slot))
    }
}
