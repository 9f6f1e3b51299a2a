//! DN510: ADD EXCLUDE builds its index while nobody can use the table.

use crate::analyze::{Reason, Work};
use crate::catalog::ConstraintKind;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let added =
        site.new_constraints().filter(|(_, constraint)| matches!(constraint.kind, ConstraintKind::Exclude));
    added
        .filter_map(|(id, constraint)| {
            let reason = Reason::Constraint(constraint.name.clone());
            let cost = site.work(Work::Scan).find(|cost| cost.reason == reason)?;
            let (table, name) = (site.name(id), &constraint.name);
            Some(Finding::new(
                format!("the index of exclusion constraint `{name}` is built from all rows of `{table}`, and meanwhile {}", site.blocked(cost.relation)),
                "PostgreSQL has no concurrent way: choose a quiet time, or fill a new table that has the constraint",
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn an_exclusion_constraint_is_noticed() {
        let before = "create table t (id int)";
        speaks(Code::DN510, before, "alter table t add exclude (id with =)", "nobody can read or write");
        silent(Code::DN510, before, &["create table u (id int, exclude (id with =))"]);
    }
}
