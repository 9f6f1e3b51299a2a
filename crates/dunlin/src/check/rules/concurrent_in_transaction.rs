//! DN521: What cannot run in a transaction stands between BEGIN and COMMIT.

use crate::analyze::Transactional;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    if !site.step.in_block || site.step.analysis.transactional == Transactional::Yes {
        return Vec::new();
    }
    let kind = site.step.analysis.kind;
    vec![Finding::new(
        format!("this {kind} cannot run in a transaction: the one that the file begins is cut in two here"),
        "move it out of BEGIN … COMMIT, or into a migration of its own",
    )]
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_concurrent_build_in_a_block_is_noticed() {
        let before = "create table t (id int)";
        let found = says(Code::DN521, before, "begin; create index concurrently on t (id); commit;");
        assert_eq!(found.len(), 1, "{found:?}");
        silent(
            Code::DN521,
            before,
            &["create index concurrently on t (id)", "begin; create index on t (id); commit;"],
        );
    }
}
