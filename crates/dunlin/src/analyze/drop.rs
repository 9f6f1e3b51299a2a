//! DROP of every kind of object.

use super::context::Context;
use super::object::{Meant, Thing, place_of, relation_fits};
use super::owned::policy_roles;
use super::{Access, Class, LockMode, Place, Presence, Transactional};
use crate::catalog::{Effect, Found, Id, ObjectRef, RelationKind};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, TreeKind, deparse_statement, protobuf};
use protobuf::ObjectType;
use std::collections::BTreeSet;

impl Context<'_> {
    /// Analyses DROP. What is absent is dropped already (design, rule 4).
    pub(super) fn drop_objects(&mut self, node: &protobuf::DropStmt) {
        self.raise(Class::Changes);
        if node.concurrent {
            self.analysis.transactional = Transactional::No;
        }
        let mut gone = Vec::new();
        let mut left = Vec::new();
        let mut things = Vec::new();
        for object in &node.objects {
            let Some(meant) = self.meant(node.remove_type(), object) else {
                left.push(object.clone());
                continue;
            };
            for candidate in &meant.candidates {
                self.touch(place_of(candidate), Access::Write);
            }
            self.need_method_of(node.remove_type(), object);
            match &meant.found {
                Found::No => gone.push(meant.phrase()),
                Found::Unknown => {
                    left.push(object.clone());
                    if !node.missing_ok {
                        self.need_meant(&meant, self.statement.span);
                    }
                }
                Found::Yes(thing) => {
                    left.push(object.clone());
                    things.push((meant.phrase(), thing.clone()));
                    self.drop_thing(node.remove_type(), &meant, thing, node.concurrent);
                }
            }
        }
        self.need_free(&things, node.behavior() == protobuf::DropBehavior::DropCascade);
        if gone.is_empty() {
            return;
        }
        if left.is_empty() {
            let reason =
                format!("{} {} gone already", gone.join(", "), if gone.len() == 1 { "is" } else { "are" });
            self.analysis.presence = Presence::Same { reason };
        } else if !node.missing_ok && self.statement.tree.is(TreeKind::Drop) {
            let rest = protobuf::DropStmt { objects: left, ..node.clone() };
            self.analysis.rewrite = deparse_statement(&NodeEnum::DropStmt(rest));
        }
    }

    /// The access method of an operator class or family has to be there even with IF EXISTS.
    fn need_method_of(&mut self, kind: ObjectType, object: &protobuf::Node) {
        if !matches!(kind, ObjectType::ObjectOpclass | ObjectType::ObjectOpfamily) {
            return;
        }
        let method =
            object.node.as_ref().and_then(super::object::parts).and_then(|names| names.first().cloned());
        if let Some(method) = method {
            self.need_access_method(&method);
        }
    }

    /// Without CASCADE nothing else may need what is dropped; with it, nothing that it is a part of.
    fn need_free(&mut self, things: &[(String, Thing)], cascade: bool) {
        let span = self.statement.span;
        let mut roots = Vec::new();
        for (phrase, thing) in things {
            match thing {
                Thing::Relation(id) => {
                    if let Some(whole) = self.whole_of(*id) {
                        self.refuse(Code::DN215, span, format!("{whole} requires {phrase}"));
                    }
                    roots.push(*id);
                }
                Thing::Type(id) | Thing::Function(id) | Thing::Other(id) => roots.push(*id),
                Thing::Schema(id) if !cascade && self.catalog.is_schema_used(*id) => {
                    self.refuse(Code::DN215, span, format!("{phrase} is not empty"));
                }
                Thing::Named if !cascade => self.need_extension_free(phrase),
                _ => {}
            }
        }
        if cascade {
            return;
        }
        let referring = roots.iter().find_map(|id| {
            let index = self.catalog.relation(*id)?.index()?;
            self.catalog.foreign_keys_on(index.table, *id).pop().map(|(table, _)| table)
        });
        if let Some(blocker) = self.catalog.blocker(&roots).or(referring) {
            let what = things.iter().map(|(phrase, _)| phrase.as_str()).collect::<Vec<_>>().join(", ");
            let blocker = self.catalog.phrase_of(blocker);
            self.refuse(Code::DN215, span, format!("{blocker} needs {what}"));
        }
    }

    /// Without CASCADE nothing outside of an extension may need what is in it.
    fn need_extension_free(&mut self, phrase: &str) {
        let Some(name) = phrase.strip_prefix("extension `").and_then(|name| name.strip_suffix('`')) else {
            return;
        };
        let of = |extension: &Option<String>| extension.as_deref() == Some(name);
        let relations = self.catalog.relations().filter(|(_, found)| of(&found.extension)).map(|(id, _)| id);
        let types = self.catalog.types().filter(|(_, found)| of(&found.extension)).map(|(id, _)| id);
        let functions = self.catalog.functions().filter(|(_, found)| of(&found.extension)).map(|(id, _)| id);
        let others = self.catalog.others().filter(|(_, found)| of(&found.extension)).map(|(id, _)| id);
        let members: Vec<Id> = relations.chain(types).chain(functions).chain(others).collect();
        if let Some(blocker) = self.catalog.blocker(&members) {
            let blocker = self.catalog.phrase_of(blocker);
            self.refuse(Code::DN215, self.statement.span, format!("{blocker} needs {phrase}"));
        }
    }

    /// A role that owns something here, or has privileges on it, cannot be dropped.
    fn need_role_free(&mut self, name: &str) {
        let policy = || {
            let relations = self.catalog.relations();
            let mut policies =
                relations.flat_map(|(id, found)| found.policies.iter().map(move |policy| (id, policy)));
            policies.find_map(|(id, policy)| {
                let table = self.catalog.relation_name(id);
                let roles = policy_roles(policy.definition.as_deref().unwrap_or_default(), &table);
                roles
                    .iter()
                    .any(|role| role == name)
                    .then(|| format!("policy `{}` on `{table}`", policy.name))
            })
        };
        let blocker = self.catalog.blocker_of_role(name).or_else(policy);
        if let Some(blocker) = blocker {
            self.refuse(Code::DN215, self.statement.span, format!("{blocker} needs role `{name}`"));
        }
    }

    /// What an object belongs to that cannot be dropped alone: the constraint of an index, the index of a
    /// partitioned table, the identity column of a sequence.
    fn whole_of(&self, id: Id) -> Option<String> {
        let relation = self.catalog.relation(id)?;
        match &relation.kind {
            RelationKind::Index(index) => {
                let table = self.catalog.relation(index.table)?;
                let carried = table.constraints.iter().find(|c| c.index == Some(id) && c.is_key());
                let constraint = carried.map(|constraint| format!("constraint `{}`", constraint.name));
                constraint.or_else(|| relation.parents.first().map(|parent| self.catalog.phrase_of(*parent)))
            }
            RelationKind::Sequence(sequence) if sequence.identity => {
                sequence.owned_by.map(|(table, _)| self.catalog.phrase_of(table))
            }
            _ => None,
        }
    }

    fn drop_thing(&mut self, kind: protobuf::ObjectType, meant: &Meant, thing: &Thing, concurrent: bool) {
        match thing {
            Thing::Relation(id) => self.drop_relation(kind, *id, concurrent),
            Thing::Type(id) => {
                self.touch_dependents_of(*id, &mut BTreeSet::new());
                self.analysis.effects.push(Effect::DropType { ty: *id });
            }
            Thing::Function(id) => {
                self.touch_dependents_of(*id, &mut BTreeSet::new());
                self.analysis.effects.push(Effect::DropFunction { function: *id });
            }
            Thing::Schema(id) => {
                let members: Vec<Id> = self
                    .catalog
                    .relations()
                    .filter(|(_, relation)| relation.schema == *id)
                    .map(|(id, _)| id)
                    .collect();
                let mut seen = BTreeSet::new();
                for member in members {
                    self.touch_dependents_of(member, &mut seen);
                }
                self.analysis.effects.push(Effect::DropSchema { schema: *id });
            }
            Thing::Attached(id) => {
                self.need_own_trigger(*id, &meant.object);
                self.lock(*id, LockMode::AccessExclusive);
                self.touch(Place::Rules(self.catalog.relation_name(*id)), Access::Write);
                let object = meant.object.clone();
                self.analysis.effects.push(Effect::DropAttached { relation: *id, object });
            }
            Thing::Other(id) => self.drop_other(*id),
            Thing::Named => self.drop_named(&meant.object),
            Thing::Column(..) | Thing::Constraint(_) | Thing::DomainConstraint(_) | Thing::Builtin => {}
        }
    }

    /// A trigger that a partition has from its table goes with that one only.
    fn need_own_trigger(&mut self, id: Id, object: &ObjectRef) {
        let ObjectRef::Trigger { name, .. } = object else { return };
        let triggers = self.catalog.relation(id).map(|table| table.triggers.as_slice()).unwrap_or_default();
        if triggers.iter().any(|trigger| trigger.name == *name && trigger.above.is_some()) {
            let message = format!("{object} is part of the trigger of the partitioned table");
            self.refuse(Code::DN215, self.statement.span, message);
        }
    }

    fn drop_named(&mut self, object: &ObjectRef) {
        let effect = match object.clone() {
            ObjectRef::Extension { name } => {
                self.touch(Place::Everything, Access::Write);
                Effect::DropExtension { name }
            }
            ObjectRef::Role { name } => Effect::DropRole { name },
            _ => return,
        };
        self.analysis.effects.push(effect);
    }

    fn drop_relation(&mut self, kind: protobuf::ObjectType, id: Id, concurrent: bool) {
        let Some(relation) = self.catalog.relation(id) else { return };
        // DROP VIEW of a table: the server refuses it.
        if !relation_fits(kind, &relation.kind) {
            if kind == protobuf::ObjectType::ObjectType {
                let table = self.catalog.phrase_of(id);
                let message = format!("{table} requires its type");
                self.refuse(Code::DN215, self.statement.span, message);
            }
            return;
        }
        if let RelationKind::Index(index) = &relation.kind {
            let mode = if concurrent { LockMode::ShareUpdateExclusive } else { LockMode::AccessExclusive };
            self.lock(index.table, mode);
            let table = self.catalog.relation_name(index.table);
            self.touch(Place::Rules(table.clone()), Access::Write);
            if index.unique {
                let mut columns = self.catalog.relation(index.table).map_or_else(Vec::new, |table| {
                    table.names(&index.keys.iter().filter_map(|key| key.column).collect::<Vec<_>>())
                });
                columns.sort();
                let key = ObjectRef::UniqueKey { relation: table, columns };
                self.touch(Place::Object(key), Access::Write);
            }
        }
        self.lock(id, LockMode::AccessExclusive);
        self.touch(Place::Relation(self.catalog.relation_name(id)), Access::Write);
        self.touch_dependents_of(id, &mut BTreeSet::new());
        self.analysis.effects.push(Effect::DropRelation { relation: id });
    }

    /// Whatever goes, or loses a part, with an object.
    pub(super) fn touch_dependents_of(&mut self, id: Id, seen: &mut BTreeSet<Id>) {
        if !seen.insert(id) {
            return;
        }
        for dependent in self.catalog.dependents_of(id) {
            if let Some(function) = self.catalog.function(dependent) {
                let name = self.catalog.function_name(dependent);
                let object = ObjectRef::Function { name, arguments: Some(function.signature()) };
                self.touch(Place::Object(object), Access::Write);
                self.touch_dependents_of(dependent, seen);
                continue;
            }
            if let Some(other) = self.catalog.other(dependent) {
                let (class, name) = (other.class.clone(), self.catalog.other_label(other));
                self.touch(Place::Object(ObjectRef::Other { class, name }), Access::Write);
                self.touch_dependents_of(dependent, seen);
                continue;
            }
            if self.catalog.type_by_id(dependent).is_some() {
                let name = self.catalog.type_name(dependent);
                self.touch(Place::Object(ObjectRef::Type { name }), Access::Write);
                self.touch_dependents_of(dependent, seen);
                continue;
            }
            let Some(relation) = self.catalog.relation(dependent) else { continue };
            let name = self.catalog.relation_name(dependent);
            let whole = match &relation.kind {
                RelationKind::Table | RelationKind::PartitionedTable | RelationKind::ForeignTable => {
                    relation.parents.contains(&id)
                }
                _ => true,
            };
            if whole {
                self.touch(Place::Relation(name), Access::Write);
                self.touch_dependents_of(dependent, seen);
            } else {
                self.lock(dependent, LockMode::AccessExclusive);
                self.touch(Place::Rules(name.clone()), Access::Write);
                let columns: Vec<String> = relation
                    .columns
                    .iter()
                    .filter(|column| {
                        column.ty.id == Some(id) || column.default_depends.iter().any(|need| need.on == id)
                    })
                    .map(|column| column.name.clone())
                    .collect();
                for column in columns {
                    self.touch(Place::Column(name.clone(), column), Access::Write);
                }
            }
        }
    }

    /// Analyses DROP ROLE.
    pub(super) fn drop_roles(&mut self, node: &protobuf::DropRoleStmt) {
        self.raise(Class::Changes);
        let mut gone = Vec::new();
        let mut left = Vec::new();
        for role in &node.roles {
            let Some(NodeEnum::RoleSpec(spec)) = &role.node else { continue };
            let meant = self.meant_role(&spec.rolename);
            self.touch(place_of(&meant.object), Access::Write);
            match meant.found {
                Found::No => gone.push(meant.phrase()),
                _ => {
                    left.push(role.clone());
                    self.need_role_free(&spec.rolename);
                    self.drop_named(&meant.object);
                }
            }
        }
        if left.is_empty() && !gone.is_empty() {
            let reason = format!("{} gone already", gone.join(", "));
            self.analysis.presence = Presence::Same { reason };
        } else if !gone.is_empty() && !node.missing_ok {
            let rest = protobuf::DropRoleStmt { roles: left, ..node.clone() };
            self.analysis.rewrite = deparse_statement(&NodeEnum::DropRoleStmt(rest));
        }
    }
}
