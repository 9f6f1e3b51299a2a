//! What functions have beside signature and body: STRICT, COST, SET …

use super::context::{Context, string, strings};
use super::session_statements::setting_text;
use crate::catalog::{Catalog, Detail, DetailValue, Ident, Name, Subject};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::VariableSetKind as Kind;

/// Settings whose value is a list of names, each of them quoted where it has to be.
const LISTS_OF_NAMES: [&str; 6] = [
    "search_path",
    "temp_tablespaces",
    "session_preload_libraries",
    "local_preload_libraries",
    "shared_preload_libraries",
    "unix_socket_directories",
];

/// The details of the constructors that come with a range type, or its multirange.
pub(super) fn constructor_details(multirange: bool) -> Vec<(Detail, DetailValue)> {
    let strict = multirange.then(|| (Detail::Strict, DetailValue::text("")));
    strict.into_iter().chain([(Detail::Parallel, DetailValue::text("s"))]).collect()
}

impl Context<'_> {
    /// What the options of CREATE and ALTER FUNCTION set, one entry for each.
    pub(super) fn function_details(
        &self,
        options: &[protobuf::Node],
        old: Option<(&Subject, &str)>,
    ) -> Vec<(Detail, DetailValue)> {
        let mut details: Vec<(Detail, DetailValue)> = Vec::new();
        let language = match old {
            Some((_, language)) => Some(language.to_owned()),
            None => options.iter().find_map(|node| named(node, "language")).and_then(string),
        };
        // What is free costs less in the languages of the server's own code.
        let compiled = language.is_some_and(|name| matches!(name.to_lowercase().as_str(), "c" | "internal"));
        for node in options {
            let Some(NodeEnum::DefElem(option)) = &node.node else { continue };
            let argument = option.arg.as_deref();
            let text = argument.and_then(string);
            let (detail, value) = match option.defname.as_str() {
                "strict" => (Detail::Strict, flag(argument)),
                "security" => (Detail::SecurityDefiner, flag(argument)),
                "leakproof" => (Detail::Leakproof, flag(argument)),
                "parallel" => {
                    let letter = text.unwrap_or_default().to_lowercase().chars().next();
                    let letter = letter.filter(|letter| *letter != 'u').map(String::from);
                    (Detail::Parallel, DetailValue::from(letter))
                }
                "cost" => {
                    let usual = if compiled { "1" } else { "100" };
                    (Detail::Cost, number(argument, usual))
                }
                "rows" => (Detail::Rows, number(argument, "1000")),
                "support" => (Detail::Support, self.support_function(argument)),
                "set" => {
                    let kept = details.iter().find(|(detail, _)| *detail == Detail::Settings);
                    let before = match (kept, old) {
                        (Some((_, value)), _) => value.clone(),
                        (None, Some((of, _))) => self.catalog.detail(of, Detail::Settings).clone(),
                        (None, None) => DetailValue::Absent,
                    };
                    (Detail::Settings, settings_after(&before, argument))
                }
                _ => continue,
            };
            details.retain(|(known, _)| *known != detail);
            details.push((detail, value));
        }
        details
    }

    /// A function as the server writes it: with its schema, but for its own.
    fn support_function(&self, argument: Option<&protobuf::Node>) -> DetailValue {
        let names = match argument.and_then(|argument| argument.node.as_ref()) {
            Some(NodeEnum::List(list)) => strings(&list.items),
            _ => return DetailValue::Unknown,
        };
        let name = Name::from_parts(&names);
        match self.catalog.find_functions(&name, self.path()).first() {
            Some((id, _)) => {
                let name = self.catalog.function_name(*id);
                DetailValue::text(format!("{}.{}", Ident(&name.schema), Ident(&name.name)))
            }
            None if name.schema.as_deref().is_none_or(Catalog::is_system_schema) => {
                DetailValue::text(name.name)
            }
            None => DetailValue::Unknown,
        }
    }
}

fn named<'n>(node: &'n protobuf::Node, name: &str) -> Option<&'n protobuf::Node> {
    match &node.node {
        Some(NodeEnum::DefElem(option)) if option.defname == name => option.arg.as_deref(),
        _ => None,
    }
}

fn flag(argument: Option<&protobuf::Node>) -> DetailValue {
    match argument.and_then(|argument| argument.node.as_ref()) {
        Some(NodeEnum::Boolean(value)) if !value.boolval => DetailValue::Absent,
        _ => DetailValue::text(""),
    }
}

/// A number as the server keeps it; the usual one is none.
fn number(argument: Option<&protobuf::Node>, usual: &str) -> DetailValue {
    let text = match argument.and_then(|argument| argument.node.as_ref()) {
        Some(NodeEnum::Integer(value)) => float_text(value.ival as f32),
        Some(NodeEnum::Float(value)) => match value.fval.parse::<f32>() {
            Ok(value) => float_text(value),
            Err(_) => return DetailValue::Unknown,
        },
        _ => return DetailValue::Unknown,
    };
    match text.as_str() {
        text if text == usual => DetailValue::Absent,
        text => DetailValue::text(text),
    }
}

/// A `float4` as the server writes it: with an exponent where it is large or small.
fn float_text(value: f32) -> String {
    if value == 0.0 || (1e-4..1e6).contains(&value) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e').and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?))) {
        Some((digits, power)) => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", power.abs())
        }
        None => text,
    }
}

/// The settings of a function or role after SET or RESET, as the server keeps them.
pub(super) fn settings_after(before: &DetailValue, argument: Option<&protobuf::Node>) -> DetailValue {
    let Some(NodeEnum::VariableSetStmt(set)) = argument.and_then(|argument| argument.node.as_ref()) else {
        return DetailValue::Unknown;
    };
    let before = match before {
        DetailValue::Text(text) => &**text,
        DetailValue::Absent => "",
        DetailValue::Unknown => return DetailValue::Unknown,
    };
    let name = match set.name.to_lowercase().as_str() {
        "timezone" => "TimeZone",
        "datestyle" => "DateStyle",
        "intervalstyle" => "IntervalStyle",
        _ => set.name.as_str(),
    };
    let is_it = |line: &str| line.split('=').next().is_some_and(|known| known.eq_ignore_ascii_case(name));
    let mut lines: Vec<String> = before.lines().map(str::to_owned).collect();
    let value = match set.kind() {
        Kind::VarResetAll => return DetailValue::Absent,
        Kind::VarReset | Kind::VarSetDefault => None,
        Kind::VarSetValue => Some(setting_value(name, &set.args)),
        _ => return DetailValue::Unknown,
    };
    let at = lines.iter().position(|line| is_it(line));
    match (value, at) {
        (Some(value), Some(at)) => lines[at] = format!("{name}={value}"),
        (Some(value), None) => lines.push(format!("{name}={value}")),
        (None, Some(at)) => {
            lines.remove(at);
        }
        (None, None) => {}
    }
    DetailValue::from(Some(lines.join("\n")).filter(|text| !text.is_empty()))
}

fn setting_value(name: &str, arguments: &[protobuf::Node]) -> String {
    let names = LISTS_OF_NAMES.contains(&name.to_lowercase().as_str());
    let values = arguments.iter().filter_map(setting_text).map(|value| match names {
        true => Ident(&value).to_string(),
        false => value,
    });
    values.collect::<Vec<_>>().join(", ")
}
