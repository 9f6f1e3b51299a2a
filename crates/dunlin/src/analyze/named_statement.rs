//! Statements that make, alter or drop objects that are kept by class and name.

use super::context::{Context, string, strings};
use super::named::{Named, Needs};
use super::object::place_of;
use super::{Access, Class, Transactional};
use crate::catalog::{Dependency, Detail, DetailValue, Effect, Name, ObjectRef, Subject, TypeRef};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::ObjectType;

impl Context<'_> {
    /// Analyses what makes or alters an object that is kept by class and name; false when it is not such.
    pub(super) fn other_object(&mut self, node: &NodeEnum) -> bool {
        match node {
            NodeEnum::CreateAmStmt(node) => {
                let handler = self.need_handler(&node.handler_name, Some(&[TypeRef::builtin("internal")]));
                self.make_named(&Named::plain("access method", &node.amname), false, Needs::of(handler));
            }
            NodeEnum::CreatePlangStmt(node) => self.create_language(node),
            NodeEnum::CreateTableSpaceStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.make_named(&Named::plain("tablespace", &node.tablespacename), false, Needs::default());
                if let Some(owner) = node.owner.as_ref().and_then(|role| self.need_role(role)) {
                    self.analysis.effects.insert(0, Effect::Act { role: owner });
                }
            }
            NodeEnum::CreatedbStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.make_named(&Named::plain("database", &node.dbname), false, Needs::default());
                self.made_for(option(&node.options, "owner"));
            }
            NodeEnum::CreateConversionStmt(node) => {
                let function = self.need_handler(&node.func_name, None);
                let name = Name::from_parts(&strings(&node.conversion_name));
                self.make_named(&Named::in_schema("conversion", name), false, Needs::of(function));
            }
            NodeEnum::CreateOpFamilyStmt(node) => self.create_operator_family(node),
            NodeEnum::CreateOpClassStmt(node) => self.create_operator_class(node),
            NodeEnum::CreateCastStmt(node) => self.create_cast(node),
            NodeEnum::CreateTransformStmt(node) => self.create_transform(node),
            NodeEnum::CreateEventTrigStmt(node) => self.create_event_trigger(node),
            NodeEnum::CreateStatsStmt(node) => self.create_statistics(node),
            _ => {
                return self.foreign_object(node) || self.replicated_object(node) || self.altered_other(node);
            }
        }
        true
    }

    /// OWNER of CREATE DATABASE; DEFAULT is the role that makes it.
    fn made_for(&mut self, owner: Option<&protobuf::DefElem>) {
        let Some(name) = owner.and_then(|owner| owner.arg.as_deref()).and_then(string) else { return };
        let meant = self.meant_role(&name);
        self.need_meant(&meant, self.statement.span);
        self.analysis.effects.insert(0, Effect::Act { role: name });
    }

    fn altered_other(&mut self, node: &NodeEnum) -> bool {
        match node {
            NodeEnum::DropTableSpaceStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.drop_named_object(&Named::plain("tablespace", &node.tablespacename), node.missing_ok);
            }
            NodeEnum::DropdbStmt(node) => {
                self.analysis.transactional = Transactional::No;
                self.drop_named_object(&Named::plain("database", &node.dbname), node.missing_ok);
            }
            NodeEnum::AlterEventTrigStmt(node) => {
                let value = match node.tgenabled.as_str() {
                    "O" => DetailValue::Absent,
                    letter => DetailValue::text(letter),
                };
                let found = self.changes_named(&Named::plain("event trigger", &node.trigname));
                self.set_named(found, Detail::Enabled, value);
            }
            NodeEnum::AlterStatsStmt(node) => {
                let named = Named::in_schema("statistics", Name::from_parts(&strings(&node.defnames)));
                let found = self.changes_named_if(&named, node.missing_ok);
                let target = super::detail::target(node.stxstattarget.as_deref());
                self.set_named(found, Detail::StatisticsTarget, target);
            }
            NodeEnum::AlterCollationStmt(node) => {
                let name = Name::from_parts(&strings(&node.collname));
                self.changes_named(&Named::in_schema("collation", name));
            }
            NodeEnum::AlterTsdictionaryStmt(node) => {
                let name = Name::from_parts(&strings(&node.dictname));
                self.changes_named(&Named::in_schema("text search dictionary", name));
            }
            NodeEnum::AlterTsconfigurationStmt(node) => self.alter_configuration(node),
            NodeEnum::AlterOpFamilyStmt(node) => self.alter_operator_family(node),
            NodeEnum::AlterOperatorStmt(node) => {
                let Some(operator) = &node.opername else { return true };
                let named = self.operator(operator);
                self.changes_named(&named);
                let [internal, oid, int4, int2] = ["internal", "oid", "int4", "int2"].map(TypeRef::builtin);
                let list = [internal.clone(), oid, internal.clone()];
                let kinds = [("restrict", vec![int4]), ("join", vec![int2, internal])];
                for (kind, rest) in kinds {
                    let names = option(&node.options, kind).map(option_names).unwrap_or_default();
                    if !names.is_empty() && names != ["none"] {
                        let types = [list.as_slice(), &rest].concat();
                        self.need_support(&Name::from_parts(&names), Some(&types), self.statement.span);
                    }
                }
            }
            NodeEnum::AlterTypeStmt(node) => self.alter_base_type(node),
            NodeEnum::AlterTableSpaceOptionsStmt(node) => {
                self.changes_named(&Named::plain("tablespace", &node.tablespacename));
            }
            NodeEnum::AlterDatabaseRefreshCollStmt(_)
            | NodeEnum::AlterDatabaseStmt(_)
            | NodeEnum::AlterDatabaseSetStmt(_) => self.raise(Class::Changes),
            _ => return false,
        }
        true
    }

    /// Requires an object, which is changed in what is not modelled.
    pub(super) fn changes_named(&mut self, named: &Named) -> Option<Dependency> {
        self.raise(Class::Changes);
        let meant = self.meant_named(named);
        self.touch(place_of(&meant.object), Access::Write);
        self.need_named(named, self.statement.span)
    }

    /// Sets a detail of an object that is there.
    fn set_named(&mut self, found: Option<Dependency>, detail: Detail, value: DetailValue) {
        if let Some(found) = found {
            let of = Subject::Object(found.on);
            self.analysis.effects.push(Effect::SetDetail { of, detail, value });
        }
    }

    fn changes_named_if(&mut self, named: &Named, missing_ok: bool) -> Option<Dependency> {
        self.raise(Class::Changes);
        let meant = self.meant_named(named);
        if missing_ok && meant.found.is_no() {
            self.analysis.presence =
                super::Presence::Same { reason: format!("there is no {}", meant.phrase()) };
            None
        } else {
            self.changes_named(named)
        }
    }

    /// Requires the function of an option; none is written where the option is empty.
    pub(super) fn need_handler(
        &mut self,
        names: &[protobuf::Node],
        types: Option<&[TypeRef]>,
    ) -> Option<Dependency> {
        let names = strings(names);
        if names.is_empty() {
            return None;
        }
        self.need_support(&Name::from_parts(&names), types, self.statement.span)
    }

    fn create_language(&mut self, node: &protobuf::CreatePLangStmt) {
        self.analysis.or_replace = node.replace;
        let internal = [TypeRef::builtin("internal")];
        let validator = [TypeRef::builtin("oid")];
        let needs = [
            self.need_handler(&node.plhandler, Some(&[])),
            self.need_handler(&node.plinline, Some(&internal)),
            self.need_handler(&node.plvalidator, Some(&validator)),
        ];
        self.make_named(
            &Named::plain("language", &node.plname),
            false,
            Needs::of(needs.into_iter().flatten()),
        );
    }

    /// Analyses CREATE COLLATION, TEXT SEARCH … and OPERATOR.
    pub(super) fn define_named(&mut self, node: &protobuf::DefineStmt) {
        let name = Name::from_parts(&strings(&node.defnames));
        let (named, needs) = match node.kind() {
            ObjectType::ObjectOperator => {
                let types = [self.option_type(node, "leftarg"), self.option_type(node, "rightarg")];
                let needs = self.operator_needs(node, &types);
                let result = self.operator_result(node, &types);
                let types = types.into_iter().chain([result]).collect();
                (Named::in_schema("operator", name).with_types(types), needs)
            }
            ObjectType::ObjectCollation => (Named::in_schema("collation", name), self.collation_needs(node)),
            kind => {
                let Some(class) = super::named::class_of(kind) else {
                    self.opaque("CREATE of an object that is not modelled");
                    return;
                };
                (Named::in_schema(class, name), self.text_search_needs(kind, node))
            }
        };
        self.make_named(&named, node.if_not_exists, needs);
    }

    /// CREATE COLLATION … FROM: the other one must be there; nothing depends on it.
    fn collation_needs(&mut self, node: &protobuf::DefineStmt) -> Needs {
        if let Some(from) = option(&node.definition, "from").map(option_names) {
            self.need_named(&Named::in_schema("collation", Name::from_parts(&from)), self.statement.span);
        }
        Needs::default()
    }

    /// The type that an option names.
    pub(super) fn option_type(&mut self, node: &protobuf::DefineStmt, name: &str) -> Option<TypeRef> {
        let Some(NodeEnum::TypeName(ty)) =
            option(&node.definition, name).and_then(|option| option.arg.as_ref()?.node.as_ref())
        else {
            return None;
        };
        let outer = std::mem::take(&mut self.depends);
        let mut ty = self.need_type(ty);
        self.depends = outer;
        ty.modifiers = None;
        Some(ty)
    }

    fn create_transform(&mut self, node: &protobuf::CreateTransformStmt) {
        self.analysis.or_replace = node.replace;
        let Some(ty) = &node.type_name else { return };
        let ty = self.signature_type(ty);
        let language = self.need_named(&Named::plain("language", &node.lang), self.statement.span);
        let functions: Vec<Dependency> = [&node.fromsql, &node.tosql]
            .into_iter()
            .flatten()
            .filter_map(|function| self.need_written_function(function))
            .collect();
        let named = Named::plain("transform", "").with_types(vec![Some(ty)]).of(&node.lang);
        self.make_named(&named, false, Needs::of(language.into_iter().chain(functions)));
    }

    /// Requires a function that is written with its types, or without.
    pub(super) fn need_written_function(
        &mut self,
        function: &protobuf::ObjectWithArgs,
    ) -> Option<Dependency> {
        let name = Name::from_parts(&strings(&function.objname));
        let types: Vec<TypeRef> = function
            .objargs
            .iter()
            .filter_map(super::object::type_name)
            .map(|ty| self.signature_type(ty))
            .collect();
        let types = (!function.args_unspecified).then_some(types.as_slice());
        self.need_support(&name, types, self.statement.span)
    }

    /// A type in a signature: it must be there, its modifiers do not count.
    pub(super) fn signature_type(&mut self, ty: &protobuf::TypeName) -> TypeRef {
        let outer = std::mem::take(&mut self.depends);
        let mut ty = self.need_type(ty);
        self.depends = outer;
        ty.modifiers = None;
        ty
    }

    /// Drops an object that has a statement of its own for it.
    pub(super) fn drop_named_object(&mut self, named: &Named, missing_ok: bool) {
        self.raise(Class::Changes);
        let meant = self.meant_named(named);
        self.touch(place_of(&meant.object), Access::Write);
        match &meant.found {
            crate::catalog::Found::Yes(super::object::Thing::Other(id)) => self.drop_other(*id),
            crate::catalog::Found::No => {
                let reason = format!("{} is gone already", meant.phrase());
                self.analysis.presence = super::Presence::Same { reason };
            }
            _ if missing_ok => {}
            _ => {
                self.need_meant(&meant, self.statement.span);
            }
        }
    }

    /// Requires an object that is kept by class and name, and lives in no schema.
    pub(super) fn need_other(
        &mut self,
        class: &'static str,
        name: &str,
        span: crate::source::Span,
    ) -> Option<Dependency> {
        self.need_named(&Named::plain(class, name), span)
    }
}

/// Finds an option by name.
pub(super) fn option<'n>(options: &'n [protobuf::Node], name: &str) -> Option<&'n protobuf::DefElem> {
    options.iter().find_map(|node| match &node.node {
        Some(NodeEnum::DefElem(option)) if option.defname.eq_ignore_ascii_case(name) => Some(option.as_ref()),
        _ => None,
    })
}

/// The name that an option has as its value, in parts.
pub(super) fn option_names(option: &protobuf::DefElem) -> Vec<String> {
    match option.arg.as_ref().and_then(|arg| arg.node.as_ref()) {
        Some(NodeEnum::TypeName(ty)) => strings(&ty.names),
        Some(NodeEnum::List(list)) => strings(&list.items),
        Some(_) => option.arg.as_deref().and_then(string).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The object of a class and label.
pub(super) fn reference(class: &str, name: &str) -> ObjectRef {
    ObjectRef::Other { class: class.to_owned(), name: name.to_owned() }
}
