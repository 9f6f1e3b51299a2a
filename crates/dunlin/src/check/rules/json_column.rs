//! DN547: json keeps text; jsonb can be compared and indexed.

use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let found = site.columns_of_type("json").map(|(columns, span)| {
        let message = format!("{columns}: json has no equality and no index");
        Finding { span, ..Finding::new(message, "use jsonb, unless the exact text is wanted") }
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn json_is_noticed() {
        assert_eq!(
            says(Code::DN547, "", "create table t (a json)"),
            ["`t.a`: json has no equality and no index"]
        );
        assert_eq!(says(Code::DN547, "create table t (id int)", "alter table t add a json").len(), 1);
        silent(Code::DN547, "", &["create table t (a jsonb)"]);
    }
}
