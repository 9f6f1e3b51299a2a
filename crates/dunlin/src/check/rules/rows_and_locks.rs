//! DN519: Rows and table changed in one transaction: the table is locked as long as the rows take.

use crate::check::{Finding, Site};
use std::collections::BTreeSet;
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let help = "put the change of the rows into a migration of its own";
    let locked: BTreeSet<&str> =
        site.earlier.iter().flat_map(|held| &held.locks).map(|lock| lock.object.as_str()).collect();
    if let (Some(table), Some(changed)) = (locked.first(), site.changed().first()) {
        let message = format!(
            "rows of `{changed}` change while nobody can use `{table}`, locked earlier in this transaction"
        );
        return vec![Finding::new(message, help)];
    }
    let changed = site.earlier.iter().flat_map(|held| &held.changed).next();
    match (changed, site.exclusive().first()) {
        (Some(changed), Some(lock)) if locked.is_empty() => vec![Finding::new(
            format!("waits for `{}` while the changed rows of `{changed}` stay locked", lock.object),
            help,
        )],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    const BEFORE: &str = "create table t (id int); create table u (id int)";

    #[test]
    fn rows_that_change_under_a_lock_are_noticed() {
        speaks(Code::DN519, BEFORE, "alter table t add n int; update t set n = 1", "nobody can use `t`");
        speaks(Code::DN519, BEFORE, "update t set id = 1; alter table u add n int", "waits for `u`");
        silent(
            Code::DN519,
            BEFORE,
            &["insert into t values (1); alter table t add n int", "update t set id = 2"],
        );
    }
}
