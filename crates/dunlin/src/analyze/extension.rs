//! CREATE and ALTER EXTENSION, and objects that are kept by class and name only.

use super::context::{Context, range_name, string, strings};
use super::object::place_of;
use super::{Access, Class, Presence, Transactional};
use crate::catalog::{Effect, Name, ObjectRef};
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

    /// Analyses what makes or alters an object that is kept by class and name; false when it is not such.
    pub(super) fn other_object(&mut self, node: &NodeEnum) -> bool {
        match node {
            NodeEnum::CreateFdwStmt(node) => {
                self.make_other("foreign data wrapper", node.fdwname.clone(), false)
            }
            NodeEnum::CreateForeignServerStmt(node) => {
                self.need_other("foreign data wrapper", &node.fdwname, self.statement.span);
                self.make_other("server", node.servername.clone(), node.if_not_exists);
            }
            NodeEnum::CreateAmStmt(node) => self.make_other("access method", node.amname.clone(), false),
            NodeEnum::CreatePlangStmt(node) => {
                self.analysis.or_replace = node.replace;
                self.make_other("language", node.plname.to_lowercase(), false);
            }
            NodeEnum::CreateTableSpaceStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.make_other("tablespace", node.tablespacename.clone(), false);
            }
            NodeEnum::CreatedbStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.make_other("database", node.dbname.clone(), false);
            }
            NodeEnum::CreateSubscriptionStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.make_other("subscription", node.subname.clone(), false);
            }
            NodeEnum::CreateConversionStmt(node) => {
                self.make_in_schema("conversion", &node.conversion_name, false)
            }
            NodeEnum::CreateOpFamilyStmt(node) => {
                let name =
                    self.catalog.created_as(&Name::from_parts(&strings(&node.opfamilyname)), self.path());
                self.make_other("operator family", format!("{name} USING {}", node.amname), false);
            }
            NodeEnum::CreateOpClassStmt(node) => {
                let name =
                    self.catalog.created_as(&Name::from_parts(&strings(&node.opclassname)), self.path());
                self.make_other("operator class", format!("{name} USING {}", node.amname), false);
            }
            NodeEnum::CreateCastStmt(node) => {
                let (Some(source), Some(target)) = (&node.sourcetype, &node.targettype) else { return true };
                let name = format!("({} AS {})", self.type_text(source), self.type_text(target));
                self.make_other("cast", name, false);
            }
            NodeEnum::CreateTransformStmt(node) => {
                self.analysis.or_replace = node.replace;
                let Some(ty) = &node.type_name else { return true };
                let name = format!("FOR {} LANGUAGE {}", self.type_text(ty), node.lang);
                self.make_other("transform", name, false);
            }
            NodeEnum::CreatePublicationStmt(node) => {
                self.publication_tables(&node.pubobjects);
                self.make_other("publication", node.pubname.clone(), false);
            }
            NodeEnum::CreateUserMappingStmt(node) => {
                self.need_other("server", &node.servername, self.statement.span);
                let role = node.user.as_ref().and_then(|role| self.need_role(role));
                let name = format!("{} on {}", role.unwrap_or_else(|| "public".into()), node.servername);
                self.make_other("user mapping", name, node.if_not_exists);
            }
            _ => return self.altered_other(node),
        }
        true
    }

    fn altered_other(&mut self, node: &NodeEnum) -> bool {
        let span = self.statement.span;
        match node {
            NodeEnum::AlterFdwStmt(node) => {
                self.changes_other("foreign data wrapper", &node.fdwname);
            }
            NodeEnum::AlterForeignServerStmt(node) => {
                self.changes_other("server", &node.servername);
            }
            NodeEnum::AlterUserMappingStmt(node) => {
                self.raise(Class::Changes);
                self.need_other("server", &node.servername, span);
            }
            NodeEnum::DropUserMappingStmt(node) => {
                self.raise(Class::Changes);
                if !node.missing_ok {
                    self.need_other("server", &node.servername, span);
                }
            }
            NodeEnum::AlterPublicationStmt(node) => {
                self.publication_tables(&node.pubobjects);
                self.changes_other("publication", &node.pubname);
                if node.action() == protobuf::AlterPublicationAction::ApAddObjects {
                    self.analysis.class = Class::Adds;
                    // Its members are not modelled: the server says whether they are there.
                    let object = ObjectRef::Other { class: "publication".into(), name: node.pubname.clone() };
                    self.analysis.presence = Presence::Unknown { object, tolerated: false };
                }
            }
            NodeEnum::AlterSubscriptionStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.changes_other("subscription", &node.subname);
            }
            NodeEnum::DropSubscriptionStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.drop_other("subscription", &node.subname);
            }
            NodeEnum::DropTableSpaceStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.drop_other("tablespace", &node.tablespacename);
            }
            NodeEnum::DropdbStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.drop_other("database", &node.dbname);
            }
            NodeEnum::AlterEventTrigStmt(node) => self.changes_other("event trigger", &node.trigname),
            NodeEnum::CreateStatsStmt(node) => self.create_statistics(node),
            NodeEnum::AlterStatsStmt(_)
            | NodeEnum::AlterTsdictionaryStmt(_)
            | NodeEnum::AlterTsconfigurationStmt(_)
            | NodeEnum::AlterOpFamilyStmt(_)
            | NodeEnum::AlterOperatorStmt(_)
            | NodeEnum::AlterCollationStmt(_)
            | NodeEnum::AlterDatabaseRefreshCollStmt(_)
            | NodeEnum::AlterTypeStmt(_) => self.raise(Class::Changes),
            NodeEnum::AlterTableSpaceOptionsStmt(_) => self.raise(Class::Changes),
            NodeEnum::AlterDatabaseStmt(_) | NodeEnum::AlterDatabaseSetStmt(_) => self.raise(Class::Changes),
            NodeEnum::ImportForeignSchemaStmt(node) => {
                self.need_other("server", &node.server_name, span);
                self.opaque("IMPORT FOREIGN SCHEMA makes tables that only the other server knows");
            }
            _ => return false,
        }
        true
    }

    fn changes_other(&mut self, class: &'static str, name: &str) {
        self.raise(Class::Changes);
        let object = ObjectRef::Other { class: class.into(), name: name.into() };
        self.touch(place_of(&object), Access::Write);
        self.need_other(class, name, self.statement.span);
    }

    fn make_in_schema(&mut self, class: &'static str, names: &[protobuf::Node], if_not_exists: bool) {
        let name = self.new_name(&Name::from_parts(&strings(names)), self.statement.span);
        self.make_other(class, name.to_string(), if_not_exists);
    }

    fn publication_tables(&mut self, objects: &[protobuf::Node]) {
        for object in objects {
            let Some(NodeEnum::PublicationObjSpec(object)) = &object.node else { continue };
            if let Some(range) = object.pubtable.as_ref().and_then(|table| table.relation.as_ref()) {
                self.need_relation(&range_name(range), self.span(range.location), "table");
            } else if object.pubobjtype() == protobuf::PublicationObjSpecType::PublicationobjTablesInSchema {
                self.need_schema(&object.name, self.span(object.location));
            }
        }
    }

    fn create_statistics(&mut self, node: &protobuf::CreateStatsStmt) {
        self.adds();
        let mut schema = None;
        for relation in &node.relations {
            let Some(NodeEnum::RangeVar(range)) = &relation.node else { continue };
            let span = self.span(range.location);
            let Some(id) = self.need_relation(&range_name(range), span, "table") else { continue };
            let name = self.catalog.relation_name(id);
            self.lock(id, super::LockMode::ShareUpdateExclusive);
            let outer = std::mem::take(&mut self.depends);
            for element in &node.exprs {
                match &element.node {
                    Some(NodeEnum::StatsElem(element)) if !element.name.is_empty() => {
                        self.need_column(id, &element.name, span);
                    }
                    Some(NodeEnum::StatsElem(element)) => {
                        if let (Some(expr), Some(relation)) =
                            (element.expr.as_deref(), self.catalog.relation(id))
                        {
                            let source = super::query::Source::of(name.clone(), Some(id), relation);
                            self.expression(expr, &[source]);
                        }
                    }
                    _ => {}
                }
            }
            self.depends = outer;
            schema = Some(name.schema);
        }
        let written = Name::from_parts(&strings(&node.defnames));
        if written.name.is_empty() {
            return;
        }
        let _ = schema;
        let name = self.new_name(&written, self.statement.span);
        self.make_other("statistics", name.to_string(), node.if_not_exists);
    }
}
