//! The simulated side: a catalog and a session, and what a transaction would bring back of them.

use super::connection::Status;
use dunlin::analyze::{Analysis, Session, SessionChange};
use dunlin::catalog::{Catalog, Origin, QName, SearchPath};
use dunlin::pg::introspect::Introspection;
use dunlin::syntax::tokens;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a transaction can bring back.
#[derive(Debug, Clone)]
struct State {
    catalog: Arc<Catalog>,
    session: Session,
    /// The session without what SET LOCAL did.
    outer: Session,
}

/// The simulation.
#[derive(Debug, Clone)]
pub(super) struct Simulation {
    now: State,
    /// As it was when the open transaction began.
    before: Option<Box<State>>,
    savepoints: Vec<(String, State)>,
    applied: u32,
    /// Temporary tables that something unknown made in the open transaction: they may go at its end.
    may_go: BTreeSet<String>,
}

/// What a statement does to its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Control {
    /// Nothing.
    None,
    /// BEGIN.
    Begin,
    /// COMMIT, END.
    Commit,
    /// ROLLBACK, ABORT, PREPARE TRANSACTION.
    Rollback,
    /// SAVEPOINT.
    Savepoint(String),
    /// RELEASE.
    Release(String),
    /// ROLLBACK TO.
    RollbackTo(String),
}

impl Control {
    /// Reads what a statement does to its transaction.
    pub(super) fn of(sql: &str) -> Self {
        let words: Vec<String> = tokens(sql).iter().take(6).map(|token| folded(token.text(sql))).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let name = |name: &str| name.to_owned();
        match words.as_slice() {
            ["begin", ..] | ["start", "transaction", ..] => Self::Begin,
            ["commit" | "rollback", "prepared", ..] => Self::None,
            ["commit" | "end", ..] => Self::Commit,
            ["rollback" | "abort", "to", "savepoint", to] => Self::RollbackTo(name(to)),
            ["rollback" | "abort", "to", to] => Self::RollbackTo(name(to)),
            ["rollback" | "abort", "transaction" | "work", "to", "savepoint", to] => {
                Self::RollbackTo(name(to))
            }
            ["rollback" | "abort", "transaction" | "work", "to", to] => Self::RollbackTo(name(to)),
            ["rollback" | "abort", ..] | ["prepare", "transaction", ..] => Self::Rollback,
            ["savepoint", of] => Self::Savepoint(name(of)),
            ["release", "savepoint", of] | ["release", of] => Self::Release(name(of)),
            _ => Self::None,
        }
    }
}

fn folded(text: &str) -> String {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => text.to_lowercase(),
    }
}

impl Simulation {
    pub(super) fn new(live: &Introspection) -> Self {
        let session = Session::new(live.search_path.clone());
        let now = State { catalog: Arc::new(live.catalog.clone()), outer: session.clone(), session };
        Self { now, before: None, savepoints: Vec::new(), applied: 0, may_go: BTreeSet::new() }
    }

    pub(super) fn catalog(&self) -> &Arc<Catalog> {
        &self.now.catalog
    }

    pub(super) fn session(&self) -> &Session {
        &self.now.session
    }

    /// Takes the temporary tables that may be gone at the end of a transaction.
    pub(super) fn take_unsure(&mut self) -> BTreeSet<String> {
        match self.before {
            Some(_) => BTreeSet::new(),
            None => std::mem::take(&mut self.may_go),
        }
    }

    /// The schemas in which names are looked for.
    pub(super) fn search_path(&self) -> &SearchPath {
        &self.now.session.search_path
    }

    /// Applies what a statement does to the catalog.
    pub(super) fn apply(&mut self, analysis: &Analysis) {
        self.applied += 1;
        Arc::make_mut(&mut self.now.catalog).apply(&analysis.effects, Origin::Simulated(self.applied));
    }

    /// Applies what a statement does to the session.
    pub(super) fn set(&mut self, changes: &[SessionChange]) {
        for change in changes {
            let local = matches!(change, SessionChange::Set { local: true, .. });
            match local {
                // Without a transaction the server warns and forgets it.
                true if self.before.is_none() => {}
                true => self.now.session.apply(change),
                false => {
                    self.now.session.apply(change);
                    self.now.outer.apply(change);
                }
            }
        }
    }

    /// Takes the server's catalog and search path for true. The role that reads may be one that was set; which tables
    /// go at the end of the transaction the server does not tell.
    pub(super) fn resync(&mut self, live: &Introspection) {
        let mut catalog = live.catalog.clone();
        // It was read by the role that is set for the time being.
        let old = &self.now.catalog;
        catalog.change_reader(&old.current_role);
        catalog.memberships.clone_from(&old.memberships);
        catalog.superuser = old.superuser;
        for (_, relation) in old.relations().filter(|(_, relation)| relation.dropped_at_commit) {
            let name = QName::new(old.schema_name(relation.schema), relation.name.as_str());
            let there = catalog.relation_at(&name).map(|(id, _)| id);
            if let Some(same) = there.and_then(|id| catalog.relation_mut(id)) {
                same.dropped_at_commit = true;
            }
        }
        if self.before.is_some() {
            let temporary = catalog.relations().filter(|(_, relation)| relation.persistence == 't');
            let names = temporary.map(|(id, _)| catalog.relation_name(id));
            let new = names.filter(|name| old.relation_at(name).is_none()).map(|name| name.to_string());
            self.may_go.extend(new);
        }
        self.now.catalog = Arc::new(catalog);
        if self.now.session.search_path != live.search_path {
            self.now.session = Session::new(live.search_path.clone());
            if self.before.is_none() {
                self.now.outer = self.now.session.clone();
            }
        }
    }

    /// Forgets what the session has set.
    pub(super) fn discard(&mut self) {
        self.now.session.apply(&SessionChange::ResetAll);
        for name in ["session_authorization", "role"] {
            let (name, sql) = (name.to_owned(), String::new());
            self.now.session.apply(&SessionChange::Set { name, values: None, local: false, sql });
        }
        self.now.outer = self.now.session.clone();
    }

    /// Forgets a session that has ended.
    pub(super) fn reconnect(&mut self, live: &Introspection) {
        *self = Self { applied: self.applied, ..Self::new(live) };
    }

    /// Follows a statement into, within or out of a transaction, as the server's status shows it.
    pub(super) fn follow(&mut self, control: &Control, accepted: bool, was: Status, is: Status) {
        let ends = is == Status::Idle || matches!(control, Control::Commit | Control::Rollback) && accepted;
        if self.before.is_some() && ends {
            self.savepoints.clear();
            let before = self.before.take();
            let committed = *control == Control::Commit && accepted && was == Status::Open;
            match before {
                Some(before) if !committed => self.now = *before,
                _ => self.now.session = self.now.outer.clone(),
            }
        }
        if is == Status::Idle && self.now.catalog.relations().any(|(_, relation)| relation.dropped_at_commit)
        {
            Arc::make_mut(&mut self.now.catalog).commit();
        }
        if self.before.is_none() && is != Status::Idle {
            self.before = Some(Box::new(self.now.clone()));
        }
        if !accepted {
            return;
        }
        match control {
            Control::Savepoint(name) => self.savepoints.push((name.clone(), self.now.clone())),
            Control::Release(name) => {
                if let Some(at) = self.savepoint(name) {
                    self.savepoints.truncate(at);
                }
            }
            Control::RollbackTo(name) => {
                if let Some(at) = self.savepoint(name) {
                    self.now = self.savepoints[at].1.clone();
                    self.savepoints.truncate(at + 1);
                }
            }
            _ => {}
        }
    }

    fn savepoint(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|(known, _)| known == name)
    }
}
