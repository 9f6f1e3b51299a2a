//! DN543: char(n) pads with spaces.

use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let columns = site
        .new_columns()
        .into_iter()
        .filter(|new| new.column.ty.schema == "pg_catalog" && new.column.ty.name == "bpchar");
    columns
        .map(|new| {
            let (table, column) = (&new.table, &new.column.name);
            let message = format!("`{table}.{column}` is a char(n): values are padded with spaces, which compare in surprising ways");
            Finding { span: new.span, ..Finding::new(message, "use text, with a CHECK on its length where that matters") }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn padded_text_is_noticed() {
        assert_eq!(
            says(Code::DN543, "", "create table t (a char(5))"),
            ["`t.a` is a char(n): values are padded with spaces, which compare in surprising ways"]
        );
        assert_eq!(says(Code::DN543, "create table t (id int)", "alter table t add a char(5)").len(), 1);
        silent(Code::DN543, "", &["create table t (a text)"]);
    }
}
