//! Operators, their classes and families, and casts.

use super::context::{Context, strings};
use super::named::{Named, Needs};
use super::named_statement::{option, option_names};
use super::object::place_of;
use super::typing::{Arguments, Resolved, Typed, from_ref};
use super::{Access, Class, Presence};
use crate::catalog::{Dependency, Found, Name, TypeRef};
use crate::syntax::{NodeEnum, protobuf};

/// What an item of CREATE OPERATOR CLASS is, as `opclasscmds.c` numbers it.
const OPERATOR: i32 = 1;
const FUNCTION: i32 = 2;
const STORAGE: i32 = 3;

impl Context<'_> {
    /// What an operator needs: its function, of exactly its types.
    pub(super) fn operator_needs(
        &mut self,
        node: &protobuf::DefineStmt,
        types: &[Option<TypeRef>; 2],
    ) -> Needs {
        let function = option(&node.definition, "procedure").or_else(|| option(&node.definition, "function"));
        let types: Vec<TypeRef> = types.iter().flatten().cloned().collect();
        let mut needs = Vec::new();
        if let Some(names) = function.map(option_names) {
            needs.extend(self.need_support(&Name::from_parts(&names), Some(&types), self.statement.span));
        }
        for estimator in ["restrict", "join"] {
            if let Some(names) = option(&node.definition, estimator).map(option_names) {
                needs.extend(self.need_support(&Name::from_parts(&names), None, self.statement.span));
            }
        }
        Needs::of(needs)
    }

    /// What an operator gives: what its function does.
    pub(super) fn operator_result(
        &self,
        node: &protobuf::DefineStmt,
        types: &[Option<TypeRef>; 2],
    ) -> Option<TypeRef> {
        let function = option(&node.definition, "procedure").or_else(|| option(&node.definition, "function"));
        let name = Name::from_parts(&option_names(function?));
        let arguments = Arguments {
            types: types.iter().flatten().map(from_ref).collect(),
            is_support: true,
            ..Arguments::default()
        };
        match self.types().function(&name, &arguments) {
            Resolved::One(found) => Some(self.types().to_ref(&Typed::of(found.result))),
            _ => None,
        }
    }

    /// Analyses CREATE CAST.
    pub(super) fn create_cast(&mut self, node: &protobuf::CreateCastStmt) {
        let (Some(source), Some(target)) = (&node.sourcetype, &node.targettype) else { return };
        let types = vec![Some(self.signature_type(source)), Some(self.signature_type(target))];
        let function = node.func.as_ref().and_then(|function| self.need_written_function(function));
        let context = match node.context() {
            protobuf::CoercionContext::CoercionImplicit => 'i',
            protobuf::CoercionContext::CoercionAssignment => 'a',
            _ => 'e',
        };
        let method = match (node.inout, &node.func) {
            (true, _) => 'i',
            (_, Some(_)) => 'f',
            _ => 'b',
        };
        let named = Named::plain("cast", "").with_types(types).of(&format!("{context}{method}"));
        self.make_named(&named, false, Needs::of(function));
    }

    /// Analyses CREATE OPERATOR FAMILY.
    pub(super) fn create_operator_family(&mut self, node: &protobuf::CreateOpFamilyStmt) {
        let method = self.need_named(&Named::plain("access method", &node.amname), self.statement.span);
        let name = Name::from_parts(&strings(&node.opfamilyname));
        let named = Named::in_schema("operator family", name).of(&node.amname);
        self.make_named(&named, false, Needs::of(method));
    }

    /// Analyses CREATE OPERATOR CLASS; without a family it makes one of its own name.
    pub(super) fn create_operator_class(&mut self, node: &protobuf::CreateOpClassStmt) {
        let method = self.need_named(&Named::plain("access method", &node.amname), self.statement.span);
        let name = Name::from_parts(&strings(&node.opclassname));
        let mut depends: Vec<Dependency> = method.into_iter().collect();
        let ty = node.datatype.as_ref().map(|ty| self.signature_type(ty));
        for item in &node.items {
            if let Some(NodeEnum::CreateOpClassItem(item)) = &item.node {
                depends.extend(self.class_item(item, ty.as_ref()));
            }
        }
        let family = strings(&node.opfamilyname);
        let part_of = match family.is_empty() {
            true => {
                let family = Named::in_schema("operator family", name.clone()).of(&node.amname);
                match self.meant_named(&family).found {
                    Found::Yes(super::object::Thing::Other(on)) => Some(Dependency { on, column: None }),
                    _ => {
                        let slot = self.make_named(&family, true, Needs::of(method));
                        Some(Dependency { on: slot.as_id(), column: None })
                    }
                }
            }
            false => {
                let family = Named::in_schema("operator family", Name::from_parts(&family)).of(&node.amname);
                self.need_named(&family, self.statement.span)
            }
        };
        let named = Named::in_schema("operator class", name).with_types(vec![ty]).of(&node.amname);
        let needs = Needs { depends, part_of: part_of.into_iter().collect() };
        self.make_named(&named, false, needs);
    }

    /// What an operator or function of a class or family needs. Operators without types are of the class's own.
    fn class_item(&mut self, item: &protobuf::CreateOpClassItem, ty: Option<&TypeRef>) -> Option<Dependency> {
        let name = item.name.as_ref();
        match item.itemtype {
            OPERATOR => {
                let operator = name?;
                let mut named = self.operator(operator);
                if operator.args_unspecified || operator.objargs.is_empty() {
                    let ty = ty.cloned();
                    named = named.with_types(vec![ty.clone(), ty]);
                }
                let meant = self.meant_named(&named);
                // An operator of the class's own type by its name: a type that can be taken for another finds others.
                match meant.found {
                    Found::Yes(_) => self.need_named(&named, self.statement.span),
                    _ => None,
                }
            }
            FUNCTION => self.need_written_function(name?),
            STORAGE => {
                let ty = self.signature_type(item.storedtype.as_ref()?);
                ty.id.map(|on| Dependency { on, column: None })
            }
            _ => None,
        }
    }

    /// Analyses ALTER OPERATOR FAMILY … ADD and DROP: the members are not modelled.
    pub(super) fn alter_operator_family(&mut self, node: &protobuf::AlterOpFamilyStmt) {
        let name = Name::from_parts(&strings(&node.opfamilyname));
        let named = Named::in_schema("operator family", name).of(&node.amname);
        self.need_named(&Named::plain("access method", &node.amname), self.statement.span);
        self.changes_named(&named);
        for item in &node.items {
            if let (Some(NodeEnum::CreateOpClassItem(item)), false) = (&item.node, node.is_drop) {
                self.class_item(item, None);
            }
        }
        // Whether a member is there already is not known.
        let meant = self.meant_named(&named);
        if !node.is_drop {
            self.analysis.class = Class::Adds;
        }
        self.analysis.presence = Presence::Unknown { object: meant.object, tolerated: false };
    }

    /// Analyses ALTER TYPE … SET of a base type.
    pub(super) fn alter_base_type(&mut self, node: &protobuf::AlterTypeStmt) {
        self.raise(Class::Changes);
        let list = protobuf::List { items: node.type_name.clone() };
        let list = protobuf::Node { node: Some(NodeEnum::List(list)) };
        if let Some(meant) = self.meant(protobuf::ObjectType::ObjectType, &list) {
            self.touch(place_of(&meant.object), Access::Write);
            self.need_meant(&meant, self.statement.span);
        }
        for option in &node.options {
            let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
            let functions = ["receive", "send", "typmod_in", "typmod_out", "analyze", "subscript"];
            let names = option_names(option);
            if functions.contains(&option.defname.as_str()) && names != ["none"] && !names.is_empty() {
                self.need_support(&Name::from_parts(&names), None, self.statement.span);
            }
        }
    }
}
