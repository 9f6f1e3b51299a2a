//! DN506: ADD CHECK without NOT VALID reads the table while nobody can use it.

use crate::analyze::{Reason, Work};
use crate::catalog::ConstraintKind;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let added =
        site.new_constraints().filter(|(_, constraint)| matches!(constraint.kind, ConstraintKind::Check(_)));
    added
        .filter_map(|(id, constraint)| {
            let reason = Reason::Constraint(constraint.name.clone());
            let cost = site.work(Work::Scan).find(|cost| cost.reason == reason)?;
            let (table, name) = (site.name(id), &constraint.name);
            Some(Finding::new(
                format!(
                    "check `{name}` reads all rows of `{table}`, and meanwhile {}",
                    site.blocked(cost.relation)
                ),
                "add it NOT VALID, and VALIDATE CONSTRAINT in a later migration: that lets others write",
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_checked_rule_is_noticed() {
        let before = "create table t (id int)";
        speaks(Code::DN506, before, "alter table t add check (id > 0)", "nobody can read or write");
        silent(Code::DN506, before, &["alter table t add check (id > 0) not valid"]);
    }
}
