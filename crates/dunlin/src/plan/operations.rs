//! Operations: the statements of a set, numbered, with their identity and the session in force at each.

use super::reading::{All, Chunk, Ranges, read_set};
use crate::analyze::{Session, SessionChange, TransactionStatement, analyze};
use crate::catalog::{Catalog, SearchPath};
use crate::diagnostic::Diagnostic;
use crate::migration::{Migration, MigrationSet, StatementDirectives, statement_directives};
use crate::source::{LineIndex, SourceFile};
use crate::syntax::{ParseOptions, Statement, Tree, TreeKind};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// What an operation is known by within its migration: comments and white space do not change it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// SHA-256 (hex) of its tokens and of the session settings in force.
    pub digest: String,
    /// The how-manieth with that digest in its migration, from 1.
    pub occurrence: u32,
}

/// One top-level statement of a set.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Index of its migration in the set.
    pub migration: usize,
    /// Its number in its file, from 1.
    pub number: u32,
    /// Its identity.
    pub identity: Identity,
    /// The statement.
    pub statement: Arc<Statement>,
    /// The file it is in.
    pub file: SourceFile,
    /// Its line, from 1.
    pub line: u32,
    /// The settings in force before it.
    pub session: Arc<Session>,
    /// What the comments above it ask for.
    pub directives: StatementDirectives,
    /// Whether it stands between a savepoint and the ROLLBACK TO it.
    pub rolled_back: bool,
    /// What transaction statement it is.
    pub transaction: Option<TransactionStatement>,
    /// The data lines of COPY … FROM stdin.
    pub copy_data: Option<Arc<str>>,
}

impl Operation {
    /// Whether it is a SET or RESET, which Dunlin sends in a form that ends with the transaction.
    pub fn session_statement(&self) -> bool {
        self.statement.tree.is(TreeKind::Set)
    }
}

/// All operations of a set, and what is wrong with its text.
pub struct Operations {
    /// In file order.
    pub all: All,
    /// For each migration its operations, as a range of `all`.
    pub ranges: Ranges,
    /// Faults of the text that are left, where some were taken away.
    left: Option<Vec<Diagnostic>>,
}

/// A set with more text is read by a thread of its own, ahead of the planner.
const LARGE: usize = 256 << 10;

impl Operations {
    /// Parses every migration of a set.
    pub fn of(set: &MigrationSet, options: &ParseOptions, path: &SearchPath) -> Operations {
        let text: usize = set.migrations.iter().map(|migration| migration.up.text.len()).sum();
        Operations::read(set, options, path, text > LARGE)
    }

    /// The same, with a thread that reads ahead or without.
    pub(super) fn read(
        set: &MigrationSet,
        options: &ParseOptions,
        path: &SearchPath,
        ahead: bool,
    ) -> Operations {
        let (migrations, options) = (set.migrations.clone(), *options);
        let session = Arc::new(Session::new(path.clone()));
        let read =
            move |index: usize, start: usize| chunk(&migrations[index], index, start, &options, &session);
        let (all, ranges) = read_set(set.migrations.len(), ahead, read);
        Operations { all, ranges, left: None }
    }

    /// Faults of the text; syntax errors are in the statements.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        let all = self.left.is_none().then(|| self.all.diagnostics());
        self.left.iter().flatten().chain(all.into_iter().flatten())
    }

    /// Leaves only some of the faults of the text.
    pub fn leave_diagnostics(&mut self, left: Vec<Diagnostic>) {
        self.left = Some(left);
    }
}

/// Reads the operations of one migration, the first of which gets a number in the set.
fn chunk(
    migration: &Migration,
    index: usize,
    start: usize,
    options: &ParseOptions,
    session: &Arc<Session>,
) -> Chunk {
    let mut diagnostics = migration.diagnostics.clone();
    let script = migration.statements(options);
    diagnostics.extend(script.diagnostics);
    let file = script.repaired.unwrap_or_else(|| migration.up.clone());
    let lines = LineIndex::new(&file.text);
    let mut session = session.clone();
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut all = Vec::with_capacity(script.statements.len());
    for (number, statement) in script.statements.into_iter().enumerate() {
        let (directives, faults) = statement_directives(&file, &statement);
        diagnostics.extend(faults);
        let digest = identity_digest(&statement, &session);
        let occurrence = seen.entry(digest.clone()).and_modify(|count| *count += 1).or_insert(1);
        let identity = Identity { digest, occurrence: *occurrence };
        let (line, _) = lines.line_column(&file.text, statement.span.start);
        let copy_data = statement.copy_data.map(|span| Arc::from(file.slice(span)));
        let (changes, transaction) = session_effects(&statement, &session);
        let before = session.clone();
        if !changes.is_empty() {
            let mut changed = (*session).clone();
            changes.iter().for_each(|change| changed.apply(change));
            session = Arc::new(changed);
        }
        all.push(Operation {
            migration: index,
            number: u32::try_from(number + 1).unwrap_or(u32::MAX),
            identity,
            statement: Arc::new(statement),
            file: file.clone(),
            line,
            session: before,
            directives,
            rolled_back: false,
            transaction,
            copy_data,
        });
    }
    mark_rolled_back(&mut all);
    diagnostics.extend(unclosed_transactions(&all));
    Chunk::new(start..start + all.len(), all, diagnostics)
}

fn identity_digest(statement: &Statement, session: &Session) -> String {
    let mut hash = Sha256::new();
    hash.update(statement.digest.0);
    hash.update(session.identity().as_bytes());
    super::hex(&hash.finalize())
}

/// What a statement does to the session and to transactions; only those kinds of statement are looked at.
fn session_effects(
    statement: &Statement,
    session: &Session,
) -> (Vec<SessionChange>, Option<TransactionStatement>) {
    let Tree::Parsed(tree) = &statement.tree else { return (Vec::new(), None) };
    let relevant = match tree.kind() {
        TreeKind::Set
        | TreeKind::Transaction
        | TreeKind::Discard
        | TreeKind::Prepare
        | TreeKind::Deallocate => true,
        TreeKind::Select => {
            let sql = statement.sql.to_ascii_lowercase();
            sql.contains("set_config") || sql.contains("pg_advisory_unlock_all")
        }
        TreeKind::Do => {
            let sql = statement.sql.to_ascii_lowercase();
            sql.contains("set_config") || sql.contains("set ") || sql.contains("reset ")
        }
        _ => false,
    };
    if !relevant {
        return (Vec::new(), None);
    }
    let mut catalog = Catalog::empty();
    if tree.kind() == TreeKind::Do {
        // Whether something will be there is not known here.
        catalog.clouded = Some("the database is not looked at".to_owned());
    }
    let mut analysis = analyze(statement, &catalog, session);
    if tree.kind() == TreeKind::Do {
        // SET LOCAL in a block is for the block.
        analysis.session.retain(|change| matches!(change, SessionChange::Set { local: false, .. }));
    }
    (analysis.session, analysis.transaction)
}

/// Marks the operations between a SAVEPOINT and the ROLLBACK TO it: they run, and leave nothing behind.
fn mark_rolled_back(operations: &mut [Operation]) {
    let mut open: Vec<(String, usize)> = Vec::new();
    for at in 0..operations.len() {
        match operations[at].transaction.clone() {
            Some(TransactionStatement::Savepoint(name)) => open.push((name, at)),
            Some(TransactionStatement::Release(name)) => {
                if let Some(found) = open.iter().rposition(|(open, _)| *open == name) {
                    open.truncate(found);
                }
            }
            Some(TransactionStatement::RollbackTo(name)) => {
                if let Some(found) = open.iter().rposition(|(open, _)| *open == name) {
                    let start = open[found].1;
                    open.truncate(found + 1);
                    operations[start + 1..at].iter_mut().for_each(|operation| operation.rolled_back = true);
                }
            }
            Some(TransactionStatement::Begin(_) | TransactionStatement::Commit) => open.clear(),
            _ => {}
        }
    }
}

/// Finds a BEGIN without COMMIT and a COMMIT without BEGIN.
fn unclosed_transactions(operations: &[Operation]) -> Vec<Diagnostic> {
    use crate::diagnostic::Code;
    let mut found = Vec::new();
    let mut open: Option<&Operation> = None;
    for operation in operations {
        match &operation.transaction {
            Some(TransactionStatement::Begin(_)) if open.is_none() => open = Some(operation),
            Some(TransactionStatement::Commit) if open.take().is_none() => {
                found.push(
                    Diagnostic::new(Code::DN103, "COMMIT without BEGIN in the same file")
                        .at(&operation.file, operation.statement.span)
                        .help("take it away: each migration runs in a transaction of its own"),
                );
            }
            _ => {}
        }
    }
    if let Some(begin) = open {
        found.push(
            Diagnostic::new(Code::DN103, "BEGIN without COMMIT in the same file")
                .at(&begin.file, begin.statement.span)
                .help("take the BEGIN away (each migration runs in a transaction of its own), or close it with COMMIT"),
        );
    }
    found
}
