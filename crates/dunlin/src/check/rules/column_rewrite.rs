//! DN512: ADD COLUMN with a value of its own for each row writes the table anew.

use crate::analyze::{Reason, Work};
use crate::catalog::Effect;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    site.work(Work::Rewrite)
        .filter_map(|cost| match &cost.reason {
            Reason::Column(name) => site.step.effects.iter().find_map(|effect| match effect {
                Effect::AddColumn { column, .. } if column.name == *name => Some((cost.relation, column)),
                _ => None,
            }),
            _ => None,
        })
        .map(|(id, column)| {
            let why = if column.identity.is_some() {
                "an identity column"
            } else if column.generated.is_some() {
                "a stored generated column"
            } else if column.default.as_ref().is_some_and(|default| default.text.starts_with("nextval(")) {
                "a serial column"
            } else if column.default.is_some() {
                "a column with a volatile default"
            } else {
                "a column of a domain with constraints"
            };
            let (table, name) = (site.name(id), &column.name);
            Finding::new(
                format!("`{table}` is written anew for `{name}`, {why}, and meanwhile {}", site.blocked(id)),
                "add the column without it, set the default for new rows, and fill the old ones in batches",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    const BEFORE: &str = "create table t (id int)";

    #[test]
    fn a_rewrite_is_noticed() {
        for (column, part) in [
            ("a uuid default gen_random_uuid()", "volatile default"),
            ("a bigserial", "serial"),
            ("a int generated always as identity", "identity"),
            ("a int generated always as (id + 1) stored", "stored generated"),
            ("a uuid default uuid_generate_v4()", "volatile default"),
        ] {
            let sql = format!("alter table t add column {column}");
            let messages = said(Code::DN512, anyway(BEFORE, &sql));
            assert!(messages.iter().any(|message| message.contains(part)), "{sql}: {messages:?}");
        }
        speaks(Code::DN512, BEFORE, "alter table t add column a bigserial", "nobody can read or write");
    }

    #[test]
    fn one_value_for_all_rows_is_free() {
        silent(
            Code::DN512,
            BEFORE,
            &[
                "alter table t add column a timestamptz not null default now()",
                "alter table t add column a text default lower('A')",
                "alter table t add column a numeric(4, 2) default 1",
                "alter table t add column a int",
            ],
        );
    }
}
