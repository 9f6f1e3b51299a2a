//! DN545: money depends on a setting of the server.

use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let columns = site
        .new_columns()
        .into_iter()
        .filter(|new| new.column.ty.schema == "pg_catalog" && new.column.ty.name == "money");
    columns
        .map(|new| {
            let (table, column) = (&new.table, &new.column.name);
            let message = format!(
                "`{table}.{column}` is money: what its values mean depends on the setting lc_monetary"
            );
            Finding {
                span: new.span,
                ..Finding::new(message, "use numeric, with the currency in a column of its own")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn money_is_noticed() {
        assert_eq!(
            says(Code::DN545, "", "create table t (a money)"),
            ["`t.a` is money: what its values mean depends on the setting lc_monetary"]
        );
        assert_eq!(says(Code::DN545, "create table t (id int)", "alter table t add a money").len(), 1);
        silent(Code::DN545, "", &["create table t (a numeric(12, 2))"]);
    }
}
