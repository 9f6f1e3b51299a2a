//! Names that every server brings (PostgreSQL 14 to 18): functions and types of `pg_catalog`.

use std::collections::HashSet;
use std::sync::LazyLock;

static FUNCTIONS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("builtin_functions.txt").lines().collect());
static TYPES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("builtin_types.txt").lines().collect());

/// Whether some server version has a built-in function of this name.
pub fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(name)
}

/// Whether some server version has a built-in type of this internal name.
pub fn is_type(name: &str) -> bool {
    TYPES.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_hold_what_every_server_has() {
        assert!(is_function("now") && is_function("lower") && is_function("gen_random_uuid"));
        assert!(
            is_type("int4") && is_type("timestamptz") && !is_type("mood") && !is_function("uuid_generate_v4")
        );
    }
}
