//! DN534: TRUNCATE of a table with rows.

use crate::analyze::LockMode;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    if site.step.analysis.kind != "TRUNCATE TABLE" || site.step.allow_data_loss {
        return Vec::new();
    }
    let tables: Vec<String> = site
        .step
        .analysis
        .locks
        .iter()
        .filter(|lock| lock.mode == LockMode::AccessExclusive)
        .filter(|lock| lock.relation.is_some_and(|id| site.has_rows(id)))
        .map(|lock| format!("`{}`", lock.object))
        .collect();
    if tables.is_empty() {
        return Vec::new();
    }
    vec![Finding::new(
        format!("the rows of {} are lost", tables.join(", ")),
        "`-- dunlin: allow data-loss` above the statement says that it is meant",
    )]
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn lost_rows_are_noticed() {
        speaks(Code::DN534, "create table t (id int)", "truncate t", "the rows of `t` are lost");
    }
}
