//! Built-in operators, casts, operator classes and families.

use super::table::{Table, Versions, lines, optional};
use super::types::{TypeIndex, written};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::LazyLock;

/// A built-in operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltinOperator {
    /// The versions that have it.
    pub versions: Versions,
    /// Its left operand; none for a prefix operator.
    pub left: Option<TypeIndex>,
    /// Its right operand.
    pub right: TypeIndex,
    /// Its result.
    pub result: TypeIndex,
}

/// A built-in cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltinCast {
    versions: Versions,
    /// `i` implicit, `a` in assignments, `e` explicit only, as in `castcontext`.
    pub context: char,
    /// `f` by a function, `b` binary coercible, `i` through text, as in `castmethod`.
    pub method: char,
}

/// A built-in operator class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorClass {
    /// The versions that have it.
    pub versions: Versions,
    /// Its name.
    pub name: &'static str,
    /// Its family.
    pub family: &'static str,
    /// The type of its keys.
    pub input: TypeIndex,
    /// Whether it is the default for its type.
    pub default: bool,
}

static OPERATORS: LazyLock<Table<BuiltinOperator>> =
    LazyLock::new(|| Table::new(include_str!("operators.txt"), operator));
static CLASSES: LazyLock<Table<OperatorClass>> =
    LazyLock::new(|| Table::new(include_str!("operator_classes.txt"), class));

/// Gives the operators of a name.
pub fn operators(name: &str) -> &'static [BuiltinOperator] {
    OPERATORS.get(name)
}

/// Gives the operator classes of an access method.
pub fn operator_classes(method: &str) -> &'static [OperatorClass] {
    CLASSES.get(method)
}

/// Finds the default operator class of an access method for exactly a type.
pub fn default_class(method: &str, ty: TypeIndex, major: u32) -> Option<&'static OperatorClass> {
    let mut classes = operator_classes(method).iter();
    classes.find(|class| class.default && class.input == ty && class.versions.has(major))
}

/// Finds the cast from one type to another in a major version.
pub fn cast(source: TypeIndex, target: TypeIndex, major: u32) -> Option<BuiltinCast> {
    static CASTS: LazyLock<FxHashMap<(TypeIndex, TypeIndex), BuiltinCast>> = LazyLock::new(|| {
        let read = |(versions, line): (Versions, &'static str)| {
            let words: Vec<&'static str> = line.split(' ').collect();
            let [source, target, context, method] = words[..] else { return None };
            let cast =
                BuiltinCast { versions, context: context.chars().next()?, method: method.chars().next()? };
            Some(((written(source)?, written(target)?), cast))
        };
        lines(include_str!("casts.txt")).filter_map(read).collect()
    });
    CASTS.get(&(source, target)).filter(|cast| cast.versions.has(major)).copied()
}

/// Whether an operator family of `btree` or `hash` can tell whether values of two types are equal.
pub fn equality(method: &str, family: &str, left: TypeIndex, right: TypeIndex) -> bool {
    type Key = (&'static str, &'static str, TypeIndex, TypeIndex);
    static EQUALITIES: LazyLock<FxHashSet<Key>> = LazyLock::new(|| {
        let read = |(_, line): (Versions, &'static str)| {
            let words: Vec<&'static str> = line.split(' ').collect();
            let [method, family, left, right, strategy, _, _] = words[..] else { return None };
            let equal = matches!((method, strategy), ("btree", "3") | ("hash", "1"));
            equal.then_some((method, family, written(left)?, written(right)?))
        };
        lines(include_str!("operator_families.txt")).filter_map(read).collect()
    });
    let all: &FxHashSet<(&str, &str, TypeIndex, TypeIndex)> = &EQUALITIES;
    all.contains(&(method, family, left, right))
}

fn operator(versions: Versions, line: &'static str) -> Option<BuiltinOperator> {
    let words: Vec<&'static str> = line.split(' ').collect();
    let [left, right, result] = words[..] else { return None };
    let left = match optional(left) {
        Some(left) => Some(written(left)?),
        None => None,
    };
    Some(BuiltinOperator { versions, left, right: written(right)?, result: written(result)? })
}

fn class(versions: Versions, line: &'static str) -> Option<OperatorClass> {
    let words: Vec<&'static str> = line.split(' ').collect();
    let [name, family, input, default] = words[..] else { return None };
    Some(OperatorClass { versions, name, family, input: written(input)?, default: default == "d" })
}
