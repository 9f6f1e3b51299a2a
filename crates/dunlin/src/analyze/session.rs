//! The session settings in force at a statement: what `SET`, `RESET`, `set_config` and roles did before it.

use crate::catalog::SearchPath;
use std::collections::BTreeMap;

/// A change of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionChange {
    /// SET name = value, as SQL that can be sent again.
    Set {
        /// The setting, folded; `role` and `session_authorization` count as settings.
        name: String,
        /// Its values as text (several for a list such as search_path); none for DEFAULT.
        values: Option<Vec<String>>,
        /// SET LOCAL: it ends with its transaction when the server runs it; Dunlin keeps it to the file's end.
        local: bool,
        /// The SQL that sets it.
        sql: String,
    },
    /// RESET ALL.
    ResetAll,
    /// PREPARE.
    Prepare {
        /// The statement's name.
        name: String,
        /// The PREPARE as SQL.
        sql: String,
    },
    /// DEALLOCATE.
    Deallocate {
        /// The statement's name; none for all.
        name: Option<String>,
        /// The DEALLOCATE as SQL.
        sql: String,
    },
}

/// The settings in force at a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// Where names are looked for.
    pub search_path: SearchPath,
    /// What the file has set so far: name to (values, SQL), in the order of names.
    settings: BTreeMap<String, (Vec<String>, String)>,
    /// What PREPARE has named: each as the SQL of the PREPARE.
    prepared: BTreeMap<String, String>,
    /// The search path that the session starts with.
    base_path: SearchPath,
    /// The search path under a role that was set: `$user` is that role.
    role_path: Option<SearchPath>,
}

impl Session {
    /// Makes the session that a migration starts with.
    pub fn new(search_path: SearchPath) -> Session {
        Session { base_path: search_path.clone(), search_path, ..Session::default() }
    }

    /// Applies what a statement did.
    pub fn apply(&mut self, change: &SessionChange) {
        match change {
            SessionChange::ResetAll => {
                // RESET ALL leaves the role and the session authorization alone.
                self.settings.retain(|name, _| name == "role" || name == "session_authorization");
            }
            SessionChange::Set { name, values: Some(values), sql, .. } => {
                // A role is the session user's own.
                if name == "session_authorization" {
                    self.settings.remove("role");
                }
                self.settings.insert(name.clone(), (values.clone(), sql.clone()));
            }
            SessionChange::Set { name, values: None, .. } => {
                if name == "session_authorization" {
                    self.settings.remove("role");
                }
                self.settings.remove(name);
            }
            SessionChange::Prepare { name, sql } => {
                self.prepared.insert(name.clone(), sql.clone());
            }
            SessionChange::Deallocate { name: Some(name), .. } => {
                self.prepared.remove(name);
            }
            SessionChange::Deallocate { name: None, .. } => self.prepared.clear(),
        }
        self.search_path = match self.settings.get("search_path") {
            Some((values, _)) => SearchPath(values.clone()),
            None => self.base_path.clone(),
        };
        self.role_path = self.role().map(|role| {
            let named = |schema: &String| if schema == "$user" { role.to_owned() } else { schema.clone() };
            SearchPath(self.search_path.0.iter().map(named).collect())
        });
    }

    /// Where names are looked for: the search path with `$user` as the role that was set, if one was.
    pub fn look_up_path(&self) -> &SearchPath {
        self.role_path.as_ref().unwrap_or(&self.search_path)
    }

    /// The role that SET ROLE or SET SESSION AUTHORIZATION has set.
    pub fn role(&self) -> Option<&str> {
        let set = |name: &str| self.setting(name).filter(|role| !matches!(*role, "none" | "default"));
        set("role").or_else(|| set("session_authorization"))
    }

    /// The PREPARE of a statement, as SQL.
    pub fn prepared(&self, name: &str) -> Option<&str> {
        self.prepared.get(name).map(String::as_str)
    }

    /// One setting's first value.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name)?.0.first().map(String::as_str)
    }

    /// Whether the file has changed nothing so far.
    pub fn is_plain(&self) -> bool {
        self.settings.is_empty()
    }

    /// The statements that bring a fresh session to this state.
    pub fn replay(&self) -> impl Iterator<Item = &str> {
        // Taking on another user ends a role.
        let first = self.settings.get("session_authorization");
        let rest = self.settings.iter().filter(|(name, _)| *name != "session_authorization");
        first.into_iter().chain(rest.map(|(_, setting)| setting)).map(|(_, sql)| sql.as_str())
    }

    /// Every setting with its values, by name.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.settings.iter().map(|(name, (values, _))| (name.as_str(), values.as_slice()))
    }

    /// The settings as text that is the same for the same state, for an operation's identity.
    pub fn identity(&self) -> String {
        self.settings.iter().map(|(name, (values, _))| format!("{name}={}\n", values.join(","))).collect()
    }
}
