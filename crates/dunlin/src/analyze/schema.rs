//! CREATE SCHEMA, with the objects made in it.

use super::context::Context;
use super::object::place_of;
use super::{Access, Presence, Session};
use crate::catalog::{Effect, ObjectRef, Origin, Schema, SearchPath};
use crate::syntax::{NodeEnum, protobuf};

impl Context<'_> {
    /// Analyses CREATE SCHEMA.
    pub(super) fn create_schema(&mut self, node: &protobuf::CreateSchemaStmt) {
        self.adds();
        let owner = node.authrole.as_ref().and_then(|role| self.need_role(role));
        let name = match node.schemaname.as_str() {
            "" => owner.clone().unwrap_or_default(),
            name => name.to_owned(),
        };
        if name.is_empty() {
            self.opaque("CREATE SCHEMA named after a role that is not known");
            return;
        }
        let object = ObjectRef::Schema { name: name.clone() };
        self.touch(place_of(&object), Access::Write);
        self.provide(object.clone());
        if self.catalog.find_schema(&name).yes().is_some() {
            self.analysis.presence = match node.schema_elts.is_empty() {
                true => Presence::Same { reason: format!("schema `{name}` is there already") },
                false => Presence::Unknown { object, tolerated: false },
            };
            return;
        }
        let schema = Schema {
            name: name.clone(),
            owner: owner.clone().unwrap_or_else(|| self.acting_role().to_owned()),
            origin: Origin::Simulated(0),
        };
        let schema_owner = schema.owner.clone();
        self.analysis.effects.push(Effect::CreateSchema(schema));
        self.schema_elements(&name, &schema_owner, &node.schema_elts);
    }

    /// The elements see the schema, and each other: each is analysed on a catalog that has those before it.
    fn schema_elements(&mut self, schema: &str, owner: &str, elements: &[protobuf::Node]) {
        if elements.is_empty() {
            return;
        }
        let mut path = vec![schema.to_owned()];
        path.extend(self.path().0.iter().cloned());
        let session = Session::new(SearchPath(path));
        let mut catalog = self.catalog.clone();
        let mut applied = 0;
        let mut sorted: Vec<&NodeEnum> = elements.iter().filter_map(|node| node.node.as_ref()).collect();
        sorted.sort_by_key(|node| element_pass(node));
        for element in sorted {
            catalog.apply(&self.analysis.effects[applied..], Origin::Simulated(0));
            applied = self.analysis.effects.len();
            let mut inner = Context::new(self.statement, &catalog, &session);
            inner.continue_slots(self);
            inner.statement_node(element);
            let slots = inner.slots_used();
            let mut found = inner.analysis;
            for effect in &mut found.effects {
                if let Effect::CreateRelation { relation, .. } = effect {
                    owner.clone_into(&mut relation.owner);
                }
            }
            self.take_over(found, slots);
        }
    }
}

/// PostgreSQL makes the elements in this order, whatever the order of the text.
fn element_pass(node: &NodeEnum) -> u8 {
    match node {
        NodeEnum::CreateSeqStmt(_) => 0,
        NodeEnum::CreateStmt(_) => 1,
        NodeEnum::ViewStmt(_) => 2,
        NodeEnum::IndexStmt(_) => 3,
        NodeEnum::CreateTrigStmt(_) => 4,
        _ => 5,
    }
}
