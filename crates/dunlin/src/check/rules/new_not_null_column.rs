//! DN513: ADD COLUMN NOT NULL without a default fails as soon as there is a row.

use crate::analyze::{Reason, Work};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    site.work(Work::Scan)
        .filter_map(|cost| match &cost.reason {
            Reason::NotNull(column) if site.adds_column(column) => Some((cost.relation, column)),
            _ => None,
        })
        .map(|(id, column)| {
            let table = site.name(id);
            Finding::new(
                format!("`{column}` is NOT NULL without a default: this fails if `{table}` has a row"),
                "give a default, or add the column nullable, fill it, then SET NOT NULL",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_column_without_values_is_noticed() {
        let before = "create table t (id int)";
        speaks(Code::DN513, before, "alter table t add column a int not null", "fails if `t` has a row");
        silent(Code::DN513, before, &["alter table t add column a int not null default 0"]);
    }
}
