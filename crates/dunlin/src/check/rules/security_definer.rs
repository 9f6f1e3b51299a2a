//! DN551: A SECURITY DEFINER function looks names up in its caller's search_path.

use crate::analyze::Remark;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let functions = site.step.analysis.remarks.iter().filter_map(|remark| match remark {
        Remark::SecurityDefiner(name) => Some(name),
        _ => None,
    });
    functions
        .map(|name| {
            Finding::new(
                format!("`{name}` runs with its owner's rights and its caller's search_path"),
                "add SET search_path = pg_catalog, pg_temp (and the schemas it needs before pg_temp)",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn an_open_path_is_noticed() {
        let function =
            |options: &str| format!("create function f() returns int language sql {options} as 'select 1'");
        assert_eq!(says(Code::DN551, "", &function("security definer")).len(), 1);
        silent(
            Code::DN551,
            "",
            &[
                &function("security definer set search_path = pg_catalog"),
                &function("security invoker"),
                &function(""),
            ],
        );
    }
}
