//! DN554: A statement that concerns the whole server, not this database.

use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let kind = site.step.analysis.kind;
    let whole = matches!(
        kind,
        "ALTER SYSTEM"
            | "CREATE DATABASE"
            | "DROP DATABASE"
            | "ALTER DATABASE"
            | "CREATE TABLESPACE"
            | "DROP TABLESPACE"
            | "ALTER TABLESPACE"
    );
    if !whole {
        return Vec::new();
    }
    vec![Finding::new(
        format!("{kind} changes the server, which other databases share"),
        "leave it to whoever sets the server up: migrations run once for each database",
    )]
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn server_wide_statements_are_noticed() {
        assert_eq!(says(Code::DN554, "", "alter system set work_mem = '1GB'").len(), 1);
        assert_eq!(says(Code::DN554, "", "create database d").len(), 1);
        silent(Code::DN554, "", &["create schema s"]);
    }
}
