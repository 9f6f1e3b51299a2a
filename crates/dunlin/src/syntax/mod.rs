//! The only caller of libpg_query: text becomes [`Statement`]s with exact byte spans.

use crate::diagnostic::Diagnostic;
use crate::source::{SourceFile, Span};
use std::sync::Arc;

mod bulk;
mod deparse;
mod digest;
mod dollar;
mod fragment;
mod keywords;
mod lenient;
mod lexer;
mod parser;
mod plain;
pub mod plpgsql;
mod script;
mod split;
#[cfg(test)]
mod tests;
mod tree;

pub use deparse::{deparse_expression, deparse_statement, view_query};
pub use fragment::{EXPRESSION_PREFIX, FragmentError, parse_expression, parse_sql_fragment, parse_type_name};
pub use keywords::needs_quotes;
pub use lexer::{Lexer, Token, TokenKind, tokens};
pub(crate) use parser::{drop_aside, spawn_on_large_stack};
pub use parser::{fingerprint, on_large_stack};
pub use script::{comments_before_first_statement, parse, repair_dollar_quotes};
pub use tree::{PackedTree, TreeKind};

pub use pg_query::NodeEnum;
pub use pg_query::protobuf;

/// SHA-256 of a statement's tokens: white space, comments and the case of unquoted names do not change it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest(pub [u8; 32]);

/// A form that PostgreSQL does not have, but whose meaning is clear (design, rule 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LenientForm {
    /// `ADD CONSTRAINT IF NOT EXISTS`.
    AddConstraintIfNotExists,
    /// `CREATE TYPE … IF NOT EXISTS`.
    CreateTypeIfNotExists,
    /// `CREATE DOMAIN … IF NOT EXISTS`.
    CreateDomainIfNotExists,
    /// `CREATE TRIGGER … IF NOT EXISTS`.
    CreateTriggerIfNotExists,
    /// `CREATE POLICY … IF NOT EXISTS`.
    CreatePolicyIfNotExists,
    /// `RENAME COLUMN IF EXISTS`.
    RenameColumnIfExists,
}

/// What is known of a statement's structure.
#[derive(Debug, Clone)]
pub enum Tree {
    /// PostgreSQL's own parse tree. Its `location`s are byte offsets in the text that was parsed, in which
    /// [`Statement::sql`] starts at [`Statement::offset`]; [`Statement::locate`] turns them into spans of the file.
    /// A long INSERT (128 KiB) has only one row in its tree for all that differ in constants only.
    Parsed(PackedTree),
    /// Valid or not cannot be said here (nested too deep, a keyword that is newer than the server):
    /// the server decides.
    Opaque(String),
    /// Our grammar refuses it. The diagnostic is DN101, and void if the connected server accepts the text,
    /// or DN106 (mangled dollar quotes) or DN102 (a psql command inside), which no server accepts.
    Refused(Diagnostic),
}

impl Tree {
    /// Unpacks the tree, where there is one. Call it inside [`on_large_stack`].
    pub fn node(&self) -> Option<NodeEnum> {
        match self {
            Tree::Parsed(tree) => tree.node(),
            Tree::Opaque(_) | Tree::Refused(_) => None,
        }
    }

    /// Says whether it is a tree of this kind.
    pub fn is(&self, kind: TreeKind) -> bool {
        matches!(self, Tree::Parsed(tree) if tree.kind() == kind)
    }
}

/// A comment before a statement, for directives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Where it is, with its `--` or `/* */`.
    pub span: Span,
    /// Its text without the comment marks, trimmed.
    pub text: String,
}

/// One top-level statement of a file.
#[derive(Debug, Clone)]
pub struct Statement {
    /// From its first token up to and without its semicolon.
    pub span: Span,
    /// The text to send: the file's, with lenient forms blanked out by as many spaces.
    pub sql: Arc<str>,
    /// Where its text starts in the text that its tree is of: a file may be parsed as a whole.
    pub offset: usize,
    /// Its structure.
    pub tree: Tree,
    /// Set when the text is one of the lenient forms.
    pub lenient: Option<LenientForm>,
    /// The tokens (`IF`, `NOT`, `EXISTS`) that were blanked out, as spans of the file. An ALTER TABLE may
    /// say so of some of its constraints only.
    pub lenient_at: Vec<Span>,
    /// Digest of its tokens (with those of the lenient form).
    pub digest: TokenDigest,
    /// Comments between the previous statement and this one.
    pub comments: Vec<Comment>,
    /// The data lines of `COPY … FROM stdin`, without the final `\.`.
    pub copy_data: Option<Span>,
}

/// What a file's text says.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Its statements in order.
    pub statements: Vec<Statement>,
    /// What is wrong or notable in the text (DN102, DN105, repaired DN106). What a [`Tree::Refused`] holds
    /// (DN101, DN102 inside a statement, DN106) is not repeated here.
    pub diagnostics: Vec<Diagnostic>,
    /// Comments after the last statement (or all of them where there is none).
    pub trailing_comments: Vec<Comment>,
    /// The file with repaired dollar quotes, if [`ParseOptions::repair`] asked for it and it was needed:
    /// the statements' spans then count in it. Its lines are those of the original.
    pub repaired: Option<SourceFile>,
    mangled: Vec<dollar::Mangled>,
}

/// How forgiving the reading is (the policy `dialect`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseOptions {
    /// Repair mangled dollar quotes where that is certain.
    pub repair: bool,
    /// Accept the [`LenientForm`]s.
    pub lenient: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self { repair: false, lenient: true }
    }
}

impl Statement {
    /// Gives the byte of its text that a tree's `location` points to.
    pub fn place(&self, location: i32) -> Option<usize> {
        let at = match usize::try_from(location).ok()? {
            // Where the grammar gives none.
            0 => 0,
            at => at.checked_sub(self.offset)?,
        };
        (at < self.sql.len()).then_some(at)
    }

    /// Gives the span in the file of the token that a tree's `location` points to.
    pub fn locate(&self, location: i32) -> Option<Span> {
        let at = self.place(location)?;
        let token = Lexer::new(&self.sql, at, self.sql.len()).next()?;
        (token.span.start == at).then(|| token.span.shifted(self.span.start))
    }
}

impl std::fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenDigest({self})")
    }
}

impl std::fmt::Display for TokenDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
