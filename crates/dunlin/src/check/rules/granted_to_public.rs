//! DN550: GRANT to PUBLIC is for everybody who can log in, also in the future.

use crate::analyze::Remark;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let granted = site.step.analysis.remarks.iter().filter_map(|remark| match remark {
        Remark::Public(privileges) => Some(privileges),
        _ => None,
    });
    granted
        .filter(|privileges| {
            privileges.is_empty()
                || privileges.iter().any(|privilege| !matches!(privilege.as_str(), "USAGE" | "CONNECT"))
        })
        .map(|privileges| {
            let what =
                if privileges.is_empty() { "all privileges".to_owned() } else { privileges.join(", ") };
            Finding::new(
                format!("{what} go to every role there is and will be"),
                "grant to a role, and that role to those who need it",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_grant_to_all_is_noticed() {
        let before = "create table t (id int)";
        assert_eq!(
            says(Code::DN550, before, "grant select on t to public"),
            ["SELECT go to every role there is and will be"]
        );
        assert_eq!(says(Code::DN550, before, "grant all on t to public").len(), 1);
        silent(
            Code::DN550,
            before,
            &["grant usage on schema public to public", "revoke all on t from public"],
        );
    }
}
