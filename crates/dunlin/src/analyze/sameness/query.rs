//! Queries of views: the same only where it can be proved, different where they give other columns or
//! read other tables.

use super::Sameness::{self, Different, Unknown};
use super::compare::Comparer;
use super::roomy;
use super::term::{self, Const, Term, walk};
use crate::syntax::{NodeEnum, parse_sql_fragment};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Compares two queries, such as a view's as it is written and as `pg_get_viewdef` writes it. Each may be
/// the whole CREATE VIEW, CREATE MATERIALIZED VIEW or CREATE TABLE AS, of which the query and the names
/// of its columns count.
pub fn queries(a: &str, b: &str) -> Sameness {
    roomy(a, b, || match (parse(a), parse(b)) {
        (Some(a), Some(b)) => compare(&a, &b),
        _ => Unknown,
    })
}

/// What is compared of a query.
struct Query {
    term: Term,
    /// The names of its columns; none where `*` hides them.
    columns: Option<Vec<String>>,
    /// Last parts of the names of the tables it reads.
    tables: BTreeSet<String>,
}

fn parse(text: &str) -> Option<Query> {
    let node = parse_sql_fragment(text.trim().trim_end_matches(';')).ok()?;
    let (select, names) = selected(node)?;
    let NodeEnum::SelectStmt(select) = select else { return None };
    let mut value = serde_json::to_value(&select).ok()?;
    prepare(&mut value, false);
    rename(&mut value, names)?;
    let columns = output(&value);
    let term = term::normalise(&json!({ "node": { "SelectStmt": value } })).ok()?;
    let mut tables = BTreeSet::new();
    walk(&term, &mut |term| match term {
        Term::Node(kind, fields) if kind == "RangeVar" => tables.extend(last_part(fields)),
        _ => {}
    });
    Some(Query { term, columns, tables })
}

/// Gives the query of a statement and the names that it gives to its columns.
fn selected(node: NodeEnum) -> Option<(NodeEnum, Vec<String>)> {
    let (query, names) = match node {
        NodeEnum::SelectStmt(select) => return Some((NodeEnum::SelectStmt(select), Vec::new())),
        NodeEnum::ViewStmt(view) => (view.query?.node?, view.aliases),
        NodeEnum::CreateTableAsStmt(table) => (table.query?.node?, table.into?.col_names),
        _ => return None,
    };
    let names = term::names(&serde_json::to_value(&names).ok()?);
    matches!(query, NodeEnum::SelectStmt(_)).then_some((query, names))
}

/// Gives the first columns of a prepared query the names of a column list.
fn rename(select: &mut Value, names: Vec<String>) -> Option<()> {
    if select["larg"].is_object() {
        return rename(&mut select["larg"], names);
    }
    if names.is_empty() {
        return Some(());
    }
    // With `*`, it is not known which column a name is for.
    output(select)?;
    let targets = select["target_list"].as_array_mut()?;
    for (at, name) in names.into_iter().enumerate() {
        targets.get_mut(at)?["node"]["ResTarget"]["name"] = name.into();
    }
    Some(())
}

fn last_part(fields: &[(String, Term)]) -> Option<String> {
    fields.iter().find_map(|(_, term)| match term {
        Term::Name(parts) => parts.last().cloned(),
        _ => None,
    })
}

fn compare(a: &Query, b: &Query) -> Sameness {
    if let (Some(x), Some(y)) = (&a.columns, &b.columns) {
        let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
        if set(x) != set(y) {
            return Different;
        }
        if x != y {
            return Unknown;
        }
    }
    if a.tables != b.tables {
        return Different;
    }
    let comparer = Comparer { one_source: false };
    match comparer.term(&a.term, &b.term) {
        // Alike but for constants: those differ, then, and no spelling of the same does.
        Different if comparer.term(&blanked(&a.term), &blanked(&b.term)) == Sameness::Same => Different,
        // Anything else might be a spelling that is not known here.
        answer => answer.or_unknown(),
    }
}

/// The same query with one and the same text for each string constant.
fn blanked(term: &Term) -> Term {
    let list = |terms: &[Term]| terms.iter().map(blanked).collect();
    match term {
        Term::Const(Const::Text(_)) => Term::Const(Const::Text(String::new())),
        Term::Cast(inner, ty) => Term::Cast(Box::new(blanked(inner)), ty.clone()),
        Term::Not(inner) => Term::Not(Box::new(blanked(inner))),
        Term::Call(name, rest, args) => Term::Call(name.clone(), Box::new(blanked(rest)), list(args)),
        Term::Op(kind, name, terms) => Term::Op(kind, name.clone(), list(terms)),
        Term::Bool(kind, terms) => Term::Bool(kind, list(terms)),
        Term::Array(terms) => Term::Array(list(terms)),
        Term::List(terms) => Term::List(list(terms)),
        Term::Node(kind, fields) => {
            let fields = fields.iter().map(|(name, term)| (name.clone(), blanked(term))).collect();
            Term::Node(kind.clone(), fields)
        }
        Term::Const(_) | Term::Column(_) | Term::Name(_) | Term::Type(_) | Term::Leaf(_) => term.clone(),
    }
}

/// Writes out what the server writes out, in every SELECT of a tree: names of columns, and the expressions
/// that ORDER BY and GROUP BY refer to by name or number. `nested` is a SELECT that sees columns of one
/// around it.
pub(super) fn prepare(value: &mut Value, nested: bool) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|item| prepare(item, nested)),
        Value::Object(map) => {
            let lateral = map.get("lateral") == Some(&Value::Bool(true));
            for (name, value) in map.iter_mut() {
                prepare(value, nested || lateral || name == "SubLink");
            }
            if map.contains_key("target_list") && map.contains_key("sort_clause") {
                select(map);
                if !nested {
                    unqualify(map);
                }
            }
            if map.contains_key("relname") && map.contains_key("catalogname") {
                range(map);
            }
        }
        _ => {}
    }
}

/// In a SELECT from one source, that source's name before a column says nothing.
fn unqualify(map: &mut Map<String, Value>) {
    let source = match map["from_clause"].as_array().map(Vec::as_slice) {
        Some([source]) => source.clone(),
        _ => return,
    };
    let Some((_, fields)) = source.as_object().and_then(term::kind_of) else { return };
    let name = fields.get("alias").and_then(|alias| alias.get("aliasname")).or(fields.get("relname"));
    let Some(name) = name.and_then(Value::as_str).filter(|name| !name.is_empty()) else { return };
    for (clause, value) in map.iter_mut() {
        if !["from_clause", "with_clause", "larg", "rarg"].contains(&clause.as_str()) {
            strip(value, name);
        }
    }
}

fn strip(value: &mut Value, qualifier: &str) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|item| strip(item, qualifier)),
        Value::Object(map) => {
            if let Some(fields) = map.get_mut("ColumnRef").and_then(|column| column["fields"].as_array_mut())
            {
                let before = fields.len().checked_sub(2).and_then(|at| fields.get(at));
                if before.is_some_and(|part| part["node"]["String"]["sval"] == qualifier) {
                    fields.drain(..fields.len() - 1);
                }
            } else if !map.contains_key("SelectStmt") {
                map.values_mut().for_each(|value| strip(value, qualifier));
            }
        }
        _ => {}
    }
}

/// An alias that repeats the table's name says nothing.
fn range(map: &mut Map<String, Value>) {
    let plain = map["alias"]["aliasname"] == map["relname"]
        && map["alias"]["colnames"].as_array().is_none_or(Vec::is_empty);
    if plain {
        map.insert("alias".into(), Value::Null);
    }
}

fn select(map: &mut Map<String, Value>) {
    let mut targets = map["target_list"].as_array().cloned().unwrap_or_default();
    for target in &mut targets {
        let Some(target) = target["node"]["ResTarget"].as_object_mut() else { continue };
        if target["name"] == ""
            && let Some(name) = column_name(&target["val"])
        {
            target.insert("name".into(), name.into());
        }
    }
    for clause in ["sort_clause", "group_clause", "distinct_clause"] {
        let Some(items) = map.get_mut(clause).and_then(Value::as_array_mut) else { continue };
        for item in items {
            let place = if clause == "sort_clause" { &mut item["node"]["SortBy"]["node"] } else { item };
            if let Some(target) = referred(place, &targets, clause) {
                *place = target;
            }
        }
    }
    map.insert("target_list".into(), Value::Array(targets));
}

/// Gives the target that an item of ORDER BY or GROUP BY refers to by number or, in ORDER BY, by name.
fn referred(item: &Value, targets: &[Value], clause: &str) -> Option<Value> {
    let constant = &item["node"]["AConst"]["val"]["Ival"]["ival"];
    if let Some(number) = constant.as_u64() {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        return Some(targets.get(at)?["node"]["ResTarget"]["val"].clone());
    }
    // In GROUP BY, a column of a table comes before an output column.
    if clause == "group_clause" {
        return None;
    }
    let fields = item["node"]["ColumnRef"]["fields"].as_array().filter(|fields| fields.len() == 1)?;
    let name = &fields[0]["node"]["String"]["sval"];
    let target = targets.iter().find(|target| &target["node"]["ResTarget"]["name"] == name)?;
    Some(target["node"]["ResTarget"]["val"].clone())
}

/// Gives the name that the server gives a column without one, as `FigureColname` does; none for `*` and
/// for what is not known here.
fn column_name(value: &Value) -> Option<String> {
    const NAMELESS: [&str; 6] = ["AConst", "AExpr", "BoolExpr", "NullTest", "BooleanTest", "SubLink"];
    match figure(value) {
        Some((name, _)) => (name != "*").then_some(name),
        None => {
            let (kind, _) = term::kind_of(value.as_object()?)?;
            NAMELESS.contains(&kind).then(|| "?column?".to_owned())
        }
    }
}

/// Gives a name and whether it is a strong one, which a cast does not replace.
fn figure(value: &Value) -> Option<(String, bool)> {
    let (kind, f) = term::kind_of(value.as_object()?)?;
    let strong = |name: &str| Some((name.to_owned(), true));
    match kind {
        "ColumnRef" => match f["fields"].as_array()?.last()? {
            field if field["node"]["AStar"].is_object() => strong("*"),
            field => strong(field["node"]["String"]["sval"].as_str()?),
        },
        "AIndirection" => {
            let parts = f["indirection"].as_array()?;
            if parts.iter().any(|part| part["node"]["AStar"].is_object()) {
                return strong("*");
            }
            match parts.iter().rev().find_map(|part| part["node"]["String"]["sval"].as_str()) {
                Some(name) => strong(name),
                None => figure(&f["arg"]),
            }
        }
        "FuncCall" => strong(term::names(&f["funcname"]).last()?),
        "AExpr" if f["kind"] == 6 => strong("nullif"),
        "TypeCast" => match figure(&f["arg"]) {
            Some((name, true)) => Some((name, true)),
            _ => Some((term::names(&f["type_name"]["names"]).pop()?, false)),
        },
        "CollateClause" => figure(&f["arg"]),
        "AArrayExpr" => strong("array"),
        "RowExpr" => strong("row"),
        "CoalesceExpr" => strong("coalesce"),
        "MinMaxExpr" => strong(if f["op"] == 1 { "greatest" } else { "least" }),
        "CaseExpr" => match figure(&f["defresult"]) {
            Some((name, true)) => Some((name, true)),
            _ => Some(("case".to_owned(), false)),
        },
        "SqlvalueFunction" => strong(sql_value_name(f["op"].as_u64()?)?),
        "SubLink" => match f["sub_link_type"].as_u64()? {
            1 => strong("exists"),
            7 => strong("array"),
            5 => {
                let target = &f["subselect"]["node"]["SelectStmt"]["target_list"][0]["node"]["ResTarget"];
                let name = target["name"].as_str()?;
                // A name that was filled in is as strong as what it came from.
                figure(&target["val"])
                    .filter(|(own, _)| name.is_empty() || own == name)
                    .or_else(|| strong(name))
            }
            _ => None,
        },
        _ => None,
    }
}

fn sql_value_name(op: u64) -> Option<&'static str> {
    const NAMES: [&str; 16] = [
        "",
        "current_date",
        "current_time",
        "current_time",
        "current_timestamp",
        "current_timestamp",
        "localtime",
        "localtime",
        "localtimestamp",
        "localtimestamp",
        "current_role",
        "current_user",
        "user",
        "session_user",
        "current_catalog",
        "current_schema",
    ];
    NAMES.get(usize::try_from(op).ok()?).copied()
}

/// Gives the names of a prepared query's columns, which for UNION are those of its first arm.
fn output(select: &Value) -> Option<Vec<String>> {
    if select["larg"].is_object() {
        return output(&select["larg"]);
    }
    let targets = select["target_list"].as_array().filter(|targets| !targets.is_empty())?;
    let name = |target: &Value| {
        let name = target["node"]["ResTarget"]["name"].as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    };
    targets.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_the_names_that_the_server_gives() {
        let sql = "select a, t.b, c as d, count(*), e::text, 1, 'x'::text, coalesce(f, 1), case when a then b end,
            case when a then b else c end, (select max(g) from h), exists (select 1), current_date, array[1], (i).j";
        let expected = "a b d count e ?column? text coalesce case c max exists current_date array j";
        let columns = parse(sql).and_then(|query| query.columns);
        assert_eq!(columns.map(|list| list.join(" ")).as_deref(), Some(expected));
        assert_eq!(parse("select t.* from t").and_then(|query| query.columns), None);
    }
}
