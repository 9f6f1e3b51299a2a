//! Parse trees as text again.

use super::NodeEnum;
use pg_query::protobuf;

/// Writes an expression as libpg_query does; none where it cannot.
pub fn deparse_expression(node: &protobuf::Node) -> Option<String> {
    let target = protobuf::ResTarget {
        val: Some(Box::new(node.clone())),
        location: -1,
        ..protobuf::ResTarget::default()
    };
    let select = protobuf::SelectStmt {
        target_list: vec![protobuf::Node { node: Some(NodeEnum::ResTarget(Box::new(target))) }],
        limit_option: protobuf::LimitOption::Default as i32,
        op: protobuf::SetOperation::SetopNone as i32,
        ..protobuf::SelectStmt::default()
    };
    let text = deparsed(NodeEnum::SelectStmt(Box::new(select)))?;
    text.strip_prefix("SELECT ").map(str::to_owned)
}

/// Writes a statement as libpg_query does; none where it cannot.
pub fn deparse_statement(node: &NodeEnum) -> Option<String> {
    deparsed(node.clone())
}

fn deparsed(node: NodeEnum) -> Option<String> {
    let stmt = protobuf::RawStmt {
        stmt: Some(Box::new(protobuf::Node { node: Some(node) })),
        ..protobuf::RawStmt::default()
    };
    let tree = protobuf::ParseResult { version: 180_000, stmts: vec![stmt] };
    pg_query::deparse(&tree, pg_query::DeparseOptions::default()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse_expression;

    #[test]
    fn an_expression_comes_back_in_one_way_of_writing() {
        let select = parse_expression("lower ( a )||'x'::text").unwrap();
        let Some(NodeEnum::ResTarget(target)) = &select.target_list[0].node else { panic!() };
        let text = target.val.as_ref().and_then(|node| deparse_expression(node));
        assert_eq!(text.as_deref(), Some("lower(a) || 'x'::text"));
    }
}
