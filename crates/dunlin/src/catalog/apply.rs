//! Applying effects: what the schema is after an operation.

use super::effect::{RelationChange, Slot, Target};
use super::{
    Catalog, ColumnChange, ColumnNumber, ConstraintKind, Effect, EnumLabel, Id, ObjectRef, Origin, QName,
    RelationKind, TypeKind,
};
use std::collections::{BTreeSet, HashMap};

impl Catalog {
    /// Applies the effects of one operation, in order; what is made is marked as made by `origin`.
    ///
    /// Effects are trusted: whether the server would accept them was decided by the analysis.
    pub fn apply(&mut self, effects: &[Effect], origin: Origin) {
        let mut slots: HashMap<Slot, Id> = HashMap::new();
        for effect in effects {
            self.apply_one(effect, origin, &mut slots);
        }
    }

    fn apply_one(&mut self, effect: &Effect, origin: Origin, slots: &mut HashMap<Slot, Id>) {
        match effect {
            Effect::CreateSchema(schema) => {
                self.add_schema(super::Schema { origin, ..schema.clone() });
            }
            Effect::CreateRelation { name, slot, relation } => {
                self.create_relation(name, *slot, relation, origin, slots);
            }
            Effect::ReplaceView { view, with } => self.replace_view(*view, with, origin),
            Effect::AddColumn { relation, column } => {
                let mut column = column.clone();
                for dependency in &mut column.default_depends {
                    dependency.on = self.place(dependency.on, slots);
                }
                self.add_column(*relation, &column, origin);
            }
            Effect::DropColumn { relation, column } => self.drop_column(*relation, *column),
            Effect::RenameColumn { relation, column, to } => {
                for id in self.with_descendants(*relation, *column) {
                    self.with_column(id.0, id.1, |column| column.name.clone_from(to));
                }
            }
            Effect::AlterColumn { relation, column, change } => self.alter_column(*relation, *column, change),
            Effect::AddConstraint { relation, constraint, index_name } => {
                self.add_constraint(*relation, constraint, index_name.as_deref(), origin, slots);
            }
            Effect::DropConstraint { relation, name } => self.drop_constraint(*relation, name),
            Effect::RenameConstraint { relation, name, to } => self.rename_constraint(*relation, name, to),
            Effect::ValidateConstraint { relation, name } => {
                if let Some(relation) = self.relation_mut(*relation) {
                    relation
                        .constraints
                        .iter_mut()
                        .filter(|c| c.name == *name)
                        .for_each(|c| c.validated = true);
                }
            }
            Effect::RenameRelation { relation, to } => self.rename_relation(*relation, to),
            Effect::MoveRelation { relation, schema } => self.move_relation(*relation, schema),
            Effect::DropRelation { relation } => self.drop_relation(*relation),
            Effect::AlterRelation { relation, change } => self.alter_relation(*relation, change),
            Effect::CreateTrigger { relation, trigger } => {
                if let Some(table) = self.relation_mut(*relation) {
                    table.triggers.retain(|old| old.name != trigger.name);
                    table.triggers.push(super::Trigger { origin, ..trigger.clone() });
                }
                self.note_dependencies(*relation);
            }
            Effect::CreatePolicy { relation, policy } => {
                if let Some(table) = self.relation_mut(*relation) {
                    table.policies.push(super::Attached { origin, ..policy.clone() });
                }
                self.note_dependencies(*relation);
            }
            Effect::CreateRule { relation, rule } => {
                if let Some(table) = self.relation_mut(*relation) {
                    table.rules.retain(|old| old.name != rule.name);
                    table.rules.push(super::Attached { origin, ..rule.clone() });
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
                    *old = super::Type { schema: old.schema, ..(**with).clone() };
                }
                self.note_dependencies(*ty);
            }
            Effect::RenameType { ty, to } => self.rename_type(*ty, to),
            Effect::DropType { ty } => self.drop_type(*ty),
            Effect::CreateFunction { name, function } => {
                self.create_function(name, function, origin, slots);
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
                }
            }
            Effect::DropSchema { schema } => self.drop_schema(*schema),
            Effect::CreateExtension { name } => {
                self.extensions.insert(name.clone(), String::new());
            }
            Effect::DropExtension { name } => self.drop_extension(name),
            Effect::CreateRole { name } => {
                if let Some(roles) = &mut self.roles {
                    roles.insert(name.clone());
                }
            }
            Effect::DropRole { name } => {
                if let Some(roles) = &mut self.roles {
                    roles.remove(name);
                }
            }
            Effect::CreateOther { schema, slot, other } => {
                self.create_other(schema.as_deref(), *slot, other, origin, slots);
            }
            Effect::ReplaceOther { other, with } => self.add_other_as(*other, (**with).clone()),
            Effect::DropOther { other } => self.drop_other(*other),
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
        relation: &super::Relation,
        origin: Origin,
        slots: &mut HashMap<Slot, Id>,
    ) {
        let Some(schema) = self.schema_names.get(&name.schema).copied() else { return };
        let mut relation = super::Relation { schema, name: name.name.clone(), origin, ..relation.clone() };
        relation.columns.iter_mut().for_each(|column| column.origin = origin);
        relation.constraints.iter_mut().for_each(|constraint| constraint.origin = origin);
        if relation.owner.is_empty() {
            relation.owner.clone_from(&self.current_role);
        }
        self.place_references(&mut relation, slots);
        let id = self.place(slot.as_id(), slots);
        self.add_relation_as(id, relation);
    }

    /// Turns the placeholder ids in a relation into those that the relations of this operation have.
    fn place_references(&mut self, relation: &mut super::Relation, slots: &mut HashMap<Slot, Id>) {
        match &mut relation.kind {
            RelationKind::Index(index) => index.table = self.place(index.table, slots),
            RelationKind::Sequence(super::Sequence { owned_by: Some((table, _)), .. }) => {
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
    pub(super) fn place(&mut self, id: Id, slots: &mut HashMap<Slot, Id>) -> Id {
        match Slot::of(id) {
            Some(slot) => *slots.entry(slot).or_insert_with(|| self.reserve()),
            None => id,
        }
    }

    fn replace_view(&mut self, view: Id, with: &super::Relation, origin: Origin) {
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

    fn add_column(&mut self, relation: Id, column: &super::Column, origin: Origin) {
        let mut tables = vec![(relation, false)];
        while let Some((id, inherited)) = tables.pop() {
            tables.extend(self.children_of(id).into_iter().map(|child| (child, true)));
            let Some(table) = self.relations.get_mut(&id) else { continue };
            if table.column(&column.name).is_none() {
                let number = table.next_number();
                let inherited = inherited || column.inherited;
                table.columns.push(super::Column { number, origin, inherited, ..column.clone() });
                self.note_dependencies(id);
            }
        }
    }

    /// The column itself and those of the same name that descendants inherited from it.
    fn with_descendants(&self, relation: Id, column: ColumnNumber) -> Vec<(Id, ColumnNumber)> {
        let Some(name) =
            self.relation(relation).and_then(|r| r.column_numbered(column)).map(|c| c.name.clone())
        else {
            return Vec::new();
        };
        let mut all = vec![(relation, column)];
        let mut queue = self.children_of(relation);
        while let Some(id) = queue.pop() {
            queue.extend(self.children_of(id));
            if let Some(inherited) = self.relation(id).and_then(|r| r.column(&name)).filter(|c| c.inherited) {
                all.push((id, inherited.number));
            }
        }
        all
    }

    fn with_column(&mut self, relation: Id, column: ColumnNumber, change: impl FnOnce(&mut super::Column)) {
        if let Some(column) =
            self.relations.get_mut(&relation).and_then(|r| r.columns.iter_mut().find(|c| c.number == column))
        {
            change(column);
        }
    }

    fn alter_column(&mut self, relation: Id, column: ColumnNumber, change: &ColumnChange) {
        for (relation, column) in self.with_descendants(relation, column) {
            self.with_column(relation, column, |column| match change {
                ColumnChange::Type(ty) => column.ty.clone_from(ty),
                ColumnChange::Default(default, depends) => {
                    column.default.clone_from(default);
                    column.default_depends.clone_from(depends);
                }
                ColumnChange::NotNull(not_null) => column.not_null = *not_null,
                ColumnChange::Identity(identity) => column.identity = *identity,
                ColumnChange::Generated(generated) => column.generated.clone_from(generated),
            });
            if matches!(change, ColumnChange::Identity(None)) {
                self.drop_owned_sequences(relation, column, true);
            }
            self.note_dependencies(relation);
        }
    }

    fn drop_owned_sequences(&mut self, table: Id, column: ColumnNumber, identity_only: bool) {
        let owned: Vec<Id> = self
            .dependents_of(table)
            .into_iter()
            .filter(|id| match self.relations.get(id).map(|r| &r.kind) {
                Some(RelationKind::Sequence(s)) => {
                    s.owned_by == Some((table, column)) && (s.identity || !identity_only)
                }
                _ => false,
            })
            .collect();
        for sequence in owned {
            self.drop_relation(sequence);
        }
    }

    /// Drops a column of a table and of its descendants, with everything that hangs on it.
    fn drop_column(&mut self, relation: Id, column: ColumnNumber) {
        for (relation, column) in self.with_descendants(relation, column) {
            for dependent in self.column_dependents(relation, column) {
                self.drop_by_ref(&dependent);
            }
            self.drop_owned_sequences(relation, column, false);
            self.others_on_column(relation, column).into_iter().for_each(|id| self.drop_other(id));
            if let Some(table) = self.relations.get_mut(&relation) {
                table.columns.retain(|c| c.number != column);
            }
        }
    }

    /// Everything outside the column that cannot be without it: views, indexes, constraints, triggers, policies …
    pub fn column_dependents(&self, relation: Id, column: ColumnNumber) -> Vec<Dependent> {
        let uses = |depends: &[super::Dependency]| {
            depends.iter().any(|dependency| dependency.on == relation && dependency.column == Some(column))
        };
        let mut found = Vec::new();
        if let Some(table) = self.relation(relation) {
            for constraint in table.constraints.iter().filter(|c| c.columns.contains(&column)) {
                if !matches!(constraint.kind, ConstraintKind::NotNull) {
                    found.push(Dependent::Constraint(relation, constraint.name.clone()));
                }
            }
            for trigger in table.triggers.iter().filter(|t| t.columns.contains(&column)) {
                found.push(Dependent::Trigger(relation, trigger.name.clone()));
            }
            for other in table.columns.iter().filter(|c| c.number != column && uses(&c.default_depends)) {
                found.push(Dependent::Column(relation, other.number));
            }
        }
        for id in std::iter::once(relation).chain(self.dependents_of(relation)) {
            let Some(dependent) = self.relation(id) else {
                if self.function(id).is_some_and(|function| uses(&function.depends)) {
                    found.push(Dependent::Function(id));
                }
                continue;
            };
            if uses(&dependent.depends) {
                found.push(Dependent::Relation(id));
                continue;
            }
            if dependent.index().is_some_and(|index| index.table == relation && index.uses.contains(&column))
            {
                found.push(Dependent::Relation(id));
            }
            for constraint in &dependent.constraints {
                if let ConstraintKind::ForeignKey(reference) = &constraint.kind
                    && reference.table == relation
                    && reference.columns.contains(&column)
                {
                    found.push(Dependent::Constraint(id, constraint.name.clone()));
                }
            }
            for policy in dependent.policies.iter().filter(|policy| uses(&policy.depends)) {
                found.push(Dependent::Policy(id, policy.name.clone()));
            }
            for rule in dependent.rules.iter().filter(|rule| uses(&rule.depends)) {
                found.push(Dependent::Rule(id, rule.name.clone()));
            }
        }
        found.dedup();
        found
    }

    fn drop_by_ref(&mut self, dependent: &Dependent) {
        match dependent {
            Dependent::Relation(id) => self.drop_relation(*id),
            Dependent::Column(id, column) => self.drop_column(*id, *column),
            Dependent::Function(id) => self.drop_function(*id),
            Dependent::Constraint(id, name) => self.drop_constraint(*id, name),
            Dependent::Trigger(id, name) => {
                if let Some(table) = self.relation_mut(*id) {
                    table.triggers.retain(|trigger| trigger.name != *name);
                }
            }
            Dependent::Policy(id, name) => {
                if let Some(table) = self.relation_mut(*id) {
                    table.policies.retain(|policy| policy.name != *name);
                }
            }
            Dependent::Rule(id, name) => {
                if let Some(table) = self.relation_mut(*id) {
                    table.rules.retain(|rule| rule.name != *name);
                }
            }
        }
    }

    fn add_constraint(
        &mut self,
        relation: Target,
        constraint: &super::Constraint,
        index_name: Option<&str>,
        origin: Origin,
        slots: &mut HashMap<Slot, Id>,
    ) {
        let id = match relation {
            Target::Existing(id) => id,
            Target::New(slot) => match slots.get(&slot) {
                Some(id) => *id,
                None => return,
            },
        };
        let mut constraint = super::Constraint { origin, ..constraint.clone() };
        if let ConstraintKind::ForeignKey(reference) = &mut constraint.kind {
            reference.table = self.place(reference.table, slots);
        }
        let Some(schema) = self.relations.get(&id).map(|table| table.schema) else { return };
        if let Some(name) = index_name {
            constraint.index = self.relation_names.get(&(schema, name.to_owned())).copied();
            if let (ConstraintKind::PrimaryKey, Some(index)) = (&constraint.kind, constraint.index)
                && let Some(super::Relation { kind: RelationKind::Index(index), .. }) =
                    self.relations.get_mut(&index)
            {
                index.primary = true;
            }
        }
        if let Some(table) = self.relations.get_mut(&id) {
            if matches!(constraint.kind, ConstraintKind::PrimaryKey) {
                for column in table.columns.iter_mut().filter(|c| constraint.columns.contains(&c.number)) {
                    column.not_null = true;
                }
            }
            table.constraints.push(constraint);
        }
        self.note_dependencies(id);
    }

    fn drop_constraint(&mut self, relation: Id, name: &str) {
        let Some(table) = self.relations.get_mut(&relation) else { return };
        let Some(at) = table.constraints.iter().position(|constraint| constraint.name == name) else {
            return;
        };
        let constraint = table.constraints.remove(at);
        if let (Some(index), false) =
            (constraint.index, matches!(constraint.kind, ConstraintKind::ForeignKey(_)))
        {
            let referring = self.foreign_keys_to(relation, &constraint.columns);
            self.remove_relation(index);
            for (table, name) in referring {
                self.drop_constraint(table, &name);
            }
        }
    }

    /// Foreign keys that refer to a key on exactly these columns, in any order, with no other such key left.
    pub fn foreign_keys_to(&self, relation: Id, columns: &[ColumnNumber]) -> Vec<(Id, String)> {
        let wanted: BTreeSet<ColumnNumber> = columns.iter().copied().collect();
        let mut found = Vec::new();
        for id in std::iter::once(relation).chain(self.dependents_of(relation)) {
            let Some(table) = self.relation(id) else { continue };
            for constraint in &table.constraints {
                if let ConstraintKind::ForeignKey(reference) = &constraint.kind {
                    let columns: BTreeSet<ColumnNumber> = reference.columns.iter().copied().collect();
                    if reference.table == relation && columns == wanted {
                        found.push((id, constraint.name.clone()));
                    }
                }
            }
        }
        found
    }

    fn rename_constraint(&mut self, relation: Id, name: &str, to: &str) {
        let Some(table) = self.relations.get_mut(&relation) else { return };
        let mut index = None;
        for constraint in table.constraints.iter_mut().filter(|constraint| constraint.name == name) {
            to.clone_into(&mut constraint.name);
            if !matches!(constraint.kind, ConstraintKind::ForeignKey(_)) {
                index = constraint.index;
            }
        }
        self.note_constraints(relation);
        if let Some(index) = index {
            self.rename_only(index, to);
        }
    }

    /// Renames a relation; an index's constraint goes along, as in PostgreSQL.
    fn rename_relation(&mut self, relation: Id, to: &str) {
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

    fn rename_only(&mut self, relation: Id, to: &str) {
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

    fn forget_relation_name(&mut self, key: &(Id, String), id: Id) {
        if self.relation_names.get(key) == Some(&id) {
            self.relation_names.remove(key);
        }
    }

    fn move_relation(&mut self, relation: Id, schema: &str) {
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

    /// Drops a relation, everything that is part of it, and everything that cannot be without it.
    fn drop_relation(&mut self, relation: Id) {
        let Some(found) = self.relations.get(&relation) else { return };
        if let RelationKind::Index(index) = &found.kind {
            let table = index.table;
            let carried = self.relations.get(&table).and_then(|t| {
                t.constraints
                    .iter()
                    .find(|c| c.index == Some(relation) && !matches!(c.kind, ConstraintKind::ForeignKey(_)))
            });
            if let Some(name) = carried.map(|constraint| constraint.name.clone()) {
                self.drop_constraint(table, &name);
                return;
            }
        }
        let dependents = self.dependents_of(relation);
        self.remove_relation(relation);
        for id in dependents {
            self.drop_dependence(id, relation);
        }
    }

    /// Takes a relation away, and its own composite type.
    fn remove_relation(&mut self, relation: Id) {
        if let Some(removed) = self.relations.remove(&relation) {
            let key = (removed.schema, removed.name);
            self.forget_relation_name(&key, relation);
            if matches!(removed.kind, RelationKind::Composite)
                && let Some(ty) = self.type_names.get(&key).copied()
            {
                self.types.remove(&ty);
                self.type_names.remove(&key);
            }
        }
    }

    /// Drops whatever part of `id` (or all of it) needs `on`, which is gone.
    pub(super) fn drop_dependence(&mut self, id: Id, on: Id) {
        let needs = |depends: &[super::Dependency]| depends.iter().any(|dependency| dependency.on == on);
        if self.function(id).is_some() {
            self.drop_function(id);
            return;
        }
        if self.type_by_id(id).is_some() {
            self.drop_dependence_of_type(id, on);
            return;
        }
        if self.other(id).is_some() {
            self.drop_other(id);
            return;
        }
        let Some(relation) = self.relations.get(&id) else { return };
        let whole = needs(&relation.depends)
            || relation.of_type == Some(on)
            || relation.parents.contains(&on)
            || match &relation.kind {
                RelationKind::Index(index) => index.table == on,
                RelationKind::Sequence(sequence) => sequence.owned_by.is_some_and(|(table, _)| table == on),
                _ => false,
            };
        if whole {
            self.drop_relation(id);
            return;
        }
        let columns: Vec<ColumnNumber> =
            relation.columns.iter().filter(|c| c.ty.id == Some(on)).map(|c| c.number).collect();
        let constraints: Vec<String> = relation
            .constraints
            .iter()
            .filter(|c| {
                needs(&c.depends)
                    || matches!(&c.kind, ConstraintKind::ForeignKey(reference) if reference.table == on)
            })
            .map(|c| c.name.clone())
            .collect();
        for column in columns {
            self.drop_column(id, column);
        }
        for constraint in constraints {
            self.drop_constraint(id, &constraint);
        }
        if let Some(relation) = self.relations.get_mut(&id) {
            relation.triggers.retain(|trigger| trigger.function != Some(on));
            relation.policies.retain(|policy| !needs(&policy.depends));
            relation.rules.retain(|rule| !needs(&rule.depends));
            for column in relation.columns.iter_mut().filter(|column| needs(&column.default_depends)) {
                column.default = None;
                column.default_depends.clear();
            }
        }
    }

    fn alter_relation(&mut self, id: Id, change: &RelationChange) {
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

    fn drop_attached(&mut self, relation: Id, object: &ObjectRef) {
        let Some(table) = self.relations.get_mut(&relation) else { return };
        match object {
            ObjectRef::Trigger { name, .. } => table.triggers.retain(|trigger| trigger.name != *name),
            ObjectRef::Policy { name, .. } => table.policies.retain(|policy| policy.name != *name),
            ObjectRef::Rule { name, .. } => table.rules.retain(|rule| rule.name != *name),
            _ => {}
        }
    }

    fn rename_attached(&mut self, relation: Id, object: &ObjectRef, to: &str) {
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

    fn add_enum_label(&mut self, ty: Id, label: &str, place: Option<&(bool, String)>, origin: Origin) {
        let Some(TypeKind::Enum(labels)) = self.types.get_mut(&ty).map(|ty| &mut ty.kind) else { return };
        let at = place
            .and_then(|(before, near)| {
                let at = labels.iter().position(|old| old.label == *near)?;
                Some(if *before { at } else { at + 1 })
            })
            .unwrap_or(labels.len());
        labels.insert(at, EnumLabel { label: label.to_owned(), origin });
    }

    fn rename_type(&mut self, ty: Id, to: &str) {
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

    fn rename_type_only(&mut self, ty: Id, to: &str) {
        let Some(found) = self.types.get_mut(&ty) else { return };
        let old = (found.schema, std::mem::replace(&mut found.name, to.to_owned()));
        self.type_names.remove(&old);
        self.type_names.insert((old.0, to.to_owned()), ty);
        self.refresh_type_names(ty);
    }

    /// Columns and parameters hold a type's name beside its id, for display: keeps them true.
    fn refresh_type_names(&mut self, ty: Id) {
        let name = self.type_name(ty);
        let fix = |reference: &mut super::TypeRef| {
            if reference.id == Some(ty) {
                reference.schema.clone_from(&name.schema);
                reference.name.clone_from(&name.name);
            }
        };
        self.other_types().for_each(fix);
        for relation in self.relations.values_mut() {
            relation.columns.iter_mut().for_each(|column| fix(&mut column.ty));
        }
        for function in self.functions.values_mut() {
            function.parameters.iter_mut().for_each(|parameter| fix(&mut parameter.ty));
            function.result.iter_mut().for_each(fix);
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

    fn create_function(
        &mut self,
        name: &QName,
        function: &super::Function,
        origin: Origin,
        slots: &mut HashMap<Slot, Id>,
    ) {
        let Some(schema) = self.schema_names.get(&name.schema).copied() else { return };
        let mut function = super::Function { schema, origin, ..function.clone() };
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
                self.add_function(function);
            }
        }
    }

    fn take_function(&mut self, id: Id) -> Option<super::Function> {
        let function = self.functions.remove(&id)?;
        if let Some(ids) = self.function_names.get_mut(&(function.schema, function.name.clone())) {
            ids.retain(|other| *other != id);
        }
        Some(function)
    }

    fn drop_function(&mut self, id: Id) {
        if self.take_function(id).is_some() {
            for dependent in self.dependents_of(id) {
                self.drop_dependence(dependent, id);
            }
        }
    }

    fn move_to(&mut self, object: Id, schema: &str) {
        let Some(target) = self.schema_names.get(schema).copied() else { return };
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
        } else if let Some(other) = self.other_mut(object) {
            other.schema = Some(target);
        }
    }

    fn drop_schema(&mut self, schema: Id) {
        let relations: Vec<Id> =
            self.relations().filter(|(_, r)| r.schema == schema).map(|(id, _)| id).collect();
        let types: Vec<Id> = self.types().filter(|(_, ty)| ty.schema == schema).map(|(id, _)| id).collect();
        let functions: Vec<Id> =
            self.functions().filter(|(_, f)| f.schema == schema).map(|(id, _)| id).collect();
        relations.into_iter().for_each(|id| self.drop_relation(id));
        types.into_iter().for_each(|id| self.drop_type(id));
        functions.into_iter().for_each(|id| self.drop_function(id));
        self.drop_others_of(schema);
        if let Some(removed) = self.schemas.remove(&schema) {
            self.schema_names.remove(&removed.name);
        }
    }

    fn drop_extension(&mut self, name: &str) {
        self.extensions.remove(name);
        let of = |extension: &Option<String>| extension.as_deref() == Some(name);
        let relations: Vec<Id> =
            self.relations().filter(|(_, r)| of(&r.extension)).map(|(id, _)| id).collect();
        let types: Vec<Id> = self.types().filter(|(_, ty)| of(&ty.extension)).map(|(id, _)| id).collect();
        let functions: Vec<Id> =
            self.functions().filter(|(_, f)| of(&f.extension)).map(|(id, _)| id).collect();
        relations.into_iter().for_each(|id| self.drop_relation(id));
        types.into_iter().for_each(|id| self.drop_type(id));
        functions.into_iter().for_each(|id| self.drop_function(id));
        let others: Vec<Id> = self.others().filter(|(_, o)| of(&o.extension)).map(|(id, _)| id).collect();
        others.into_iter().for_each(|id| self.drop_other(id));
    }
}

/// Something that cannot be without a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependent {
    /// A view, an index.
    Relation(Id),
    /// A generated column.
    Column(Id, ColumnNumber),
    /// A function with a `BEGIN ATOMIC` body.
    Function(Id),
    /// A constraint of a table.
    Constraint(Id, String),
    /// A trigger of a table.
    Trigger(Id, String),
    /// A policy of a table.
    Policy(Id, String),
    /// A rule of a table.
    Rule(Id, String),
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
