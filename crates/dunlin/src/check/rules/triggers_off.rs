//! DN553: DISABLE TRIGGER ALL switches foreign keys off as well.

use crate::analyze::Remark;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let tables = site.step.analysis.remarks.iter().filter_map(|remark| match remark {
        Remark::TriggersOff(id) => Some(*id),
        _ => None,
    });
    tables
        .filter(|id| site.existed(*id))
        .map(|id| {
            let table = site.name(id);
            Finding::new(
                format!("the triggers of `{table}` do not fire for anybody until they are enabled again"),
                "disable only the trigger that is meant; SET session_replication_role does it for one session",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn silenced_triggers_are_noticed() {
        let before = "create table t (id int)";
        speaks(Code::DN553, before, "alter table t disable trigger all", "the triggers of `t`");
        silent(Code::DN553, before, &["alter table t enable trigger all"]);
    }
}
