//! CREATE and ALTER EXTENSION.

use super::context::{Context, string};
use super::object::place_of;
use super::{Access, Class, Presence};
use crate::catalog::{Effect, ObjectRef};
use crate::syntax::{NodeEnum, protobuf};

impl Context<'_> {
    /// Analyses CREATE EXTENSION. What an extension brings is known only once it is there.
    pub(super) fn create_extension(&mut self, node: &protobuf::CreateExtensionStmt) {
        self.adds();
        let name = node.extname.clone();
        let object = ObjectRef::Extension { name: name.clone() };
        self.touch(place_of(&object), Access::Write);
        self.provide(object);
        for option in &node.options {
            if let Some(NodeEnum::DefElem(option)) = &option.node {
                let schema = option.arg.as_deref().and_then(string);
                if let Some(schema) = schema.filter(|_| option.defname == "schema") {
                    self.need_schema(&schema, self.span(option.location));
                }
            }
        }
        if self.catalog.extensions.contains_key(&name) {
            self.analysis.presence =
                Presence::Same { reason: format!("extension `{name}` is there already") };
            return;
        }
        self.analysis.effects.push(Effect::CreateExtension { name: name.clone() });
        self.opaque(format!("what extension {name} brings is known once it is there"));
    }

    /// Analyses ALTER EXTENSION … UPDATE.
    pub(super) fn alter_extension(&mut self, node: &protobuf::AlterExtensionStmt) {
        self.raise(Class::Changes);
        self.need_extension(&node.extname);
        self.opaque(format!("what an update of extension {} brings is not known", node.extname));
    }

    /// Analyses ALTER EXTENSION … ADD and DROP.
    pub(super) fn alter_extension_contents(&mut self, node: &protobuf::AlterExtensionContentsStmt) {
        self.raise(Class::Changes);
        self.need_extension(&node.extname);
        if let Some(object) = node.object.as_deref()
            && let Some(meant) = self.meant(node.objtype(), object)
        {
            self.need_meant(&meant, self.statement.span);
        }
    }

    fn need_extension(&mut self, name: &str) {
        let name = super::table::string_node(name.to_owned());
        if let Some(meant) = self.meant(protobuf::ObjectType::ObjectExtension, &name) {
            self.need_meant(&meant, self.statement.span);
        }
    }
}
