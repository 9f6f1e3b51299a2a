//! DN515: REFRESH MATERIALIZED VIEW keeps readers out.

use crate::analyze::Work;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    if site.step.analysis.kind != "REFRESH MATERIALIZED VIEW" {
        return Vec::new();
    }
    site.work(Work::Rewrite)
        .map(|cost| {
            let view = site.name(cost.relation);
            let has_key = site.catalog.indexes_of(cost.relation).iter().any(|(_, _, index)| {
                index.unique && index.predicate.is_none() && index.keys.iter().all(|key| key.column.is_some())
            });
            let help = if has_key {
                "REFRESH MATERIALIZED VIEW CONCURRENTLY lets others read"
            } else {
                "give it a unique index, then REFRESH MATERIALIZED VIEW CONCURRENTLY, which lets others read"
            };
            Finding::new(format!("`{view}` is made anew, and meanwhile nobody can read it"), help)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_refresh_is_noticed() {
        let before = "create materialized view v as select 1 as id; create unique index i on v (id)";
        speaks(Code::DN515, before, "refresh materialized view v", "nobody can read it");
        silent(
            Code::DN515,
            before,
            &["refresh materialized view concurrently v", "refresh materialized view v with no data"],
        );
    }
}
