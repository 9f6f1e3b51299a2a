//! Data changes that are harmless to repeat (design, rule 7).

use super::context::strings;
use super::query::Resolver;
use super::query_expr::{is_constant, is_null};
use crate::syntax::{NodeEnum, protobuf};

impl Resolver<'_, '_> {
    /// Whether an INSERT that has run already changes nothing when it runs again (design, rule 7).
    pub(super) fn is_repeatable_insert(
        &self,
        insert: &protobuf::InsertStmt,
        select: Option<&protobuf::SelectStmt>,
        range: &protobuf::RangeVar,
    ) -> bool {
        let Some(select) = select else { return false };
        if insert.with_clause.is_some() {
            return false;
        }
        match &insert.on_conflict_clause {
            Some(conflict) => is_repeatable_conflict(insert, select, conflict),
            None => is_guarded_by_not_exists(insert, select, range),
        }
    }
}

/// `INSERT … VALUES (constants) ON CONFLICT (key)`: the key's columns are constants in every row.
fn is_repeatable_conflict(
    insert: &protobuf::InsertStmt,
    select: &protobuf::SelectStmt,
    conflict: &protobuf::OnConflictClause,
) -> bool {
    let Some(infer) = &conflict.infer else { return false };
    let keys: Option<Vec<&str>> = infer
        .index_elems
        .iter()
        .map(|node| match node.node.as_ref()? {
            NodeEnum::IndexElem(element) if !element.name.is_empty() => Some(element.name.as_str()),
            _ => None,
        })
        .collect();
    let Some(keys) = keys.filter(|keys| !keys.is_empty()) else { return false };
    let columns: Vec<&str> = insert.cols.iter().filter_map(target_name).collect();
    let places: Option<Vec<usize>> =
        keys.iter().map(|key| columns.iter().position(|column| column == key)).collect();
    let Some(places) = places else { return false };
    // A SET that reads the old value (`n = t.n + 1`) is not the same twice.
    let stable_set = conflict.target_list.iter().all(|node| match node.node.as_ref() {
        Some(NodeEnum::ResTarget(target)) => target.val.as_deref().is_some_and(is_excluded_or_constant),
        _ => false,
    });
    stable_set
        && !select.values_lists.is_empty()
        && select.values_lists.iter().all(|row| match row.node.as_ref() {
            Some(NodeEnum::List(list)) => {
                places.iter().all(|at| list.items.get(*at).is_some_and(is_constant))
            }
            _ => false,
        })
}

fn is_excluded_or_constant(node: &protobuf::Node) -> bool {
    match node.node.as_ref() {
        Some(NodeEnum::ColumnRef(column)) => {
            strings(&column.fields).first().is_some_and(|first| first == "excluded")
        }
        Some(NodeEnum::FuncCall(call)) => call.args.is_empty() && !call.agg_star,
        Some(NodeEnum::SqlvalueFunction(_)) => true,
        _ => is_constant(node),
    }
}

/// `INSERT INTO t (k, …) SELECT 'x', … WHERE NOT EXISTS (SELECT … FROM t WHERE k = 'x')`.
fn is_guarded_by_not_exists(
    insert: &protobuf::InsertStmt,
    select: &protobuf::SelectStmt,
    range: &protobuf::RangeVar,
) -> bool {
    if !select.from_clause.is_empty() || select.larg.is_some() {
        return false;
    }
    let given: Vec<(&str, &protobuf::Node)> = insert
        .cols
        .iter()
        .zip(&select.target_list)
        .filter_map(|(column, target)| match target.node.as_ref()? {
            NodeEnum::ResTarget(target) => Some((target_name(column)?, target.val.as_deref()?)),
            _ => None,
        })
        .collect();
    let conditions = conjuncts(select.where_clause.as_deref());
    conditions.iter().any(|condition| {
        let Some(NodeEnum::BoolExpr(not)) = condition.node.as_ref() else { return false };
        if not.boolop() != protobuf::BoolExprType::NotExpr {
            return false;
        }
        let Some(NodeEnum::SubLink(link)) = not.args.first().and_then(|node| node.node.as_ref()) else {
            return false;
        };
        let Some(NodeEnum::SelectStmt(inner)) = link.subselect.as_ref().and_then(|node| node.node.as_ref())
        else {
            return false;
        };
        link.sub_link_type() == protobuf::SubLinkType::ExistsSublink && looks_for(inner, range, &given)
    })
}

/// Whether a query asks for the very row that is given: each of its conditions is `column = the given constant`.
fn looks_for(
    query: &protobuf::SelectStmt,
    range: &protobuf::RangeVar,
    given: &[(&str, &protobuf::Node)],
) -> bool {
    let [from] = query.from_clause.as_slice() else { return false };
    let same_table = matches!(from.node.as_ref(), Some(NodeEnum::RangeVar(other))
        if other.relname == range.relname && other.schemaname == range.schemaname);
    let conditions = conjuncts(query.where_clause.as_deref());
    same_table
        && !conditions.is_empty()
        && query.group_clause.is_empty()
        && query.having_clause.is_none()
        && query.limit_count.is_none()
        && query.limit_offset.is_none()
        && conditions.iter().all(|condition| {
            let Some(NodeEnum::AExpr(expression)) = condition.node.as_ref() else { return false };
            if strings(&expression.name) != ["="] {
                return false;
            }
            let sides = [&expression.lexpr, &expression.rexpr];
            let column = sides.iter().find_map(|side| column_name(side.as_deref()?));
            let constant = sides.iter().find_map(|side| side.as_deref().filter(|node| is_constant(node)));
            column.zip(constant).is_some_and(|(column, constant)| {
                given.iter().any(|(name, value)| *name == column && same_constant(value, constant))
            })
        })
}

/// Whether two constants are written the same, casts and places left aside.
fn same_constant(a: &protobuf::Node, b: &protobuf::Node) -> bool {
    match (a.node.as_ref(), b.node.as_ref()) {
        (Some(NodeEnum::TypeCast(cast)), _) => cast.arg.as_deref().is_some_and(|a| same_constant(a, b)),
        (_, Some(NodeEnum::TypeCast(cast))) => cast.arg.as_deref().is_some_and(|b| same_constant(a, b)),
        (Some(NodeEnum::AConst(a)), Some(NodeEnum::AConst(b))) => !a.isnull && a.val == b.val,
        _ => false,
    }
}

fn conjuncts(node: Option<&protobuf::Node>) -> Vec<&protobuf::Node> {
    match node.and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::BoolExpr(and)) if and.boolop() == protobuf::BoolExprType::AndExpr => {
            and.args.iter().flat_map(|node| conjuncts(Some(node))).collect()
        }
        _ => node.into_iter().collect(),
    }
}

fn target_name(node: &protobuf::Node) -> Option<&str> {
    match node.node.as_ref()? {
        NodeEnum::ResTarget(target) => Some(&target.name),
        _ => None,
    }
}

fn column_name(node: &protobuf::Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) => strings(&column.fields).pop(),
        _ => None,
    }
}

/// `UPDATE t SET c = value WHERE c IS NULL …`: the second time finds no row.
pub(super) fn is_repeatable_update(update: &protobuf::UpdateStmt, alias: &str) -> bool {
    let [target] = update.target_list.as_slice() else { return false };
    let Some(NodeEnum::ResTarget(target)) = target.node.as_ref() else { return false };
    let Some(value) = target.val.as_deref() else { return false };
    if !target.indirection.is_empty() || update.with_clause.is_some() || !never_null(value) {
        return false;
    }
    conjuncts(update.where_clause.as_deref()).iter().any(|condition| {
        let Some(NodeEnum::NullTest(test)) = condition.node.as_ref() else { return false };
        let Some(NodeEnum::ColumnRef(column)) = test.arg.as_ref().and_then(|node| node.node.as_ref()) else {
            return false;
        };
        let parts = strings(&column.fields);
        test.nulltesttype() == protobuf::NullTestType::IsNull
            && match parts.as_slice() {
                [name] => *name == target.name,
                [qualifier, name] => qualifier == alias && *name == target.name,
                _ => false,
            }
    })
}

/// Whether a value is surely not NULL, or gives the same NULL again.
fn never_null(value: &protobuf::Node) -> bool {
    !is_null(value)
        && !matches!(value.node.as_ref(), Some(NodeEnum::SetToDefault(_) | NodeEnum::MultiAssignRef(_)))
}
