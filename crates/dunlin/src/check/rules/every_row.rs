//! DN520: UPDATE or DELETE without WHERE on a table with rows.

use crate::analyze::Remark;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let tables = site.step.analysis.remarks.iter().filter_map(|remark| match remark {
        Remark::EveryRow(id) => Some(*id),
        _ => None,
    });
    tables
        .filter(|id| site.has_rows(*id))
        .map(|id| {
            let (kind, table) = (site.step.analysis.kind, site.name(id));
            let help = match kind {
                "DELETE" => "say which rows, or TRUNCATE if all are meant",
                _ => "say which rows; for many of them work in batches, each in a transaction of its own",
            };
            Finding::new(format!("{kind} without WHERE changes every row of `{table}`"), help)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_change_of_all_rows_is_noticed() {
        let before = "create table t (id int)";
        speaks(Code::DN520, before, "update t set id = 1", "every row of `t`");
        speaks(Code::DN520, before, "delete from t", "every row of `t`");
        silent(Code::DN520, before, &["update t set id = 1 where id is null", "delete from t where id < 5"]);
    }
}
