//! The names that PostgreSQL gives to output columns, and names inside string constants.

use super::context::strings;
use crate::catalog::Name;
use crate::syntax::{NodeEnum, protobuf};

/// The name of an output column without AS (`FigureColname`); none where it takes a look at a subquery's `*`.
pub(super) fn figure(node: &protobuf::Node) -> Option<String> {
    figure_inner(node).map(|figured| figured.map_or_else(|| "?column?".to_owned(), |(name, _)| name))
}

/// The name that an index gives a column of it that is an expression, if it finds one (`FigureIndexColname`).
pub(super) fn figure_or_none(node: &protobuf::Node) -> Option<String> {
    figure_inner(node).flatten().map(|(name, _)| name)
}

type Figured = Option<Option<(String, u8)>>;

fn strong(name: impl Into<String>) -> Figured {
    Some(Some((name.into(), 2)))
}

const NONE: Figured = Some(None);

fn optional(node: Option<&protobuf::Node>) -> Figured {
    node.map_or(NONE, figure_inner)
}

/// The inner none says that nothing better than `?column?` was found, the outer one that it cannot be known.
fn figure_inner(node: &protobuf::Node) -> Figured {
    let Some(node) = node.node.as_ref() else { return NONE };
    match node {
        NodeEnum::ColumnRef(column) => strings(&column.fields).pop().map_or(NONE, strong),
        NodeEnum::AIndirection(indirection) => match strings(&indirection.indirection).pop() {
            Some(field) => strong(field),
            None => optional(indirection.arg.as_deref()),
        },
        NodeEnum::FuncCall(call) => strings(&call.funcname).pop().map_or(NONE, strong),
        NodeEnum::AExpr(expression) if expression.kind() == protobuf::AExprKind::AexprNullif => {
            strong("nullif")
        }
        NodeEnum::TypeCast(cast) => match optional(cast.arg.as_deref())? {
            Some((name, strength)) if strength > 1 => Some(Some((name, strength))),
            weak => {
                let ty = cast.type_name.as_ref().and_then(|ty| strings(&ty.names).pop());
                Some(ty.map(|name| (name, 1)).or(weak))
            }
        },
        NodeEnum::CollateClause(collate) => optional(collate.arg.as_deref()),
        NodeEnum::GroupingFunc(_) => strong("grouping"),
        NodeEnum::MergeSupportFunc(_) => strong("merge_action"),
        NodeEnum::SubLink(link) => sublink(link),
        NodeEnum::CaseExpr(case) => match optional(case.defresult.as_deref())? {
            Some((name, strength)) if strength > 1 => Some(Some((name, strength))),
            _ => Some(Some(("case".into(), 1))),
        },
        NodeEnum::AArrayExpr(_) => strong("array"),
        NodeEnum::RowExpr(_) => strong("row"),
        NodeEnum::CoalesceExpr(_) => strong("coalesce"),
        NodeEnum::MinMaxExpr(expression) => match expression.op() {
            protobuf::MinMaxOp::IsGreatest => strong("greatest"),
            _ => strong("least"),
        },
        NodeEnum::SqlvalueFunction(function) => value_function(function.op()).map_or(NONE, strong),
        NodeEnum::XmlExpr(xml) => xml_name(xml.op()).map_or(NONE, strong),
        NodeEnum::XmlSerialize(_) => strong("xmlserialize"),
        NodeEnum::JsonParseExpr(_) => strong("json"),
        NodeEnum::JsonScalarExpr(_) => strong("json_scalar"),
        NodeEnum::JsonSerializeExpr(_) => strong("json_serialize"),
        NodeEnum::JsonObjectConstructor(_) => strong("json_object"),
        NodeEnum::JsonArrayConstructor(_) | NodeEnum::JsonArrayQueryConstructor(_) => strong("json_array"),
        NodeEnum::JsonObjectAgg(_) => strong("json_objectagg"),
        NodeEnum::JsonArrayAgg(_) => strong("json_arrayagg"),
        NodeEnum::JsonFuncExpr(function) => match function.op() {
            protobuf::JsonExprOp::JsonExistsOp => strong("json_exists"),
            protobuf::JsonExprOp::JsonQueryOp => strong("json_query"),
            protobuf::JsonExprOp::JsonValueOp => strong("json_value"),
            _ => None,
        },
        _ => NONE,
    }
}

fn sublink(link: &protobuf::SubLink) -> Figured {
    match link.sub_link_type() {
        protobuf::SubLinkType::ExistsSublink => strong("exists"),
        protobuf::SubLinkType::ArraySublink => strong("array"),
        protobuf::SubLinkType::ExprSublink => {
            match link.subselect.as_ref().and_then(|node| node.node.as_ref()) {
                Some(NodeEnum::SelectStmt(select)) => first_output(select).map(|name| Some((name, 2))),
                _ => None,
            }
        }
        _ => NONE,
    }
}

fn first_output(select: &protobuf::SelectStmt) -> Option<String> {
    if let Some(left) = &select.larg {
        return first_output(left);
    }
    if !select.values_lists.is_empty() {
        return Some("column1".into());
    }
    let NodeEnum::ResTarget(target) = select.target_list.first()?.node.as_ref()? else { return None };
    if !target.name.is_empty() {
        return Some(target.name.clone());
    }
    let value = target.val.as_ref()?;
    if let Some(NodeEnum::ColumnRef(column)) = value.node.as_ref() {
        let star = column.fields.last().is_some_and(|last| matches!(last.node, Some(NodeEnum::AStar(_))));
        if star {
            return None;
        }
    }
    figure(value)
}

fn value_function(op: protobuf::SqlValueFunctionOp) -> Option<&'static str> {
    use protobuf::SqlValueFunctionOp as Op;
    Some(match op {
        Op::SvfopCurrentDate => "current_date",
        Op::SvfopCurrentTime | Op::SvfopCurrentTimeN => "current_time",
        Op::SvfopCurrentTimestamp | Op::SvfopCurrentTimestampN => "current_timestamp",
        Op::SvfopLocaltime | Op::SvfopLocaltimeN => "localtime",
        Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN => "localtimestamp",
        Op::SvfopCurrentRole => "current_role",
        Op::SvfopCurrentUser => "current_user",
        Op::SvfopUser => "user",
        Op::SvfopSessionUser => "session_user",
        Op::SvfopCurrentCatalog => "current_catalog",
        Op::SvfopCurrentSchema => "current_schema",
        _ => return None,
    })
}

fn xml_name(op: protobuf::XmlExprOp) -> Option<&'static str> {
    use protobuf::XmlExprOp as Op;
    Some(match op {
        Op::IsXmlconcat => "xmlconcat",
        Op::IsXmlelement => "xmlelement",
        Op::IsXmlforest => "xmlforest",
        Op::IsXmlparse => "xmlparse",
        Op::IsXmlpi => "xmlpi",
        Op::IsXmlroot => "xmlroot",
        Op::IsXmlserialize => "xmlserialize",
        _ => return None,
    })
}

/// Reads a name as `regclass` input does: folded, with quotes and a schema; none for an oid or what is not a name.
pub(super) fn parse_name(text: &str) -> Option<Name> {
    let mut parts = vec![String::new()];
    let mut chars = text.trim().chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                parts.last_mut()?.push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            c if quoted => parts.last_mut()?.push(c),
            c if c.is_alphanumeric() || c == '_' || c == '$' => {
                parts.last_mut()?.push(c.to_ascii_lowercase());
            }
            _ => return None,
        }
    }
    let number = !text.contains('"') && parts[0].starts_with(|c: char| c.is_ascii_digit());
    (!quoted && !number && parts.len() <= 2 && parts.iter().all(|part| !part.is_empty()))
        .then(|| Name::from_parts(&parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(expression: &str) -> Option<String> {
        let select = crate::syntax::parse_expression(expression).expect("parses");
        first_output(&select)
    }

    /// Compared with `SELECT … ` on PostgreSQL 15.
    #[test]
    fn output_columns_are_named_as_the_server_does() {
        for (expression, name) in [
            ("1", "?column?"),
            ("1::int", "int4"),
            ("a.b", "b"),
            ("(a).b", "b"),
            ("(a)[1]", "a"),
            ("count(*)", "count"),
            ("'x'::text || 'y'", "?column?"),
            ("true", "?column?"),
            ("case when true then a end", "case"),
            ("case when true then 1 else b end", "b"),
            ("case when true then 1 else b::text end", "b"),
            ("coalesce(a, 1)", "coalesce"),
            ("array[1]", "array"),
            ("row(1, 2)", "row"),
            ("exists(select 1)", "exists"),
            ("(select max(x) from t)", "max"),
            ("nullif(1, 2)", "nullif"),
            ("greatest(1, 2)", "greatest"),
            ("current_date", "current_date"),
            ("interval '1 day'", "interval"),
            ("extract(year from x)", "extract"),
            ("x collate \"C\"", "x"),
            ("not a", "?column?"),
        ] {
            assert_eq!(name_of(expression).as_deref(), Some(name), "{expression}");
        }
        assert_eq!(name_of("(select * from t)"), None);
    }

    #[test]
    fn names_in_constants_fold_and_unquote() {
        let name =
            |schema: Option<&str>, name: &str| Name { schema: schema.map(str::to_owned), name: name.into() };
        assert_eq!(parse_name("Foo"), Some(name(None, "foo")));
        assert_eq!(parse_name("public.\"A.b\"\"\""), Some(name(Some("public"), "A.b\"")));
        assert_eq!(parse_name("16384"), None);
        assert_eq!(parse_name("a b"), None);
        assert_eq!(parse_name("a."), None);
    }
}
