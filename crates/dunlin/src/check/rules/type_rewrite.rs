//! DN511: A change of a column's type writes the table anew, or reads it through.

use crate::analyze::{Reason, Work};
use crate::catalog::{ColumnChange, Effect};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let changed = |name: &str| {
        site.step.effects.iter().find_map(|effect| match effect {
            Effect::AlterColumn { relation, column, change: ColumnChange::Type(ty) } => {
                let old = site.catalog.relation(*relation)?.column_numbered(*column)?;
                (old.name == name).then(|| (old.ty.to_string(), ty.to_string()))
            }
            _ => None,
        })
    };
    site.costs()
        .filter_map(|cost| match &cost.reason {
            Reason::Column(column) => Some((cost, column, changed(column)?)),
            _ => None,
        })
        .map(|(cost, column, (old, new))| {
            let table = site.name(cost.relation);
            let work =
                if cost.work == Work::Rewrite { "written anew with its indexes" } else { "read through" };
            let message = format!(
                "`{table}` is {work} to change `{column}` from {old} to {new}, and meanwhile {}",
                site.blocked(cost.relation)
            );
            let help = "add a column of the new type, fill it in batches, and change over to it";
            Finding::new(message, if cost.work == Work::Rewrite { help } else { "" })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    const BEFORE: &str = "create table t (id int, v varchar(10), n numeric(8, 2), x text, s timestamp(3), c varchar(5) check (c <> ''))";

    #[test]
    fn a_rewrite_is_noticed() {
        speaks(Code::DN511, BEFORE, "alter table t alter id type bigint", "`id` from integer to bigint");
        speaks(Code::DN511, BEFORE, "alter table t alter x type varchar(9)", "written anew");
        speaks(Code::DN511, BEFORE, "alter table t alter c type text", "read through");
    }

    #[test]
    fn what_only_widens_is_free() {
        silent(
            Code::DN511,
            BEFORE,
            &[
                "alter table t alter v type varchar(20)",
                "alter table t alter v type text",
                "alter table t alter n type numeric(10, 2)",
                "alter table t alter n type numeric",
                "alter table t alter s type timestamp",
                "alter table t alter x type text using x::text",
            ],
        );
    }
}
