//! The only caller of libpg_query: text becomes [`Statement`]s with exact byte spans.

use crate::diagnostic::Diagnostic;
use crate::source::{SourceFile, Span};
use std::sync::Arc;

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
    /// PostgreSQL's own parse tree. Its `location`s are byte offsets in the file's text.
    Parsed(Arc<NodeEnum>),
    /// Valid or not cannot be said here (nested too deep, a keyword that is newer than the server):
    /// the server decides.
    Opaque(String),
    /// Our grammar refuses it; the diagnostic is DN101 unless the connected server accepts the text.
    Refused(Diagnostic),
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
    /// The text to send: the file's, with lenient forms blanked out.
    pub sql: Arc<str>,
    /// Its structure.
    pub tree: Tree,
    /// Set when the text is one of the lenient forms.
    pub lenient: Option<LenientForm>,
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
    /// What is wrong or notable in the text (DN102 to DN106; syntax errors stay in [`Tree::Refused`]).
    pub diagnostics: Vec<Diagnostic>,
    /// Comments after the last statement (or all of them where there is none).
    pub trailing_comments: Vec<Comment>,
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

/// Cuts `span` of `file` into statements and parses each.
pub fn parse(file: &SourceFile, span: Span) -> Script {
    let _ = (file, span);
    Script::default()
}

impl Statement {
    /// Gives the place in the file of the token at a location of the tree.
    pub fn locate(&self, location: i32) -> Option<Span> {
        let at = self.span.start + usize::try_from(location).ok()?;
        Some(Span::new(at, at + 1))
    }
}
