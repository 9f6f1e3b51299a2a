//! What every server brings: types, functions, operators, casts, operator classes, system relations and other objects
//! of `pg_catalog` and `information_schema`, with the versions (14 to 18) that have them.
//!
//! The files beside this one are made from servers by `scripts/builtin`. Nothing is read before it is asked for.

mod functions;
mod operators;
mod relations;
mod table;
mod types;

pub use functions::{Argument, BuiltinFunction, functions};
pub use operators::{
    BuiltinCast, BuiltinOperator, OperatorClass, cast, default_class, equality, operator_classes, operators,
};
pub use relations::{BuiltinColumn, BuiltinRelation, relation};
pub use table::Versions;
pub use types::{BuiltinType, TypeIndex, element_of_named_array, type_at, type_named};

use rustc_hash::FxHashSet;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The newest major version that the data know; later ones are taken for it.
const NEWEST: u32 = 18;
/// The oldest.
const OLDEST: u32 = 14;

/// Gives the major version whose data hold for a `server_version_num`.
pub fn major(server_version: u32) -> u32 {
    (server_version / 10_000).clamp(OLDEST, NEWEST)
}

/// Whether some server version has a built-in function of this name in `pg_catalog`.
pub fn is_function(name: &str) -> bool {
    functions::is_known(name)
}

/// Whether some server version has a built-in type of this internal name in `pg_catalog`.
pub fn is_type(name: &str) -> bool {
    type_named("pg_catalog", name).is_some()
}

/// Whether some server version has an object of another kind, such as `collation` or `text search configuration`.
pub fn is_object(class: &str, name: &str) -> bool {
    static OBJECTS: LazyLock<FxHashSet<(String, &'static str)>> = LazyLock::new(|| {
        let lines = table::lines(include_str!("objects.txt"));
        lines
            .filter_map(|(_, line)| line.split_once(' '))
            .map(|(class, name)| (class.replace('_', " "), name))
            .collect()
    });
    OBJECTS.contains(&(class.to_owned(), name))
}

/// Whether a server version has a setting of this name; none where no version has it.
pub fn setting(name: &str, server_version: u32) -> Option<bool> {
    static SETTINGS: LazyLock<HashMap<&'static str, Vec<table::Versions>>> = LazyLock::new(|| {
        let mut settings: HashMap<&'static str, Vec<table::Versions>> = HashMap::new();
        for (versions, name) in table::lines(include_str!("settings.txt")) {
            settings.entry(name).or_default().push(versions);
        }
        settings
    });
    let major = major(server_version);
    SETTINGS.get(name).map(|all| all.iter().any(|versions| versions.has(major)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_hold_what_every_server_has() {
        assert!(is_function("now") && is_function("lower") && is_function("gen_random_uuid"));
        assert!(!is_type("mood") && !is_function("uuid_generate_v4"));
        assert!(is_type("int4") && is_type("timestamptz") && is_type("_text"));
        assert!(is_object("collation", "C") && is_object("text search configuration", "english"));
        assert!(is_object("access method", "btree") && !is_object("collation", "de_DE"));
    }

    #[test]
    fn versions_differ() {
        let of = |name: &str, version| functions(name).iter().any(|function| function.versions.has(version));
        assert!(of("uuidv7", 18) && !of("uuidv7", 17));
        let char = type_named("pg_catalog", "char").map(type_at);
        assert_eq!(char.map(|ty| (ty.category(14), ty.category(15))), Some(('S', 'Z')));
        assert_eq!((major(150_004), major(190_000), major(0)), (15, 18, 14));
    }

    #[test]
    fn types_know_their_arrays_and_ranges() {
        let int4 = type_named("pg_catalog", "int4").map(type_at);
        let array = int4.and_then(|ty| ty.array).map(type_at);
        assert_eq!(array.map(|ty| ty.name), Some("_int4"));
        assert_eq!(array.and_then(|ty| ty.element_of_array()).map(|index| type_at(index).name), Some("int4"));
        let point = type_named("pg_catalog", "point").map(type_at);
        assert_eq!(point.and_then(BuiltinType::element_of_array), None);
        let range = type_named("pg_catalog", "int8multirange").map(type_at);
        assert_eq!(range.and_then(|ty| ty.base).map(|index| type_at(index).name), Some("int8range"));
    }

    #[test]
    fn functions_are_read_with_their_arguments() {
        let make_interval = &functions("make_interval")[0];
        assert!(make_interval.arguments.iter().all(|argument| argument.default));
        assert_eq!(make_interval.arguments[0].name, Some("years"));
        let each = &functions("jsonb_each")[0];
        assert_eq!(each.arguments.iter().map(|argument| argument.mode).collect::<String>(), "ioo");
        assert!(each.returns_set && functions("no_such").is_empty());
    }

    #[test]
    fn operators_casts_and_classes_are_read() {
        let named = |name| type_named("pg_catalog", name).unwrap_or_default();
        assert!(operators("||").iter().any(|found| found.left == Some(named("text"))));
        assert_eq!(cast(named("int4"), named("int8"), 18).map(|found| found.context), Some('i'));
        assert_eq!(cast(named("bytea"), named("int4"), 17), None);
        assert!(default_class("btree", named("json"), 18).is_none());
        let class = default_class("btree", named("int8"), 18).map(|class| class.family);
        assert_eq!(class, Some("integer_ops"));
        assert!(equality("btree", "integer_ops", named("int8"), named("int2")));
        assert!(!equality("btree", "integer_ops", named("int8"), named("text")));
    }

    #[test]
    fn system_relations_have_their_columns() {
        let pg_class = relation("pg_catalog", "pg_class", 15);
        let names: Option<Vec<&str>> =
            pg_class.map(|found| found.columns.iter().map(|column| column.name).collect());
        assert!(names.is_some_and(|names| names.starts_with(&["oid", "relname", "relnamespace"])));
        assert!(relation("information_schema", "columns", 18).is_some());
        assert!(relation("pg_catalog", "no_such", 18).is_none());
    }
}
