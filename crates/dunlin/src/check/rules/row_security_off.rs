//! DN552: DISABLE ROW LEVEL SECURITY shows every row to whoever may read the table.

use crate::catalog::{Effect, RelationChange};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let tables = site.step.effects.iter().filter_map(|effect| match effect {
        Effect::AlterRelation { relation, change: RelationChange::RowSecurity(Some(false), _) } => {
            Some(*relation)
        }
        _ => None,
    });
    tables
        .filter(|id| site.existed(*id))
        .map(|id| {
            let table = site.name(id);
            Finding::new(
                format!("every row of `{table}` becomes visible to whoever may read it: its policies count no more"),
                "drop or add policies instead",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn rows_in_the_open_are_noticed() {
        let before = "create table t (id int); alter table t enable row level security";
        speaks(Code::DN552, before, "alter table t disable row level security", "every row of `t`");
        silent(Code::DN552, before, &["alter table t force row level security"]);
    }
}
