//! DN503: DROP INDEX takes its table away from everybody, and waits for its users first.

use crate::analyze::Transactional;
use crate::catalog::Effect;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    if site.step.analysis.transactional == Transactional::No {
        return Vec::new();
    }
    let dropped = site.step.effects.iter().filter_map(|effect| match effect {
        Effect::DropRelation { relation } => {
            Some((*relation, site.catalog.relation(*relation)?.index()?.table))
        }
        _ => None,
    });
    dropped
        .filter(|(_, table)| site.has_rows(*table))
        .map(|(index, table)| {
            let (index, table) = (site.name(index), site.name(table));
            Finding::new(
                format!("dropping `{index}` needs an AccessExclusive lock on `{table}`"),
                "DROP INDEX CONCURRENTLY waits without keeping others out; it needs a migration of its own",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    const BEFORE: &str = "create table t (id int); create index i on t (id)";

    #[test]
    fn a_dropped_index_is_noticed() {
        speaks(Code::DN503, BEFORE, "drop index i", "AccessExclusive lock on `t`");
        silent(Code::DN503, BEFORE, &["drop index concurrently i", "drop table t"]);
    }
}
