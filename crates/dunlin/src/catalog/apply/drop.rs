//! What goes, with everything that cannot be without it.

use crate::catalog::{Catalog, ColumnNumber, ConstraintKind, Id, RelationKind};

impl Catalog {
    /// Everything outside the column that cannot be without it: views, indexes, constraints, triggers, policies …
    pub fn column_dependents(&self, relation: Id, column: ColumnNumber) -> Vec<Dependent> {
        let uses = |depends: &[crate::catalog::Dependency]| {
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
                if id != relation && uses(&constraint.depends) {
                    found.push(Dependent::Constraint(id, constraint.name.clone()));
                    continue;
                }
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

    pub(super) fn drop_by_ref(&mut self, dependent: &Dependent) {
        match dependent {
            Dependent::Relation(id) => self.drop_relation(*id),
            Dependent::Column(id, column) => self.drop_column(*id, *column, false),
            Dependent::Function(id) => self.drop_function(*id),
            Dependent::Constraint(id, name) => {
                self.drop_constraint_alone(*id, name);
            }
            Dependent::Trigger(id, name) => {
                self.drop_trigger(*id, name);
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

    /// Drops a relation, everything that is part of it, and everything that cannot be without it.
    pub(super) fn drop_relation(&mut self, relation: Id) {
        let Some(found) = self.relations.get(&relation) else { return };
        if let RelationKind::Index(index) = &found.kind {
            let table = index.table;
            let carried = self.relations.get(&table).and_then(|t| {
                t.constraints
                    .iter()
                    .find(|c| c.index == Some(relation) && !matches!(c.kind, ConstraintKind::ForeignKey(_)))
            });
            if let Some(name) = carried.map(|constraint| constraint.name.clone()) {
                self.drop_constraint(table, &name, false);
                return;
            }
        }
        if let Some(table) = found.index().map(|index| index.table) {
            for (referring, name) in self.foreign_keys_on(table, relation) {
                self.drop_constraint(referring, &name, false);
            }
        }
        let dependents = self.dependents_of(relation);
        self.remove_relation(relation);
        for id in dependents {
            self.drop_dependence(id, relation);
        }
    }

    /// Takes a relation away, and its own composite type.
    pub(super) fn remove_relation(&mut self, relation: Id) {
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
    pub(in crate::catalog) fn drop_dependence(&mut self, id: Id, on: Id) {
        let needs =
            |depends: &[crate::catalog::Dependency]| depends.iter().any(|dependency| dependency.on == on);
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
            || relation.columns.iter().any(|column| {
                column.ty.id == Some(on) && relation.partition_columns.contains(&column.number)
            })
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
            self.drop_column(id, column, false);
        }
        for constraint in constraints {
            self.drop_constraint(id, &constraint, false);
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

    pub(super) fn drop_schema(&mut self, schema: Id) {
        let relations: Vec<Id> =
            self.relations().filter(|(_, r)| r.schema == schema).map(|(id, _)| id).collect();
        let types: Vec<Id> = self.types().filter(|(_, ty)| ty.schema == schema).map(|(id, _)| id).collect();
        let functions: Vec<Id> =
            self.functions().filter(|(_, f)| f.schema == schema).map(|(id, _)| id).collect();
        relations.into_iter().for_each(|id| self.drop_relation(id));
        types.into_iter().for_each(|id| self.drop_type(id));
        functions.into_iter().for_each(|id| self.drop_function(id));
        self.drop_others_of(schema);
        self.forget_default_privileges(schema);
        if let Some(removed) = self.schemas.remove(&schema) {
            self.schema_names.remove(&removed.name);
        }
    }

    pub(super) fn drop_extension(&mut self, name: &str) {
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
