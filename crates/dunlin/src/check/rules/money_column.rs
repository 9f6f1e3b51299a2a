//! DN545: money depends on a setting of the server.

use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let found = site.columns_of_type("money").map(|(columns, span)| {
        let message = format!("{columns}: what values of money mean depends on the setting lc_monetary");
        Finding { span, ..Finding::new(message, "use numeric, with the currency in a column of its own") }
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn money_is_noticed() {
        assert_eq!(
            says(Code::DN545, "", "create table t (a money)"),
            ["`t.a`: what values of money mean depends on the setting lc_monetary"]
        );
        assert_eq!(says(Code::DN545, "create table t (id int)", "alter table t add a money").len(), 1);
        silent(Code::DN545, "", &["create table t (a numeric(12, 2))"]);
    }
}
