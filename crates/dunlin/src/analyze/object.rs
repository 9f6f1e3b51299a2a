//! Objects as COMMENT, DROP, OWNER TO and their like refer to them: a kind and a node of the tree.

use super::context::{Context, string, strings};
use super::{Access, Facet, Place, Verdict};
use crate::catalog::{
    Catalog, ColumnNumber, Found, Function, FunctionKind, Id, Name, ObjectRef, QName, RelationKind, TypeKind,
    TypeRef,
};
use crate::diagnostic::Code;
use crate::source::Span;
use crate::syntax::{NodeEnum, protobuf};
use protobuf::ObjectType;

/// An object that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Thing {
    /// Table, view, index, sequence …
    Relation(Id),
    /// Column of a relation.
    Column(Id, ColumnNumber),
    /// Type or domain; a composite type is its relation's type.
    Type(Id),
    /// Function, procedure or aggregate.
    Function(Id),
    /// Schema.
    Schema(Id),
    /// Trigger, policy or rule of a relation.
    Attached(Id),
    /// Constraint of a relation.
    Constraint(Id),
    /// Constraint of a domain.
    DomainConstraint(Id),
    /// What is kept by class and name.
    Other(Id),
    /// An object that the server brings itself.
    Builtin,
    /// Extension or role.
    Named,
}

/// An object that is meant, whether or not it exists.
#[derive(Debug, Clone)]
pub(super) struct Meant {
    /// Its name; where there is none, the nearest name it can have.
    pub(super) object: ObjectRef,
    /// Every name that it can have.
    pub(super) candidates: Vec<ObjectRef>,
    /// Whether it is there.
    pub(super) found: Found<Thing>,
    /// The code for its lack.
    pub(super) code: Code,
    /// Its kind in words.
    pub(super) noun: &'static str,
    /// Its name as it is written.
    pub(super) written: String,
}

impl Meant {
    pub(super) fn new(
        object: ObjectRef,
        found: Found<Thing>,
        code: Code,
        noun: &'static str,
        written: String,
    ) -> Meant {
        Meant { candidates: vec![object.clone()], object, found, code, noun, written }
    }

    /// Names the object for people: `index x`.
    pub(super) fn phrase(&self) -> String {
        format!("{} `{}`", self.noun, self.written)
    }
}

impl<'a> Context<'a> {
    /// Requires an object that is meant, and gives it if it is there.
    pub(super) fn need_meant(&mut self, meant: &Meant, span: Span) -> Option<Thing> {
        let verdict = match meant.found {
            Found::Yes(_) => Verdict::Valid,
            Found::No => Verdict::Invalid,
            Found::Unknown => Verdict::Unknown,
        };
        for candidate in &meant.candidates {
            self.touch(place_of(candidate), Access::Read);
        }
        let any_of = meant.candidates.iter().cloned().map(Facet::Exists).collect();
        let message = format!("{} does not exist", meant.phrase());
        self.require(any_of, span, verdict, meant.code, message, Vec::new());
        meant.found.clone().yes()
    }

    /// Finds out which object a node means; none for what is not modelled.
    pub(super) fn meant(&self, kind: ObjectType, node: &protobuf::Node) -> Option<Meant> {
        let inner = node.node.as_ref()?;
        match kind {
            ObjectType::ObjectTable
            | ObjectType::ObjectView
            | ObjectType::ObjectMatview
            | ObjectType::ObjectIndex
            | ObjectType::ObjectSequence
            | ObjectType::ObjectForeignTable => {
                Some(self.meant_relation(&Name::from_parts(&parts(inner)?), kind))
            }
            ObjectType::ObjectColumn => self.meant_column(&parts(inner)?),
            ObjectType::ObjectType | ObjectType::ObjectDomain => self.meant_type(inner),
            ObjectType::ObjectFunction
            | ObjectType::ObjectProcedure
            | ObjectType::ObjectRoutine
            | ObjectType::ObjectAggregate => match inner {
                NodeEnum::ObjectWithArgs(routine) => Some(self.meant_routine(kind, routine)),
                _ => None,
            },
            ObjectType::ObjectSchema => {
                let name = string(node)?;
                let found = map(self.catalog.find_schema(&name), Thing::Schema);
                let object = ObjectRef::Schema { name: name.clone() };
                Some(Meant::new(object, found, Code::DN201, "schema", name))
            }
            ObjectType::ObjectTrigger
            | ObjectType::ObjectPolicy
            | ObjectType::ObjectRule
            | ObjectType::ObjectTabconstraint => self.meant_attached(kind, &parts(inner)?),
            ObjectType::ObjectDomconstraint => self.meant_domain_constraint(inner),
            ObjectType::ObjectExtension => {
                let name = string(node)?;
                let found = self.sure(self.catalog.extensions.contains_key(&name));
                let object = ObjectRef::Extension { name: name.clone() };
                Some(Meant::new(object, found, Code::DN208, "extension", name))
            }
            ObjectType::ObjectRole => Some(self.meant_role(&string(node)?)),
            _ => self.meant_other(kind, node),
        }
    }

    fn sure(&self, there: bool) -> Found<Thing> {
        match there {
            true => Found::Yes(Thing::Named),
            false if self.catalog.clouded.is_some() => Found::Unknown,
            false => Found::No,
        }
    }

    /// Finds a relation by the kind that the statement names.
    pub(super) fn meant_relation(&self, name: &Name, kind: ObjectType) -> Meant {
        let (noun, code) = match kind {
            ObjectType::ObjectIndex => ("index", Code::DN208),
            ObjectType::ObjectSequence => ("sequence", Code::DN208),
            ObjectType::ObjectView => ("view", Code::DN202),
            ObjectType::ObjectMatview => ("materialized view", Code::DN202),
            ObjectType::ObjectForeignTable => ("foreign table", Code::DN202),
            _ => ("table", Code::DN202),
        };
        let found = self.catalog.find_relation(name, self.path());
        let candidates: Vec<ObjectRef> = match found {
            Found::Yes(id) => vec![ObjectRef::relation(&self.catalog.relation_name(id))],
            _ => self.catalog.candidates(name, self.path()).iter().map(ObjectRef::relation).collect(),
        };
        let object = candidates
            .first()
            .cloned()
            .unwrap_or_else(|| ObjectRef::relation(&self.catalog.created_as(name, self.path())));
        let found = map(found, Thing::Relation);
        Meant { candidates, ..Meant::new(object, found, code, noun, name.to_string()) }
    }

    fn meant_column(&self, names: &[String]) -> Option<Meant> {
        let (column, table) = names.split_last()?;
        let table = self.meant_relation(&Name::from_parts(table), ObjectType::ObjectTable);
        let written = format!("{}.{column}", table.written);
        let Found::Yes(Thing::Relation(id)) = table.found else {
            let relation = table.object.parent_relation()?.clone();
            let object = ObjectRef::column(&relation, column);
            let found = if table.found.is_no() { Found::No } else { Found::Unknown };
            return Some(Meant::new(object, found, Code::DN203, "column", written));
        };
        let relation = self.catalog.relation(id)?;
        let object = ObjectRef::column(&self.catalog.relation_name(id), column);
        let found = match relation.column(column) {
            Some(column) => Found::Yes(Thing::Column(id, column.number)),
            None if relation.columns_known && self.catalog.clouded.is_none() => Found::No,
            None => Found::Unknown,
        };
        Some(Meant::new(object, found, Code::DN203, "column", written))
    }

    fn meant_type(&self, node: &NodeEnum) -> Option<Meant> {
        let names = match node {
            NodeEnum::TypeName(ty) => strings(&ty.names),
            _ => parts(node)?,
        };
        let name = Name::from_parts(&names);
        let found = self.catalog.find_type(&name, self.path());
        let candidates: Vec<ObjectRef> = match found {
            Found::Yes(id) => vec![ObjectRef::Type { name: self.catalog.type_name(id) }],
            _ => self
                .catalog
                .candidates(&name, self.path())
                .into_iter()
                .map(|name| ObjectRef::Type { name })
                .collect(),
        };
        let object = candidates.first()?.clone();
        let found = map(found, |id| match self.catalog.relation(id) {
            Some(_) => Thing::Relation(id),
            None => Thing::Type(id),
        });
        Some(Meant { candidates, ..Meant::new(object, found, Code::DN205, "type", name.to_string()) })
    }

    /// Finds a routine by its name and the types of its arguments.
    pub(super) fn meant_routine(&self, kind: ObjectType, routine: &protobuf::ObjectWithArgs) -> Meant {
        let name = Name::from_parts(&strings(&routine.objname));
        let signature = self.written_signature(routine);
        let all: Vec<(Id, &Function)> = self
            .catalog
            .find_functions(&name, self.path())
            .into_iter()
            .filter(|(_, function)| kind_fits(kind, function.kind))
            .collect();
        let fitting = match &signature {
            Some(signature) => all
                .iter()
                .find(|(_, function)| function.signature() == *signature)
                .or_else(|| all.iter().find(|(_, function)| function.is_written_as(signature))),
            None => all.first(),
        };
        let noun = match kind {
            ObjectType::ObjectProcedure => "procedure",
            ObjectType::ObjectAggregate => "aggregate",
            ObjectType::ObjectRoutine => "routine",
            _ => "function",
        };
        let builtin = name.schema.as_deref().is_none_or(Catalog::is_system_schema)
            && crate::catalog::builtin::is_function(&name.name)
            || self.catalog.may_be_system_function(&name);
        let found = match fitting {
            Some((id, _)) => Found::Yes(Thing::Function(*id)),
            // Types may be written in ways that are not resolved here: sure only when no such name is left.
            None if all.is_empty() && !builtin && self.catalog.clouded.is_none() => Found::No,
            None if self.sure_types(routine) && !builtin && self.catalog.clouded.is_none() => Found::No,
            None => Found::Unknown,
        };
        let qualified = match fitting {
            Some((id, _)) => self.catalog.function_name(*id),
            None => self.catalog.created_as(&name, self.path()),
        };
        let arguments = match fitting {
            Some((_, function)) => Some(function.signature()),
            None => signature.clone(),
        };
        let written = match &signature {
            Some(signature) => format!("{name}({signature})"),
            None => name.to_string(),
        };
        let object = ObjectRef::Function { name: qualified, arguments };
        Meant::new(object, found, Code::DN204, noun, written)
    }

    fn written_signature(&self, routine: &protobuf::ObjectWithArgs) -> Option<String> {
        if routine.args_unspecified {
            return None;
        }
        let types: Vec<&protobuf::TypeName> = if routine.objfuncargs.is_empty() {
            routine.objargs.iter().filter_map(type_name).collect()
        } else {
            routine.objfuncargs.iter().filter_map(input_type).collect()
        };
        let types: Vec<String> = types.into_iter().map(|ty| self.type_text(ty).to_string()).collect();
        Some(types.join(", "))
    }

    /// Whether all types of a routine's arguments are resolved.
    fn sure_types(&self, routine: &protobuf::ObjectWithArgs) -> bool {
        let all = routine.objargs.iter().filter_map(type_name);
        all.chain(routine.objfuncargs.iter().filter_map(input_type)).all(|ty| {
            let resolved = self.type_text(ty);
            !resolved.is_unknown() && (resolved.schema == "pg_catalog" || resolved.id.is_some())
        })
    }

    /// Resolves a type without requiring it.
    pub(super) fn type_text(&self, node: &protobuf::TypeName) -> TypeRef {
        let mut quiet = Context::new(self.statement, self.catalog, self.session);
        let mut ty = quiet.need_type(node);
        // Modifiers are no part of a signature.
        ty.modifiers = None;
        ty
    }

    fn meant_attached(&self, kind: ObjectType, names: &[String]) -> Option<Meant> {
        let (name, table) = names.split_last()?;
        let table = self.meant_relation(&Name::from_parts(table), ObjectType::ObjectTable);
        let relation = table.object.parent_relation()?.clone();
        Some(self.meant_part(kind, &table, relation, name))
    }

    /// Finds a trigger, policy, rule or constraint of a relation.
    pub(super) fn meant_part(&self, kind: ObjectType, table: &Meant, relation: QName, name: &str) -> Meant {
        let name = name.to_owned();
        let written = format!("{name} on {}", table.written);
        let (object, noun) = match kind {
            ObjectType::ObjectTrigger => (ObjectRef::Trigger { relation, name: name.clone() }, "trigger"),
            ObjectType::ObjectPolicy => (ObjectRef::Policy { relation, name: name.clone() }, "policy"),
            ObjectType::ObjectRule => (ObjectRef::Rule { relation, name: name.clone() }, "rule"),
            _ => (ObjectRef::Constraint { relation, name: name.clone() }, "constraint"),
        };
        let Found::Yes(Thing::Relation(id)) = table.found else {
            let found = if table.found.is_no() { Found::No } else { Found::Unknown };
            return Meant::new(object, found, Code::DN208, noun, written);
        };
        let there = self.catalog.relation(id).is_some_and(|relation| match kind {
            ObjectType::ObjectTrigger => relation.triggers.iter().any(|trigger| trigger.name == name),
            ObjectType::ObjectPolicy => relation.policies.iter().any(|policy| policy.name == name),
            ObjectType::ObjectRule => {
                let of_view = relation.query.is_some() && name == "_RETURN";
                of_view || relation.rules.iter().any(|rule| rule.name == name)
            }
            _ => relation.constraint(&name).is_some(),
        });
        let hidden = kind == ObjectType::ObjectTabconstraint && name.contains("not_null");
        let found = match there {
            true if kind == ObjectType::ObjectTabconstraint => Found::Yes(Thing::Constraint(id)),
            true => Found::Yes(Thing::Attached(id)),
            false if self.catalog.clouded.is_some() || hidden => Found::Unknown,
            false => Found::No,
        };
        Meant::new(object, found, Code::DN208, noun, written)
    }

    fn meant_domain_constraint(&self, node: &NodeEnum) -> Option<Meant> {
        let NodeEnum::List(list) = node else { return None };
        let domain = self.meant_type(list.items.first()?.node.as_ref()?)?;
        let name = string(list.items.get(1)?)?;
        let has = |id: Id| match self.catalog.type_by_id(id).map(|ty| &ty.kind) {
            Some(TypeKind::Domain(domain)) => domain.constraints.iter().any(|found| found.name == name),
            _ => false,
        };
        let found = match domain.found {
            Found::Yes(Thing::Type(id)) if has(id) => Found::Yes(Thing::DomainConstraint(id)),
            Found::Yes(_) if self.catalog.clouded.is_some() => Found::Unknown,
            Found::Yes(_) | Found::No => Found::No,
            _ => Found::Unknown,
        };
        let object = ObjectRef::Other {
            class: "domain constraint".into(),
            name: format!("{name} on {}", domain.object),
        };
        Some(Meant::new(object, found, Code::DN208, "constraint", format!("{name} on {}", domain.written)))
    }

    /// Finds a role by name; `pg_…` roles are always there.
    pub(super) fn meant_role(&self, name: &str) -> Meant {
        let object = ObjectRef::Role { name: name.to_owned() };
        let found = match &self.catalog.roles {
            Some(roles) if roles.contains(name) || name.starts_with("pg_") => Found::Yes(Thing::Named),
            Some(_) if self.catalog.clouded.is_none() => Found::No,
            _ => Found::Unknown,
        };
        Meant::new(object, found, Code::DN208, "role", name.to_owned())
    }

    /// The role that the statement runs as; empty where it is not known.
    pub(super) fn acting_role(&self) -> &str {
        self.session.role().unwrap_or(&self.catalog.current_role)
    }

    /// Requires the role that a specification names; gives its name, if it is one.
    pub(super) fn need_role(&mut self, role: &protobuf::RoleSpec) -> Option<String> {
        if role.roletype() != protobuf::RoleSpecType::RolespecCstring {
            return match role.roletype() {
                protobuf::RoleSpecType::RolespecPublic => None,
                _ => Some(self.acting_role().to_owned()).filter(|role| !role.is_empty()),
            };
        }
        let meant = self.meant_role(&role.rolename);
        let span = self.span(role.location);
        self.need_meant(&meant, span);
        Some(role.rolename.clone())
    }
}

/// The place that an object is.
pub(super) fn place_of(object: &ObjectRef) -> Place {
    match object {
        ObjectRef::Relation { name } => Place::Relation(name.clone()),
        ObjectRef::Column { relation, column } => Place::Column(relation.clone(), column.clone()),
        ObjectRef::Schema { name } => Place::Schema(name.clone()),
        other => Place::Object(other.clone()),
    }
}

fn map(found: Found<Id>, make: impl FnOnce(Id) -> Thing) -> Found<Thing> {
    match found {
        Found::Yes(id) => Found::Yes(make(id)),
        Found::No => Found::No,
        Found::Unknown => Found::Unknown,
    }
}

/// The names in a `List`, or the one in a `String` or `TypeName`.
pub(super) fn parts(node: &NodeEnum) -> Option<Vec<String>> {
    match node {
        NodeEnum::List(list) => Some(strings(&list.items)),
        NodeEnum::String(text) => Some(vec![text.sval.clone()]),
        NodeEnum::TypeName(ty) => Some(strings(&ty.names)),
        _ => None,
    }
}

pub(super) fn type_name(node: &protobuf::Node) -> Option<&protobuf::TypeName> {
    match node.node.as_ref()? {
        NodeEnum::TypeName(ty) => Some(ty),
        _ => None,
    }
}

/// The type of a parameter that is part of a signature.
fn input_type(node: &protobuf::Node) -> Option<&protobuf::TypeName> {
    use protobuf::FunctionParameterMode as Mode;
    match node.node.as_ref()? {
        NodeEnum::FunctionParameter(parameter) => match parameter.mode() {
            Mode::FuncParamOut | Mode::FuncParamTable => None,
            _ => parameter.arg_type.as_ref(),
        },
        _ => None,
    }
}

fn kind_fits(wanted: ObjectType, kind: FunctionKind) -> bool {
    match wanted {
        ObjectType::ObjectProcedure => kind == FunctionKind::Procedure,
        ObjectType::ObjectAggregate => kind == FunctionKind::Aggregate,
        ObjectType::ObjectFunction => kind != FunctionKind::Procedure,
        _ => true,
    }
}

/// Whether a relation is of the kind that DROP or ALTER names.
pub(super) fn relation_fits(wanted: ObjectType, kind: &RelationKind) -> bool {
    match wanted {
        ObjectType::ObjectTable => matches!(kind, RelationKind::Table | RelationKind::PartitionedTable),
        ObjectType::ObjectView => matches!(kind, RelationKind::View),
        ObjectType::ObjectMatview => matches!(kind, RelationKind::MaterializedView),
        ObjectType::ObjectIndex => matches!(kind, RelationKind::Index(_)),
        ObjectType::ObjectSequence => matches!(kind, RelationKind::Sequence(_)),
        ObjectType::ObjectForeignTable => matches!(kind, RelationKind::ForeignTable),
        ObjectType::ObjectType => matches!(kind, RelationKind::Composite),
        _ => true,
    }
}
