//! What objects have beside their definitions, as facts: an object that lacks one says nothing of it.

use super::facts::{Facts, Value, exact_text};
use dunlin::catalog::{Catalog, Detail, DetailValue, Other, Privileges, Subject};
use std::collections::BTreeMap;

/// Adds the details of an object to its facts.
pub(super) fn add(catalog: &Catalog, of: &Subject, facts: &mut Facts) {
    for (detail, value) in catalog.details_of(of) {
        if !matches!(detail, Detail::Owner | Detail::Privileges) {
            facts.insert(name(detail), fact(value));
        }
    }
    match of {
        Subject::Object(id) => {
            let owner = catalog.owner_of(*id);
            let has_owner = catalog.schema(*id).is_none()
                && catalog.relation(*id).is_none()
                && catalog.other(*id).is_none_or(Other::has_owner);
            if has_owner {
                facts.insert(
                    "detail owner",
                    if owner.is_empty() { Value::Unknown } else { exact_text(owner) },
                );
            }
            let Some(kind) = catalog.privilege_kind(*id) else { return };
            let value = match catalog.detail(of, Detail::Privileges) {
                DetailValue::Absent => {
                    exact_text(format!("`{}`", Privileges::initial(kind, owner, catalog.server_version)))
                }
                value => fact(value),
            };
            facts.insert("detail privileges", value);
        }
        _ => {
            let value = catalog.detail(of, Detail::Privileges);
            if *value != DetailValue::Absent {
                facts.insert("detail privileges", fact(value));
            }
        }
    }
}

/// Adds default privileges as objects of their own.
pub(super) fn defaults(catalog: &Catalog, objects: &mut BTreeMap<String, Facts>) {
    for (of, value) in catalog.default_privileges() {
        let Subject::Default(role, schema, kind) = of else { continue };
        let schema = schema.map_or("everywhere", |schema| catalog.schema_name(schema));
        let facts = Facts::from([("detail privileges", fact(value))]);
        objects.insert(format!("default privileges of {role} for {kind} in {schema}"), facts);
    }
}

/// Whether a fact is a detail, which an object without it does not tell.
pub(super) fn is_detail(fact: &str) -> bool {
    fact.starts_with("detail ")
}

fn fact(value: &DetailValue) -> Value {
    match value {
        DetailValue::Absent => exact_text("none"),
        DetailValue::Text(text) => exact_text(format!("`{text}`")),
        DetailValue::Unknown => Value::Unknown,
    }
}

fn name(detail: Detail) -> &'static str {
    match detail {
        Detail::Comment => "detail comment",
        Detail::Owner => "detail owner",
        Detail::Privileges => "detail privileges",
        Detail::Enabled => "detail enabled",
        Detail::ReplicaIdentity => "detail replica identity",
        Detail::Clustered => "detail clustered",
        Detail::Storage => "detail storage",
        Detail::Compression => "detail compression",
        Detail::StatisticsTarget => "detail statistics target",
        Detail::Options => "detail options",
        Detail::Tablespace => "detail tablespace",
        Detail::AccessMethod => "detail access method",
        Detail::Strict => "detail strict",
        Detail::SecurityDefiner => "detail security definer",
        Detail::Leakproof => "detail leakproof",
        Detail::Parallel => "detail parallel",
        Detail::Cost => "detail cost",
        Detail::Rows => "detail rows",
        Detail::Support => "detail support",
        Detail::Settings => "detail settings",
    }
}
