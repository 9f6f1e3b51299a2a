//! GRANT, REVOKE, ALTER DEFAULT PRIVILEGES and roles.

use super::context::{Context, range_name, strings};
use super::object::place_of;
use super::{Access, Class, Presence};
use crate::catalog::Effect;
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{GrantTargetType, ObjectType};

impl Context<'_> {
    /// Analyses GRANT and REVOKE on objects.
    pub(super) fn grant(&mut self, node: &protobuf::GrantStmt) {
        self.raise(if node.is_grant { Class::Adds } else { Class::Changes });
        self.need_roles(&node.grantees);
        if node.targtype() == GrantTargetType::AclTargetAllInSchema {
            for schema in strings(&node.objects) {
                self.need_schema(&schema, self.statement.span);
            }
            self.change_privileges(node);
            return;
        }
        for object in &node.objects {
            match &object.node {
                Some(NodeEnum::RangeVar(range)) => self.granted_relation(node, range),
                Some(_) if node.objtype() == ObjectType::ObjectDatabase => {}
                Some(_) => {
                    if let Some(meant) = self.meant(node.objtype(), object) {
                        self.need_meant(&meant, self.statement.span);
                    }
                }
                None => {}
            }
        }
        self.change_privileges(node);
    }

    fn granted_relation(&mut self, node: &protobuf::GrantStmt, range: &protobuf::RangeVar) {
        let noun = if node.objtype() == ObjectType::ObjectSequence { "sequence" } else { "table" };
        let span = self.span(range.location);
        let Some(id) = self.need_relation(&range_name(range), span, noun) else { return };
        let outer = std::mem::take(&mut self.depends);
        for privilege in &node.privileges {
            let Some(NodeEnum::AccessPriv(privilege)) = &privilege.node else { continue };
            for column in strings(&privilege.cols) {
                self.need_column(id, &column, span);
            }
        }
        self.depends = outer;
    }

    fn need_roles(&mut self, nodes: &[protobuf::Node]) {
        for node in nodes {
            match &node.node {
                Some(NodeEnum::RoleSpec(role)) => {
                    self.need_role(role);
                }
                Some(NodeEnum::AccessPriv(privilege)) if !privilege.priv_name.is_empty() => {
                    let meant = self.meant_role(&privilege.priv_name);
                    self.need_meant(&meant, self.statement.span);
                }
                _ => {}
            }
        }
    }

    /// Analyses GRANT and REVOKE of roles.
    pub(super) fn grant_role(&mut self, node: &protobuf::GrantRoleStmt) {
        self.raise(if node.is_grant { Class::Adds } else { Class::Changes });
        self.need_roles(&node.granted_roles);
        self.need_roles(&node.grantee_roles);
    }

    /// Analyses ALTER DEFAULT PRIVILEGES.
    pub(super) fn default_privileges(&mut self, node: &protobuf::AlterDefaultPrivilegesStmt) {
        let grants = node.action.as_ref().is_none_or(|action| action.is_grant);
        self.raise(if grants { Class::Adds } else { Class::Changes });
        let (mut roles, mut schemas, mut known) = (Vec::new(), Vec::new(), true);
        for option in &node.options {
            let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
            let Some(NodeEnum::List(list)) = option.arg.as_ref().and_then(|arg| arg.node.as_ref()) else {
                continue;
            };
            match option.defname.as_str() {
                "schemas" => {
                    for schema in strings(&list.items) {
                        let found = self.need_schema(&schema, self.statement.span);
                        known &= found.is_some();
                        schemas.push(found);
                    }
                }
                "roles" => {
                    for role in list.items.iter().filter_map(|role| role.node.as_ref()) {
                        let NodeEnum::RoleSpec(role) = role else { continue };
                        roles.extend(self.need_role(role));
                    }
                }
                _ => {}
            }
        }
        if let Some(action) = &node.action {
            self.need_roles(&action.grantees);
            let everywhere = [None];
            let schemas = if schemas.is_empty() { &everywhere[..] } else { &schemas[..] };
            if known {
                self.change_defaults(action, roles, schemas);
            }
        }
    }

    /// Analyses CREATE ROLE, USER and GROUP.
    pub(super) fn create_role(&mut self, node: &protobuf::CreateRoleStmt) {
        self.adds();
        let meant = self.meant_role(&node.role);
        self.touch(place_of(&meant.object), Access::Write);
        self.provide(meant.object.clone());
        let known = self.catalog.roles.as_ref();
        if known.is_some_and(|roles| roles.contains(&node.role)) {
            // Its attributes are not in the catalog; that the role is there is what migrations ask for.
            self.analysis.presence =
                Presence::Same { reason: format!("role `{}` is there already", node.role) };
            return;
        }
        for option in &node.options {
            let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
            if let ("addroleto" | "rolemembers" | "adminmembers", Some(NodeEnum::List(list))) =
                (option.defname.as_str(), option.arg.as_ref().and_then(|arg| arg.node.as_ref()))
            {
                self.need_roles(&list.items);
            }
        }
        self.analysis.effects.push(Effect::CreateRole { name: node.role.clone() });
    }

    /// Analyses ALTER ROLE, with options or SET.
    pub(super) fn alter_role(&mut self, role: Option<&protobuf::RoleSpec>) {
        self.raise(Class::Changes);
        if let Some(role) = role {
            self.need_role(role);
        }
    }
}
