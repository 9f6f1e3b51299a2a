//! CREATE and ALTER of functions, procedures and aggregates.

use super::context::{Context, strings};
use super::object::place_of;
use super::{Access, Class, Presence};
use crate::catalog::{
    Detail, DetailValue, Effect, Found, Function, FunctionKind, Id, Name, ObjectRef, Origin, Parameter,
    QName, Subject, TypeKind, TypeRef,
};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::FunctionParameterMode as Mode;

impl Context<'_> {
    /// Analyses CREATE FUNCTION and CREATE PROCEDURE.
    pub(super) fn create_function(&mut self, node: &protobuf::CreateFunctionStmt) {
        self.adds();
        let written = Name::from_parts(&strings(&node.funcname));
        let name = self.new_name(&written, self.statement.span);
        self.analysis.or_replace = node.replace;
        let mut function = blank(&name, node.is_procedure);
        self.parameters(&mut function, &node.parameters);
        if let Some(result) = &node.return_type {
            function.returns_set = result.setof;
            function.result = Some(match self.shell_type(result, &node.options) {
                Some(shell) => shell,
                None => self.parameter_type(result),
            });
        } else if !node.is_procedure {
            function.result = out_result(&function.parameters);
        }
        function.returns_set |= function.parameters.iter().any(|parameter| parameter.mode == 't');
        self.options(&mut function, &node.options);
        let language = self.language(&function.language);
        if let Some(body) = node.sql_body.as_deref() {
            function.language = "sql".into();
            let outer = std::mem::take(&mut self.depends);
            self.bound_body(&function, body);
            function.depends = std::mem::replace(&mut self.depends, outer);
            function.depends.sort_unstable();
            function.depends.dedup();
        }
        function.depends.extend(language);
        self.function_body(&name, &function, &node.options);
        let details = self.function_details(&node.options, None);
        self.make_function(name, function, details, node.replace);
    }

    pub(super) fn make_function(
        &mut self,
        name: QName,
        function: Function,
        details: Vec<(Detail, DetailValue)>,
        replace: bool,
    ) {
        let signature = function.signature();
        let any = ObjectRef::Function { name: name.clone(), arguments: None };
        let object = ObjectRef::Function { name: name.clone(), arguments: Some(signature.clone()) };
        self.touch(place_of(&object), Access::Write);
        self.touch(place_of(&any), Access::Write);
        self.provide(any);
        self.provide(object.clone());
        let written = Name { schema: Some(name.schema.clone()), name: name.name.clone() };
        let existing = self
            .catalog
            .find_functions(&written, self.path())
            .into_iter()
            .find(|(_, existing)| existing.signature() == signature);
        if let (Some((id, existing)), false) = (existing, replace) {
            self.analysis.presence = compare(object.clone(), &function, existing);
            if matches!(self.analysis.presence, Presence::Same { .. }) && self.has_other_details(id, &details)
            {
                self.analysis.presence = Presence::Unknown { object, tolerated: false };
            }
            return;
        }
        let function = Box::new(function);
        self.analysis.effects.push(Effect::CreateFunction { name, function, details });
    }

    /// Whether a function is STRICT, runs with settings and the like in another way than is written.
    fn has_other_details(&self, id: Id, details: &[(Detail, DetailValue)]) -> bool {
        let of = Subject::Object(id);
        let beside = |detail: &Detail| matches!(detail, Detail::Owner | Detail::Privileges | Detail::Comment);
        let written = details.iter().any(|(detail, value)| self.catalog.detail(&of, *detail) != value);
        let mut there = self.catalog.details_of(&of).filter(|(detail, _)| !beside(detail));
        written || there.any(|(detail, _)| details.iter().all(|(written, _)| *written != detail))
    }

    pub(super) fn parameters(&mut self, function: &mut Function, nodes: &[protobuf::Node]) {
        for node in nodes {
            let Some(NodeEnum::FunctionParameter(parameter)) = &node.node else { continue };
            let ty = match &parameter.arg_type {
                Some(ty) => self.parameter_type(ty),
                None => TypeRef::unknown(),
            };
            let mode = match parameter.mode() {
                Mode::FuncParamOut => 'o',
                Mode::FuncParamInout => 'b',
                Mode::FuncParamVariadic => 'v',
                Mode::FuncParamTable => 't',
                _ => 'i',
            };
            if let Some(default) = parameter.defexpr.as_deref() {
                let outer = std::mem::take(&mut self.depends);
                self.expression(default, &[]);
                function.depends.append(&mut std::mem::replace(&mut self.depends, outer));
                function.defaults += 1;
            }
            let name = Some(parameter.name.clone()).filter(|name| !name.is_empty());
            function.parameters.push(Parameter { name, ty, mode });
        }
    }

    /// Requires the language of a function; gives what depends on it, where it is not the server's own.
    fn language(&mut self, name: &str) -> Option<crate::catalog::Dependency> {
        if matches!(name, "sql" | "plpgsql" | "c" | "internal") {
            return None;
        }
        self.need_other("language", name, self.statement.span)
    }

    /// A type in a signature: modifiers do not count.
    /// A function in C that returns a type which is not there makes it, as a shell.
    fn shell_type(&mut self, ty: &protobuf::TypeName, options: &[protobuf::Node]) -> Option<TypeRef> {
        let in_c = options.iter().any(|node| match &node.node {
            Some(NodeEnum::DefElem(option)) if option.defname == "language" => {
                let language = option.arg.as_deref().and_then(super::context::string);
                language.is_some_and(|name| matches!(name.to_lowercase().as_str(), "c" | "internal"))
            }
            _ => false,
        });
        let parts = strings(&ty.names);
        let written = Name::from_parts(&parts);
        let builtin = written.schema.as_deref() == Some("pg_catalog")
            || written.schema.is_none() && crate::catalog::builtin::is_type(&written.name);
        let plain = !ty.pct_type && ty.array_bounds.is_empty() && ty.typmods.is_empty() && !builtin;
        if !in_c || !plain || self.catalog.find_type(&written, self.path()) != Found::No {
            return None;
        }
        let name = self.new_type(&ty.names);
        let id = Some(self.make_type(name.clone(), TypeKind::Base, Vec::new()).as_id());
        Some(TypeRef { schema: name.schema, name: name.name, modifiers: None, array: false, id })
    }

    fn parameter_type(&mut self, node: &protobuf::TypeName) -> TypeRef {
        let outer = std::mem::take(&mut self.depends);
        let mut ty = self.need_type(node);
        self.depends = outer;
        ty.modifiers = None;
        ty
    }

    fn options(&mut self, function: &mut Function, options: &[protobuf::Node]) {
        for node in options {
            let Some(NodeEnum::DefElem(option)) = &node.node else { continue };
            let text = option.arg.as_deref().and_then(super::context::string);
            match option.defname.as_str() {
                "support" => {
                    let name =
                        crate::catalog::Name::from_parts(&super::named_statement::option_names(option));
                    let types = [TypeRef::builtin("internal")];
                    function.depends.extend(self.need_support(&name, Some(&types), self.statement.span));
                }
                "language" => function.language = text.unwrap_or_default().to_lowercase(),
                "volatility" => {
                    function.volatility = text.as_deref().and_then(|text| text.chars().next()).unwrap_or('v');
                }
                "window" => function.kind = FunctionKind::Window,
                "as" => {
                    function.body = option.arg.as_ref().and_then(|arg| match arg.node.as_ref()? {
                        NodeEnum::List(list) => strings(&list.items).into_iter().next(),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
    }

    /// Analyses ALTER FUNCTION and the like.
    pub(super) fn alter_function(&mut self, node: &protobuf::AlterFunctionStmt) {
        self.raise(Class::Changes);
        let Some(routine) = &node.func else { return };
        let meant = self.meant_routine(node.objtype(), routine);
        self.touch(place_of(&meant.object), Access::Write);
        let thing = self.need_meant(&meant, self.statement.span);
        let Some(super::object::Thing::Function(id)) = thing else { return };
        let Some(old) = self.catalog.function(id) else { return };
        let mut with = old.clone();
        self.options(&mut with, &node.actions);
        if with != *old {
            self.analysis.effects.push(Effect::ReplaceFunction { function: id, with: Box::new(with) });
        }
        let of = Subject::Object(id);
        for (detail, value) in self.function_details(&node.actions, Some((&of, &old.language))) {
            self.analysis.effects.push(Effect::SetDetail { of: of.clone(), detail, value });
        }
    }
}

pub(super) fn blank(name: &QName, procedure: bool) -> Function {
    Function {
        schema: Id(0),
        name: name.name.clone(),
        kind: if procedure { FunctionKind::Procedure } else { FunctionKind::Function },
        parameters: Vec::new(),
        defaults: 0,
        result: None,
        returns_set: false,
        language: "sql".into(),
        body: None,
        volatility: 'v',
        depends: Vec::new(),
        extension: None,
        origin: Origin::Simulated(0),
    }
}

/// The result that OUT parameters make: the one parameter's type, or a record.
fn out_result(parameters: &[Parameter]) -> Option<TypeRef> {
    let mut out = parameters.iter().filter(|parameter| matches!(parameter.mode, 'o' | 'b' | 't'));
    let first = out.next()?;
    match out.next() {
        None => Some(first.ty.clone()),
        Some(_) => Some(TypeRef::builtin("record")),
    }
}

/// Compares a function that is there with the one that is written.
fn compare(object: ObjectRef, new: &Function, old: &Function) -> Presence {
    // Neither the language nor the result of an aggregate is in its statement.
    if new.kind == FunctionKind::Aggregate && old.kind == FunctionKind::Aggregate {
        return Presence::Unknown { object, tolerated: false };
    }
    let shape = |function: &Function| {
        let result = function.result.as_ref().map_or_else(|| "nothing".into(), TypeRef::to_string);
        let set = if function.returns_set { "set of " } else { "" };
        format!("{:?} in {} returning {set}{result}", function.kind, function.language).to_lowercase()
    };
    let known = |function: &Function| function.result.as_ref().is_none_or(|result| !result.is_unknown());
    if known(new) && known(old) && shape(new) != shape(old) {
        let (expected, actual) = (shape(new), shape(old));
        return Presence::Different { object, expected, actual, tolerated: false };
    }
    match (&new.body, &old.body) {
        (Some(a), Some(b)) if a == b => Presence::Same { reason: format!("`{object}` is there already") },
        (Some(a), Some(b)) => Presence::Different {
            object,
            expected: a.trim().to_owned(),
            actual: b.trim().to_owned(),
            tolerated: false,
        },
        _ => Presence::Unknown { object, tolerated: false },
    }
}
