//! Built-in types.

use super::table::{Versions, lines, optional};
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

/// Which built-in type.
pub type TypeIndex = u16;

/// A built-in type; arrays are types of their own here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltinType {
    /// Its schema.
    pub schema: &'static str,
    /// Its internal name, such as `int4` or `_int4`.
    pub name: &'static str,
    /// `b` base, `d` domain, `p` pseudo-type, `r` range, `m` multirange, as in `typtype`.
    pub kind: char,
    /// Its category in the versions that have it, as in `typcategory`.
    categories: Vec<(Versions, char)>,
    /// Whether it is the preferred type of its category.
    pub preferred: bool,
    /// What a subscript gives: of an array its elements, of a point a number.
    pub element: Option<TypeIndex>,
    /// The array of it.
    pub array: Option<TypeIndex>,
    /// The type a domain is over; the subtype of a range; the range of a multirange.
    pub base: Option<TypeIndex>,
    /// Its collation; none where its values have no order by collation.
    pub collation: Option<&'static str>,
}

impl BuiltinType {
    /// Its category, as in `typcategory`, in a major version.
    pub fn category(&self, major: u32) -> char {
        let found = self.categories.iter().find(|(versions, _)| versions.has(major));
        found.or(self.categories.first()).map_or('X', |(_, category)| *category)
    }

    /// Whether a major version has it.
    pub fn is_in(&self, major: u32) -> bool {
        self.categories.iter().any(|(versions, _)| versions.has(major))
    }

    /// Whether it is a pseudo-type that stands for several types.
    pub fn is_polymorphic(&self) -> bool {
        self.kind == 'p' && self.name.starts_with("any") && self.name != "any"
    }

    /// The type of its elements, when it is a true array.
    pub fn element_of_array(&self) -> Option<TypeIndex> {
        let element = self.element?;
        // Of fixed one-dimensional form, and arrays all the same.
        if matches!(self.name, "int2vector" | "oidvector") {
            return Some(element);
        }
        let array = type_at(element).array?;
        (type_at(array).name == self.name && type_at(array).schema == self.schema).then_some(element)
    }
}

struct Types {
    list: Vec<BuiltinType>,
    names: FxHashMap<(&'static str, &'static str), TypeIndex>,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let mut types = Types { list: Vec::new(), names: FxHashMap::default() };
    let mut links = Vec::new();
    for (versions, line) in lines(include_str!("types.txt")) {
        let words: Vec<&'static str> = line.split(' ').collect();
        let [name, kind, category, preferred, element, array, base, collation] = words[..] else { continue };
        let key = split(name);
        let category = (versions, category.chars().next().unwrap_or('X'));
        if let Some(known) = types.names.get(&key) {
            types.list[usize::from(*known)].categories.push(category);
            continue;
        }
        let index = TypeIndex::try_from(types.list.len()).unwrap_or(TypeIndex::MAX);
        types.names.insert(key, index);
        links.push((element, array, base));
        types.list.push(BuiltinType {
            schema: key.0,
            name: key.1,
            kind: kind.chars().next().unwrap_or('b'),
            categories: vec![category],
            preferred: preferred == "p",
            element: None,
            array: None,
            base: None,
            collation: optional(collation),
        });
    }
    for (ty, (element, array, base)) in types.list.iter_mut().zip(links) {
        let find = |name| optional(name).and_then(|name| types.names.get(&split(name)).copied());
        (ty.element, ty.array, ty.base) = (find(element), find(array), find(base));
    }
    types
});

/// Cuts the schema off a name of the data files, which leave `pg_catalog` out.
pub(super) fn split(name: &'static str) -> (&'static str, &'static str) {
    name.split_once('.').unwrap_or(("pg_catalog", name))
}

/// Finds a type that some version has, by schema and internal name.
pub fn type_named(schema: &str, name: &str) -> Option<TypeIndex> {
    // The map's keys live for ever, which those of a look-up need not.
    let names: &FxHashMap<(&str, &str), TypeIndex> = &TYPES.names;
    names.get(&(schema, name)).copied()
}

/// Gives a type.
///
/// # Panics
/// Panics on an index that [`type_named`] did not give.
pub fn type_at(index: TypeIndex) -> &'static BuiltinType {
    &TYPES.list[usize::from(index)]
}

/// Gives the type whose array a type is; vectors are arrays, but nothing's array.
pub fn element_of_named_array(index: TypeIndex) -> Option<TypeIndex> {
    type_at(index).element_of_array().filter(|element| type_at(*element).array == Some(index))
}

/// Finds a type by its name in the data files.
pub(super) fn written(name: &'static str) -> Option<TypeIndex> {
    let (schema, name) = split(name);
    type_named(schema, name)
}
