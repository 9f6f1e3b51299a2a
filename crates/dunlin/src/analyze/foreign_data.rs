//! Foreign data: wrappers, servers, user mappings.

use super::context::Context;
use super::named::{Named, Needs};
use super::named_statement::option_names;
use super::{Access, Class, Place, Presence};
use crate::catalog::{
    Dependency, Detail, DetailValue, Effect, Id, Name, QName, Relation, RelationKind, Subject, TypeRef,
};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};

impl Context<'_> {
    /// Analyses a statement about foreign data; false when it is not such.
    pub(super) fn foreign_object(&mut self, node: &NodeEnum) -> bool {
        let span = self.statement.span;
        match node {
            NodeEnum::CreateFdwStmt(node) => {
                let needs = self.wrapper_functions(&node.func_options);
                let named = Named::plain("foreign data wrapper", &node.fdwname);
                let slot = self.make_named(&named, false, Needs::of(needs));
                self.change_options(slot.as_id(), &node.options);
            }
            NodeEnum::AlterFdwStmt(node) => {
                self.wrapper_functions(&node.func_options);
                let found = self.changes_named(&Named::plain("foreign data wrapper", &node.fdwname));
                self.change_options_of(found, &node.options);
            }
            NodeEnum::CreateForeignServerStmt(node) => {
                let wrapper = self.need_other("foreign data wrapper", &node.fdwname, span);
                let named = Named::plain("server", &node.servername);
                let slot = self.make_named(&named, node.if_not_exists, Needs::of(wrapper));
                self.change_options(slot.as_id(), &node.options);
            }
            NodeEnum::AlterForeignServerStmt(node) => {
                let found = self.changes_named(&Named::plain("server", &node.servername));
                self.change_options_of(found, &node.options);
            }
            NodeEnum::CreateUserMappingStmt(node) => {
                self.each_option_once(&node.options);
                let server = self.need_other("server", &node.servername, span);
                let named = self.user_mapping(node.user.as_ref(), &node.servername);
                self.make_named(&named, node.if_not_exists, Needs::of(server));
            }
            NodeEnum::AlterUserMappingStmt(node) => {
                self.need_other("server", &node.servername, span);
                let named = self.user_mapping(node.user.as_ref(), &node.servername);
                self.changes_named(&named);
            }
            NodeEnum::DropUserMappingStmt(node) => self.drop_user_mapping(node),
            NodeEnum::ImportForeignSchemaStmt(node) => {
                self.import_foreign_schema(node);
            }
            _ => return false,
        }
        true
    }

    fn change_options_of(&mut self, found: Option<Dependency>, options: &[protobuf::Node]) {
        if let Some(found) = found {
            self.change_options(found.on, options);
        }
    }

    /// OPTIONS of a wrapper or server: ADD needs that an option is not there, SET and DROP that it is.
    fn change_options(&mut self, id: Id, options: &[protobuf::Node]) {
        let of = Subject::Object(id);
        let mut names: Vec<String> = match self.catalog.detail(&of, Detail::Options) {
            _ if self.analysis.presence != Presence::Absent => return,
            DetailValue::Unknown => return,
            DetailValue::Absent => Vec::new(),
            DetailValue::Text(text) => text.lines().map(str::to_owned).collect(),
        };
        let before = names.clone();
        for node in options {
            let Some(NodeEnum::DefElem(option)) = &node.node else { continue };
            let adds = matches!(
                option.defaction(),
                protobuf::DefElemAction::DefelemAdd | protobuf::DefElemAction::DefelemUnspec
            );
            if names.contains(&option.defname) == adds {
                let there = if adds { "given already" } else { "not there" };
                let message = format!("option `{}` is {there}", option.defname);
                self.refuse(Code::DN216, self.span(option.location), message);
            }
            match option.defaction() {
                protobuf::DefElemAction::DefelemDrop => names.retain(|name| *name != option.defname),
                _ if adds => names.push(option.defname.clone()),
                _ => {}
            }
        }
        if names != before {
            let value = DetailValue::from(Some(names.join("\n")).filter(|names| !names.is_empty()));
            self.analysis.effects.push(Effect::SetDetail { of, detail: Detail::Options, value });
        }
    }

    /// The OPTIONS of a new object are given once each.
    fn each_option_once(&mut self, options: &[protobuf::Node]) {
        let mut seen = std::collections::BTreeSet::new();
        for node in options {
            let Some(NodeEnum::DefElem(option)) = &node.node else { continue };
            if !seen.insert(option.defname.as_str()) {
                let message = format!("option `{}` is given twice", option.defname);
                self.refuse(Code::DN216, self.span(option.location), message);
            }
        }
    }

    /// Analyses IMPORT FOREIGN SCHEMA: it makes foreign tables in one schema. Where it lists them their names are known,
    /// their columns never.
    fn import_foreign_schema(&mut self, node: &protobuf::ImportForeignSchemaStmt) {
        self.adds();
        let span = self.statement.span;
        let server = self.need_other("server", &node.server_name, span);
        let schema = self.need_schema(&node.local_schema, span);
        self.touch(Place::Schema(node.local_schema.clone()), Access::Write);
        let Some(schema) = schema else { return };
        if node.list_type() != protobuf::ImportForeignSchemaType::FdwImportSchemaLimitTo {
            self.analysis.effects.push(Effect::Open { schema });
            return;
        }
        for table in &node.table_list {
            let Some(NodeEnum::RangeVar(table)) = &table.node else { continue };
            let name = QName::new(node.local_schema.clone(), table.relname.clone());
            let slot = self.slot();
            let mut relation = Relation::new(slot.as_id(), name.name.clone(), RelationKind::ForeignTable);
            relation.columns_known = false;
            relation.depends.extend(server);
            self.new_relation(name, slot, relation, false);
        }
    }

    fn wrapper_functions(&mut self, options: &[protobuf::Node]) -> Vec<Dependency> {
        let mut needs = Vec::new();
        for node in options {
            let Some(NodeEnum::DefElem(option)) = &node.node else { continue };
            let names = option_names(option);
            if names.is_empty() {
                continue;
            }
            let validator = [TypeRef { array: true, ..TypeRef::builtin("text") }, TypeRef::builtin("oid")];
            let types: &[TypeRef] = if option.defname == "validator" { &validator } else { &[] };
            needs.extend(self.need_support(&Name::from_parts(&names), Some(types), self.statement.span));
        }
        needs
    }

    fn user_mapping(&mut self, user: Option<&protobuf::RoleSpec>, server: &str) -> Named {
        let role = user.and_then(|role| self.need_role(role));
        Named::plain("user mapping", role.as_deref().unwrap_or("public")).of(server)
    }

    fn drop_user_mapping(&mut self, node: &protobuf::DropUserMappingStmt) {
        self.raise(Class::Changes);
        let named_role = node.user.as_ref().filter(|role| !role.rolename.is_empty());
        let absent = |context: &Self| {
            let server = context.meant_named(&Named::plain("server", &node.servername));
            let role = named_role.map(|role| context.meant_role(&role.rolename));
            [Some(server), role].into_iter().flatten().find(|meant| meant.found.is_no())
        };
        if let (Some(absent), true) = (absent(self), node.missing_ok) {
            self.analysis.presence = Presence::Same { reason: format!("there is no {}", absent.phrase()) };
            return;
        }
        self.need_other("server", &node.servername, self.statement.span);
        let named = self.user_mapping(node.user.as_ref(), &node.servername);
        self.drop_named_object(&named, node.missing_ok);
    }
}
