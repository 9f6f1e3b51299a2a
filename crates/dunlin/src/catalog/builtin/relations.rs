//! The system catalogs, and the views of `pg_catalog` and `information_schema`.

use super::table::{Table, Versions};
use super::types::{TypeIndex, written};
use std::sync::LazyLock;

/// A column of a system relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltinColumn {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: TypeIndex,
    /// Its collation, where it is not its type's.
    pub collation: Option<&'static str>,
}

/// A system relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltinRelation {
    versions: Versions,
    /// Its columns in order.
    pub columns: Vec<BuiltinColumn>,
}

static RELATIONS: LazyLock<Table<BuiltinRelation>> =
    LazyLock::new(|| Table::new(include_str!("relations.txt"), read));

/// Finds a system relation of a major version.
pub fn relation(schema: &str, name: &str, major: u32) -> Option<&'static BuiltinRelation> {
    let all = RELATIONS.get(&format!("{schema}.{name}"));
    all.iter().find(|relation| relation.versions.has(major))
}

fn read(versions: Versions, line: &'static str) -> Option<BuiltinRelation> {
    let column = |word: &'static str| {
        let (name, ty) = word.split_once(':')?;
        let (ty, collation) = match ty.split_once('/') {
            Some((ty, collation)) => (ty, Some(collation)),
            None => (ty, None),
        };
        Some(BuiltinColumn { name, ty: written(ty)?, collation })
    };
    // The first word says whether it is a table or a view.
    let columns = line.split(' ').skip(1).map(column).collect::<Option<Vec<BuiltinColumn>>>()?;
    Some(BuiltinRelation { versions, columns })
}
