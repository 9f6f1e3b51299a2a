//! DN504: REINDEX keeps writers, and readers through the index, out.

use crate::analyze::{LockMode, Work};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let concurrent = site.step.analysis.locks.iter().all(|lock| lock.mode <= LockMode::ShareUpdateExclusive);
    if site.step.analysis.kind != "REINDEX" || concurrent {
        return Vec::new();
    }
    site.work(Work::Scan)
        .map(|cost| {
            let name = site.name(cost.relation);
            Finding::new(
                format!("indexes of `{name}` are built anew, and meanwhile nobody can write to it"),
                "REINDEX … CONCURRENTLY lets others work; it needs a migration of its own",
            )
        })
        .take(1)
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    const BEFORE: &str = "create table t (id int); create index i on t (id)";

    #[test]
    fn a_reindex_is_noticed() {
        speaks(Code::DN504, BEFORE, "reindex index i", "indexes of `t`");
        speaks(Code::DN504, BEFORE, "reindex table t", "indexes of `t`");
        silent(Code::DN504, BEFORE, &["reindex (concurrently) table t", "reindex index concurrently i"]);
    }
}
