//! Parse trees as text again.

use super::tree::{STMT, STMTS};
use super::{NodeEnum, PackedTree, plain};
use pg_query::protobuf;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use std::ffi::{CStr, c_char, c_void};

/// Writes an expression as libpg_query does; none where it cannot.
pub fn deparse_expression(node: &protobuf::Node) -> Option<String> {
    plain::expression(node).or_else(|| by_libpg_query(node))
}

fn by_libpg_query(node: &protobuf::Node) -> Option<String> {
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
    let text = deparse_statement(&NodeEnum::SelectStmt(Box::new(select)))?;
    text.strip_prefix("SELECT ").map(str::to_owned)
}

/// Writes a statement as libpg_query does; none where it cannot.
pub fn deparse_statement(node: &NodeEnum) -> Option<String> {
    // Put together by hand: a `ParseResult` would need a copy of the tree.
    let mut statement = Vec::new();
    encode_key(STMT, WireType::LengthDelimited, &mut statement);
    encode_varint(node.encoded_len() as u64, &mut statement);
    node.encode(&mut statement);
    let mut tree = protobuf::ParseResult { version: 180_000, stmts: Vec::new() }.encode_to_vec();
    encode_key(STMTS, WireType::LengthDelimited, &mut tree);
    encode_varint(statement.len() as u64, &mut tree);
    tree.append(&mut statement);
    deparsed(&tree)
}

/// Writes the query of a CREATE VIEW as libpg_query does; none where it cannot.
pub fn view_query(tree: &PackedTree) -> Option<String> {
    match tree.node()? {
        NodeEnum::ViewStmt(view) => deparse_statement(&view.query?.node?),
        _ => None,
    }
}

#[repr(C)]
struct PgQueryProtobuf {
    len: usize,
    data: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct PgQueryDeparseResult {
    query: *mut c_char,
    error: *mut c_void,
}

unsafe extern "C" {
    fn pg_query_deparse_protobuf(parse_tree: PgQueryProtobuf) -> PgQueryDeparseResult;
    fn pg_query_free_deparse_result(result: PgQueryDeparseResult);
}

fn deparsed(tree: &[u8]) -> Option<String> {
    let tree = PgQueryProtobuf { len: tree.len(), data: tree.as_ptr().cast() };
    // SAFETY: the bytes live through the call, which keeps no pointer to them; without an error the text is a
    // NUL-ended string, and the result is freed once, after its text was copied.
    unsafe {
        let result = pg_query_deparse_protobuf(tree);
        let text = (result.error.is_null() && !result.query.is_null())
            .then(|| CStr::from_ptr(result.query).to_string_lossy().into_owned());
        pg_query_free_deparse_result(result);
        text
    }
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

    #[test]
    fn what_is_written_here_is_what_libpg_query_writes() {
        const ATOMS: &[&str] = &[
            "a",
            "t.a",
            "\"A\"",
            "\"order\"",
            "\"key\"",
            "name",
            "s.t.a",
            "1",
            "-1",
            "1.5",
            ".5",
            "1e10",
            "'x'",
            "'it''s'",
            "E'a\\\\b'",
            "U&'\\0061'",
            "''",
            "null",
            "true",
            "false",
            "x'1f'",
            "now()",
            "lower(a)",
            "count(*)",
            "coalesce(a, 1)",
            "f(a = 1, b is null)",
            "pg_catalog.lower(a)",
            "count(distinct a)",
            "f(variadic a)",
            "\"F\"(1)",
            "current_date",
            "array[1]",
            "a.*",
            "*",
            "$1",
            "left(a, 1)",
            "extract(year from a)",
            "f(x => 1)",
            "sum(a) over ()",
            "count(*) filter (where a)",
            "'1'::int",
            "(1, 2)",
            "a[1]",
            "(select 1)",
            "not a",
            "a collate \"C\"",
            "interval '1 day'",
            "date '2020-01-01'",
            "2147483648",
            "system_user",
            "trim(a)",
        ];
        const FORMS: &[&str] = &[
            "@",
            "@ + @",
            "@ = @",
            "@ <> @",
            "@ || @",
            "@ operator(pg_catalog.=) @",
            "@ in (@, @)",
            "@ not in (@)",
            "@ is null",
            "@ is not null",
            "- @",
            "@ and @",
            "@ like @",
            "@ between @ and @",
            "@ is distinct from @",
            "@ -> @",
            "@ = any (@)",
            "f(@, @ = 1)",
            "@ = 1 = @",
            "(@ < 1) is null",
            "@ % @",
            "@ !~* @",
        ];
        let (mut compared, mut plain_ones) = (0, 0);
        for form in FORMS {
            for left in ATOMS {
                for right in ATOMS {
                    let mut operands = [left, right, left].into_iter();
                    let mut parts = form.split('@');
                    let start = parts.next().unwrap_or("").to_owned();
                    let text = parts.fold(start, |text, part| text + operands.next().unwrap() + part);
                    let Ok(select) = parse_expression(&text) else { continue };
                    let [target] = select.target_list.as_slice() else { continue };
                    let Some(NodeEnum::ResTarget(target)) = &target.node else { panic!() };
                    let node = target.val.as_deref().unwrap();
                    compared += 1;
                    if let Some(own) = plain::expression(node) {
                        plain_ones += 1;
                        assert_eq!(Some(own), by_libpg_query(node), "{text}");
                    }
                    if form.matches('@').count() == 1 {
                        break;
                    }
                }
            }
        }
        assert!(compared > 20_000 && plain_ones > 3_000, "{plain_ones} of {compared}");
    }
}
