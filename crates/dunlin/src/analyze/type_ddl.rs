//! CREATE and ALTER of types: enums, composites, domains, ranges.

use super::context::{Context, strings};
use super::named::Named;
use super::named_statement::{option, option_names};
use super::naming::clip;
use super::object::place_of;
use super::query::{Source, SourceColumn};
use super::table_constraint::plain;
use super::typing::Typed;
use super::{Access, Class, Facet, Presence, Verdict};
use crate::catalog::{
    Column, Constraint, ConstraintKind, Dependency, Domain, Effect, EnumLabel, Expr, Id, Name, ObjectRef,
    Origin, QName, Relation, RelationKind, Slot, TEMPORARY, Type, TypeKind, TypeRef, builtin,
};
use crate::diagnostic::Code;
use crate::syntax::{LenientForm, NodeEnum, deparse_expression, protobuf};
use protobuf::ConstrType;

impl<'a> Context<'a> {
    /// The name under which a type is made; touches and provides it.
    pub(super) fn new_type(&mut self, names: &[protobuf::Node]) -> QName {
        let name = self.new_name(&Name::from_parts(&strings(names)), self.statement.span);
        let object = ObjectRef::Type { name: name.clone() };
        self.touch(place_of(&object), Access::Write);
        self.provide(object);
        name
    }

    pub(super) fn make_type(&mut self, name: QName, kind: TypeKind, depends: Vec<Dependency>) -> Slot {
        let slot = self.slot();
        let ty = Type {
            schema: Id(0),
            name: name.name.clone(),
            kind,
            depends,
            extension: None,
            origin: Origin::Simulated(0),
        };
        self.analysis.effects.push(Effect::CreateType { name, slot: Some(slot), ty: Box::new(ty) });
        slot
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
        self.make_type(name, TypeKind::Enum(labels), Vec::new());
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
            if new_there {
                let object = ObjectRef::EnumLabel { name, label: node.new_val.clone() };
                self.analysis.presence = Presence::Unknown { object, tolerated: false };
                return;
            }
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
        if name.schema == TEMPORARY {
            relation.persistence = 't';
        }
        for attribute in &node.coldeflist {
            let Some(NodeEnum::ColumnDef(definition)) = &attribute.node else { continue };
            let outer = std::mem::take(&mut self.depends);
            let ty = definition.type_name.as_ref().map_or_else(TypeRef::unknown, |ty| self.need_type(ty));
            self.depends = outer;
            let span = self.span(definition.location);
            if definition.type_name.as_ref().is_some_and(super::table_shape::serial_of) {
                self.refuse(Code::DN205, span, "only a column of a table can be a serial".into());
            }
            if relation.column(&definition.colname).is_some() {
                let message = format!("attribute `{}` is named twice", definition.colname);
                self.refuse(Code::DN216, span, message);
            }
            let number = relation.next_number();
            let mut column = Column::new(number, definition.colname.clone(), ty);
            column.collation = definition.coll_clause.as_ref().map(|clause| self.collation(&clause.collname));
            relation.columns.push(column);
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
        self.make_type(name, TypeKind::Composite, Vec::new());
    }

    /// Analyses CREATE TYPE … AS RANGE.
    pub(super) fn create_range(&mut self, node: &protobuf::CreateRangeStmt) {
        self.adds();
        let name = self.new_type(&node.type_name);
        let multirange = option(&node.params, "multirange_type_name").map(option_names);
        let subtype =
            match option(&node.params, "subtype").and_then(|option| option.arg.as_ref()?.node.as_ref()) {
                Some(NodeEnum::TypeName(ty)) => self.signature_type(ty),
                _ => TypeRef::unknown(),
            };
        let needs = self.range_needs(node, &name, &subtype);
        let tolerated = self.is_lenient(LenientForm::CreateTypeIfNotExists);
        if let Some(there) = self.type_there(&name) {
            self.analysis.presence = match there.kind {
                TypeKind::Range => Presence::Unknown { object: ObjectRef::Type { name }, tolerated },
                _ => Self::other_kind(&name, "range type", there, tolerated),
            };
            return;
        }
        let multirange = match multirange {
            Some(parts) if parts.len() > 1 => self.new_name(&Name::from_parts(&parts), self.statement.span),
            Some(parts) => QName::new(name.schema.clone(), parts.concat()),
            None => QName::new(name.schema.clone(), multirange_name(&name.name)),
        };
        let builtin = multirange.schema == "pg_catalog" && builtin::is_type(&multirange.name);
        if builtin || self.type_there(&multirange).is_some() {
            let object = ObjectRef::Type { name: multirange };
            self.analysis.presence = Presence::Unknown { object, tolerated: false };
            return;
        }
        self.provide(ObjectRef::Type { name: multirange.clone() });
        let range_slot = self.make_type(name.clone(), TypeKind::Range, needs);
        let whole = Dependency { on: range_slot.as_id(), column: None };
        let multirange_slot = self.make_type(multirange.clone(), TypeKind::Range, vec![whole]);
        self.range_constructors((&name, range_slot), (&multirange, multirange_slot), subtype);
    }

    /// What a range type needs: its subtype, functions, operator class.
    fn range_needs(
        &mut self,
        node: &protobuf::CreateRangeStmt,
        name: &QName,
        subtype: &TypeRef,
    ) -> Vec<Dependency> {
        let span = self.statement.span;
        let mut needs: Vec<Dependency> =
            subtype.id.map(|on| Dependency { on, column: None }).into_iter().collect();
        if let Some(names) = option(&node.params, "subtype_diff").map(option_names) {
            let types = [subtype.clone(), subtype.clone()];
            needs.extend(self.need_support(&Name::from_parts(&names), Some(&types), span));
        }
        if let Some(names) = option(&node.params, "canonical").map(option_names) {
            let (schema, id) = (name.schema.clone(), self.catalog.type_at(name).map(|(id, _)| id));
            let own = TypeRef { schema, name: name.name.clone(), modifiers: None, array: false, id };
            needs.extend(self.need_support(&Name::from_parts(&names), Some(&[own]), span));
        }
        if let Some(names) = option(&node.params, "subtype_opclass").map(option_names) {
            let class = Named::in_schema("operator class", Name::from_parts(&names)).of("btree");
            needs.extend(self.need_named(&class, span));
        }
        needs
    }

    /// A range type comes with functions that make its values.
    fn range_constructors(&mut self, range: (&QName, Slot), multirange: (&QName, Slot), subtype: TypeRef) {
        let of = |(name, slot): (&QName, Slot), array: bool| TypeRef {
            schema: name.schema.clone(),
            name: name.name.clone(),
            modifiers: None,
            array,
            id: Some(slot.as_id()),
        };
        let text = TypeRef::builtin("text");
        let lists = [
            (range, vec![(subtype.clone(), 'i'), (subtype.clone(), 'i')]),
            (range, vec![(subtype.clone(), 'i'), (subtype, 'i'), (text, 'i')]),
            (multirange, vec![]),
            (multirange, vec![(of(range, false), 'i')]),
            (multirange, vec![(of(range, true), 'v')]),
        ];
        let bootstrap = self.catalog.bootstrap_role.clone();
        self.analysis.effects.push(Effect::Act { role: bootstrap });
        for (made, parameters) in lists {
            // They live in the schema of the range, also those of the multirange.
            let name = &QName::new(range.0.schema.clone(), made.0.name.as_str());
            let mut function = super::function::blank(name, false);
            function.language = "internal".into();
            function.volatility = 'i';
            function.result = Some(of(made, false));
            function.parameters = parameters
                .into_iter()
                .map(|(ty, mode)| crate::catalog::Parameter { name: None, ty, mode })
                .collect();
            self.provide(ObjectRef::Function { name: name.clone(), arguments: None });
            let effect = Effect::CreateFunction {
                name: name.clone(),
                function: Box::new(function),
                details: super::function_details::constructor_details(made.0 == multirange.0),
            };
            self.analysis.effects.push(effect);
        }
        let role = self.acting_role().to_owned();
        self.analysis.effects.push(Effect::Act { role });
    }

    /// Analyses CREATE DOMAIN.
    pub(super) fn create_domain(&mut self, node: &protobuf::CreateDomainStmt) {
        self.adds();
        let name = self.new_type(&node.domainname);
        let outer = std::mem::take(&mut self.depends);
        let base = node.type_name.as_ref().map_or_else(TypeRef::unknown, |ty| self.need_type(ty));
        self.depends = outer;
        let mut domain = Domain { base, not_null: false, default: None, constraints: Vec::new() };
        let mut needs = Vec::new();
        if let Some(collate) = &node.coll_clause {
            let outer = std::mem::take(&mut self.depends);
            self.collation(&collate.collname);
            needs.append(&mut std::mem::replace(&mut self.depends, outer));
        }
        for constraint in &node.constraints {
            if let Some(NodeEnum::Constraint(constraint)) = &constraint.node {
                needs.extend(self.domain_constraint(&name, &mut domain, constraint));
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
        self.make_type(name, TypeKind::Domain(Box::new(domain)), needs);
    }

    /// Adds a constraint or a default to a domain; gives what the default needs.
    fn domain_constraint(
        &mut self,
        name: &QName,
        domain: &mut Domain,
        node: &protobuf::Constraint,
    ) -> Vec<Dependency> {
        match node.contype() {
            ConstrType::ConstrNotnull => {
                not_null_domain(name, domain, &node.conname, self.catalog.server_version)
            }
            ConstrType::ConstrNull => domain.not_null = false,
            ConstrType::ConstrDefault => {
                let Some(expression) = node.raw_expr.as_deref() else { return Vec::new() };
                let (default, needs) = self.default_expression(expression, &domain.base);
                domain.default = default;
                return needs;
            }
            ConstrType::ConstrCheck => {
                let Some(expression) = node.raw_expr.as_deref() else { return Vec::new() };
                let value =
                    SourceColumn { name: "value".into(), ty: Typed::from_ref(&domain.base), number: None };
                let source =
                    Source { alias: name.name.clone(), relation: None, id: None, columns: Some(vec![value]) };
                let outer = std::mem::take(&mut self.depends);
                self.expression(expression, &[source]);
                let depends = std::mem::replace(&mut self.depends, outer);
                let chosen = domain_constraint_name(name, domain, &node.conname, "check");
                let text = deparse_expression(expression).unwrap_or_else(|| "?".into());
                let kind = ConstraintKind::Check(Expr::new(text));
                let validated = !node.skip_validation;
                let constraint = Constraint { name: chosen, depends, validated, ..plain(kind) };
                domain.constraints.push(constraint);
            }
            _ => {}
        }
        Vec::new()
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
        let mut depends = ty.depends.clone();
        match node.subtype.as_str() {
            "T" => {
                (domain.default, depends) = match node.def.as_deref() {
                    Some(expression) => self.default_expression(expression, &domain.base),
                    None => (None, Vec::new()),
                };
            }
            "N" => {
                domain.not_null = false;
                domain.constraints.retain(|constraint| constraint.kind != ConstraintKind::NotNull);
            }
            "O" => not_null_domain(name, &mut domain, "", self.catalog.server_version),
            "X" => {
                let is_it = |constraint: &Constraint| constraint.name == node.name;
                let dropped = domain.constraints.iter().find(|constraint| is_it(constraint));
                domain.not_null &= !dropped.is_some_and(|found| found.kind == ConstraintKind::NotNull);
                domain.constraints.retain(|constraint| !is_it(constraint));
            }
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
        let with = Box::new(Type { kind: TypeKind::Domain(Box::new(domain)), depends, ..ty.clone() });
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
                self.base_type_functions(node);
                if let Some(there) = self.type_there(&name) {
                    let object = ObjectRef::Type { name: name.clone() };
                    // A shell type is filled in by a second CREATE TYPE.
                    if there.kind != TypeKind::Base || node.definition.is_empty() {
                        self.analysis.presence = Presence::Unknown { object, tolerated: false };
                    }
                    return;
                }
                if !node.definition.is_empty() {
                    // A type with functions is a shell first, since they need it.
                    let message = format!("type `{name}` does not exist");
                    let verdict =
                        if self.catalog.clouded.is_some() { Verdict::Unknown } else { Verdict::Invalid };
                    let any_of = vec![Facet::Exists(ObjectRef::Type { name: name.clone() })];
                    self.require(any_of, self.statement.span, verdict, Code::DN205, message, Vec::new());
                }
                self.make_type(name, TypeKind::Base, Vec::new());
            }
            ObjectType::ObjectAggregate => self.create_aggregate(node, &written),
            _ => self.define_named(node),
        }
    }

    /// The functions of a base type; which of the signatures that they may have is not looked at.
    fn base_type_functions(&mut self, node: &protobuf::DefineStmt) {
        let roles = ["input", "output", "receive", "send", "typmod_in", "typmod_out", "analyze", "subscript"];
        for role in roles {
            let names = option(&node.definition, role).map(option_names).unwrap_or_default();
            if !names.is_empty() {
                self.need_support(&Name::from_parts(&names), None, self.statement.span);
            }
        }
    }
}

/// Makes a domain NOT NULL; from PostgreSQL 17 on that is a constraint with a name.
fn not_null_domain(name: &QName, domain: &mut Domain, written: &str, server_version: u32) {
    if server_version >= 170_000 && !domain.not_null {
        let name = domain_constraint_name(name, domain, written, "not_null");
        domain.constraints.push(Constraint { name, ..plain(ConstraintKind::NotNull) });
    }
    domain.not_null = true;
}

/// The name of a new constraint of a domain: what is written, or what PostgreSQL chooses.
fn domain_constraint_name(domain: &QName, of: &Domain, written: &str, label: &str) -> String {
    if !written.is_empty() {
        return written.to_owned();
    }
    let taken = |name: &String| of.constraints.iter().any(|old| old.name == *name);
    let numbered = |pass: usize| if pass == 0 { label.to_owned() } else { format!("{label}{pass}") };
    let mut names = (0..).map(|pass| super::naming::object_name(&domain.name, "", &numbered(pass)));
    names.find(|name| !taken(name)).unwrap_or_default()
}

/// As PostgreSQL names it: the last `range` becomes `multirange`, else `_multirange` is added.
fn multirange_name(range: &str) -> String {
    match range.rfind("range") {
        Some(at) => format!("{}multirange{}", &range[..at], &range[at + "range".len()..]),
        None => format!("{}_multirange", clip(range, 63 - "_multirange".len())),
    }
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
