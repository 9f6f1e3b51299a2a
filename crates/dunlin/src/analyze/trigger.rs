//! CREATE TRIGGER and POLICY.

use super::context::{Context, range_name, strings};
use super::object::place_of;
use super::query::Source;
use super::{Access, Class, LockMode, Place};
use crate::catalog::{
    Attached, ColumnNumber, Effect, Id, Ident, Name, ObjectRef, Origin, QName, Relation, Trigger, builtin,
};
use crate::diagnostic::Code;
use crate::syntax::{LenientForm, NodeEnum, deparse_statement, protobuf};

impl<'a> Context<'a> {
    /// Finds the table of a trigger, policy or rule, and says what is made on it.
    pub(super) fn attached_to(
        &mut self,
        range: &protobuf::RangeVar,
        object: impl Fn(QName) -> ObjectRef,
    ) -> Option<(Id, QName, &'a Relation)> {
        let name = range_name(range);
        let id = self.need_relation(&name, self.span(range.location), "table");
        let table = match id {
            Some(id) => self.catalog.relation_name(id),
            None => self.catalog.candidates(&name, self.path()).into_iter().next()?,
        };
        let object = object(table.clone());
        self.touch(place_of(&object), Access::Write);
        self.touch(Place::Rules(table.clone()), Access::Write);
        self.provide(object);
        let id = id?;
        Some((id, table, self.catalog.relation(id)?))
    }

    /// Analyses CREATE TRIGGER.
    pub(super) fn create_trigger(&mut self, node: &protobuf::CreateTrigStmt) {
        self.adds();
        self.analysis.or_replace = node.replace;
        let function = Name::from_parts(&strings(&node.funcname));
        let function = self.trigger_function(&function);
        let Some(range) = &node.relation else { return };
        let name = node.trigname.clone();
        let object = |relation| ObjectRef::Trigger { relation, name: name.clone() };
        let Some((id, table, relation)) = self.attached_to(range, object) else { return };
        self.lock(id, LockMode::ShareRowExclusive);
        let outer = std::mem::take(&mut self.depends);
        let mut columns: Vec<ColumnNumber> = Vec::new();
        for (at, column) in strings(&node.columns).iter().enumerate() {
            columns.extend(self.need_column(id, column, self.span(range.location)));
            if strings(&node.columns[..at]).contains(column) {
                let message = format!("column `{column}` is named twice");
                self.refuse(Code::DN216, self.span(range.location), message);
            }
        }
        if let Some(condition) = node.when_clause.as_deref() {
            let sources = ["old", "new"]
                .map(|alias| Source { alias: alias.into(), ..Source::of(table.clone(), Some(id), relation) });
            columns.extend(self.expression(condition, &sources));
        }
        if let Some(other) = &node.constrrel {
            self.need_relation(&range_name(other), self.span(other.location), "table");
        }
        self.depends = outer;
        columns.sort_unstable();
        columns.dedup();
        let plain = protobuf::CreateTrigStmt { replace: false, ..node.clone() };
        let definition = self.definition(&NodeEnum::CreateTrigStmt(Box::new(plain)));
        let existing = relation.triggers.iter().find(|trigger| trigger.name == node.trigname);
        if existing.is_some_and(|existing| existing.above.is_some()) && node.replace {
            let message = format!("trigger `{name}` belongs to that of the partitioned table");
            self.refuse(Code::DN216, self.statement.span, message);
        }
        if let (Some(existing), false) = (existing, node.replace) {
            let tolerated = self.statement.lenient == Some(LenientForm::CreateTriggerIfNotExists);
            let object = ObjectRef::Trigger { relation: table, name };
            let known = (definition.as_deref(), existing.definition.as_deref());
            self.analysis.presence = super::compare::triggers(known, object, tolerated);
            return;
        }
        let trigger = Trigger {
            name,
            function,
            row: node.row,
            columns,
            definition,
            above: None,
            origin: Origin::Simulated(0),
        };
        self.analysis.effects.push(Effect::CreateTrigger { relation: id, trigger: trigger.clone() });
        if trigger.row {
            self.trigger_below(id, &trigger);
        }
    }

    /// Requires the function of a trigger, which takes no arguments.
    fn trigger_function(&mut self, name: &Name) -> Option<Id> {
        let routine = protobuf::ObjectWithArgs {
            objname: name
                .schema
                .iter()
                .chain([&name.name])
                .map(|part| super::table::string_node(part.clone()))
                .collect(),
            ..protobuf::ObjectWithArgs::default()
        };
        let meant = self.meant_routine(protobuf::ObjectType::ObjectFunction, &routine);
        let system = name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
        let is_trigger = |function: &builtin::BuiltinFunction| {
            builtin::type_at(function.result).name == "trigger" && function.arguments.is_empty()
        };
        if system
            && !matches!(meant.found, crate::catalog::Found::Yes(_))
            && builtin::functions(&name.name).iter().any(is_trigger)
        {
            return None;
        }
        match self.need_meant(&meant, self.statement.span) {
            Some(super::object::Thing::Function(id)) => Some(id),
            _ => None,
        }
    }

    /// The statement in one way of writing, as far as it is the whole statement.
    fn definition(&self, node: &NodeEnum) -> Option<String> {
        deparse_statement(node)
    }

    /// Analyses CREATE POLICY.
    pub(super) fn create_policy(&mut self, node: &protobuf::CreatePolicyStmt) {
        self.adds();
        for role in &node.roles {
            if let Some(NodeEnum::RoleSpec(role)) = &role.node {
                self.need_role(role);
            }
        }
        let Some(range) = &node.table else { return };
        let name = node.policy_name.clone();
        let object = |relation| ObjectRef::Policy { relation, name: name.clone() };
        let Some((id, table, relation)) = self.attached_to(range, object) else { return };
        self.lock(id, LockMode::AccessExclusive);
        let depends = self.policy_needs(id, &table, relation, [&node.qual, &node.with_check]);
        let definition = self.definition(&NodeEnum::CreatePolicyStmt(Box::new(node.clone())));
        if let Some(existing) = relation.policies.iter().find(|policy| policy.name == node.policy_name) {
            let tolerated = self.statement.lenient == Some(LenientForm::CreatePolicyIfNotExists);
            // What is read from a server is what follows the table's name.
            let head =
                format!("CREATE POLICY {} ON {}.{}", Ident(&name), Ident(&table.schema), Ident(&table.name));
            let actual = existing.definition.as_ref().map(|text| match text.starts_with("CREATE ") {
                true => text.clone(),
                false => format!("{head} {text}"),
            });
            let object = ObjectRef::Policy { relation: table, name };
            let known = (definition.as_deref(), actual.as_deref());
            self.analysis.presence = super::compare::policies(known, object, tolerated);
            return;
        }
        let policy = Attached { name, depends, definition, origin: Origin::Simulated(0) };
        self.analysis.effects.push(Effect::CreatePolicy { relation: id, policy });
    }

    fn policy_needs(
        &mut self,
        id: Id,
        table: &QName,
        relation: &Relation,
        expressions: [&Option<Box<protobuf::Node>>; 2],
    ) -> Vec<crate::catalog::Dependency> {
        let outer = std::mem::take(&mut self.depends);
        for expression in expressions.into_iter().flatten() {
            self.expression(expression, &[Source::of(table.clone(), Some(id), relation)]);
        }
        let mut depends = std::mem::replace(&mut self.depends, outer);
        depends.sort_unstable();
        depends.dedup();
        depends
    }

    /// Analyses ALTER POLICY.
    pub(super) fn alter_policy(&mut self, node: &protobuf::AlterPolicyStmt) {
        self.raise(Class::Changes);
        for role in &node.roles {
            if let Some(NodeEnum::RoleSpec(role)) = &role.node {
                self.need_role(role);
            }
        }
        let Some(range) = &node.table else { return };
        let Some(id) = self.need_relation(&range_name(range), self.span(range.location), "table") else {
            return;
        };
        let Some(relation) = self.catalog.relation(id) else { return };
        let table = self.catalog.relation_name(id);
        self.lock(id, LockMode::AccessExclusive);
        let there = relation.policies.iter().find(|policy| policy.name == node.policy_name);
        let object = ObjectRef::Policy { relation: table.clone(), name: node.policy_name.clone() };
        self.touch(place_of(&object), Access::Write);
        self.touch(Place::Rules(table.clone()), Access::Write);
        self.need_attached(object.clone(), there.is_some(), "policy");
        let mut depends = self.policy_needs(id, &table, relation, [&node.qual, &node.with_check]);
        let Some(there) = there else { return };
        depends.extend(&there.depends);
        depends.sort_unstable();
        depends.dedup();
        let policy = Attached { depends, definition: None, ..there.clone() };
        self.analysis.effects.push(Effect::DropAttached { relation: id, object });
        self.analysis.effects.push(Effect::CreatePolicy { relation: id, policy });
    }
}
