//! Statements that define an index, a constraint, a trigger, a policy or a function.

use super::Sameness::{self, Different, Same, Unknown};
use super::compare::{Comparer, same_name, terms};
use super::roomy;
use super::term::{self, Term};
use crate::syntax::{NodeEnum, parse_sql_fragment, protobuf};
use serde_json::Value;

/// Compares two CREATE INDEX statements; the index's own name and its tablespace do not count.
pub fn index_definitions(a: &str, b: &str) -> Sameness {
    compared(a, b, |a, b| match (a, b) {
        (NodeEnum::IndexStmt(a), NodeEnum::IndexStmt(b)) => index(a, b),
        _ => Unknown,
    })
}

/// Compares two constraints, each as `CHECK (…)` or as an `ALTER TABLE … ADD CONSTRAINT …`; names do not
/// count. One of them NOT VALID and the other not is unknown.
pub fn constraints(a: &str, b: &str) -> Sameness {
    constraint_texts(a, b, true)
}

/// Compares two constraints as [`constraints`] does, but whether they are NOT VALID does not count.
pub fn constraints_apart_from_validity(a: &str, b: &str) -> Sameness {
    constraint_texts(a, b, false)
}

/// Compares two CREATE TRIGGER statements; OR REPLACE does not count.
pub fn triggers(a: &str, b: &str) -> Sameness {
    compared(a, b, |a, b| match (a, b) {
        (NodeEnum::CreateTrigStmt(a), NodeEnum::CreateTrigStmt(b)) => trigger(a, b),
        _ => Unknown,
    })
}

/// Compares two policies, each a CREATE POLICY statement or what follows its table, as in
/// `AS PERMISSIVE FOR ALL TO PUBLIC USING (…)`; then name and table do not count.
pub fn policies(a: &str, b: &str) -> Sameness {
    roomy(a, b, || match (policy_of(a), policy_of(b)) {
        (Some((a, true)), Some((b, true))) => {
            Sameness::of(a.policy_name == b.policy_name).and(tables(&a.table, &b.table)).and(policy(&a, &b))
        }
        (Some((a, _)), Some((b, _))) => policy(&a, &b),
        _ => Unknown,
    })
}

/// Gives a policy, and whether the text is a whole statement.
fn policy_of(text: &str) -> Option<(Box<protobuf::CreatePolicyStmt>, bool)> {
    let text = text.trim().trim_end_matches(';');
    [(text.to_owned(), true), (format!("CREATE POLICY p ON t {text}"), false)].into_iter().find_map(
        |(text, whole)| match parse_sql_fragment(&text) {
            Ok(NodeEnum::CreatePolicyStmt(policy)) => Some((policy, whole)),
            _ => None,
        },
    )
}

/// Compares two CREATE FUNCTION or CREATE PROCEDURE statements, their bodies as text; OR REPLACE does not
/// count.
pub fn functions(a: &str, b: &str) -> Sameness {
    compared(a, b, |a, b| match (a, b) {
        (NodeEnum::CreateFunctionStmt(a), NodeEnum::CreateFunctionStmt(b)) => function(a, b),
        _ => Unknown,
    })
}

fn compared(a: &str, b: &str, work: fn(&NodeEnum, &NodeEnum) -> Sameness) -> Sameness {
    let parse = |text: &str| parse_sql_fragment(text.trim().trim_end_matches(';'));
    roomy(a, b, || match (parse(a), parse(b)) {
        (Ok(a), Ok(b)) => work(&a, &b),
        _ => Unknown,
    })
}

fn all(answers: impl IntoIterator<Item = Sameness>) -> Sameness {
    answers.into_iter().fold(Same, Sameness::and)
}

fn normal(value: &impl serde::Serialize) -> Option<Term> {
    let mut value = serde_json::to_value(value).unwrap_or(Value::Null);
    super::query::prepare(&mut value, false);
    term::normalise(&value).ok()
}

/// Compares any two parts of statements as trees.
fn trees<T: serde::Serialize>(a: &T, b: &T) -> Sameness {
    match (normal(a), normal(b)) {
        (Some(a), Some(b)) => terms(&a, &b),
        _ => Unknown,
    }
}

/// Compares optional expressions: only one of them there is a difference.
fn optional<T: serde::Serialize>(a: &Option<T>, b: &Option<T>) -> Sameness {
    match (a, b) {
        (None, None) => Same,
        (Some(a), Some(b)) => trees(a, b),
        _ => Different,
    }
}

fn strings(nodes: &[protobuf::Node]) -> Vec<String> {
    term::names(&serde_json::to_value(nodes).unwrap_or(Value::Null))
}

fn names(a: &[protobuf::Node], b: &[protobuf::Node]) -> Sameness {
    same_name(&strings(a), &strings(b))
}

fn table(range: &Option<protobuf::RangeVar>) -> Vec<String> {
    let Some(range) = range else { return Vec::new() };
    let schema = (!range.schemaname.is_empty()).then(|| range.schemaname.clone());
    schema.into_iter().chain([range.relname.clone()]).collect()
}

fn tables(a: &Option<protobuf::RangeVar>, b: &Option<protobuf::RangeVar>) -> Sameness {
    match (table(a), table(b)) {
        (a, b) if a.is_empty() || b.is_empty() => Sameness::of(a == b),
        (a, b) => same_name(&a, &b),
    }
}

fn index(a: &protobuf::IndexStmt, b: &protobuf::IndexStmt) -> Sameness {
    let method = |stmt: &protobuf::IndexStmt| match stmt.access_method.as_str() {
        "" => "btree".to_owned(),
        other => other.to_owned(),
    };
    all([
        Sameness::of(a.unique == b.unique && a.nulls_not_distinct == b.nulls_not_distinct),
        Sameness::of(method(a) == method(b)),
        tables(&a.relation, &b.relation),
        keys(&a.index_params, &b.index_params),
        included(&a.index_including_params, &b.index_including_params),
        optional(&a.where_clause, &b.where_clause),
        options(&a.options, &b.options),
    ])
}

fn keys(a: &[protobuf::Node], b: &[protobuf::Node]) -> Sameness {
    if a.len() != b.len() {
        return Different;
    }
    all(a.iter().zip(b).map(|(a, b)| match (&a.node, &b.node) {
        (Some(NodeEnum::IndexElem(a)), Some(NodeEnum::IndexElem(b))) => key(a, b),
        _ => Unknown,
    }))
}

fn key(a: &protobuf::IndexElem, b: &protobuf::IndexElem) -> Sameness {
    let expression = match (column(a), column(b)) {
        (Some(a), Some(b)) => Sameness::of(a == b),
        (None, None) => optional(&a.expr, &b.expr),
        // The server drops a cast to the type that the column has.
        _ if is_cast(a) || is_cast(b) => Unknown,
        _ => Different,
    };
    let collation = match (a.collation.is_empty(), b.collation.is_empty()) {
        (true, true) => Same,
        (false, false) => names(&a.collation, &b.collation),
        // The server leaves out the column's own.
        _ => Unknown,
    };
    let order = Sameness::of(order(a) == order(b));
    all([expression, collation, order, opclass(a, b), trees(&a.opclassopts, &b.opclassopts)])
}

/// Gives the column of a key; `(a)` in parentheses is the column too.
fn column(key: &protobuf::IndexElem) -> Option<String> {
    if !key.name.is_empty() {
        return Some(key.name.clone());
    }
    match key.expr.as_ref()?.node.as_ref()? {
        NodeEnum::ColumnRef(column) => strings(&column.fields).pop(),
        _ => None,
    }
}

fn is_cast(key: &protobuf::IndexElem) -> bool {
    let node = key.expr.as_ref().and_then(|expr| expr.node.as_ref());
    matches!(node, Some(NodeEnum::TypeCast(_) | NodeEnum::CollateClause(_)))
}

/// Whether a key is descending, and whether NULLs come first.
fn order(key: &protobuf::IndexElem) -> (bool, bool) {
    let descending = key.ordering() == protobuf::SortByDir::SortbyDesc;
    let first = match key.nulls_ordering() {
        protobuf::SortByNulls::SortbyNullsFirst => true,
        protobuf::SortByNulls::SortbyNullsLast => false,
        _ => descending,
    };
    (descending, first)
}

/// The server leaves out the type's default operator class.
fn opclass(a: &protobuf::IndexElem, b: &protobuf::IndexElem) -> Sameness {
    const NEVER_DEFAULT: [&str; 4] = ["_pattern_ops", "_path_ops", "_trgm_ops", "_minmax_multi_ops"];
    match (strings(&a.opclass), strings(&b.opclass)) {
        (a, b) if a.is_empty() && b.is_empty() => Same,
        (a, b) if !a.is_empty() && !b.is_empty() => same_name(&a, &b),
        (a, b) => {
            let name = a.last().or(b.last()).cloned().unwrap_or_default();
            if NEVER_DEFAULT.iter().any(|end| name.ends_with(end)) { Different } else { Unknown }
        }
    }
}

/// INCLUDE columns serve alike in any order.
fn included(a: &[protobuf::Node], b: &[protobuf::Node]) -> Sameness {
    let columns = |nodes: &[protobuf::Node]| -> Vec<Option<String>> {
        let column = |node: &protobuf::Node| match &node.node {
            Some(NodeEnum::IndexElem(key)) => column(key),
            Some(NodeEnum::String(name)) => Some(name.sval.clone()),
            _ => None,
        };
        nodes.iter().map(column).collect()
    };
    let (mut a, mut b) = (columns(a), columns(b));
    if a == b {
        return Same;
    }
    a.sort();
    b.sort();
    if a == b { Unknown } else { Different }
}

/// Storage parameters, which the server writes as strings and in its own order.
fn options(a: &[protobuf::Node], b: &[protobuf::Node]) -> Sameness {
    let (a, b) = (pairs(a), pairs(b));
    match (a, b) {
        (Some(a), Some(b)) if a == b => Same,
        (Some(a), Some(b)) => {
            // `on` and `true` are one value; a number is only itself.
            let numbers =
                |list: &[(String, String)]| list.iter().all(|(_, value)| value.parse::<f64>().is_ok());
            if numbers(&a) && numbers(&b) { Different } else { Unknown }
        }
        _ => Unknown,
    }
}

fn pairs(nodes: &[protobuf::Node]) -> Option<Vec<(String, String)>> {
    let pair = |node: &protobuf::Node| match node.node.as_ref()? {
        NodeEnum::DefElem(option) => {
            let value = match option.arg.as_ref().and_then(|arg| arg.node.as_ref()) {
                None => "true".to_owned(),
                Some(NodeEnum::Integer(number)) => number.ival.to_string(),
                Some(NodeEnum::Float(number)) => number.fval.clone(),
                Some(NodeEnum::String(text)) => text.sval.clone(),
                Some(NodeEnum::TypeName(name)) => strings(&name.names).pop()?,
                _ => return None,
            };
            Some((option.defname.clone(), value))
        }
        _ => None,
    };
    let mut list: Vec<_> = nodes.iter().map(pair).collect::<Option<_>>()?;
    list.sort();
    Some(list)
}

fn constraint_texts(a: &str, b: &str, validity: bool) -> Sameness {
    roomy(a, b, || match (constraint_of(a), constraint_of(b)) {
        (Some(a), Some(b)) => constraint(&a, &b, validity),
        _ => Unknown,
    })
}

fn constraint_of(text: &str) -> Option<Box<protobuf::Constraint>> {
    let text = text.trim().trim_end_matches(';');
    // pg_get_constraintdef begins with the kind, and ADD CONSTRAINT may be left out as well.
    let statement = [text.to_owned(), format!("ALTER TABLE t ADD {text}"), format!("ALTER TABLE t {text}")];
    let node = statement.iter().find_map(|text| parse_sql_fragment(text).ok())?;
    let NodeEnum::AlterTableStmt(alter) = node else { return None };
    let [command] = alter.cmds.as_slice() else { return None };
    let Some(NodeEnum::AlterTableCmd(command)) = &command.node else { return None };
    match command.def.as_ref()?.node.as_ref()? {
        NodeEnum::Constraint(constraint) => Some(constraint.clone()),
        _ => None,
    }
}

fn constraint(a: &protobuf::Constraint, b: &protobuf::Constraint, validity: bool) -> Sameness {
    if a.contype != b.contype {
        return Different;
    }
    let valid = if validity && a.skip_validation != b.skip_validation { Unknown } else { Same };
    let by_index = if a.indexname == b.indexname { Same } else { Unknown };
    all([
        valid,
        by_index,
        Sameness::of(a.deferrable == b.deferrable && a.initdeferred == b.initdeferred),
        Sameness::of(a.is_no_inherit == b.is_no_inherit && a.is_enforced == b.is_enforced),
        Sameness::of(
            a.nulls_not_distinct == b.nulls_not_distinct && a.without_overlaps == b.without_overlaps,
        ),
        // An index that is named has its columns from there.
        if a.indexname == b.indexname { Sameness::of(strings(&a.keys) == strings(&b.keys)) } else { Unknown },
        included(&a.including, &b.including),
        optional(&a.raw_expr, &b.raw_expr),
        optional(&a.where_clause, &b.where_clause),
        options(&a.options, &b.options),
        foreign_key(a, b),
        exclusions(a, b),
    ])
}

fn foreign_key(a: &protobuf::Constraint, b: &protobuf::Constraint) -> Sameness {
    let action =
        |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
    let rules = |key: &protobuf::Constraint| {
        [
            action(&key.fk_matchtype, "s"),
            action(&key.fk_upd_action, "a"),
            action(&key.fk_del_action, "a"),
            strings(&key.fk_del_set_cols).join("\n"),
        ]
    };
    let periods = |key: &protobuf::Constraint| (key.fk_with_period, key.pk_with_period);
    let (a_columns, b_columns) = (strings(&a.pk_attrs), strings(&b.pk_attrs));
    let referenced = match a_columns.is_empty() != b_columns.is_empty() {
        // The referenced table's primary key, which is not known here.
        true => Unknown,
        false => Sameness::of(a_columns == b_columns),
    };
    all([
        tables(&a.pktable, &b.pktable),
        Sameness::of(strings(&a.fk_attrs) == strings(&b.fk_attrs)),
        referenced,
        Sameness::of(rules(a) == rules(b) && periods(a) == periods(b)),
    ])
}

fn exclusions(a: &protobuf::Constraint, b: &protobuf::Constraint) -> Sameness {
    if a.exclusions.len() != b.exclusions.len() {
        return Different;
    }
    let method = Sameness::of(a.access_method == b.access_method);
    let pairs = a.exclusions.iter().zip(&b.exclusions).map(|(a, b)| match (&a.node, &b.node) {
        (Some(NodeEnum::List(a)), Some(NodeEnum::List(b))) => {
            match (a.items.as_slice(), b.items.as_slice()) {
                ([a_key, a_op], [b_key, b_op]) => {
                    keys(std::slice::from_ref(a_key), std::slice::from_ref(b_key)).and(operators(a_op, b_op))
                }
                _ => Unknown,
            }
        }
        _ => Unknown,
    });
    method.and(all(pairs))
}

fn operators(a: &protobuf::Node, b: &protobuf::Node) -> Sameness {
    match (&a.node, &b.node) {
        (Some(NodeEnum::List(a)), Some(NodeEnum::List(b))) => names(&a.items, &b.items),
        _ => Unknown,
    }
}

fn trigger(a: &protobuf::CreateTrigStmt, b: &protobuf::CreateTrigStmt) -> Sameness {
    let shape = |t: &protobuf::CreateTrigStmt| {
        let flags = [t.isconstraint, t.row, t.deferrable, t.initdeferred];
        (t.trigname.clone(), flags, t.timing, t.events)
    };
    let sorted = |nodes: &[protobuf::Node]| {
        let mut list = strings(nodes);
        list.sort();
        list
    };
    all([
        Sameness::of(shape(a) == shape(b)),
        tables(&a.relation, &b.relation),
        tables(&a.constrrel, &b.constrrel),
        names(&a.funcname, &b.funcname),
        Sameness::of(strings(&a.args) == strings(&b.args)),
        Sameness::of(sorted(&a.columns) == sorted(&b.columns)),
        row_condition(a, b),
        transitions(a, b),
    ])
}

/// In WHEN, `old` and `new` are two sources.
fn row_condition(a: &protobuf::CreateTrigStmt, b: &protobuf::CreateTrigStmt) -> Sameness {
    match (&a.when_clause, &b.when_clause) {
        (None, None) => Same,
        (Some(a), Some(b)) => match (normal(a), normal(b)) {
            (Some(a), Some(b)) => Comparer { one_source: false }.term(&a, &b),
            _ => Unknown,
        },
        _ => Different,
    }
}

fn transitions(a: &protobuf::CreateTrigStmt, b: &protobuf::CreateTrigStmt) -> Sameness {
    let list = |t: &protobuf::CreateTrigStmt| -> Vec<(bool, bool, String)> {
        let transition = |node: &protobuf::Node| match &node.node {
            Some(NodeEnum::TriggerTransition(t)) => Some((t.is_new, t.is_table, t.name.clone())),
            _ => None,
        };
        let mut all: Vec<_> = t.transition_rels.iter().filter_map(transition).collect();
        all.sort();
        all
    };
    Sameness::of(list(a) == list(b))
}

fn policy(a: &protobuf::CreatePolicyStmt, b: &protobuf::CreatePolicyStmt) -> Sameness {
    let command = |p: &protobuf::CreatePolicyStmt| match p.cmd_name.as_str() {
        "" => "all".to_owned(),
        other => other.to_owned(),
    };
    let roles = |p: &protobuf::CreatePolicyStmt| -> Option<Vec<(i32, String)>> {
        let role = |node: &protobuf::Node| match node.node.as_ref()? {
            NodeEnum::RoleSpec(role) => Some((role.roletype, role.rolename.clone())),
            _ => None,
        };
        let mut list: Vec<_> = p.roles.iter().map(role).collect::<Option<_>>()?;
        if list.is_empty() {
            list.push((protobuf::RoleSpecType::RolespecPublic as i32, String::new()));
        }
        list.sort();
        Some(list)
    };
    let named = |list: &Option<Vec<(i32, String)>>| {
        let plain =
            [protobuf::RoleSpecType::RolespecCstring as i32, protobuf::RoleSpecType::RolespecPublic as i32];
        list.as_ref().is_some_and(|list| list.iter().all(|(kind, _)| plain.contains(kind)))
    };
    let (a_roles, b_roles) = (roles(a), roles(b));
    let same_roles = match a_roles == b_roles {
        true => Same,
        // CURRENT_USER is written back as the role's name.
        false if named(&a_roles) && named(&b_roles) => Different,
        false => Unknown,
    };
    all([
        Sameness::of(a.permissive == b.permissive),
        Sameness::of(command(a) == command(b)),
        same_roles,
        optional(&a.qual, &b.qual),
        optional(&a.with_check, &b.with_check),
    ])
}

fn function(a: &protobuf::CreateFunctionStmt, b: &protobuf::CreateFunctionStmt) -> Sameness {
    if a.parameters.len() != b.parameters.len() {
        return Different;
    }
    let parameters = a.parameters.iter().zip(&b.parameters).map(|(a, b)| match (&a.node, &b.node) {
        (Some(NodeEnum::FunctionParameter(a)), Some(NodeEnum::FunctionParameter(b))) => parameter(a, b),
        _ => Unknown,
    });
    all([
        Sameness::of(a.is_procedure == b.is_procedure),
        names(&a.funcname, &b.funcname),
        all(parameters),
        returned(a, b),
        trees(&a.sql_body, &b.sql_body),
        attributes(a, b),
    ])
}

/// The type that a function returns; with OUT parameters it need not be written.
fn returned(a: &protobuf::CreateFunctionStmt, b: &protobuf::CreateFunctionStmt) -> Sameness {
    let gives = |node: &protobuf::Node| match &node.node {
        Some(NodeEnum::FunctionParameter(parameter)) => matches!(
            parameter.mode(),
            protobuf::FunctionParameterMode::FuncParamOut | protobuf::FunctionParameterMode::FuncParamInout
        ),
        _ => false,
    };
    if a.return_type.is_some() != b.return_type.is_some() && a.parameters.iter().any(gives) {
        return Same;
    }
    optional_type(&a.return_type, &b.return_type)
}

fn parameter(a: &protobuf::FunctionParameter, b: &protobuf::FunctionParameter) -> Sameness {
    let mode = |p: &protobuf::FunctionParameter| match p.mode() {
        protobuf::FunctionParameterMode::FuncParamDefault => protobuf::FunctionParameterMode::FuncParamIn,
        other => other,
    };
    all([
        Sameness::of(a.name == b.name && mode(a) == mode(b)),
        optional_type(&a.arg_type, &b.arg_type),
        optional(&a.defexpr, &b.defexpr),
    ])
}

fn optional_type(a: &Option<protobuf::TypeName>, b: &Option<protobuf::TypeName>) -> Sameness {
    let read = |ty: &protobuf::TypeName| {
        // The modifiers of a parameter's type are not kept.
        let ty = protobuf::TypeName { typmods: Vec::new(), ..ty.clone() };
        serde_json::to_value(&ty).ok().and_then(|value| term::type_name(&value).ok())
    };
    match (a, b) {
        (None, None) => Same,
        (Some(a), Some(b)) if a.setof != b.setof => Different,
        (Some(a), Some(b)) if a.pct_type || b.pct_type => Sameness::of(a == b).or_unknown(),
        (Some(a), Some(b)) => match (read(a), read(b)) {
            (Some(a), Some(b)) => super::compare::same_type(&a, &b),
            _ => Unknown,
        },
        _ => Unknown,
    }
}

/// Compares language, body and the other options, with the defaults that the server leaves out.
fn attributes(a: &protobuf::CreateFunctionStmt, b: &protobuf::CreateFunctionStmt) -> Sameness {
    const DEFAULTS: [(&str, &str); 7] = [
        ("volatility", "volatile"),
        ("leakproof", "false"),
        ("strict", "false"),
        ("security", "false"),
        ("parallel", "unsafe"),
        ("window", "false"),
        ("language", "sql"),
    ];
    let read = |stmt: &protobuf::CreateFunctionStmt| {
        let mut list: Vec<(String, String)> = stmt.options.iter().map(attribute).collect::<Option<_>>()?;
        list.retain(|(name, value)| !DEFAULTS.contains(&(name, value)));
        list.sort();
        Some(list)
    };
    let (Some(a), Some(b)) = (read(a), read(b)) else { return Unknown };
    let value = |list: &[(String, String)], name: &str| {
        list.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    if a == b {
        return Same;
    }
    // What else differs may be a default of the language's, such as COST and ROWS, or a spelling.
    let surely = ["as", "language", "volatility", "strict", "security"];
    if surely.iter().any(|name| value(&a, name) != value(&b, name)) { Different } else { Unknown }
}

fn attribute(node: &protobuf::Node) -> Option<(String, String)> {
    let NodeEnum::DefElem(option) = node.node.as_ref()? else { return None };
    let value = match option.arg.as_ref()?.node.as_ref()? {
        NodeEnum::List(list) => strings(&list.items).join("\n"),
        NodeEnum::String(text) => text.sval.clone(),
        NodeEnum::Boolean(flag) => flag.boolval.to_string(),
        NodeEnum::Integer(number) => number.ival.to_string(),
        NodeEnum::Float(number) => number.fval.clone(),
        NodeEnum::VariableSetStmt(set) => {
            format!("{} {:?}", set.name, normal(&set.args)?)
        }
        _ => return None,
    };
    // The name of a language is folded even when it is quoted.
    let value = if option.defname == "language" { value.to_lowercase() } else { value };
    let name = match &*option.defname {
        "set" => format!("set {value}"),
        other => other.to_owned(),
    };
    Some((name, value))
}
