//! DN540: A table without a primary key.

use crate::catalog::{ConstraintKind, Origin};
use crate::check::{End, Finding};
pub(super) fn look(end: &End<'_>) -> Vec<(usize, Finding)> {
    let tables = end.catalog.relations().filter(|(_, relation)| {
        relation.is_table() && relation.persistence != 't' && relation.parents.is_empty()
    });
    tables
        .filter_map(|(id, relation)| {
            let Origin::Simulated(operation) = relation.origin else { return None };
            let has_key = relation.constraints.iter().any(|constraint| constraint.kind == ConstraintKind::PrimaryKey);
            let name = end.catalog.relation_name(id);
            (!has_key && relation.columns_known).then(|| {
                let message = format!("table `{name}` has no primary key");
                let help = "give it one: logical replication, many tools, and whoever must tell two rows apart need it";
                (operation as usize, Finding::new(message, help))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_table_that_ends_without_a_key_is_noticed() {
        assert_eq!(says(Code::DN540, "", "create table t (id int)"), ["table `t` has no primary key"]);
        let later = "create table t (id int); alter table t add primary key (id)";
        silent(
            Code::DN540,
            "create table old (id int)",
            &[later, "create temp table x (id int)", "create table t (id int primary key)"],
        );
    }
}
