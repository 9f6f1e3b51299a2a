//! CREATE and ALTER of types: enums, composites, domains, ranges.

use super::context::{Context, strings};
use super::object::place_of;
use super::query::{Source, SourceColumn};
use super::table_constraint::plain;
use super::typing::Typed;
use super::{Access, Class, Facet, Presence, Verdict};
use crate::catalog::{
    Column, Constraint, ConstraintKind, Domain, Effect, EnumLabel, Expr, Found, Id, Name, ObjectRef, Origin,
    QName, Relation, RelationKind, Type, TypeKind, TypeRef,
};
use crate::diagnostic::Code;
use crate::syntax::{LenientForm, NodeEnum, deparse_expression, protobuf};
use protobuf::ConstrType;

impl<'a> Context<'a> {
    /// The name under which a type is made; touches and provides it.
    fn new_type(&mut self, names: &[protobuf::Node]) -> QName {
        let name = self.new_name(&Name::from_parts(&strings(names)), self.statement.span);
        let object = ObjectRef::Type { name: name.clone() };
        self.touch(place_of(&object), Access::Write);
        self.provide(object);
        name
    }

    fn make_type(&mut self, name: QName, kind: TypeKind) {
        let ty = Type {
            schema: Id(0),
            name: name.name.clone(),
            kind,
            extension: None,
            origin: Origin::Simulated(0),
        };
        self.analysis.effects.push(Effect::CreateType { name, ty: Box::new(ty) });
    }

    fn is_lenient(&self, form: LenientForm) -> bool {
        self.statement.lenient == Some(form)
    }

    /// What is there under the name of a new type: a type, or a relation with its row type.
    fn type_there(&self, name: &QName) -> Option<&'a Type> {
        self.catalog.type_at(name).map(|(_, ty)| ty)
    }

    /// A conflict of a new type with one of another kind.
    fn other_kind(name: &QName, expected: &str, there: &Type, tolerated: bool) -> Presence {
        Presence::Different {
            object: ObjectRef::Type { name: name.clone() },
            expected: expected.to_owned(),
            actual: kind_noun(&there.kind).to_owned(),
            tolerated,
        }
    }

    /// Analyses CREATE TYPE … AS ENUM.
    pub(super) fn create_enum(&mut self, node: &protobuf::CreateEnumStmt) {
        self.adds();
        let name = self.new_type(&node.type_name);
        let labels = strings(&node.vals);
        for label in &labels {
            self.provide(ObjectRef::EnumLabel { name: name.clone(), label: label.clone() });
        }
        let tolerated = self.is_lenient(LenientForm::CreateTypeIfNotExists);
        if let Some(there) = self.type_there(&name) {
            self.analysis.presence = match &there.kind {
                TypeKind::Enum(old) => {
                    let old: Vec<&str> = old.iter().map(|label| label.label.as_str()).collect();
                    // Labels beyond the declared ones were added by later migrations.
                    let mut rest = old.iter();
                    let same = labels.iter().all(|label| rest.any(|old| old == label));
                    let quoted = |labels: Vec<&str>| {
                        labels.iter().map(|label| format!("'{label}'")).collect::<Vec<_>>().join(", ")
                    };
                    match same {
                        true => Presence::Same { reason: format!("type `{name}` is there already") },
                        false => Presence::Different {
                            object: ObjectRef::Type { name },
                            expected: quoted(labels.iter().map(String::as_str).collect()),
                            actual: quoted(old),
                            tolerated,
                        },
                    }
                }
                _ => Self::other_kind(&name, "enum", there, tolerated),
            };
            return;
        }
        let labels =
            labels.into_iter().map(|label| EnumLabel { label, origin: Origin::Simulated(0) }).collect();
        self.make_type(name, TypeKind::Enum(labels));
    }

    /// Analyses ALTER TYPE … ADD VALUE and RENAME VALUE.
    pub(super) fn alter_enum(&mut self, node: &protobuf::AlterEnumStmt) {
        let rename = !node.old_val.is_empty();
        self.raise(if rename { Class::Changes } else { Class::Adds });
        let Some(meant) = self.meant_type_named(&node.type_name) else { return };
        let span = self.statement.span;
        let thing = self.need_meant(&meant, span);
        let ObjectRef::Type { name } = meant.object else { return };
        let object = ObjectRef::EnumLabel { name: name.clone(), label: node.new_val.clone() };
        self.touch(place_of(&object), Access::Write);
        self.provide(object);
        if !rename {
            self.analysis.new_labels.push((name.clone(), node.new_val.clone()));
        }
        let Some(super::object::Thing::Type(id)) = thing else { return };
        let Some(TypeKind::Enum(labels)) = self.catalog.type_by_id(id).map(|ty| &ty.kind) else { return };
        let has = |label: &str| labels.iter().any(|old| old.label == label);
        let new_there = has(&node.new_val);
        if rename {
            let object = ObjectRef::EnumLabel { name: name.clone(), label: node.old_val.clone() };
            self.touch(place_of(&object), Access::Write);
            if !has(&node.old_val) && new_there {
                let reason = format!("label '{}' of `{name}` is '{}' already", node.old_val, node.new_val);
                self.analysis.presence = Presence::Same { reason };
                return;
            }
            self.need_label(&name, &node.old_val, has(&node.old_val));
            let effect =
                Effect::RenameEnumLabel { ty: id, label: node.old_val.clone(), to: node.new_val.clone() };
            self.analysis.effects.push(effect);
            return;
        }
        if new_there {
            self.analysis.new_labels.clear();
            let reason = format!("label '{}' of `{name}` is there already", node.new_val);
            self.analysis.presence = Presence::Same { reason };
            return;
        }
        let place = (!node.new_val_neighbor.is_empty()).then(|| {
            self.need_label(&name, &node.new_val_neighbor, has(&node.new_val_neighbor));
            (!node.new_val_is_after, node.new_val_neighbor.clone())
        });
        let effect = Effect::AddEnumLabel { ty: id, label: node.new_val.clone(), place };
        self.analysis.effects.push(effect);
    }

    fn need_label(&mut self, name: &QName, label: &str, there: bool) {
        let object = ObjectRef::EnumLabel { name: name.clone(), label: label.to_owned() };
        let verdict = if there { Verdict::Valid } else { Verdict::Invalid };
        let message = format!("type `{name}` has no label '{label}'");
        let span = self.statement.span;
        self.require(vec![Facet::Exists(object)], span, verdict, Code::DN205, message, Vec::new());
    }

    fn meant_type_named(&self, names: &[protobuf::Node]) -> Option<super::object::Meant> {
        let list = protobuf::List { items: names.to_vec() };
        let node = protobuf::Node { node: Some(NodeEnum::List(list)) };
        self.meant(protobuf::ObjectType::ObjectType, &node)
    }

    /// Analyses CREATE TYPE … AS (…).
    pub(super) fn create_composite(&mut self, node: &protobuf::CompositeTypeStmt) {
        self.adds();
        let Some(range) = &node.typevar else { return };
        let name = self.new_name(&super::context::range_name(range), self.span(range.location));
        for object in [ObjectRef::Type { name: name.clone() }, ObjectRef::relation(&name)] {
            self.touch(place_of(&object), Access::Write);
            self.provide(object);
        }
        let slot = self.slot();
        let mut relation = Relation::new(slot.as_id(), name.name.clone(), RelationKind::Composite);
        for attribute in &node.coldeflist {
            let Some(NodeEnum::ColumnDef(definition)) = &attribute.node else { continue };
            let outer = std::mem::take(&mut self.depends);
            let ty = definition.type_name.as_ref().map_or_else(TypeRef::unknown, |ty| self.need_type(ty));
            self.depends = outer;
            let number = relation.next_number();
            relation.columns.push(Column::new(number, definition.colname.clone(), ty));
        }
        let tolerated = self.is_lenient(LenientForm::CreateTypeIfNotExists);
        if let Some((_, existing)) = self.catalog.relation_at(&name) {
            self.analysis.presence =
                super::table_presence::compare_relations(&name, &relation, existing, tolerated);
            return;
        }
        if let Some(there) = self.type_there(&name) {
            self.analysis.presence = Self::other_kind(&name, "composite type", there, tolerated);
            return;
        }
        self.analysis.effects.push(Effect::CreateRelation {
            name: name.clone(),
            slot,
            relation: Box::new(relation),
        });
        self.make_type(name, TypeKind::Composite);
    }

    /// Analyses CREATE TYPE … AS RANGE.
    pub(super) fn create_range(&mut self, node: &protobuf::CreateRangeStmt) {
        self.adds();
        let name = self.new_type(&node.type_name);
        let mut multirange = None;
        let mut subtype = TypeRef::unknown();
        for param in &node.params {
            let Some(NodeEnum::DefElem(option)) = &param.node else { continue };
            let Some(NodeEnum::TypeName(ty)) = option.arg.as_ref().and_then(|arg| arg.node.as_ref()) else {
                continue;
            };
            match option.defname.as_str() {
                "subtype" => {
                    let outer = std::mem::take(&mut self.depends);
                    subtype = self.need_type(ty);
                    self.depends = outer;
                }
                "multirange_type_name" => multirange = strings(&ty.names).pop(),
                _ => {}
            }
        }
        let tolerated = self.is_lenient(LenientForm::CreateTypeIfNotExists);
        if let Some(there) = self.type_there(&name) {
            self.analysis.presence = match there.kind {
                TypeKind::Range => Presence::Unknown { object: ObjectRef::Type { name }, tolerated },
                _ => Self::other_kind(&name, "range type", there, tolerated),
            };
            return;
        }
        // As PostgreSQL names it: `range` becomes `multirange`, else `_multirange` is added.
        let multirange = multirange.unwrap_or_else(|| match name.name.rfind("range") {
            Some(at) => format!("{}multirange{}", &name.name[..at], &name.name[at + "range".len()..]),
            None => format!("{}_multirange", name.name),
        });
        let multirange = QName::new(name.schema.clone(), multirange);
        self.provide(ObjectRef::Type { name: multirange.clone() });
        self.make_type(name.clone(), TypeKind::Range);
        self.make_type(multirange.clone(), TypeKind::Range);
        self.range_constructors(&name, &multirange, subtype);
    }

    /// A range type comes with functions that make its values.
    fn range_constructors(&mut self, range: &QName, multirange: &QName, subtype: TypeRef) {
        let of = |name: &QName, array: bool| TypeRef {
            schema: name.schema.clone(),
            name: name.name.clone(),
            modifiers: None,
            array,
            id: None,
        };
        let text = TypeRef::builtin("text");
        let lists = [
            (range, vec![(subtype.clone(), 'i'), (subtype.clone(), 'i')]),
            (range, vec![(subtype.clone(), 'i'), (subtype, 'i'), (text, 'i')]),
            (multirange, vec![]),
            (multirange, vec![(of(range, false), 'i')]),
            (multirange, vec![(of(range, true), 'v')]),
        ];
        for (name, parameters) in lists {
            let mut function = super::function::blank(name, false);
            function.language = "internal".into();
            function.volatility = 'i';
            function.result = Some(of(name, false));
            function.parameters = parameters
                .into_iter()
                .map(|(ty, mode)| crate::catalog::Parameter { name: None, ty, mode })
                .collect();
            self.provide(ObjectRef::Function { name: name.clone(), arguments: None });
            let effect = Effect::CreateFunction { name: name.clone(), function: Box::new(function) };
            self.analysis.effects.push(effect);
        }
    }

    /// Analyses CREATE DOMAIN.
    pub(super) fn create_domain(&mut self, node: &protobuf::CreateDomainStmt) {
        self.adds();
        let name = self.new_type(&node.domainname);
        let outer = std::mem::take(&mut self.depends);
        let base = node.type_name.as_ref().map_or_else(TypeRef::unknown, |ty| self.need_type(ty));
        self.depends = outer;
        let mut domain = Domain { base, not_null: false, default: None, constraints: Vec::new() };
        for constraint in &node.constraints {
            if let Some(NodeEnum::Constraint(constraint)) = &constraint.node {
                self.domain_constraint(&name, &mut domain, constraint);
            }
        }
        let tolerated = self.is_lenient(LenientForm::CreateDomainIfNotExists);
        if let Some(there) = self.type_there(&name) {
            let object = ObjectRef::Type { name: name.clone() };
            self.analysis.presence = match &there.kind {
                TypeKind::Domain(old) if super::table_presence::differ(&domain.base, &old.base) => {
                    let (expected, actual) = (domain.base.to_string(), old.base.to_string());
                    Presence::Different { object, expected, actual, tolerated }
                }
                // Later migrations may have changed its constraints: the base type is what counts.
                TypeKind::Domain(_) => Presence::Same { reason: format!("domain `{name}` is there already") },
                _ => Self::other_kind(&name, "domain", there, tolerated),
            };
            return;
        }
        self.make_type(name, TypeKind::Domain(Box::new(domain)));
    }

    fn domain_constraint(&mut self, name: &QName, domain: &mut Domain, node: &protobuf::Constraint) {
        match node.contype() {
            ConstrType::ConstrNotnull => domain.not_null = true,
            ConstrType::ConstrNull => domain.not_null = false,
            ConstrType::ConstrDefault => {
                if let Some(expression) = node.raw_expr.as_deref() {
                    domain.default = self.default_expression(expression).0;
                }
            }
            ConstrType::ConstrCheck => {
                let Some(expression) = node.raw_expr.as_deref() else { return };
                let value =
                    SourceColumn { name: "value".into(), ty: Typed::from_ref(&domain.base), number: None };
                let source =
                    Source { alias: name.name.clone(), relation: None, id: None, columns: Some(vec![value]) };
                let outer = std::mem::take(&mut self.depends);
                self.expression(expression, &[source]);
                let depends = std::mem::replace(&mut self.depends, outer);
                let taken: Vec<&str> = domain.constraints.iter().map(|old| old.name.as_str()).collect();
                let chosen = match node.conname.as_str() {
                    "" => (0..)
                        .map(|pass| match pass {
                            0 => super::naming::object_name(&name.name, "", "check"),
                            _ => super::naming::object_name(&name.name, "", &format!("check{pass}")),
                        })
                        .find(|name| !taken.contains(&name.as_str()))
                        .unwrap_or_default(),
                    written => written.to_owned(),
                };
                let text = deparse_expression(expression).unwrap_or_else(|| "?".into());
                let kind = ConstraintKind::Check(Expr::new(text));
                let validated = !node.skip_validation;
                let constraint = Constraint { name: chosen, depends, validated, ..plain(kind) };
                domain.constraints.push(constraint);
            }
            _ => {}
        }
    }

    /// Analyses ALTER DOMAIN.
    pub(super) fn alter_domain(&mut self, node: &protobuf::AlterDomainStmt) {
        let adds = match node.subtype.as_str() {
            "T" => node.def.is_some(),
            "N" | "O" | "C" | "V" => true,
            _ => false,
        };
        self.raise(if adds { Class::Adds } else { Class::Changes });
        let Some(meant) = self.meant_type_named(&node.type_name) else { return };
        self.touch(place_of(&meant.object), Access::Write);
        let thing = self.need_meant(&meant, self.statement.span);
        let (Some(super::object::Thing::Type(id)), ObjectRef::Type { name }) = (thing, &meant.object) else {
            return;
        };
        let Some(ty) = self.catalog.type_by_id(id) else { return };
        let TypeKind::Domain(old) = &ty.kind else { return };
        let mut domain = (**old).clone();
        match node.subtype.as_str() {
            "T" => {
                domain.default = match node.def.as_deref() {
                    Some(expression) => self.default_expression(expression).0,
                    None => None,
                };
            }
            "N" => domain.not_null = false,
            "O" => domain.not_null = true,
            "X" => domain.constraints.retain(|constraint| constraint.name != node.name),
            "V" => domain
                .constraints
                .iter_mut()
                .filter(|constraint| constraint.name == node.name)
                .for_each(|constraint| constraint.validated = true),
            _ => {
                if let Some(NodeEnum::Constraint(constraint)) =
                    node.def.as_ref().and_then(|def| def.node.as_ref())
                {
                    if let Some(there) = old.constraints.iter().find(|old| old.name == constraint.conname) {
                        let object = ObjectRef::Other {
                            class: "domain constraint".into(),
                            name: format!("{} on {name}", there.name),
                        };
                        self.analysis.presence = Presence::Unknown { object, tolerated: false };
                        return;
                    }
                    self.domain_constraint(name, &mut domain, constraint);
                }
            }
        }
        if domain == **old {
            let reason = format!("domain `{name}` is so already");
            self.analysis.presence = Presence::Same { reason };
            return;
        }
        let with = Box::new(Type { kind: TypeKind::Domain(Box::new(domain)), ..ty.clone() });
        self.analysis.effects.push(Effect::ReplaceType { ty: id, with });
    }

    /// Analyses CREATE TYPE of a base type or a shell, AGGREGATE, OPERATOR, COLLATION, TEXT SEARCH …
    pub(super) fn define(&mut self, node: &protobuf::DefineStmt) {
        use protobuf::ObjectType;
        self.adds();
        let written = Name::from_parts(&strings(&node.defnames));
        match node.kind() {
            ObjectType::ObjectType => {
                let name = self.new_type(&node.defnames);
                if let Some(there) = self.type_there(&name) {
                    let object = ObjectRef::Type { name: name.clone() };
                    // A shell type is filled in by a second CREATE TYPE.
                    if there.kind != TypeKind::Base {
                        self.analysis.presence = Presence::Unknown { object, tolerated: false };
                    }
                    return;
                }
                self.make_type(name, TypeKind::Base);
            }
            ObjectType::ObjectAggregate => self.create_aggregate(node, &written),
            ObjectType::ObjectOperator => {
                let name = self.catalog.created_as(&written, self.path());
                self.need_schema(&name.schema, self.statement.span);
                self.make_other("operator", operator_name(self, &name, node), node.if_not_exists);
            }
            kind => {
                let Some(class) = super::object::class_of(kind) else {
                    self.opaque("CREATE of an object that is not modelled");
                    return;
                };
                let name = self.new_name(&written, self.statement.span);
                self.make_other(class, name.to_string(), node.if_not_exists);
            }
        }
    }

    /// Makes an object that is kept by class and name.
    pub(super) fn make_other(&mut self, class: &'static str, name: String, if_not_exists: bool) {
        self.adds();
        let meant = self.meant_named(class, name.clone());
        self.touch(place_of(&meant.object), Access::Write);
        self.provide(meant.object.clone());
        if matches!(meant.found, Found::Yes(_)) {
            self.analysis.presence = match if_not_exists {
                true => Presence::Same { reason: format!("{} is there already", meant.phrase()) },
                false => Presence::Unknown { object: meant.object, tolerated: false },
            };
            return;
        }
        self.analysis.effects.push(Effect::CreateOther { class: class.to_owned(), name });
    }
}

/// `name(left, right)`, as operators are listed.
fn operator_name(ctx: &Context<'_>, name: &QName, node: &protobuf::DefineStmt) -> String {
    let side = |wanted: &str| {
        node.definition
            .iter()
            .find_map(|item| match &item.node {
                Some(NodeEnum::DefElem(option)) if option.defname == wanted => {
                    match option.arg.as_ref()?.node.as_ref()? {
                        NodeEnum::TypeName(ty) => Some(ctx.type_text(ty).to_string()),
                        _ => None,
                    }
                }
                _ => None,
            })
            .unwrap_or_else(|| "NONE".into())
    };
    let schema = if name.schema == "public" { String::new() } else { format!("{}.", name.schema) };
    format!("{schema}{}({}, {})", name.name, side("leftarg"), side("rightarg"))
}

fn kind_noun(kind: &TypeKind) -> &'static str {
    match kind {
        TypeKind::Enum(_) => "enum",
        TypeKind::Domain(_) => "domain",
        TypeKind::Composite => "composite type",
        TypeKind::Range => "range type",
        TypeKind::Base => "base type",
    }
}
