//! What most objects do not have: comments, privileges, owners other than the role that reads, settings of storage.
//!
//! They are kept beside the objects, so that one without them costs nothing and `CREATE OR REPLACE`, which keeps
//! them, need not know of them.

use super::{Catalog, ColumnNumber, Id, Privileges, RelationKind, TypeKind};
use std::collections::BTreeMap;

/// What a detail is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A schema, relation, type, function or other object.
    Object(Id),
    /// A column of a relation.
    Column(Id, ColumnNumber),
    /// A constraint, trigger, policy or rule of a relation, or a constraint of a domain, by its name.
    Part(Id, PartKind, Box<str>),
    /// A role.
    Role(Box<str>),
    /// An extension.
    Extension(Box<str>),
    /// The default privileges of a role, in one schema or in all, for a kind of object (as in `pg_default_acl`).
    Default(Box<str>, Option<Id>, char),
}

/// The kinds of what has its name within a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartKind {
    /// A constraint.
    Constraint,
    /// A trigger.
    Trigger,
    /// A policy.
    Policy,
    /// A rule.
    Rule,
}

/// A property that an object can have beside its definition; without it, it is as PostgreSQL makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detail {
    /// Its comment.
    Comment,
    /// The role that owns it, of what is neither schema nor relation, where it is not the current role.
    Owner,
    /// Its privileges, as [`Privileges`](super::Privileges) writes them.
    Privileges,
    /// `D`, `R` or `A` of a trigger, rule or event trigger, as in `tgenabled`.
    Enabled,
    /// REPLICA IDENTITY of a table (`n`, `f`, `i` as in `relreplident`); of an index that it is the one.
    ReplicaIdentity,
    /// Of an index: CLUSTER goes by it.
    Clustered,
    /// Of a column: its storage, where it is not its type's.
    Storage,
    /// Of a column: its compression method.
    Compression,
    /// SET STATISTICS of a column or of extended statistics.
    StatisticsTarget,
    /// SET (…) of a column; the names of the options of a foreign data wrapper or server, one a line.
    Options,
    /// The tablespace of a relation, where it is not the database's.
    Tablespace,
    /// The access method of a table, where it is not `heap`.
    AccessMethod,
    /// STRICT.
    Strict,
    /// SECURITY DEFINER.
    SecurityDefiner,
    /// LEAKPROOF.
    Leakproof,
    /// PARALLEL SAFE (`s`) or RESTRICTED (`r`).
    Parallel,
    /// COST, where it is not the language's.
    Cost,
    /// ROWS, where it is not 1000.
    Rows,
    /// SUPPORT.
    Support,
    /// SET … of a function or role, one `name=value` a line, sorted by name.
    Settings,
}

/// What is known of a detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DetailValue {
    /// The object does not have it.
    Absent,
    /// It has this one.
    Text(Box<str>),
    /// It cannot be said.
    Unknown,
}

impl DetailValue {
    /// Makes a value of a text.
    pub fn text(text: impl Into<Box<str>>) -> DetailValue {
        DetailValue::Text(text.into())
    }
}

impl From<Option<String>> for DetailValue {
    fn from(value: Option<String>) -> DetailValue {
        value.map_or(DetailValue::Absent, DetailValue::text)
    }
}

/// The details of all objects that have some.
#[derive(Debug, Clone, Default)]
pub(super) struct Details(BTreeMap<Subject, BTreeMap<Detail, DetailValue>>);

impl Catalog {
    /// A detail of an object.
    pub fn detail(&self, of: &Subject, detail: Detail) -> &DetailValue {
        let found = self.details.0.get(of).and_then(|all| all.get(&detail));
        found.unwrap_or(&DetailValue::Absent)
    }

    /// The text of a detail that an object has.
    pub fn detail_text(&self, of: &Subject, detail: Detail) -> Option<&str> {
        match self.detail(of, detail) {
            DetailValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// All details of an object.
    pub fn details_of(&self, of: &Subject) -> impl Iterator<Item = (Detail, &DetailValue)> {
        self.details.0.get(of).into_iter().flatten().map(|(detail, value)| (*detail, value))
    }

    /// Everything that has a detail of a kind.
    pub fn with_detail(&self, detail: Detail) -> impl Iterator<Item = (&Subject, &DetailValue)> {
        self.details.0.iter().filter_map(move |(of, all)| all.get(&detail).map(|value| (of, value)))
    }

    /// All default privileges, with the role that they are of.
    pub fn default_privileges(&self) -> impl Iterator<Item = (&Subject, &DetailValue)> {
        // They are asked for with each new object, and come after all others in the order of subjects.
        let first = Subject::Default("".into(), None, char::MIN);
        let found = self.details.0.range(first..);
        found.filter_map(|(of, all)| all.get(&Detail::Privileges).map(|value| (of, value)))
    }

    /// Sets a detail of an object.
    pub fn set_detail(&mut self, of: Subject, detail: Detail, value: DetailValue) {
        if value != DetailValue::Absent {
            self.details.0.entry(of).or_default().insert(detail, value);
        } else if let Some(all) = self.details.0.get_mut(&of) {
            all.remove(&detail);
            if all.is_empty() {
                self.details.0.remove(&of);
            }
        }
    }

    /// Forgets the details of something that is made anew, or gone.
    pub(super) fn forget_details(&mut self, of: &Subject) {
        self.details.0.remove(of);
    }

    /// Forgets the default privileges in a schema that is gone.
    pub(super) fn forget_default_privileges(&mut self, schema: Id) {
        let of_schema = |of: &&Subject| matches!(of, Subject::Default(_, Some(of), _) if *of == schema);
        let gone: Vec<Subject> =
            self.default_privileges().map(|(of, _)| of).filter(of_schema).cloned().collect();
        gone.iter().for_each(|of| self.forget_details(of));
    }

    /// Takes the details along when something that is known by its name gets another one.
    pub(super) fn rename_details(&mut self, from: &Subject, to: Subject) {
        if let Some(all) = self.details.0.remove(from) {
            self.details.0.insert(to, all);
        }
    }

    /// Puts a role's new name where its old one is.
    pub(super) fn rename_role_in_details(&mut self, name: &str, to: &str) {
        for all in self.details.0.values_mut() {
            if let Some(owner) =
                all.get_mut(&Detail::Owner).filter(|owner| **owner == DetailValue::text(name))
            {
                *owner = DetailValue::text(to);
            }
            if let Some(DetailValue::Text(text)) = all.get_mut(&Detail::Privileges)
                && let Some(privileges) = Privileges::parse(text).filter(|privileges| privileges.names(name))
            {
                *text = privileges.change_owner(name, to).to_string().into();
            }
        }
        let its_own = |of: &&Subject| match of {
            Subject::Role(role) | Subject::Default(role, ..) => **role == *name,
            _ => false,
        };
        let known: Vec<Subject> = self.details.0.keys().filter(its_own).cloned().collect();
        for of in known {
            let renamed = match &of {
                Subject::Default(_, schema, kind) => Subject::Default(to.into(), *schema, *kind),
                _ => Subject::Role(to.into()),
            };
            self.rename_details(&of, renamed);
        }
    }

    /// The role that owns an object; empty where that is not known.
    pub fn owner_of(&self, id: Id) -> &str {
        if let Some(schema) = self.schema(id) {
            return &schema.owner;
        }
        if let Some(relation) = self.relation(id) {
            return &relation.owner;
        }
        // A composite type belongs to who owns its relation.
        if self.type_by_id(id).is_some_and(|ty| ty.kind == TypeKind::Composite)
            && let Some((_, relation)) = self.relation_at(&self.type_name(id))
        {
            return &relation.owner;
        }
        match self.detail(&Subject::Object(id), Detail::Owner) {
            DetailValue::Absent => &self.current_role,
            DetailValue::Text(owner) => owner,
            DetailValue::Unknown => "",
        }
    }

    /// Says that another role than the one that read the catalog is the current one.
    pub fn change_reader(&mut self, role: &str) {
        let others = self.others().filter(|(_, other)| other.has_owner()).map(|(id, _)| id);
        let all = self.functions().map(|(id, _)| id).chain(self.types().map(|(id, _)| id)).chain(others);
        let owners: Vec<(Id, String)> = all.map(|id| (id, self.owner_of(id).to_owned())).collect();
        role.clone_into(&mut self.current_role);
        for (id, owner) in owners {
            let value = if owner == role { DetailValue::Absent } else { DetailValue::text(owner) };
            self.set_detail(Subject::Object(id), Detail::Owner, value);
        }
    }

    /// The kind of an object as privileges distinguish them: `r` table, `S` sequence, `f` function, `n` schema,
    /// `T` type, `l` language, `F` foreign data wrapper, `s` server, `d` database, `t` tablespace.
    pub fn privilege_kind(&self, id: Id) -> Option<char> {
        if self.schema(id).is_some() {
            return Some('n');
        }
        if let Some(relation) = self.relation(id) {
            return match relation.kind {
                RelationKind::Sequence(_) => Some('S'),
                RelationKind::Index(_) => None,
                RelationKind::Composite => None,
                _ => Some('r'),
            };
        }
        if self.function(id).is_some() {
            return Some('f');
        }
        if self.type_by_id(id).is_some() {
            return Some('T');
        }
        match self.other(id)?.class.as_str() {
            "language" => Some('l'),
            "foreign data wrapper" => Some('F'),
            "server" => Some('s'),
            "database" => Some('d'),
            "tablespace" => Some('t'),
            _ => None,
        }
    }
}
