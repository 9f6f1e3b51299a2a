//! DN518: One transaction that locks several tables keeps the first from everybody while it waits for the next.

use crate::check::{Finding, Site};
use std::collections::BTreeSet;
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let earlier: BTreeSet<&str> =
        site.earlier.iter().flat_map(|held| &held.locks).map(|lock| lock.object.as_str()).collect();
    let mut new = site.exclusive().into_iter().filter(|lock| !earlier.contains(lock.object.as_str()));
    // Said once for each transaction: where the second table comes.
    match (earlier.first(), new.next()) {
        (Some(first), Some(next)) if earlier.len() == 1 => vec![Finding::new(
            format!(
                "waits for `{}` while nobody can use `{first}`, locked earlier in this transaction",
                next.object
            ),
            "change each table in a migration of its own",
        )],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_second_table_is_noticed_once() {
        let before = "create table a (id int); create table b (id int); create table c (id int)";
        let three = "alter table a add x int; alter table b add x int; alter table c add x int";
        speaks(Code::DN518, before, three, "waits for `b` while nobody can use `a`");
        assert_eq!(says(Code::DN518, before, three).len(), 1);
        silent(
            Code::DN518,
            before,
            &["alter table a add x int; alter table a add y int; create table d (id int)"],
        );
    }
}
