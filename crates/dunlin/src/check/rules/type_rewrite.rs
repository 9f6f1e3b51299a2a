//! DN511: A change of a column's type writes the table anew, or reads it through.

use crate::analyze::{Reason, Work};
use crate::catalog::{ColumnChange, Effect, Id};
use crate::check::{Finding, Site};
use std::collections::BTreeMap;
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let changed = |name: &str| {
        site.step.effects.iter().find_map(|effect| match effect {
            Effect::AlterColumn { relation, column, change: ColumnChange::Type(ty, _), .. } => {
                let old = site.catalog.relation(*relation)?.column_numbered(*column)?;
                (old.name == name).then(|| (old.ty.to_string(), ty.to_string()))
            }
            _ => None,
        })
    };
    // All columns of a statement are changed in one pass.
    let mut tables: BTreeMap<(Id, Work), Vec<String>> = BTreeMap::new();
    for cost in site.costs() {
        let Reason::Column(column) = &cost.reason else { continue };
        let Some((old, new)) = changed(column) else { continue };
        let text = format!("`{column}` from {old} to {new}");
        tables.entry((cost.relation, cost.work)).or_default().push(text);
    }
    tables
        .into_iter()
        .map(|((id, work), changes)| {
            let rewritten = work == Work::Rewrite;
            let message = format!(
                "`{}` is {} to change {}, and meanwhile {}",
                site.name(id),
                if rewritten { "written anew with its indexes" } else { "read through" },
                changes.join(", "),
                site.blocked(id)
            );
            let help = "add a column of the new type, fill it in batches, and change over to it";
            Finding::new(message, if rewritten { help } else { "" })
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
