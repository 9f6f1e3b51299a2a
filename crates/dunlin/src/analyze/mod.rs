//! What a statement needs, changes, touches and locks: the only reader of the parse tree.
//!
//! [`analyze`] looks at one statement against one catalog (live or simulated) and one session. It
//! never changes the catalog: the planner applies [`Analysis::effects`] when it decides that the
//! statement runs. One file per family of statement; what a family does not understand it says with
//! [`Context::opaque`].

mod aggregate;
mod alter_table;
mod alter_table_column;
mod alter_table_constraint;
mod alter_table_pass;
mod alter_table_text;
mod compare;
mod context;
mod cost;
#[cfg(test)]
mod ddl_tests;
mod detail;
mod dispatch;
mod dml;
mod dml_conflict;
mod dml_copy;
mod dml_repeat;
mod dml_write;
mod drop;
mod event_trigger;
mod extension;
mod footprint;
mod foreign_data;
mod function;
mod function_body;
mod function_details;
mod grant;
mod guard;
mod index;
mod lock;
mod maintenance;
mod named;
mod named_statement;
mod naming;
mod object;
mod operator;
mod owned;
mod partition;
mod prepared;
mod privileges;
mod procedural;
mod procedural_handlers;
mod procedural_outcome;
mod procedural_types;
mod publication;
pub mod query;
mod query_call;
mod query_expr;
mod query_from;
mod query_json;
mod query_literal;
mod query_name;
mod query_operator;
mod query_scope;
#[cfg(test)]
mod query_tests;
mod remark;
mod rename;
mod retype;
mod right;
mod rule;
pub mod sameness;
mod schema;
mod sequence;
mod session;
mod session_statements;
mod statements;
mod statistics;
mod support;
mod table;
mod table_constraint;
mod table_presence;
mod table_shape;
mod tag;
mod text_search;
mod transaction;
mod trigger;
mod type_ddl;
mod types;
mod typing;
mod unpacked;
mod view;

pub use context::Context;
pub use footprint::{Access, Footprint, Ground, Place};
pub use right::Right;
pub use session::{Session, SessionChange};
pub use statements::{FAMILIES, Family, Level};
pub use transaction::isolation;
pub(crate) use unpacked::Unpacked;

use crate::catalog::{Catalog, Effect, Id, ObjectRef, QName, Relation};
use crate::diagnostic::Code;
use crate::source::Span;
use crate::syntax::Statement;
use serde::{Deserialize, Serialize};

/// What a requirement asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Facet {
    /// The object exists.
    Exists(ObjectRef),
    /// The column may hold NULL.
    Nullable {
        /// The table.
        relation: QName,
        /// The column.
        column: String,
    },
}

/// Whether a requirement holds in the catalog it was checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Valid,
    /// It surely does not hold. A false one is the worst bug there is.
    Invalid,
    /// It cannot be said.
    Unknown,
}

/// What must hold before an operation can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Any one of these will do (a name without a schema can mean one object in each schema of the path).
    pub any_of: Vec<Facet>,
    /// Where it is written, in the file.
    pub span: Span,
    /// Whether it holds.
    pub verdict: Verdict,
    /// The diagnostic code for its lack: DN201 to DN208.
    pub code: Code,
    /// What is lacking, as a sentence without its end, such as ``table `content` has no column `project_id` ``.
    pub message: String,
    /// Near names that exist.
    pub near: Vec<String>,
}

/// What kind of operation it is, for the rules that ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// It only adds to the schema or loosens it: CREATE, ADD, COMMENT, GRANT, VALIDATE, SET DEFAULT, SET/DROP NOT NULL.
    Adds,
    /// It changes or removes: DROP, RENAME, ALTER TYPE, REVOKE, SET SCHEMA, OWNER.
    Changes,
    /// INSERT or UPDATE.
    Writes,
    /// DELETE, TRUNCATE, MERGE: data changes that never wait.
    Removes,
    /// SELECT and other statements that change nothing.
    Reads,
    /// SET, RESET, set_config: the session.
    Session,
    /// BEGIN, COMMIT, SAVEPOINT …
    Transaction,
    /// VACUUM, ANALYZE, REINDEX, CLUSTER, REFRESH: changes nothing that is modelled, may run again.
    Maintains,
    /// It cannot be understood: a barrier.
    Opaque,
}

/// A transaction statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionStatement {
    /// BEGIN, START TRANSACTION; with the isolation level, if it says one.
    Begin(Option<&'static str>),
    /// SET TRANSACTION; with the isolation level, if it says one.
    Set(Option<&'static str>),
    /// COMMIT, END.
    Commit,
    /// ROLLBACK of the whole transaction.
    Rollback,
    /// SAVEPOINT name.
    Savepoint(String),
    /// RELEASE name.
    Release(String),
    /// ROLLBACK TO name.
    RollbackTo(String),
    /// PREPARE TRANSACTION and what else Dunlin refuses.
    Refused(&'static str),
}

/// Whether the operation can share a transaction with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transactional {
    /// Any transaction.
    #[default]
    Yes,
    /// It cannot run inside a transaction block.
    No,
}

/// Whether what the operation makes is there already (design, rule 4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Presence {
    /// It is not there: the operation has work to do.
    #[default]
    Absent,
    /// It is there with the same definition, or what it drops or renames is gone already.
    Same {
        /// What is there, or gone, as a phrase.
        reason: String,
    },
    /// It is there with another definition.
    Different {
        /// Which object.
        object: ObjectRef,
        /// What the statement says.
        expected: String,
        /// What is there.
        actual: String,
        /// Whether the statement says IF NOT EXISTS, so that the server would only pass over it.
        tolerated: bool,
    },
    /// It is there, and whether its definition is the same cannot be said.
    Unknown {
        /// Which object.
        object: ObjectRef,
        /// Whether the statement says IF NOT EXISTS (or is a lenient form of it).
        tolerated: bool,
    },
}

/// The lock levels of PostgreSQL, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LockMode {
    /// SELECT.
    AccessShare,
    /// SELECT FOR UPDATE.
    RowShare,
    /// INSERT, UPDATE, DELETE.
    RowExclusive,
    /// CREATE INDEX CONCURRENTLY, VACUUM, VALIDATE CONSTRAINT.
    ShareUpdateExclusive,
    /// CREATE INDEX.
    Share,
    /// ADD FOREIGN KEY, CREATE TRIGGER.
    ShareRowExclusive,
    /// REFRESH MATERIALIZED VIEW CONCURRENTLY.
    Exclusive,
    /// Most of ALTER TABLE, DROP, TRUNCATE.
    AccessExclusive,
}

/// A lock that a statement takes on a relation that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// The relation.
    pub object: String,
    /// How strong.
    pub mode: LockMode,
    /// The relation in the catalog that the statement was analysed against.
    #[serde(skip)]
    pub relation: Option<Id>,
}

impl Lock {
    /// The relation's name as SQL, which finds it under any search path: people are told no `public`.
    pub fn qualified(&self) -> String {
        let mut quoted = false;
        let has_schema = self.object.chars().any(|c| {
            quoted ^= c == '"';
            c == '.' && !quoted
        });
        if has_schema { self.object.clone() } else { format!("public.{}", self.object) }
    }
}

/// What is done to the rows of a table while its locks are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// All rows are read.
    Scan,
    /// All rows, or entries, are written anew.
    Rewrite,
}

/// What needs the work.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A column that is added or changes its type or expression.
    Column(String),
    /// A column becomes NOT NULL.
    NotNull(String),
    /// A constraint is added or validated.
    Constraint(String),
    /// An index is built.
    Index,
    /// A partition is attached, or made beside a default partition.
    Partition,
    /// The table's storage changes or is made anew.
    Storage,
    /// A domain that columns have becomes stricter.
    Domain(String),
}

/// A relation whose rows a statement reads through or writes anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cost {
    /// The relation, in the catalog that the statement was analysed against.
    pub relation: Id,
    /// What is done to its rows.
    pub work: Work,
    /// What for.
    pub reason: Reason,
}

/// What a statement says that neither its effects nor its locks tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// UPDATE or DELETE of every row of the table.
    EveryRow(Id),
    /// CASCADE: what hangs on the object goes along.
    Cascade,
    /// GRANT of these privileges (none for all) to PUBLIC.
    Public(Vec<String>),
    /// A SECURITY DEFINER function, by its name, that does not fix its search_path.
    SecurityDefiner(String),
    /// DISABLE TRIGGER ALL or USER.
    TriggersOff(Id),
}

/// What is particular to a data change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DataChange {
    /// Whether running it twice surely leaves the same rows (design, rule 7).
    pub repeatable: bool,
    /// INSERT without a column list: the table, and how many values it gives (none when not known).
    pub positional: Option<Positional>,
}

/// An INSERT without a list of columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Positional {
    /// The table.
    pub relation: QName,
    /// How many values each row gives, if that can be said.
    pub values: Option<usize>,
    /// Where the list goes: right after the table's name (or alias), in the file.
    pub insert_at: usize,
}

/// A table as a CREATE TABLE declares it, whether or not it is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// The table's name.
    pub name: QName,
    /// The table as it would be made, with its constraints; those that carry an index have none yet.
    pub relation: Box<Relation>,
    /// IF NOT EXISTS was said.
    pub if_not_exists: bool,
    /// Where each column is declared, in the file.
    pub column_spans: Vec<(String, Span)>,
}

/// A part of an ALTER TABLE with several actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Whether the part's result is there already.
    pub presence: Presence,
}

/// What a statement needs, changes, touches and locks.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// The statement's kind, as PostgreSQL's command tags name it.
    pub kind: &'static str,
    /// Its class.
    pub class: Class,
    /// What must hold before it can run.
    pub requires: Vec<Requirement>,
    /// What it changes.
    pub effects: Vec<Effect>,
    /// Everything that it makes, by name, also when it cannot run yet.
    pub provides: Vec<Facet>,
    /// What it reads and writes.
    pub footprint: Footprint,
    /// Locks on relations that exist.
    pub locks: Vec<Lock>,
    /// Relations that it reads through or writes anew under these locks.
    pub costs: Vec<Cost>,
    /// The rights that it needs on what was there before; for a superuser only what not even that role can do without.
    pub rights: Vec<Right>,
    /// What else the rules of `check` ask about.
    pub remarks: Vec<Remark>,
    /// Whether it can run in a transaction block.
    pub transactional: Transactional,
    /// Why it cannot be understood.
    pub opaque: Option<String>,
    /// Whether its result is there already.
    pub presence: Presence,
    /// The text to send instead, where only a part is left to do or a lenient form needs it.
    pub rewrite: Option<String>,
    /// What it does to the session.
    pub session: Vec<SessionChange>,
    /// What transaction statement it is.
    pub transaction: Option<TransactionStatement>,
    /// What is particular to a data change.
    pub data: Option<DataChange>,
    /// The table that it declares.
    pub declaration: Option<Declaration>,
    /// Enum labels it adds (usable only after a commit), as (type, label).
    pub new_labels: Vec<(QName, String)>,
    /// Enum types whose labels may be written in it: string constants, for the cut after ADD VALUE.
    pub constants: Vec<String>,
    /// Statement says OR REPLACE: it always runs.
    pub or_replace: bool,
    /// Whether it is a `DO` or SELECT that only reads (may be skipped on a misfit).
    pub only_checks: bool,
}

impl Analysis {
    /// The first requirement that surely does not hold.
    pub fn invalid(&self) -> impl Iterator<Item = &Requirement> {
        self.requires.iter().filter(|requirement| requirement.verdict == Verdict::Invalid)
    }

    /// Whether some requirement cannot be decided here.
    pub fn has_unknown(&self) -> bool {
        self.opaque.is_some()
            || self.requires.iter().any(|requirement| requirement.verdict == Verdict::Unknown)
    }

    /// Whether it may wait for a later operation that provides what it lacks.
    pub fn may_wait(&self) -> bool {
        matches!(self.class, Class::Adds | Class::Writes)
    }

    /// Whether it may run by itself once it has become valid after it was skipped.
    pub fn only_adds(&self) -> bool {
        self.class == Class::Adds
    }

    /// Whether it changes rows of the user's.
    pub fn changes_data(&self) -> bool {
        matches!(self.class, Class::Writes | Class::Removes)
    }
}

/// Analyses one statement against a catalog and a session.
pub fn analyze(statement: &Statement, catalog: &Catalog, session: &Session) -> Analysis {
    #[cfg(test)]
    MADE.set(MADE.get() + 1);
    Context::new(statement, catalog, session).run()
}

/// The same with the statement's tree, where it is unpacked already.
pub(crate) fn analyze_unpacked(
    statement: &Statement,
    tree: &Unpacked,
    catalog: &Catalog,
    session: &Session,
) -> Analysis {
    #[cfg(test)]
    MADE.set(MADE.get() + 1);
    let mut context = Context::new(statement, catalog, session);
    context.body = tree.body.as_ref();
    context.run_unpacked(&tree.node)
}

#[cfg(test)]
thread_local! {
    /// How many analyses this thread has made: the measure of work in tests.
    pub(crate) static MADE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
