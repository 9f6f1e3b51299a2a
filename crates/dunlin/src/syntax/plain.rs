//! Plain expressions as text: what most defaults, checks and index predicates are.
//!
//! Gives exactly what libpg_query gives, at a thirtieth of the cost; what is not plain is left to it.

use super::{NodeEnum, needs_quotes, protobuf};
use protobuf::a_const::Val;
use protobuf::{AExprKind, CoercionForm, NullTestType};

/// Writes an expression; none when it is not plain.
pub(super) fn expression(node: &protobuf::Node) -> Option<String> {
    let mut text = String::new();
    write(node, &mut text)?;
    Some(text)
}

fn write(node: &protobuf::Node, text: &mut String) -> Option<()> {
    match node.node.as_ref()? {
        NodeEnum::AExpr(expression) => operator(expression, text),
        NodeEnum::NullTest(test) if !test.argisrow => {
            operand(test.arg.as_deref()?, text)?;
            text.push_str(match test.nulltesttype() {
                NullTestType::IsNull => " IS NULL",
                NullTestType::IsNotNull => " IS NOT NULL",
                NullTestType::Undefined => return None,
            });
            Some(())
        }
        _ => operand(node, text),
    }
}

/// Writes what never needs parentheses.
fn operand(node: &protobuf::Node, text: &mut String) -> Option<()> {
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) => name(&column.fields, text),
        NodeEnum::AConst(constant) => self::constant(constant, text),
        NodeEnum::FuncCall(call) => self::call(call, text),
        _ => None,
    }
}

fn name(parts: &[protobuf::Node], text: &mut String) -> Option<()> {
    for (at, part) in parts.iter().enumerate() {
        let Some(NodeEnum::String(part)) = &part.node else { return None };
        let bytes = part.sval.as_bytes();
        let starts = bytes.first().is_some_and(|first| first.is_ascii_lowercase() || *first == b'_');
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        if !starts || !bytes.iter().all(plain) || needs_quotes(&part.sval) {
            return None;
        }
        if at > 0 {
            text.push('.');
        }
        text.push_str(&part.sval);
    }
    (!parts.is_empty()).then_some(())
}

fn constant(constant: &protobuf::AConst, text: &mut String) -> Option<()> {
    if constant.isnull {
        text.push_str("NULL");
        return Some(());
    }
    match constant.val.as_ref()? {
        Val::Ival(value) if value.ival >= 0 => text.push_str(&value.ival.to_string()),
        Val::Fval(value) if value.fval.starts_with(|first: char| first.is_ascii_digit()) => {
            text.push_str(&value.fval);
        }
        Val::Boolval(value) => text.push_str(if value.boolval { "true" } else { "false" }),
        Val::Sval(value) if !value.sval.contains('\\') => {
            text.push('\'');
            for (at, part) in value.sval.split('\'').enumerate() {
                if at > 0 {
                    text.push_str("''");
                }
                text.push_str(part);
            }
            text.push('\'');
        }
        _ => return None,
    }
    Some(())
}

fn call(call: &protobuf::FuncCall, text: &mut String) -> Option<()> {
    let ordinary = call.funcformat() == CoercionForm::CoerceExplicitCall
        && !(call.agg_within_group || call.agg_distinct || call.func_variadic)
        && call.agg_order.is_empty()
        && call.agg_filter.is_none()
        && call.over.is_none();
    if !ordinary {
        return None;
    }
    name(&call.funcname, text)?;
    text.push('(');
    if call.agg_star {
        text.push('*');
    } else {
        list(&call.args, text)?;
    }
    text.push(')');
    Some(())
}

fn list(items: &[protobuf::Node], text: &mut String) -> Option<()> {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        write(item, text)?;
    }
    Some(())
}

fn operator(expression: &protobuf::AExpr, text: &mut String) -> Option<()> {
    let [symbol] = expression.name.as_slice() else { return None };
    let Some(NodeEnum::String(symbol)) = &symbol.node else { return None };
    let right = expression.rexpr.as_deref()?;
    operand(expression.lexpr.as_deref()?, text)?;
    match (expression.kind(), symbol.sval.as_str()) {
        (AExprKind::AexprOp, symbol) if symbol.bytes().all(|byte| b"~!@#^&|`?+-*/%<>=".contains(&byte)) => {
            text.push(' ');
            text.push_str(symbol);
            text.push(' ');
            operand(right, text)
        }
        (AExprKind::AexprIn, symbol @ ("=" | "<>")) => {
            let Some(NodeEnum::List(items)) = &right.node else { return None };
            text.push_str(if symbol == "=" { " IN (" } else { " NOT IN (" });
            list(&items.items, text)?;
            text.push(')');
            Some(())
        }
        _ => None,
    }
}
