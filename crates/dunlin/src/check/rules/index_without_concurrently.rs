//! DN502: CREATE INDEX on a table with rows keeps writers out while it is built.

use crate::analyze::{Transactional, Work};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    if site.step.analysis.kind != "CREATE INDEX" || site.step.analysis.transactional == Transactional::No {
        return Vec::new();
    }
    site.work(Work::Scan)
        .map(|cost| {
            let name = site.name(cost.relation);
            Finding::new(
                format!("the index is built from all rows of `{name}`, and meanwhile {}", site.blocked(cost.relation)),
                "CREATE INDEX CONCURRENTLY lets others write; put it into a migration of its own, since it cannot \
                 share a transaction",
            )
        })
        .take(1)
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn an_index_on_an_older_table_is_noticed() {
        speaks(Code::DN502, "create table t (id int)", "create index on t (id)", "nobody can write");
        silent(Code::DN502, "create table t (id int)", &["create index concurrently on t (id)"]);
    }

    #[test]
    fn an_empty_table_of_a_server_is_none() {
        use crate::check::Start;
        let before = "create table t (id int)";
        let found = |start| said(Code::DN502, reviewed(15, start, before, &["create index on t (id)"])).len();
        assert_eq!((found(Start::Server), found(Start::Schema)), (0, 1));
    }
}
