//! DN509: ADD PRIMARY KEY or UNIQUE builds its index while nobody can use the table.

use crate::analyze::{Reason, Work};
use crate::catalog::ConstraintKind;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let added = site.new_constraints().filter(|(_, constraint)| {
        matches!(constraint.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique)
    });
    added
        .filter_map(|(id, constraint)| {
            let reason = Reason::Constraint(constraint.name.clone());
            let cost = site.work(Work::Scan).find(|cost| cost.reason == reason)?;
            let (table, name) = (site.name(id), &constraint.name);
            Some(Finding::new(
                format!("the index of key `{name}` is built from all rows of `{table}`, and meanwhile {}", site.blocked(cost.relation)),
                "CREATE UNIQUE INDEX CONCURRENTLY in a migration of its own, then ADD CONSTRAINT … USING INDEX",
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    const BEFORE: &str = "create table t (id int not null); create unique index i on t (id)";

    #[test]
    fn a_key_is_noticed() {
        speaks(Code::DN509, BEFORE, "alter table t add primary key (id)", "nobody can read or write");
        speaks(Code::DN509, BEFORE, "alter table t add column n int unique", "key `t_n_key`");
        silent(Code::DN509, BEFORE, &["alter table t add constraint k unique using index i"]);
    }
}
