//! Parse trees in one spelling: what PostgreSQL writes differently from what it was given, made equal.
//!
//! Trees come as JSON, so that node kinds that need no care are carried through as they are.

use crate::syntax::protobuf::{AExprKind, BoolExprType, SqlValueFunctionOp};
use serde_json::{Map, Value};

/// A tree in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    /// A constant.
    Const(Const),
    /// A cast, however it was spelled.
    Cast(Box<Term>, Type),
    /// A column with whatever qualifies it, or `*`.
    Column(Vec<String>),
    /// A function call; the rest (DISTINCT, FILTER, OVER …) is in the second field.
    Call(Vec<String>, Box<Term>, Vec<Term>),
    /// An operator, with what makes it special (`any`, `all`, `distinct`, `nullif`).
    Op(&'static str, Vec<String>, Vec<Term>),
    /// AND or OR, flat.
    Bool(&'static str, Vec<Term>),
    /// NOT.
    Not(Box<Term>),
    /// ARRAY[…].
    Array(Vec<Term>),
    /// A name in a place of its own: of a collation, an operator class.
    Name(Vec<String>),
    /// A type in a place of its own.
    Type(Type),
    /// Any other node.
    Node(String, Vec<(String, Term)>),
    /// A list.
    List(Vec<Term>),
    /// A string, number or flag of a node.
    Leaf(String),
}

/// A constant's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Const {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Bits(String),
}

/// A type as it is named in a cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) name: Vec<String>,
    pub(super) modifiers: Vec<String>,
    pub(super) array: bool,
}

/// The tree cannot be put into normal form within reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch;

pub(super) type Result<T> = std::result::Result<T, TooMuch>;

/// Size that a term copied by BETWEEN may have; nested ones would double with each level.
const COPIED: usize = 500;

/// Puts a tree into normal form.
pub(super) fn normalise(value: &Value) -> Result<Term> {
    match value {
        Value::Null => Ok(Term::List(Vec::new())),
        Value::Bool(flag) => Ok(Term::Leaf(flag.to_string())),
        Value::Number(number) => Ok(Term::Leaf(number.to_string())),
        Value::String(text) => Ok(Term::Leaf(text.clone())),
        Value::Array(items) => Ok(Term::List(list(items)?)),
        Value::Object(map) => match kind_of(map) {
            Some((kind, fields)) => node(kind, fields),
            None => generic("", map),
        },
    }
}

/// Gives the kind and the fields of `{"node": {"Kind": {…}}}`.
pub(super) fn kind_of(map: &Map<String, Value>) -> Option<(&str, &Map<String, Value>)> {
    let inner = map.get("node").filter(|_| map.len() == 1)?.as_object()?;
    let (kind, fields) = inner.iter().next()?;
    Some((kind, fields.as_object()?))
}

fn node(kind: &str, f: &Map<String, Value>) -> Result<Term> {
    match kind {
        "AConst" => Ok(Term::Const(constant(f))),
        "TypeCast" => Ok(cast(term(f, "arg")?, type_name(&f["type_name"])?)),
        "ColumnRef" => Ok(Term::Column(items(f, "fields").iter().map(column_part).collect())),
        "FuncCall" => call(f),
        "AExpr" => operator(f),
        "BoolExpr" => boolean(f),
        "AArrayExpr" => Ok(Term::Array(list(items(f, "elements"))?)),
        "CaseExpr" => case(f),
        "SqlvalueFunction" => sql_value(f),
        "RowExpr" => Ok(Term::Node("Row".into(), vec![("args".into(), Term::List(list(items(f, "args"))?))])),
        "RangeVar" => range(f),
        "SortBy" => sort(f, "sortby_dir", "sortby_nulls"),
        "IndexElem" => sort(f, "ordering", "nulls_ordering"),
        "AIndirection" => {
            let parts = items(f, "indirection").iter().map(normalise).collect::<Result<Vec<_>>>()?;
            let arg = ("arg".to_owned(), term(f, "arg")?);
            Ok(Term::Node("Indirection".into(), vec![arg, ("parts".into(), Term::List(parts))]))
        }
        "TypeName" => Ok(Term::Type(type_name(&Value::Object(f.clone()))?)),
        _ => generic(kind, f),
    }
}

fn range(f: &Map<String, Value>) -> Result<Term> {
    let part = |name: &str| f[name].as_str().filter(|text| !text.is_empty() && *text != "pg_catalog");
    let name = [part("schemaname"), part("relname")].into_iter().flatten().map(str::to_owned).collect();
    let fields = vec![
        ("alias".to_owned(), term(f, "alias")?),
        ("inh".to_owned(), term(f, "inh")?),
        ("name".to_owned(), Term::Name(name)),
    ];
    Ok(Term::Node("RangeVar".into(), fields))
}

/// Carries a node through, without places in the text and what only the server fills in.
fn generic(kind: &str, f: &Map<String, Value>) -> Result<Term> {
    const PLACES: [&str; 6] =
        ["location", "xpr", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end"];
    const NAMES: [&str; 6] = ["collname", "collation", "opclass", "oper_name", "use_op", "funcname"];
    let mut fields = Vec::new();
    for (name, value) in f {
        if NAMES.contains(&name.as_str()) && value.as_array().is_some_and(|list| !list.is_empty()) {
            fields.push((name.clone(), Term::Name(names(value))));
        } else if name == "type_name" && value.is_object() {
            fields.push((name.clone(), Term::Type(type_name(value)?)));
        } else if !PLACES.contains(&name.as_str()) && !name.ends_with("_location") {
            fields.push((name.clone(), normalise(value)?));
        }
    }
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Term::Node(kind.to_owned(), fields))
}

fn list(items: &[Value]) -> Result<Vec<Term>> {
    items.iter().map(normalise).collect()
}

fn items<'a>(f: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    f.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn term(f: &Map<String, Value>, name: &str) -> Result<Term> {
    normalise(f.get(name).unwrap_or(&Value::Null))
}

fn number(f: &Map<String, Value>, name: &str) -> i64 {
    f.get(name).and_then(Value::as_i64).unwrap_or_default()
}

/// Gives the text of a `String` node.
fn string(value: &Value) -> Option<&str> {
    let (kind, fields) = kind_of(value.as_object()?)?;
    (kind == "String").then(|| fields.get("sval")?.as_str()).flatten()
}

/// Gives the parts of a name, without `pg_catalog`, which the server leaves out or writes as it likes.
pub(super) fn names(value: &Value) -> Vec<String> {
    let list = value.as_array().map_or(&[] as &[Value], Vec::as_slice);
    let mut parts: Vec<String> = list.iter().filter_map(string).map(str::to_owned).collect();
    if parts.len() > 1 && parts[0] == "pg_catalog" {
        parts.remove(0);
    }
    parts
}

fn column_part(value: &Value) -> String {
    string(value).unwrap_or("*").to_owned()
}

fn constant(f: &Map<String, Value>) -> Const {
    let Some((kind, value)) = f.get("val").and_then(Value::as_object).and_then(|val| val.iter().next())
    else {
        return Const::Null;
    };
    let field = |name: &str| match &value[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match kind.as_str() {
        "Ival" => Const::Number(field("ival")),
        "Fval" => Const::Number(field("fval")),
        "Boolval" => Const::Bool(value["boolval"] == Value::Bool(true)),
        "Sval" => Const::Text(field("sval")),
        _ => Const::Bits(field("bsval")),
    }
}

/// Reads a `TypeName`.
pub(super) fn type_name(value: &Value) -> Result<Type> {
    let modifiers = match &value["typmods"] {
        Value::Array(list) => {
            list.iter().map(|item| Ok(modifier(&normalise(item)?))).collect::<Result<_>>()?
        }
        _ => Vec::new(),
    };
    let array = value["array_bounds"].as_array().is_some_and(|bounds| !bounds.is_empty());
    let mut name = names(&value["names"]);
    if let Some(last) = name.last_mut() {
        let alias = match last.as_str() {
            "decimal" => "numeric",
            "int" => "int4",
            other => other,
        };
        *last = alias.to_owned();
    }
    Ok(Type { name, modifiers, array })
}

fn modifier(term: &Term) -> String {
    match term {
        Term::Const(Const::Number(text) | Const::Text(text)) => text.clone(),
        Term::Column(parts) => parts.join(".").to_lowercase(),
        other => format!("{other:?}"),
    }
}

/// A cast of a constant or of ARRAY[…] goes inwards, as the server's own does.
pub(super) fn cast(arg: Term, ty: Type) -> Term {
    match arg {
        Term::Array(elements) if ty.array && elements.is_empty() => {
            Term::Cast(Box::new(Term::Const(Const::Text("{}".into()))), ty)
        }
        Term::Array(elements) if ty.array => {
            let element = Type { array: false, ..ty };
            let nested = |term: Term| match term {
                Term::Array(_) => cast(term, Type { array: true, ..element.clone() }),
                term => cast(term, element.clone()),
            };
            Term::Array(elements.into_iter().map(nested).collect())
        }
        Term::Const(Const::Text(text)) if ty.is("bool") => match boolean_text(&text) {
            Some(flag) => Term::Const(Const::Bool(flag)),
            None => Term::Cast(Box::new(Term::Const(Const::Text(text))), ty),
        },
        Term::Const(Const::Text(text)) if ty.is_number() && number_text(&text).is_some() => {
            let value = number_text(&text).unwrap_or_default();
            Term::Cast(Box::new(Term::Const(Const::Number(value))), ty)
        }
        arg => Term::Cast(Box::new(arg), ty),
    }
}

impl Type {
    /// Whether it is the built-in type of that name, not an array.
    pub(super) fn is(&self, name: &str) -> bool {
        !self.array && self.name == [name]
    }

    /// Whether it is one of the numeric types.
    pub(super) fn is_number(&self) -> bool {
        ["int2", "int4", "int8", "numeric", "float4", "float8", "oid"].iter().any(|name| self.is(name))
    }

    /// Whether it is a string type, between which the server casts as it likes.
    pub(super) fn is_text(&self) -> bool {
        ["text", "varchar", "bpchar", "name"].iter().any(|name| self.name == [*name])
    }

    /// The name without its schema.
    pub(super) fn last(&self) -> &str {
        self.name.last().map_or("", String::as_str)
    }
}

/// Reads a text as the type boolean does.
pub(super) fn boolean_text(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "on" | "1" => Some(true),
        "f" | "false" | "n" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Gives a text that is a plain number as the grammar would have given the number.
pub(super) fn number_text(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'.' || b == b'e' || b == b'E' || b == b'-' || b == b'+')
        && text.parse::<f64>().is_ok();
    plain.then(|| text.strip_prefix('+').unwrap_or(text).to_owned())
}

fn call(f: &Map<String, Value>) -> Result<Term> {
    const OWN: [&str; 4] = ["funcname", "args", "funcformat", "location"];
    let rest: Map<String, Value> = f
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let mut name = names(&f["funcname"]);
    if name == ["transaction_timestamp"] {
        name = vec!["now".into()];
    }
    Ok(Term::Call(name, Box::new(generic("rest", &rest)?), list(items(f, "args"))?))
}

fn plain_call(name: &str) -> Result<Term> {
    // The same fields as a call written out has.
    let rest = serde_json::json!({
        "agg_order": [], "agg_filter": null, "over": null, "agg_within_group": false,
        "agg_star": false, "agg_distinct": false, "func_variadic": false,
    });
    let rest = rest.as_object().map_or_else(|| Err(TooMuch), |rest| generic("rest", rest))?;
    Ok(Term::Call(vec![name.into()], Box::new(rest), Vec::new()))
}

fn sql_value(f: &Map<String, Value>) -> Result<Term> {
    let op = number(f, "op");
    // CURRENT_TIMESTAMP is the start of the transaction, and so is now().
    if op == SqlValueFunctionOp::SvfopCurrentTimestamp as i64 {
        return plain_call("now");
    }
    // CURRENT_ROLE and USER are other words for CURRENT_USER.
    let op =
        if op == SqlValueFunctionOp::SvfopCurrentRole as i64 || op == SqlValueFunctionOp::SvfopUser as i64 {
            SqlValueFunctionOp::SvfopCurrentUser as i64
        } else {
            op
        };
    let typmod = number(f, "typmod").to_string();
    let fields = vec![("op".into(), Term::Leaf(op.to_string())), ("typmod".into(), Term::Leaf(typmod))];
    Ok(Term::Node("SqlValue".into(), fields))
}

fn case(f: &Map<String, Value>) -> Result<Term> {
    let default = match f.get("defresult") {
        None | Some(Value::Null) => Term::Const(Const::Null),
        Some(value) => normalise(value)?,
    };
    let fields = vec![
        ("arg".to_owned(), term(f, "arg")?),
        ("args".to_owned(), Term::List(list(items(f, "args"))?)),
        ("else".to_owned(), default),
    ];
    Ok(Term::Node("Case".into(), fields))
}

fn boolean(f: &Map<String, Value>) -> Result<Term> {
    let args = list(items(f, "args"))?;
    let op = number(f, "boolop");
    if op == BoolExprType::NotExpr as i64 {
        return Ok(Term::Not(Box::new(args.into_iter().next().ok_or(TooMuch)?)));
    }
    Ok(flat(if op == BoolExprType::AndExpr as i64 { "and" } else { "or" }, args))
}

fn flat(op: &'static str, args: Vec<Term>) -> Term {
    let mut all = Vec::new();
    for arg in args {
        match arg {
            Term::Bool(inner, list) if inner == op => all.extend(list),
            other => all.push(other),
        }
    }
    Term::Bool(op, all)
}

fn op(name: &str, left: Term, right: Term) -> Term {
    Term::Op("", vec![name.into()], vec![left, right])
}

fn operator(f: &Map<String, Value>) -> Result<Term> {
    let name = names(&f["name"]);
    let kind = i32::try_from(number(f, "kind")).ok().and_then(|kind| AExprKind::try_from(kind).ok());
    let left = || term(f, "lexpr");
    let right = || term(f, "rexpr");
    match kind.ok_or(TooMuch)? {
        AExprKind::AexprOp | AExprKind::AexprLike | AExprKind::AexprIlike | AExprKind::AexprSimilar => {
            if f["lexpr"].is_null() {
                Ok(prefix(name, right()?))
            } else {
                binary(name, left()?, right()?)
            }
        }
        AExprKind::AexprOpAny => Ok(Term::Op("any", name, vec![left()?, right()?])),
        AExprKind::AexprOpAll => Ok(Term::Op("all", name, vec![left()?, right()?])),
        AExprKind::AexprDistinct => Ok(Term::Op("distinct", name, vec![left()?, right()?])),
        AExprKind::AexprNotDistinct => {
            Ok(Term::Not(Box::new(Term::Op("distinct", name, vec![left()?, right()?]))))
        }
        AExprKind::AexprNullif => Ok(Term::Op("nullif", name, vec![left()?, right()?])),
        AExprKind::AexprIn => in_list(&name, &left()?, f),
        AExprKind::AexprBetween => between(f, false, false),
        AExprKind::AexprNotBetween => between(f, true, false),
        AExprKind::AexprBetweenSym => between(f, false, true),
        AExprKind::AexprNotBetweenSym => between(f, true, true),
        AExprKind::Undefined => Err(TooMuch),
    }
}

/// `-5` is the constant, also where the server writes `(- 5)` for `- 5::int`.
fn prefix(name: Vec<String>, arg: Term) -> Term {
    if name == ["-"]
        && let Some(negated) = negated(&arg)
    {
        return negated;
    }
    Term::Op("", name, vec![arg])
}

fn negated(term: &Term) -> Option<Term> {
    match term {
        Term::Const(Const::Number(text)) => Some(Term::Const(Const::Number(match text.strip_prefix('-') {
            Some(positive) => positive.to_owned(),
            None => format!("-{text}"),
        }))),
        Term::Cast(inner, ty) if ty.is_number() => Some(Term::Cast(Box::new(negated(inner)?), ty.clone())),
        _ => None,
    }
}

/// `(a, b) = (c, d)` becomes `a = c AND b = d`, as the server does it.
fn binary(name: Vec<String>, left: Term, right: Term) -> Result<Term> {
    if name == ["="]
        && let (Some(a), Some(b)) = (row(&left), row(&right))
        && a.len() == b.len()
        && a.len() > 1
    {
        let pairs = a.iter().zip(b).map(|(a, b)| op("=", a.clone(), b.clone())).collect();
        return Ok(flat("and", pairs));
    }
    Ok(Term::Op("", name, vec![left, right]))
}

fn row(term: &Term) -> Option<&[Term]> {
    match term {
        Term::Node(kind, fields) if kind == "Row" => match &fields.first()?.1 {
            Term::List(list) => Some(list),
            _ => None,
        },
        _ => None,
    }
}

/// IN as `transformAExprIn` does it: constants together in an array, expressions of columns one by one.
fn in_list(name: &[String], left: &Term, f: &Map<String, Value>) -> Result<Term> {
    let Term::Node(_, fields) = term(f, "rexpr")? else { return Err(TooMuch) };
    let Some((_, Term::List(list))) = fields.into_iter().find(|(name, _)| name == "items") else {
        return Err(TooMuch);
    };
    let positive = name == ["="];
    let (array, single) = if list.iter().filter(|term| !has_column(term)).count() > 1 {
        list.into_iter().partition(|term| !has_column(term))
    } else {
        (Vec::new(), list)
    };
    check_copies(left, single.len())?;
    let mut parts = Vec::new();
    if !array.is_empty() {
        let kind = if positive { "any" } else { "all" };
        parts.push(Term::Op(kind, name.to_vec(), vec![left.clone(), Term::Array(array)]));
    }
    for item in single {
        parts.push(binary(name.to_vec(), left.clone(), item)?);
    }
    if parts.len() == 1 {
        return parts.pop().ok_or(TooMuch);
    }
    Ok(flat(if positive { "or" } else { "and" }, parts))
}

fn between(f: &Map<String, Value>, not: bool, symmetric: bool) -> Result<Term> {
    let value = term(f, "lexpr")?;
    check_copies(&value, 3)?;
    let Term::Node(_, fields) = term(f, "rexpr")? else { return Err(TooMuch) };
    let Some((_, Term::List(bounds))) = fields.into_iter().find(|(name, _)| name == "items") else {
        return Err(TooMuch);
    };
    let [low, high] = bounds.as_slice() else { return Err(TooMuch) };
    check_copies(low, 1)?;
    check_copies(high, 1)?;
    let (join, other, at_low, at_high) =
        if not { ("or", "and", "<", ">") } else { ("and", "or", ">=", "<=") };
    let within = |low: &Term, high: &Term| {
        flat(join, vec![op(at_low, value.clone(), low.clone()), op(at_high, value.clone(), high.clone())])
    };
    if symmetric {
        return Ok(flat(other, vec![within(low, high), within(high, low)]));
    }
    Ok(within(low, high))
}

fn check_copies(term: &Term, copies: usize) -> Result<()> {
    if copies > 1 && size(term) > COPIED { Err(TooMuch) } else { Ok(()) }
}

/// Calls `visit` with a term and everything in it.
pub(super) fn walk<'a>(term: &'a Term, visit: &mut dyn FnMut(&'a Term)) {
    visit(term);
    match term {
        Term::Cast(inner, _) | Term::Not(inner) => walk(inner, visit),
        Term::Call(_, rest, args) => {
            walk(rest, visit);
            args.iter().for_each(|arg| walk(arg, visit));
        }
        Term::Op(_, _, list) | Term::Bool(_, list) | Term::Array(list) | Term::List(list) => {
            list.iter().for_each(|term| walk(term, visit));
        }
        Term::Node(_, fields) => fields.iter().for_each(|(_, term)| walk(term, visit)),
        Term::Const(_) | Term::Column(_) | Term::Name(_) | Term::Type(_) | Term::Leaf(_) => {}
    }
}

fn size(term: &Term) -> usize {
    let mut count = 0;
    walk(term, &mut |_| count += 1);
    count
}

fn has_column(term: &Term) -> bool {
    let mut found = false;
    walk(term, &mut |term| found |= matches!(term, Term::Column(_)));
    found
}

/// One spelling of ASC, DESC and NULLS: only what differs from the default.
fn sort(f: &Map<String, Value>, direction: &str, nulls: &str) -> Result<Term> {
    const DEFAULT: i64 = 1;
    let mut f = f.clone();
    let descending = number(&f, direction) == 3;
    if number(&f, direction) == 2 {
        f.insert(direction.into(), DEFAULT.into());
    }
    let default_nulls = if descending { 2 } else { 3 };
    if number(&f, nulls) == default_nulls {
        f.insert(nulls.into(), DEFAULT.into());
    }
    generic("Sort", &f)
}
