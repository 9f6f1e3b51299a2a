//! DN544: timestamp without time zone is no point in time.

use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let found = site.columns_of_type("timestamp").map(|(columns, span)| {
        let message = format!("{columns}: timestamp without time zone is no point in time");
        Finding { span, ..Finding::new(message, "use timestamptz, which takes no more room") }
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_local_time_is_noticed() {
        assert_eq!(
            says(Code::DN544, "", "create table t (a timestamp)"),
            ["`t.a`: timestamp without time zone is no point in time"]
        );
        assert_eq!(says(Code::DN544, "create table t (id int)", "alter table t add a timestamp").len(), 1);
        silent(Code::DN544, "", &["create table t (a timestamptz)"]);
    }
}
