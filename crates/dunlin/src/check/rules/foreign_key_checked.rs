//! DN505: ADD FOREIGN KEY without NOT VALID looks at every row while both tables are locked.

use crate::analyze::{Reason, Work};
use crate::catalog::ConstraintKind;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let added = site
        .new_constraints()
        .filter(|(_, constraint)| matches!(constraint.kind, ConstraintKind::ForeignKey(_)));
    added
        .filter_map(|(id, constraint)| {
            let reason = Reason::Constraint(constraint.name.clone());
            let cost = site.work(Work::Scan).find(|cost| cost.reason == reason)?;
            let (table, name) = (site.name(id), &constraint.name);
            Some(Finding::new(
                format!(
                    "foreign key `{name}` is checked for all rows of `{table}`, and meanwhile {}",
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

    const BEFORE: &str = "create table p (id int primary key); create table t (id int, p int)";

    #[test]
    fn a_checked_foreign_key_is_noticed() {
        speaks(Code::DN505, BEFORE, "alter table t add foreign key (p) references p", "nobody can write");
        silent(
            Code::DN505,
            BEFORE,
            &[
                "alter table t add foreign key (p) references p not valid",
                "alter table t add column q int references p",
                "create table u (p int references p)",
            ],
        );
    }
}
