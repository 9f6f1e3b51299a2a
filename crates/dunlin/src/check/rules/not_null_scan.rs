//! DN508: SET NOT NULL reads the table while nobody can use it.

use crate::analyze::{Reason, Work};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    site.work(Work::Scan)
        .filter_map(|cost| match &cost.reason {
            Reason::NotNull(column) if !site.adds_column(column) => Some((cost.relation, column)),
            _ => None,
        })
        .map(|(id, column)| {
            let table = site.name(id);
            Finding::new(
                format!("all rows of `{table}` are read for NULL in `{column}`, and meanwhile {}", site.blocked(id)),
                format!(
                    "add CHECK ({} IS NOT NULL) NOT VALID, validate it in a later migration, then SET NOT NULL: \
                     it trusts the valid check",
                    crate::catalog::Ident(column)
                ),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_scan_for_null_is_noticed() {
        let before = "create table t (id int, a int)";
        speaks(Code::DN508, before, "alter table t alter a set not null", "for NULL in `a`");
        speaks(Code::DN508, before, "alter table t add primary key (a)", "for NULL in `a`");
    }

    #[test]
    fn a_valid_check_spares_the_scan() {
        let before = "create table t (a int not null, b int, check (b is not null))";
        silent(
            Code::DN508,
            before,
            &["alter table t alter b set not null", "alter table t alter a set not null"],
        );
        let loose = "create table t (b int); alter table t add check (b is not null) not valid";
        assert_eq!(says(Code::DN508, loose, "alter table t alter b set not null").len(), 1);
    }
}
