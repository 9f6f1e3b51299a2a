//! DN507: VALIDATE in the transaction that added the constraint NOT VALID wins nothing.

use crate::catalog::Effect;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let validated = site.step.effects.iter().filter_map(|effect| match effect {
        Effect::ValidateConstraint { relation, name } => Some((*relation, name)),
        _ => None,
    });
    validated
        .filter(|(id, _)| site.has_rows(*id))
        .filter(|(id, name)| {
            let mut earlier = site.earlier.iter().flat_map(|held| &held.not_valid);
            earlier.any(|(table, constraint)| table == id && constraint == *name)
        })
        .map(|(id, name)| {
            let table = site.name(id);
            Finding::new(
                format!("`{name}` is validated while the lock on `{table}` from adding it is still held"),
                "validate it in a later migration, when that lock is gone",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn both_in_one_transaction_are_noticed() {
        let before = "create table t (id int)";
        let both =
            "alter table t add constraint c check (id > 0) not valid; alter table t validate constraint c";
        speaks(Code::DN507, before, both, "validated while the lock on `t`");
        let add = "alter table t add constraint c check (id > 0) not valid";
        silent(Code::DN507, &format!("{before}; {add}"), &["alter table t validate constraint c"]);
    }
}
