//! DROP of every kind of object.

use super::context::Context;
use super::object::{Meant, Thing, place_of, relation_fits};
use super::{Access, Class, LockMode, Place, Presence, Transactional};
use crate::catalog::{Effect, Found, Id, ObjectRef, RelationKind};
use crate::syntax::{NodeEnum, Tree, deparse_statement, protobuf};
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
        for object in &node.objects {
            let Some(meant) = self.meant(node.remove_type(), object) else {
                left.push(object.clone());
                continue;
            };
            for candidate in &meant.candidates {
                self.touch(place_of(candidate), Access::Write);
            }
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
                    self.drop_thing(node.remove_type(), &meant, thing, node.concurrent);
                }
            }
        }
        if gone.is_empty() {
            return;
        }
        if left.is_empty() {
            let reason =
                format!("{} {} gone already", gone.join(", "), if gone.len() == 1 { "is" } else { "are" });
            self.analysis.presence = Presence::Same { reason };
        } else if !node.missing_ok
            && matches!(&self.statement.tree, Tree::Parsed(tree) if matches!(**tree, NodeEnum::DropStmt(_)))
        {
            let rest = protobuf::DropStmt { objects: left, ..node.clone() };
            self.analysis.rewrite = deparse_statement(&NodeEnum::DropStmt(rest));
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
