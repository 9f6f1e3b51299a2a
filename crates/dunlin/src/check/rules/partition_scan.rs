//! DN516: A new partition is searched for rows that do not belong, or the default one for rows that do.

use crate::analyze::{Reason, Work};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    site.work(Work::Scan)
        .filter(|cost| cost.reason == Reason::Partition)
        .map(|cost| {
            let table = site.name(cost.relation);
            let default = site
                .catalog
                .relation(cost.relation)
                .is_some_and(|found| found.partition_bound.as_deref() == Some("DEFAULT"));
            let help = if default {
                "add a valid CHECK to the default partition that excludes the new bounds"
            } else {
                "add a CHECK that says the same as the bounds, NOT VALID, and validate it before"
            };
            Finding::new(
                format!(
                    "all rows of `{table}` are read to see where they belong, and meanwhile {}",
                    site.blocked(cost.relation)
                ),
                help,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn an_attached_table_is_noticed() {
        let before = "create table p (at int) partition by range (at); create table t (at int)";
        let attach = "alter table p attach partition t for values from (1) to (2)";
        speaks(Code::DN516, before, attach, "all rows of `t`");
        let checked = format!("{before}; alter table t add check (at is not null and at >= 1 and at < 2)");
        silent(Code::DN516, &checked, &[attach]);
    }

    #[test]
    fn a_default_partition_is_noticed() {
        let before = "create table p (at int) partition by range (at); create table d partition of p default";
        speaks(
            Code::DN516,
            before,
            "create table q partition of p for values from (1) to (2)",
            "all rows of `d`",
        );
    }
}
