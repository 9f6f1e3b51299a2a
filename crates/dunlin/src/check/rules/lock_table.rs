//! DN501: LOCK TABLE on a table that others use.

use crate::analyze::{Lock, LockMode};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    if site.step.analysis.kind != "LOCK TABLE" {
        return Vec::new();
    }
    let strong = |lock: &&Lock| lock.mode > LockMode::RowExclusive;
    let locks = site.step.analysis.locks.iter().filter(strong);
    locks
        .filter(|lock| lock.relation.is_some_and(|id| site.existed(id)))
        .map(|lock| {
            Finding::new(
                format!("`{}` is locked ({:?}) until the transaction ends", lock.object, lock.mode),
                "leave it out: each statement takes the lock that it needs",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_strong_lock_is_noticed() {
        speaks(Code::DN501, "create table t (id int)", "lock table t", "AccessExclusive");
        silent(Code::DN501, "create table t (id int)", &["lock table t in row share mode"]);
    }
}
