//! DN547: json keeps text; jsonb can be compared and indexed.

use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let columns = site
        .new_columns()
        .into_iter()
        .filter(|new| new.column.ty.schema == "pg_catalog" && new.column.ty.name == "json");
    columns
        .map(|new| {
            let (table, column) = (&new.table, &new.column.name);
            let message = format!("`{table}.{column}` is json, which has no equality and no index");
            Finding { span: new.span, ..Finding::new(message, "use jsonb, unless the exact text is wanted") }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn json_is_noticed() {
        assert_eq!(
            says(Code::DN547, "", "create table t (a json)"),
            ["`t.a` is json, which has no equality and no index"]
        );
        assert_eq!(says(Code::DN547, "create table t (id int)", "alter table t add a json").len(), 1);
        silent(Code::DN547, "", &["create table t (a jsonb)"]);
    }
}
