//! Functions that other objects are made of: of operators, casts, aggregates, types, languages …

use super::object::place_of;
use super::{Context, Facet, Verdict};
use crate::catalog::builtin::{self, BuiltinFunction, TypeIndex};
use crate::catalog::{Catalog, Dependency, Function, Name, ObjectRef, TypeRef};
use crate::diagnostic::Code;
use crate::source::Span;

impl Context<'_> {
    /// Requires a function of exactly these types, or of any where they are not given. Gives what depends on it:
    /// nothing for one that the server brings.
    pub(super) fn need_support(
        &mut self,
        name: &Name,
        types: Option<&[TypeRef]>,
        span: Span,
    ) -> Option<Dependency> {
        let signature = types.map(signature);
        let all = self.catalog.find_functions(name, self.path());
        let found = all
            .iter()
            .find(|(_, function)| signature.as_ref().is_none_or(|wanted| function.signature() == *wanted));
        let (found, there) = (found.map(|(id, _)| *id), self.is_builtin_support(name, types));
        // A type that is not known can be any.
        let sure = types.is_none_or(|types| types.iter().all(|ty| !ty.is_unknown()));
        let verdict = match found {
            None if !there && sure => Verdict::Invalid,
            None if !there => Verdict::Unknown,
            _ => Verdict::Valid,
        };
        let qualified = match found {
            Some(id) => self.catalog.function_name(id),
            None => self.catalog.created_as(name, self.path()),
        };
        let message = match &signature {
            Some(signature) => format!("function `{name}({signature})` does not exist"),
            None => format!("function `{name}` does not exist"),
        };
        let object = ObjectRef::Function { name: qualified, arguments: signature };
        self.touch(place_of(&object), super::Access::Read);
        self.require(vec![Facet::Exists(object)], span, verdict, Code::DN204, message, Vec::new());
        found.map(|on| Dependency { on, column: None })
    }

    /// Requires a function that takes so many arguments, of types that fit; gives what depends on it, and its result
    /// for these types as far as it is sure.
    pub(super) fn need_support_for(
        &mut self,
        name: &Name,
        types: &[TypeRef],
        span: Span,
    ) -> (Option<Dependency>, Option<TypeRef>) {
        let all = self.catalog.find_functions(name, self.path());
        let exact = signature(types);
        let fitting: Vec<_> = all.iter().filter(|(_, function)| function.takes(types.len())).collect();
        let found = fitting
            .iter()
            .find(|(_, function)| function.signature() == exact)
            .or_else(|| fitting.first().filter(|_| fitting.len() == 1));
        let builtin = self.builtin_support(name);
        let fits = |function: &&'static BuiltinFunction| {
            let inputs = inputs(function).count();
            inputs == types.len() || function.arguments.iter().any(|argument| argument.mode == 'v')
        };
        let there = !fitting.is_empty() || builtin.iter().any(fits);
        let result = match found {
            Some((_, function)) => user_result(function, types),
            None => builtin_result(&builtin, types),
        };
        let on = found.map(|(id, _)| *id);
        let verdict = if there { Verdict::Valid } else { Verdict::Invalid };
        let object =
            ObjectRef::Function { name: self.catalog.created_as(name, self.path()), arguments: None };
        let message = format!("function `{name}({exact})` does not exist");
        self.require(vec![Facet::Exists(object)], span, verdict, Code::DN204, message, Vec::new());
        (on.map(|on| Dependency { on, column: None }), result)
    }

    fn builtin_support(&self, name: &Name) -> Vec<&'static BuiltinFunction> {
        let major = builtin::major(self.catalog.server_version);
        match name.schema.as_deref().is_none_or(Catalog::is_system_schema) {
            true => builtin::functions(&name.name).iter().filter(|found| found.versions.has(major)).collect(),
            false => Vec::new(),
        }
    }

    fn is_builtin_support(&self, name: &Name, types: Option<&[TypeRef]>) -> bool {
        self.builtin_support(name).into_iter().any(|function| match types {
            None => true,
            Some(types) => inputs(function)
                .map(builtin_ref)
                .collect::<Vec<_>>()
                .iter()
                .map(TypeRef::to_string)
                .eq(types.iter().map(TypeRef::to_string)),
        })
    }
}

fn signature(types: &[TypeRef]) -> String {
    types.iter().map(TypeRef::to_string).collect::<Vec<_>>().join(", ")
}

fn inputs(function: &BuiltinFunction) -> impl Iterator<Item = TypeIndex> + '_ {
    let all = function.arguments.iter().filter(|argument| matches!(argument.mode, 'i' | 'b' | 'v'));
    all.map(|argument| argument.ty)
}

/// A built-in type as the catalog refers to it.
fn builtin_ref(index: TypeIndex) -> TypeRef {
    let ty = builtin::type_at(index);
    match ty.element_of_array().map(builtin::type_at) {
        Some(element) => {
            TypeRef { schema: element.schema.to_owned(), array: true, ..TypeRef::builtin(element.name) }
        }
        None => TypeRef { schema: ty.schema.to_owned(), ..TypeRef::builtin(ty.name) },
    }
}

fn user_result(function: &Function, types: &[TypeRef]) -> Option<TypeRef> {
    let declared: Vec<TypeRef> = function.inputs().map(|parameter| parameter.ty.clone()).collect();
    resolved(function.result.as_ref()?, &declared, types)
}

fn builtin_result(candidates: &[&'static BuiltinFunction], types: &[TypeRef]) -> Option<TypeRef> {
    let wanted = signature(types);
    let declared = |function: &BuiltinFunction| inputs(function).map(builtin_ref).collect::<Vec<_>>();
    let exact = candidates.iter().find(|function| signature(&declared(function)) == wanted);
    let function = exact.or_else(|| candidates.first().filter(|_| candidates.len() == 1))?;
    resolved(&builtin_ref(function.result), &declared(function), types)
}

/// The result of a function for arguments of these types: a polymorphic one is taken from them.
fn resolved(result: &TypeRef, declared: &[TypeRef], types: &[TypeRef]) -> Option<TypeRef> {
    if !result.name.starts_with("any") || result.schema != "pg_catalog" {
        return Some(result.clone());
    }
    let element = declared.iter().zip(types).find_map(|(declared, ty)| match declared.name.as_str() {
        "anyelement" | "anynonarray" | "anyenum" if !is_polymorphic(ty) => Some(ty.clone()),
        "anyarray" if ty.array => Some(TypeRef { array: false, ..ty.clone() }),
        _ => None,
    });
    match (element, result.name.as_str()) {
        (Some(element), "anyarray") => Some(TypeRef { array: true, ..element }),
        (Some(element), "anyelement" | "anynonarray" | "anyenum") => Some(element),
        // All arguments are polymorphic: so is the result.
        (None, _) if types.iter().any(is_polymorphic) => Some(result.clone()),
        _ => None,
    }
}

fn is_polymorphic(ty: &TypeRef) -> bool {
    ty.schema == "pg_catalog" && ty.name.starts_with("any") && ty.name != "any"
}
