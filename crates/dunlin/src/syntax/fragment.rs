//! Pieces of SQL that are not statements of a file: the inside of function bodies, expressions, types.

use super::NodeEnum;
use super::parser::{Mode, Refusal, on_large_stack, parse_raw};
use pg_query::protobuf;

/// Why a fragment has no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    /// The grammar does not accept it; the byte offset of the place, if it is known.
    #[error("{message}")]
    Syntax {
        /// What the grammar says.
        message: String,
        /// The byte in the fragment.
        at: Option<usize>,
    },
    /// It is too deep or too large to be read here, or not what was asked for.
    #[error("{0}")]
    Opaque(String),
}

/// Parses text that holds exactly one statement; `location`s count from the text's start.
pub fn parse_sql_fragment(text: &str) -> Result<NodeEnum, FragmentError> {
    let mut stmts = raw(text, Mode::default())?;
    match (stmts.pop().and_then(|stmt| stmt.stmt?.node), stmts.is_empty()) {
        (Some(node), true) => Ok(node),
        _ => Err(FragmentError::Opaque("not exactly one statement".into())),
    }
}

/// Parses an expression, or a PL/pgSQL expression with FROM and so on, as the SELECT that PL/pgSQL makes
/// of it. `location`s count from [`EXPRESSION_PREFIX`] bytes before the text.
pub fn parse_expression(text: &str) -> Result<Box<protobuf::SelectStmt>, FragmentError> {
    match parse_sql_fragment(&format!("SELECT {text}")) {
        Ok(NodeEnum::SelectStmt(select)) => Ok(select),
        Ok(_) => Err(FragmentError::Opaque("not an expression".into())),
        Err(FragmentError::Syntax { message, at }) => {
            Err(FragmentError::Syntax { message, at: at.map(|at| at.saturating_sub(EXPRESSION_PREFIX)) })
        }
        Err(error) => Err(error),
    }
}

/// Length of the `SELECT ` that [`parse_expression`] puts before its text.
pub const EXPRESSION_PREFIX: usize = "SELECT ".len();

/// Parses the name of a type, such as `public.money[]` or `numeric(10, 2)`.
pub fn parse_type_name(text: &str) -> Result<protobuf::TypeName, FragmentError> {
    let not_a_type = || FragmentError::Opaque("not the name of a type".into());
    let select = parse_expression(&format!("CAST(NULL AS {text})"))?;
    let Some(NodeEnum::ResTarget(target)) = select.target_list.into_iter().next().and_then(|node| node.node)
    else {
        return Err(not_a_type());
    };
    match target.val.and_then(|value| value.node) {
        Some(NodeEnum::TypeCast(cast)) => cast.type_name.ok_or_else(not_a_type),
        _ => Err(not_a_type()),
    }
}

fn raw(text: &str, mode: Mode) -> Result<Vec<protobuf::RawStmt>, FragmentError> {
    // A short text cannot nest deep enough to need more stack than every thread has.
    const SHORT: usize = 512;
    let stmts =
        if text.len() <= SHORT { parse_raw(text, mode) } else { on_large_stack(|| parse_raw(text, mode)) };
    stmts.map_err(|refusal| match refusal {
        Refusal::Syntax { message, at } => FragmentError::Syntax { message, at },
        Refusal::Limit(reason) => FragmentError::Opaque(reason),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_expressions_and_types_are_read() {
        assert!(matches!(parse_sql_fragment("delete from a"), Ok(NodeEnum::DeleteStmt(_))));
        assert!(parse_sql_fragment("select 1; select 2").is_err());
        assert!(parse_sql_fragment("").is_err());
        assert_eq!(parse_expression("a + 1 FROM b").map(|select| select.from_clause.len()), Ok(1));
        let Err(FragmentError::Syntax { at, .. }) = parse_expression("a + from") else { panic!() };
        assert_eq!(at, Some(4));
        assert!(parse_type_name("public.money[]").is_ok(), "{:?}", parse_type_name("public.money[]"));
        assert!(parse_type_name("select 1").is_err());
    }
}
