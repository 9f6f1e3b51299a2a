//! PL/pgSQL bodies as trees of statements with byte spans.
//!
//! libpg_query's own reader of PL/pgSQL gives invalid JSON for trigger functions, fails on qualified
//! types, and knows line numbers only. This one follows `pl_gram.y` as far as blocks, branches and
//! statement borders go; expressions and SQL stay text for [`super::parse_sql_fragment`] and
//! [`super::parse_expression`].

mod parse;
mod strings;
#[cfg(test)]
mod tests;

use crate::source::Span;

pub use parse::plpgsql;
pub use strings::string_value;

/// Why a body cannot be read; it is then opaque.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at byte {at} of the body")]
pub struct PlError {
    /// What was expected.
    pub message: String,
    /// Where in the body.
    pub at: usize,
}

/// `[DECLARE …] BEGIN … [EXCEPTION …] END`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlBlock {
    /// From its first token to its `END`.
    pub span: Span,
    /// The name between `<<` and `>>` before it, which qualifies its variables.
    pub label: Option<String>,
    /// Its variables and cursors.
    pub declares: Vec<Declare>,
    /// Its statements.
    pub body: Vec<PlStmt>,
    /// Its exception handlers.
    pub handlers: Vec<Handler>,
}

/// One declaration of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declare {
    /// The name as PostgreSQL folds it.
    pub name: String,
    /// The type as written, such as `public.t.c%TYPE`; empty for cursors and aliases.
    pub type_span: Span,
    /// The default's expression.
    pub default_span: Option<Span>,
    /// The query of a bound cursor.
    pub query_span: Option<Span>,
    /// The names of a bound cursor's arguments, which its query may use.
    pub arguments: Vec<String>,
}

/// `WHEN conditions THEN statements` of an exception clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// The conditions, such as `unique_violation OR SQLSTATE '42P07'`.
    pub conditions: Span,
    /// What runs.
    pub body: Vec<PlStmt>,
}

/// A condition and what it guards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The expression behind IF, ELSIF or WHEN.
    pub cond: Span,
    /// What runs.
    pub body: Vec<PlStmt>,
}

/// A query inside a body: the text to parse, as long as its span, so that its places keep theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlSql {
    /// Where it is in the body.
    pub span: Span,
    /// Its text with `INTO` targets blanked out; `PERFORM` is written as `SELECT `.
    pub sql: String,
    /// The INTO clause with its targets.
    pub into: Option<Span>,
}

/// An `EXECUTE`d expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dynamic {
    /// The expression that gives the text.
    pub expr: Span,
    /// The text, when the expression is constant: strings joined by `||`, or `format('…')` without arguments.
    pub literal: Option<String>,
    /// The expressions behind USING, and INTO's targets.
    pub rest: Option<Span>,
}

/// What a loop runs over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoopHeader {
    /// `LOOP`.
    Forever,
    /// `WHILE cond LOOP`.
    While(Span),
    /// `FOR i IN [REVERSE] a .. b [BY c] LOOP`; the expressions.
    Range(Vec<Span>),
    /// `FOR row IN query LOOP`.
    Query(PlSql),
    /// `FOR row IN cursor [(…)] LOOP`.
    Cursor(Span),
    /// `FOR row IN EXECUTE … LOOP`.
    Execute(Dynamic),
    /// `FOREACH x IN ARRAY expr LOOP`.
    Array(Span),
}

/// How loud a RAISE is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RaiseLevel {
    /// DEBUG.
    Debug,
    /// LOG.
    Log,
    /// INFO.
    Info,
    /// NOTICE.
    Notice,
    /// WARNING.
    Warning,
    /// EXCEPTION, which is also the default.
    Exception,
}

/// What a RETURN gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    /// Nothing, or OUT parameters.
    Nothing,
    /// An expression (RETURN or RETURN NEXT).
    Expr(Span),
    /// RETURN QUERY.
    Query(PlSql),
    /// RETURN QUERY EXECUTE.
    Execute(Dynamic),
}

/// One statement of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PlStmt {
    /// A plain SQL command, CALL and DO included.
    Sql(PlSql),
    /// `PERFORM query`.
    Perform(PlSql),
    /// IF with its ELSIFs, in order.
    If { span: Span, branches: Vec<Branch>, otherwise: Vec<PlStmt> },
    /// CASE; without a matching WHEN and ELSE it raises.
    Case { span: Span, subject: Option<Span>, branches: Vec<Branch>, otherwise: Option<Vec<PlStmt>> },
    /// LOOP, WHILE, FOR, FOREACH.
    Loop { span: Span, label: Option<String>, header: LoopHeader, body: Vec<PlStmt> },
    /// A nested block.
    Block(PlBlock),
    /// `EXECUTE text`.
    Execute { span: Span, dynamic: Dynamic },
    /// RAISE.
    Raise { span: Span, level: RaiseLevel },
    /// `target := expr`.
    Assign { span: Span, target: Span, expr: Span },
    /// RETURN in its forms.
    Return { span: Span, returned: Returned },
    /// `COMMIT` or `ROLLBACK`.
    Transaction { span: Span },
    /// `OPEN cursor FOR query`.
    OpenQuery { span: Span, query: PlSql },
    /// `OPEN cursor FOR EXECUTE text`.
    OpenExecute { span: Span, dynamic: Dynamic },
    /// `ASSERT condition`.
    Assert { span: Span, expr: Span },
    /// EXIT and CONTINUE, GET DIAGNOSTICS, FETCH, MOVE, CLOSE, OPEN of a bound cursor.
    Other { span: Span },
    /// NULL.
    Null { span: Span },
}
