//! DN522: A new rule of a domain reads every table that uses it.

use crate::analyze::{Reason, Work};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    site.work(Work::Scan)
        .filter_map(|cost| match &cost.reason {
            Reason::Domain(domain) => Some((cost.relation, domain)),
            _ => None,
        })
        .map(|(id, domain)| {
            let table = site.name(id);
            Finding::new(
                format!(
                    "the new rule of domain `{domain}` reads all rows of `{table}`, and meanwhile {}",
                    site.blocked(id)
                ),
                "add the constraint NOT VALID, and validate it in a later migration",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_stricter_domain_is_noticed() {
        let before = "create domain d as int; create table t (id d)";
        speaks(Code::DN522, before, "alter domain d add check (value > 0)", "all rows of `t`");
        silent(
            Code::DN522,
            before,
            &["alter domain d add check (value > 0) not valid", "alter domain d set default 1"],
        );
    }
}
