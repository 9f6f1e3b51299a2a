//! What a statement says that neither its effects nor its locks tell: for the rules of `check`.

use super::Remark;
use super::context::{Context, range_name, strings};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{AlterTableType as Action, DropBehavior, RoleSpecType};

impl Context<'_> {
    /// Records what the rules of `check` ask about and effects and locks do not tell.
    pub(super) fn remarks(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::UpdateStmt(node) if node.where_clause.is_none() && node.from_clause.is_empty() => {
                self.every_row(node.relation.as_ref());
            }
            NodeEnum::DeleteStmt(node) if node.where_clause.is_none() && node.using_clause.is_empty() => {
                self.every_row(node.relation.as_ref());
            }
            NodeEnum::DropStmt(node) => self.cascade(node.behavior()),
            NodeEnum::TruncateStmt(node) => self.cascade(node.behavior()),
            NodeEnum::AlterTableStmt(node) => self.alter_table_remarks(node),
            NodeEnum::GrantStmt(node) if node.is_grant && to_public(&node.grantees) => {
                let privileges: Vec<String> = node
                    .privileges
                    .iter()
                    .filter_map(|node| match node.node.as_ref()? {
                        NodeEnum::AccessPriv(privilege) => Some(privilege.priv_name.to_uppercase()),
                        _ => None,
                    })
                    .collect();
                self.analysis.remarks.push(Remark::Public(privileges));
            }
            NodeEnum::CreateFunctionStmt(node) => self.security_definer(node),
            _ => {}
        }
    }

    fn every_row(&mut self, range: Option<&protobuf::RangeVar>) {
        let found = range.and_then(|range| self.catalog.find_relation(&range_name(range), self.path()).yes());
        self.analysis.remarks.extend(found.map(Remark::EveryRow));
    }

    fn cascade(&mut self, behavior: DropBehavior) {
        if behavior == DropBehavior::DropCascade && !self.analysis.remarks.contains(&Remark::Cascade) {
            self.analysis.remarks.push(Remark::Cascade);
        }
    }

    fn alter_table_remarks(&mut self, node: &protobuf::AlterTableStmt) {
        let Some(range) = &node.relation else { return };
        let table = self.catalog.find_relation(&range_name(range), self.path()).yes();
        for command in &node.cmds {
            let Some(NodeEnum::AlterTableCmd(command)) = &command.node else { continue };
            self.cascade(command.behavior());
            match command.subtype() {
                Action::AtDisableTrigAll | Action::AtDisableTrigUser => {
                    self.analysis.remarks.extend(table.map(Remark::TriggersOff));
                }
                _ => {}
            }
        }
    }

    fn security_definer(&mut self, node: &protobuf::CreateFunctionStmt) {
        let mut definer = false;
        let mut fixed_path = false;
        for option in &node.options {
            let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
            match (option.defname.as_str(), option.arg.as_ref().and_then(|arg| arg.node.as_ref())) {
                ("security", Some(NodeEnum::Boolean(value))) => definer = value.boolval,
                ("security", Some(NodeEnum::Integer(value))) => definer = value.ival != 0,
                ("set", Some(NodeEnum::VariableSetStmt(set))) => fixed_path |= set.name == "search_path",
                _ => {}
            }
        }
        if definer && !fixed_path {
            self.analysis.remarks.push(Remark::SecurityDefiner(strings(&node.funcname).join(".")));
        }
    }
}

fn to_public(grantees: &[protobuf::Node]) -> bool {
    grantees.iter().any(|node| {
        matches!(&node.node, Some(NodeEnum::RoleSpec(role)) if role.roletype() == RoleSpecType::RolespecPublic)
    })
}
