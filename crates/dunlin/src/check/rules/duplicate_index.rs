//! DN548: An index that is there already under another name.

use crate::catalog::{Effect, Index};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let made = site.step.effects.iter().filter_map(|effect| match effect {
        Effect::CreateRelation { name, relation, .. } => Some((name, relation.index()?)),
        _ => None,
    });
    made.filter_map(|(name, index)| {
        let mut others = site.catalog.indexes_of(index.table).into_iter();
        let (twin, _, _) = others.find(|(_, _, other)| is_same(index, other))?;
        Some(Finding::new(
            format!("index `{name}` has the same keys as `{}`", site.name(twin)),
            "drop one of them: each costs every write",
        ))
    })
    .collect()
}

fn is_same(new: &Index, old: &Index) -> bool {
    let plain =
        |index: &Index| index.predicate.is_none() && index.keys.iter().all(|key| key.column.is_some());
    plain(new)
        && plain(old)
        && old.valid
        && new.method == old.method
        && new.keys == old.keys
        && new.include == old.include
        // A unique index does what a plain one does.
        && (new.unique == old.unique || old.unique)
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_twin_is_noticed() {
        let before = "create table t (id int primary key, n int); create index i on t (n)";
        assert_eq!(
            says(Code::DN548, before, "create index j on t (n)"),
            ["index `j` has the same keys as `i`"]
        );
        assert_eq!(
            says(Code::DN548, before, "create index j on t (id)"),
            ["index `j` has the same keys as `t_pkey`"]
        );
        silent(
            Code::DN548,
            before,
            &[
                "create index on t (n desc)",
                "create unique index on t (n)",
                "create index on t (n) where n > 0",
                "create index on t (n, id)",
            ],
        );
    }
}
