//! Whether the simulated catalog says what the introspected one says.

use super::details;
use super::facts::{Facts, Form, Value, facts};
use dunlin::analyze::sameness::{self, Sameness};
use dunlin::catalog::{Catalog, SearchPath};
use dunlin::syntax::{deparse_statement, parse_sql_fragment};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What was found between two catalogs.
#[derive(Debug, Clone, Default)]
pub(super) struct Comparison {
    /// What surely differs, one line each.
    pub differences: Vec<Mismatch>,
    /// What the simulation could not work out.
    pub unknown: Vec<String>,
    /// How many texts were met for the first time and could not be compared, by kind of object and fact.
    pub not_compared: BTreeMap<String, usize>,
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// The kind of object and which of its facts, for groups of problems.
    pub cause: String,
    /// All of it.
    pub text: String,
}

/// Compares catalogs, and remembers what was compared before.
#[derive(Debug, Default)]
pub(super) struct Comparer {
    known: HashMap<(Form, String, String), Sameness>,
    /// What is counted already as not compared: object, fact, and the server's text.
    told: HashSet<(String, &'static str, String)>,
    /// Something was renamed just now.
    renamed: bool,
}

impl Comparer {
    /// Compares two catalogs. Where something was `renamed` just now, the texts that mention it have its old name in the
    /// simulation and the new one on the server, so that their difference says nothing.
    pub(super) fn compare(&mut self, simulated: &Catalog, live: &Catalog, renamed: bool) -> Comparison {
        self.renamed = renamed;
        let open: Vec<String> = simulated
            .schemas()
            .filter(|(id, _)| simulated.is_open(*id))
            .map(|(_, schema)| schema.name.clone())
            .collect();
        let (simulated, live) = (facts(simulated), facts(live));
        let mut found = Comparison::default();
        let names = simulated.keys().chain(live.keys().filter(|name| !simulated.contains_key(*name)));
        for name in names {
            let kind = name.split(' ').next().unwrap_or_default();
            if of_a_relation_on_one_side(&simulated, &live, name) {
                continue;
            }
            match (simulated.get(name), live.get(name)) {
                (Some(simulated), Some(live)) => self.objects(&mut found, name, simulated, live),
                (Some(_), None) => found.differs(format!("{kind} is not there"), missing(name)),
                // Columns that were not worked out are told by their relation.
                (None, Some(_)) if kind == "column" && columns_unknown(&simulated, name) => {}
                // What IMPORT FOREIGN SCHEMA and the like make is known to the other server.
                (None, Some(_)) if open.iter().any(|schema| name.contains(&format!(" {schema}."))) => {
                    found.unknown.push(name.clone());
                }
                (None, _) => found.differs(
                    format!("{kind} was not simulated"),
                    format!("{name}: on the server, not simulated"),
                ),
            }
        }
        // Relations come first: the rest is often their consequence.
        found.differences.sort_by_key(|mismatch| !mismatch.cause.starts_with("relation"));
        found
    }

    fn objects(&mut self, found: &mut Comparison, name: &str, simulated: &Facts, live: &Facts) {
        let none = Value::Exact("none".to_owned());
        let gone =
            simulated.iter().filter(|(field, _)| details::is_detail(field) && !live.contains_key(*field));
        for (field, live) in live.iter().chain(gone.map(|(field, _)| (field, &none))) {
            let absent = details::is_detail(field).then_some(&none);
            let Some(simulated) = simulated.get(field).or(absent) else {
                // Which facts there are depends on the kind, which differs then.
                continue;
            };
            let kind = name.split(' ').next().unwrap_or_default();
            match self.values(simulated, live) {
                Sameness::Same => {}
                Sameness::Unknown
                    if matches!(simulated, Value::Unknown) || matches!(live, Value::Unknown) =>
                {
                    found.unknown.push(format!("{name}: {field}"));
                }
                Sameness::Unknown => {
                    if self.told.insert((name.to_owned(), field, shown(live))) {
                        *found.not_compared.entry(format!("{kind}: {field}")).or_default() += 1;
                    }
                }
                Sameness::Different => {
                    found.differs(
                        format!("{kind}: {field}"),
                        format!("{name}: {field} is {}, simulated {}", shown(live), shown(simulated)),
                    );
                }
            }
        }
    }

    fn values(&mut self, simulated: &Value, live: &Value) -> Sameness {
        match (simulated, live) {
            (Value::Unknown, _) | (_, Value::Unknown) => Sameness::Unknown,
            (Value::Exact(simulated), Value::Exact(live)) => Sameness::of(simulated == live),
            (Value::Text(_, Some(simulated)), Value::Text(form, Some(live))) => {
                self.texts(form, simulated, live)
            }
            (Value::Text(_, None), Value::Text(_, None)) => Sameness::Same,
            (Value::Text(..), Value::Text(..)) => Sameness::Unknown,
            _ => Sameness::Different,
        }
    }

    fn texts(&mut self, form: &Form, simulated: &str, live: &str) -> Sameness {
        if simulated == live {
            return Sameness::Same;
        }
        let key = (form.clone(), simulated.to_owned(), live.to_owned());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let answer = match form {
            Form::Expression => sameness::expressions(simulated, live),
            Form::Default(_, ty) => sameness::defaults(simulated, live, &ty.type_ref()),
            Form::Query => sameness::queries(simulated, live),
            Form::Constraint => sameness::constraints(simulated, live),
            Form::Trigger => sameness::triggers(simulated, live),
            Form::Policy => sameness::policies(simulated, live),
            Form::After(start) => {
                let (simulated, live) = (spelled(start, simulated), spelled(start, live));
                Sameness::of(simulated.is_some() && simulated == live).or_unknown()
            }
            Form::Other => Sameness::Unknown,
        };
        if answer == Sameness::Different && self.renamed {
            return Sameness::Unknown;
        }
        self.known.insert(key, answer);
        answer
    }
}

impl Comparison {
    /// Takes relations that are gone for unknown where that could not be known.
    pub(super) fn may_lack(&mut self, relations: &BTreeSet<String>) {
        for name in relations {
            let text = missing(&format!("relation {name}"));
            if let Some(at) = self.differences.iter().position(|mismatch| mismatch.text == text) {
                self.unknown.push(self.differences.remove(at).text);
            }
        }
    }

    /// Compares the paths in which names are looked for.
    pub(super) fn search_path(&mut self, simulated: &SearchPath, live: &SearchPath) {
        if simulated != live {
            let text = format!("search_path is {:?}, simulated {:?}", live.0, simulated.0);
            self.differs("search_path".to_owned(), text);
        }
    }

    fn differs(&mut self, cause: String, text: String) {
        self.differences.push(Mismatch { cause, text });
    }
}

fn missing(name: &str) -> String {
    format!("{name}: simulated, not on the server")
}

/// Whether it is a column of a relation that only one side has: that is told of the relation.
fn of_a_relation_on_one_side(
    simulated: &BTreeMap<String, Facts>,
    live: &BTreeMap<String, Facts>,
    name: &str,
) -> bool {
    let relation = match name.split_once(' ') {
        Some(("column", column)) => column.rfind('.').map_or(column, |dot| &column[..dot]),
        Some(("constraint" | "trigger" | "policy" | "rule", part)) => match part.split_once(" on ") {
            Some((_, relation)) => relation,
            None => return false,
        },
        _ => return false,
    };
    let relation = format!("relation {relation}");
    simulated.contains_key(&relation) != live.contains_key(&relation)
}

/// A part of a statement in libpg_query's spelling, with what comes before it.
fn spelled(start: &str, text: &str) -> Option<String> {
    deparse_statement(&parse_sql_fragment(&format!("{start} {text}")).ok()?)
}

fn columns_unknown(simulated: &BTreeMap<String, Facts>, column: &str) -> bool {
    let Some(column) = column.strip_prefix("column ") else { return false };
    let relation = column.rfind('.').map_or(column, |dot| &column[..dot]);
    let facts = simulated.get(&format!("relation {relation}"));
    facts.is_some_and(|facts| facts.get("columns") == Some(&Value::Unknown))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Exact(text) => format!("`{text}`"),
        Value::Unknown => "unknown".to_owned(),
        Value::Text(_, Some(text)) => format!("`{}`", text.split_whitespace().collect::<Vec<_>>().join(" ")),
        Value::Text(_, None) => "no text".to_owned(),
    }
}
