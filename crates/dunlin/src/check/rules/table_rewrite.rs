//! DN514: VACUUM FULL, CLUSTER, SET UNLOGGED, SET TABLESPACE and the like write a table anew.

use crate::analyze::{Reason, Work};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    if site.step.analysis.kind == "REFRESH MATERIALIZED VIEW" {
        return Vec::new();
    }
    let retyped = |name: &str| site.new_columns().iter().any(|new| new.column.name == name);
    site.work(Work::Rewrite)
        .filter(|cost| match &cost.reason {
            Reason::Storage => true,
            Reason::Column(name) => !retyped(name),
            _ => false,
        })
        .map(|cost| {
            let (table, kind) = (site.name(cost.relation), site.step.analysis.kind);
            Finding::new(
                format!(
                    "{kind} writes `{table}` anew with its indexes, and meanwhile {}",
                    site.blocked(cost.relation)
                ),
                "do it in a quiet time, apart from the other migrations",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_rewrite_is_noticed() {
        let before = "create table t (id int); create index i on t (id)";
        for sql in ["vacuum full t", "cluster t using i", "alter table t set unlogged"] {
            speaks(Code::DN514, before, sql, "writes `t` anew");
        }
        silent(Code::DN514, before, &["vacuum t", "alter table t set (fillfactor = 50)"]);
    }
}
