//! DN517: DETACH PARTITION takes the whole partitioned table away from everybody.

use crate::analyze::Transactional;
use crate::catalog::{Effect, RelationChange};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    if site.step.analysis.transactional == Transactional::No {
        return Vec::new();
    }
    let detached = site.step.effects.iter().filter_map(|effect| match effect {
        Effect::AlterRelation { relation, change: RelationChange::RemoveParent(parent) } => {
            site.catalog.relation(*relation)?.partition_bound.as_ref()?;
            Some((*relation, *parent))
        }
        _ => None,
    });
    detached
        .filter(|(child, parent)| site.existed(*parent) && site.existed(*child))
        .map(|(child, parent)| {
            let (child, parent) = (site.name(child), site.name(parent));
            Finding::new(
                format!("detaching `{child}` needs an AccessExclusive lock on `{parent}`"),
                "DETACH PARTITION … CONCURRENTLY lets others work; it needs a migration of its own",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_detached_partition_is_noticed() {
        let before = "create table p (at int) partition by range (at); \
                      create table q partition of p for values from (1) to (2)";
        speaks(Code::DN517, before, "alter table p detach partition q", "AccessExclusive lock on `p`");
        silent(Code::DN517, before, &["alter table p detach partition q concurrently"]);
    }
}
