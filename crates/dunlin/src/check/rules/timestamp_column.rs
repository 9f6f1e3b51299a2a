//! DN544: timestamp without time zone is no point in time.

use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let columns = site
        .new_columns()
        .into_iter()
        .filter(|new| new.column.ty.schema == "pg_catalog" && new.column.ty.name == "timestamp");
    columns
        .map(|new| {
            let (table, column) = (&new.table, &new.column.name);
            let message =
                format!("`{table}.{column}` is a timestamp without time zone, which is no point in time");
            Finding { span: new.span, ..Finding::new(message, "use timestamptz, which takes no more room") }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_local_time_is_noticed() {
        assert_eq!(
            says(Code::DN544, "", "create table t (a timestamp)"),
            ["`t.a` is a timestamp without time zone, which is no point in time"]
        );
        assert_eq!(says(Code::DN544, "create table t (id int)", "alter table t add a timestamp").len(), 1);
        silent(Code::DN544, "", &["create table t (a timestamptz)"]);
    }
}
