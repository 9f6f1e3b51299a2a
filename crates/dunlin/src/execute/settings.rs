//! Brings the server's session to the settings that are in force where an operation is written.
//!
//! Inside a transaction everything is SET LOCAL, so that COMMIT and ROLLBACK leave a clean session,
//! also behind a proxy. What runs outside a transaction is set for the session and reset after it.

use crate::analyze::{Session, SessionChange};
use crate::pg::{quote_ident, quote_literal};

/// The statements that bring a transaction from one state to another; `role` is the one objects belong to.
pub(super) fn switch(from: &Session, to: &Session, role: Option<&str>) -> Vec<String> {
    let mut statements = Vec::new();
    if from.identity() == to.identity() {
        return statements;
    }
    for (name, _) in from.settings() {
        if !to.settings().any(|(other, _)| other == name) {
            let change =
                SessionChange::Set { name: name.into(), values: None, local: true, sql: String::new() };
            statements.push(apply(&change, role));
        }
    }
    for (name, values) in to.settings() {
        let same = from.settings().any(|(other, old)| other == name && old == values);
        if !same {
            statements.push(set(name, values, true));
        }
    }
    statements
}

/// The statement that does what a SET or RESET of a file says, to the end of the transaction.
pub(super) fn apply(change: &SessionChange, role: Option<&str>) -> String {
    match change {
        SessionChange::ResetAll => "RESET ALL".into(),
        SessionChange::Prepare { sql, .. } | SessionChange::Deallocate { sql, .. } => sql.clone(),
        SessionChange::Set { name, values: Some(values), .. } => set(name, values, true),
        SessionChange::Set { name, values: None, .. } => match name.as_str() {
            "role" => set_role(role, true),
            "session_authorization" => "SET LOCAL SESSION AUTHORIZATION DEFAULT".into(),
            name => format!("SET LOCAL {} TO DEFAULT", setting_name(name)),
        },
    }
}

/// SET ROLE to the role that new objects belong to, or back to the one of the login.
pub(super) fn set_role(role: Option<&str>, local: bool) -> String {
    let local = if local { "LOCAL " } else { "" };
    match role {
        Some(role) => format!("SET {local}ROLE {}", quote_ident(role)),
        // The one that the login starts with.
        None => format!("SET {local}role TO DEFAULT"),
    }
}

/// SET of one setting.
pub(super) fn set(name: &str, values: &[String], local: bool) -> String {
    let local = if local { "LOCAL " } else { "" };
    let first = values.first().map_or("", String::as_str);
    match name {
        "role" if first == "none" => format!("SET {local}ROLE NONE"),
        "role" => format!("SET {local}ROLE {}", quote_ident(first)),
        "session_authorization" => format!("SET {local}SESSION AUTHORIZATION {}", quote_ident(first)),
        // Files are read as UTF-8, and so they are sent.
        "client_encoding" => format!("SET {local}client_encoding TO 'UTF8'"),
        name => {
            let list: Vec<String> = values.iter().map(|value| quote_literal(value)).collect();
            let list = if list.is_empty() { "''".to_owned() } else { list.join(", ") };
            format!("SET {local}{} TO {list}", setting_name(name))
        }
    }
}

/// A setting's name, which may have a class: `app.tenant`.
fn setting_name(name: &str) -> String {
    name.split('.').map(quote_ident).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::SearchPath;

    fn session(settings: &[(&str, &[&str])]) -> Session {
        let mut session = Session::new(SearchPath::default());
        for (name, values) in settings {
            session.apply(&SessionChange::Set {
                name: (*name).into(),
                values: Some(values.iter().map(|value| (*value).into()).collect()),
                local: false,
                sql: String::new(),
            });
        }
        session
    }

    #[test]
    fn only_what_differs_is_sent() {
        let plain = session(&[]);
        let both = session(&[("search_path", &["app", "$user"]), ("role", &["Owner"])]);
        let path = session(&[("search_path", &["app", "$user"])]);
        assert!(switch(&both, &both, None).is_empty());
        assert_eq!(
            switch(&plain, &both, None),
            ["SET LOCAL ROLE \"Owner\"", "SET LOCAL search_path TO 'app', '$user'"]
        );
        assert_eq!(switch(&both, &path, Some("app_owner")), ["SET LOCAL ROLE app_owner"]);
        assert_eq!(switch(&path, &plain, None), ["SET LOCAL search_path TO DEFAULT"]);
    }
}
