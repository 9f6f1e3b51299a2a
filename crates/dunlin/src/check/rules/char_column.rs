//! DN543: char(n) pads with spaces.

use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let found = site.columns_of_type("bpchar").map(|(columns, span)| {
        let message =
            format!("{columns}: char(n) pads its values with spaces, which compare in surprising ways");
        Finding { span, ..Finding::new(message, "use text, with a CHECK on its length where that matters") }
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn padded_text_is_noticed() {
        assert_eq!(
            says(Code::DN543, "", "create table t (a char(5))"),
            ["`t.a`: char(n) pads its values with spaces, which compare in surprising ways"]
        );
        assert_eq!(says(Code::DN543, "create table t (id int)", "alter table t add a char(5)").len(), 1);
        silent(Code::DN543, "", &["create table t (a text)"]);
    }
}
