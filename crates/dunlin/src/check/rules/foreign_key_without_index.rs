//! DN542: A foreign key without an index on its own columns.

use crate::catalog::{ColumnNumber, ConstraintKind, Id, Origin};
use crate::check::{End, Finding};
pub(super) fn look(end: &End<'_>) -> Vec<(usize, Finding)> {
    let mut found = Vec::new();
    for (id, relation) in end.catalog.relations().filter(|(_, relation)| relation.is_table()) {
        for constraint in &relation.constraints {
            let (ConstraintKind::ForeignKey(reference), Origin::Simulated(operation)) =
                (&constraint.kind, constraint.origin)
            else {
                continue;
            };
            if constraint.inherited || has_index(end, id, &constraint.columns) {
                continue;
            }
            let (table, parent) = (end.catalog.relation_name(id), end.catalog.relation_name(reference.table));
            let columns = relation.names(&constraint.columns).join(", ");
            let message =
                format!("no index begins with `{columns}` of `{table}`, which refers to `{parent}`");
            let help =
                "each DELETE and key change there reads this table through; CREATE INDEX CONCURRENTLY helps";
            found.push((operation as usize, Finding::new(message, help)));
        }
    }
    found
}

/// Whether some index can find rows by these columns: they are its first keys, in any order.
fn has_index(end: &End<'_>, table: Id, columns: &[ColumnNumber]) -> bool {
    end.catalog.indexes_of(table).iter().any(|(_, _, index)| {
        let first: Vec<ColumnNumber> =
            index.keys.iter().take(columns.len()).filter_map(|key| key.column).collect();
        index.predicate.is_none()
            && first.len() == columns.len()
            && columns.iter().all(|column| first.contains(column))
    })
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    const BEFORE: &str = "create table p (id int primary key)";

    #[test]
    fn a_missing_index_is_noticed() {
        let found = says(Code::DN542, BEFORE, "create table t (id int primary key, p int references p)");
        assert_eq!(found, ["no index begins with `p` of `t`, which refers to `p`"]);
        silent(
            Code::DN542,
            BEFORE,
            &[
                "create table t (p int references p); create index on t (p, id_of)"
                    .replace(", id_of", "")
                    .as_str(),
                "create table t (p int primary key references p)",
                "create table t (a int, p int references p, unique (p, a))",
            ],
        );
        let partial = "create table t (p int references p); create index on t (p) where p > 5";
        assert_eq!(says(Code::DN542, BEFORE, partial).len(), 1);
    }
}
