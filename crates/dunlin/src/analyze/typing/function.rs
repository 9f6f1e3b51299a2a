//! Functions (`FuncnameGetCandidates`, `func_get_detail`).

use super::coerce::{Pathway, When};
use super::{Choice, Resolved, Ty, Types};
use crate::catalog::builtin::{self, BuiltinFunction};
use crate::catalog::{Catalog, Found, FunctionKind, Id, Name};

/// The arguments of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arguments {
    /// Their types, in the order of the call.
    pub(crate) types: Vec<Ty>,
    /// The names of the last of them, in named notation.
    pub(crate) names: Vec<String>,
    /// Whether the last is given with VARIADIC.
    pub(crate) variadic: bool,
    /// Whether it is another object's function, which is given all its parameters as they are declared.
    pub(crate) is_support: bool,
    /// Whether it is a CALL, which gives OUT parameters, too.
    pub(crate) is_call: bool,
}

/// A function of PostgreSQL's or of the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Routine {
    Builtin(&'static BuiltinFunction),
    Own(Id),
    /// No function: the name is that of a type, and the call a cast.
    Cast,
}

/// What a call means.
#[derive(Debug, Clone)]
pub(crate) struct FunctionChoice {
    /// The function, where it is known which.
    pub(crate) routine: Option<Routine>,
    /// The type of its result.
    pub(crate) result: Ty,
    /// The types of its parameters in the order of the arguments, where it is known which function it is.
    pub(crate) parameters: Vec<Ty>,
}

/// A function as a candidate.
struct Signature {
    routine: Routine,
    inputs: Vec<(Option<String>, Ty)>,
    /// The type of each argument that the last parameter takes, when it is VARIADIC.
    variadic: Option<Ty>,
    defaults: usize,
    result: Ty,
}

/// A candidate for one call.
#[derive(Clone)]
struct Candidate {
    routine: Routine,
    result: Ty,
    /// How far behind its schema is in the search path.
    place: usize,
    expanded: bool,
    /// Whether another one is just as good.
    ambiguous: bool,
}

impl Types<'_> {
    /// Resolves a call.
    pub(crate) fn function(self, name: &Name, arguments: &Arguments) -> Resolved<FunctionChoice> {
        if !arguments.is_call && self.has_procedure(name) || self.catalog.may_be_system_function(name) {
            return Resolved::Unsure;
        }
        let all = self.function_candidates(name, arguments);
        let inputs = &arguments.types;
        let exact = all.iter().find(|choice| choice.parameters == *inputs && !inputs.contains(&Ty::Unsure));
        if let Some(found) = exact {
            return self.picked(inputs, found);
        }
        if inputs.contains(&Ty::Unsure) {
            // Without any candidate it is a cast or a column at most, and those take one argument.
            let surely_absent = all.is_empty() && inputs.len() > 1;
            return if surely_absent { Resolved::Nothing } else { unanimous(&all) };
        }
        if let ([input], true, false) = (inputs.as_slice(), arguments.names.is_empty(), arguments.variadic) {
            match self.as_cast(name, *input) {
                Resolved::Nothing => {}
                other => return other,
            }
        }
        match self.choose(inputs, &all) {
            Resolved::One(found) => self.picked(inputs, &found),
            Resolved::Nothing => Resolved::Nothing,
            Resolved::Unsure => unanimous(&all),
        }
    }

    fn picked(self, inputs: &[Ty], found: &Choice<Candidate>) -> Resolved<FunctionChoice> {
        if found.item.ambiguous {
            return Resolved::Unsure;
        }
        let result = self.result(inputs, &found.parameters, found.item.result);
        let parameters = found.parameters.clone();
        Resolved::One(FunctionChoice { routine: Some(found.item.routine), result, parameters })
    }

    /// A call with one argument may be a cast that is written as a function: `text(x)`.
    fn as_cast(self, name: &Name, input: Ty) -> Resolved<FunctionChoice> {
        let target = match self.type_of_name(name) {
            Some(Ty::Unsure) => return Resolved::Unsure,
            Some(target) => target,
            None => return Resolved::Nothing,
        };
        let cast = Resolved::One(FunctionChoice {
            routine: Some(Routine::Cast),
            result: target,
            parameters: vec![target],
        });
        if input.is_literal() {
            return cast;
        }
        match self.pathway(target, input, When::Explicit) {
            None => Resolved::Unsure,
            Some(Pathway::Relabel) => cast,
            Some(Pathway::Text) => match (self.is_composite(input), self.category(target)) {
                (Some(false), _) => cast,
                (_, Some(category)) if category != 'S' => cast,
                (Some(true), Some(_)) => Resolved::Nothing,
                _ => Resolved::Unsure,
            },
            Some(Pathway::Function | Pathway::Elements | Pathway::Absent) => Resolved::Nothing,
        }
    }

    /// The type with the name of a function; row types do not count.
    fn type_of_name(self, name: &Name) -> Option<Ty> {
        let schema = name.schema.as_deref().unwrap_or("pg_catalog");
        if let Some(index) = builtin::type_named(schema, &name.name) {
            return builtin::type_at(index).is_in(self.major).then_some(Ty::Builtin(index));
        }
        match self.catalog.find_type(name, self.path) {
            Found::Yes(id) if self.row(Ty::Own(id)).is_some() => None,
            Found::Yes(id) => Some(Ty::Own(id)),
            Found::No => None,
            // Names of PostgreSQL's own schemas are all known.
            Found::Unknown if name.schema.as_deref().is_some_and(Catalog::is_system_schema) => None,
            Found::Unknown => Some(Ty::Unsure),
        }
    }

    /// Every function that a call can mean by its name and the number and names of its arguments.
    fn function_candidates(self, name: &Name, arguments: &Arguments) -> Vec<Choice<Candidate>> {
        let mut all: Vec<Choice<Candidate>> = Vec::new();
        for (place, signature) in self.signatures(name, arguments.is_call) {
            let Some((parameters, given, expanded)) = fit(&signature, arguments) else { continue };
            let item = Candidate {
                routine: signature.routine,
                result: signature.result,
                place,
                expanded,
                ambiguous: false,
            };
            let same = all.iter_mut().find(|other| {
                other.parameters.len() == parameters.len() && other.parameters[..given] == parameters[..given]
            });
            match same {
                None => all.push(Choice { parameters, item }),
                Some(other) if other.item.place < place => {}
                Some(other) if other.item.expanded && !expanded => *other = Choice { parameters, item },
                Some(other) if !other.item.expanded && expanded => {}
                Some(other) => other.item.ambiguous = true,
            }
        }
        all
    }

    /// Whether a procedure has that name: CALL counts its OUT parameters, too.
    fn has_procedure(self, name: &Name) -> bool {
        let all = self.catalog.find_functions(name, self.path);
        all.iter().any(|(_, function)| function.kind == FunctionKind::Procedure)
    }

    /// Whether there is a function of that name that is not PostgreSQL's own.
    pub(crate) fn has_own_function(self, name: &Name) -> bool {
        !self.catalog.find_functions(name, self.path).is_empty()
    }

    /// The functions of a name with the places of their schemas in the search path.
    fn signatures(self, name: &Name, is_call: bool) -> Vec<(usize, Signature)> {
        let system = |schema: &str| {
            let key = match schema {
                "pg_catalog" => name.name.clone(),
                other => format!("{other}.{}", name.name),
            };
            let all = builtin::functions(&key).iter().filter(|found| found.versions.has(self.major));
            all.map(of_builtin).collect::<Vec<Signature>>()
        };
        let own = |schema: &str| {
            let name = Name { schema: Some(schema.to_owned()), name: name.name.clone() };
            self.catalog.find_functions(&name, self.path).into_iter().map(|(id, _)| id).collect::<Vec<Id>>()
        };
        let schemas = self.schemas_of(name.schema.as_deref());
        let mut all = Vec::new();
        for (place, schema) in schemas.iter().enumerate() {
            if Catalog::is_system_schema(schema) {
                all.extend(system(schema).into_iter().map(|signature| (place, signature)));
            }
            all.extend(own(schema).into_iter().filter_map(|id| Some((place, self.of_own(id, is_call)?))));
        }
        all
    }

    fn of_own(self, id: Id, is_call: bool) -> Option<Signature> {
        let function = self.catalog.function(id)?;
        let outputs = is_call && function.kind == FunctionKind::Procedure;
        let given = || function.parameters.iter().filter(|p| p.mode != 't' && (outputs || p.mode != 'o'));
        let inputs: Vec<(Option<String>, Ty)> =
            given().map(|parameter| (parameter.name.clone(), self.of_ref(&parameter.ty))).collect();
        let variadic = given().next_back().filter(|last| last.mode == 'v');
        let element = |ty: Ty| variadic_element(ty).unwrap_or_else(|| self.element(ty).unwrap_or_default());
        Some(Signature {
            routine: Routine::Own(id),
            variadic: variadic.map(|last| element(self.of_ref(&last.ty))),
            inputs,
            defaults: function.defaults,
            result: function.result.as_ref().map_or(Ty::Unsure, |ty| self.of_ref(ty)),
        })
    }
}

fn of_builtin(function: &'static BuiltinFunction) -> Signature {
    let given = || function.arguments.iter().filter(|argument| matches!(argument.mode, 'i' | 'b' | 'v'));
    let variadic = given().next_back().filter(|last| last.mode == 'v').map(|last| Ty::Builtin(last.ty));
    let element = |ty: Ty| match ty {
        Ty::Builtin(index) => variadic_element(ty)
            .unwrap_or_else(|| builtin::type_at(index).element_of_array().map_or(Ty::Unsure, Ty::Builtin)),
        _ => Ty::Unsure,
    };
    Signature {
        routine: Routine::Builtin(function),
        inputs: given()
            .map(|argument| (argument.name.map(str::to_owned), Ty::Builtin(argument.ty)))
            .collect(),
        variadic: variadic.map(element),
        defaults: given().filter(|argument| argument.default).count(),
        result: Ty::Builtin(function.result),
    }
}

/// What each argument of a VARIADIC parameter of a pseudo-type is.
fn variadic_element(ty: Ty) -> Option<Ty> {
    let name = match ty {
        Ty::Builtin(index) => builtin::type_at(index).name,
        _ => return None,
    };
    match name {
        "any" => Some(ty),
        "anyarray" => Some(Ty::named("anyelement")),
        "anycompatiblearray" => Some(Ty::named("anycompatible")),
        _ => None,
    }
}

/// Fits a function to the arguments of a call: the types of its parameters in the order of the arguments, how many of
/// them were given (all), and whether a VARIADIC parameter was spread out.
fn fit(function: &Signature, arguments: &Arguments) -> Option<(Vec<Ty>, usize, bool)> {
    let count = arguments.types.len();
    let total = function.inputs.len();
    if !arguments.names.is_empty() {
        return fit_named(function, arguments).map(|parameters| (parameters, count, false));
    }
    let types = |list: &[(Option<String>, Ty)]| list.iter().map(|(_, ty)| *ty).collect::<Vec<Ty>>();
    if arguments.is_support {
        return (count == total).then(|| (types(&function.inputs), count, false));
    }
    if let (Some(element), false) = (function.variadic, arguments.variadic)
        && total <= count
    {
        let mut parameters = types(&function.inputs[..total - 1]);
        parameters.resize(count, element);
        return Some((parameters, count, true));
    }
    let enough = count == total || (count < total && total - count <= function.defaults);
    // A call with VARIADIC gives the last parameter as an array.
    let marked = !arguments.variadic || (function.variadic.is_some() && count == total);
    (enough && marked).then(|| (types(&function.inputs[..count]), count, false))
}

fn fit_named(function: &Signature, arguments: &Arguments) -> Option<Vec<Ty>> {
    let count = arguments.types.len();
    let total = function.inputs.len();
    let positional = count.checked_sub(arguments.names.len())?;
    if count > total || (arguments.variadic && function.variadic.is_none()) {
        return None;
    }
    let mut given = vec![false; total];
    let mut parameters = Vec::with_capacity(count);
    for (at, (_, ty)) in function.inputs.iter().take(positional).enumerate() {
        given[at] = true;
        parameters.push(*ty);
    }
    for name in &arguments.names {
        let at = function.inputs.iter().position(|(own, _)| own.as_deref() == Some(name))?;
        if std::mem::replace(&mut given[at], true) {
            return None;
        }
        parameters.push(function.inputs[at].1);
    }
    let first_default = total - function.defaults.min(total);
    let rest = given.iter().enumerate().all(|(at, given)| *given || at >= first_default);
    rest.then_some(parameters)
}

/// What all candidates give, when it is the same whichever is meant.
fn unanimous(all: &[Choice<Candidate>]) -> Resolved<FunctionChoice> {
    let Some(first) = all.first() else { return Resolved::Unsure };
    let result = first.item.result;
    let same = all.iter().all(|choice| choice.item.result == result);
    if !same || result.is_unsure() || super::polymorphic::is_polymorphic(result) {
        return Resolved::Unsure;
    }
    let routine = (all.len() == 1).then_some(first.item.routine);
    Resolved::One(FunctionChoice { routine, result, parameters: Vec::new() })
}
