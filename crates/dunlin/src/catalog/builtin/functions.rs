//! Built-in functions, procedures, aggregates and window functions.

use super::table::{Table, Versions};
use super::types::{TypeIndex, written};
use std::sync::LazyLock;

/// An argument of a built-in function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: Option<&'static str>,
    /// Its type.
    pub ty: TypeIndex,
    /// `i` in, `o` out, `b` inout, `v` variadic, `t` table, as in `proargmodes`.
    pub mode: char,
    /// Whether it has a default.
    pub default: bool,
}

/// A built-in function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltinFunction {
    /// The versions that have it.
    pub versions: Versions,
    /// `f` function, `p` procedure, `w` window function, `a` aggregate, `o` ordered-set and `h` hypothetical-set one.
    pub kind: char,
    /// `i` immutable, `s` stable, `v` volatile, as in `provolatile`.
    pub volatility: char,
    /// Whether it returns a set.
    pub returns_set: bool,
    /// Its result.
    pub result: TypeIndex,
    /// All its arguments.
    pub arguments: Vec<Argument>,
}

static FUNCTIONS: LazyLock<Table<BuiltinFunction>> =
    LazyLock::new(|| Table::new(include_str!("functions.txt"), read));

/// Gives the functions of `pg_catalog` with a name, or those of another schema with `schema.name`.
pub fn functions(name: &str) -> &'static [BuiltinFunction] {
    FUNCTIONS.get(name)
}

pub(super) fn is_known(name: &str) -> bool {
    FUNCTIONS.has(name)
}

fn read(versions: Versions, line: &'static str) -> Option<BuiltinFunction> {
    let words: Vec<&'static str> = line.split(' ').collect();
    let [kind, volatility, set, result, arguments] = words[..] else { return None };
    let arguments = match arguments {
        "-" => Vec::new(),
        list => list.split(',').map(argument).collect::<Option<Vec<Argument>>>()?,
    };
    Some(BuiltinFunction {
        versions,
        kind: kind.chars().next()?,
        volatility: volatility.chars().next()?,
        returns_set: set == "s",
        result: written(result)?,
        arguments,
    })
}

/// `[mode/][name:]type[=]`
fn argument(text: &'static str) -> Option<Argument> {
    let (mode, rest) = match text.split_once('/') {
        Some((mode, rest)) => (mode.chars().next()?, rest),
        None => ('i', text),
    };
    let (name, ty) = match rest.split_once(':') {
        Some((name, ty)) => (Some(name), ty),
        None => (None, rest),
    };
    let (ty, default) = match ty.strip_suffix('=') {
        Some(ty) => (ty, true),
        None => (ty, false),
    };
    Some(Argument { name, ty: written(ty)?, mode, default })
}
