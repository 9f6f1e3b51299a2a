//! What most objects do not have, put to the objects that do.

use super::build::{self, Builder};
use super::rows::{ColumnRow, DetailRow, Oid};
use crate::catalog::{Detail, DetailValue, PartKind, Privileges, Subject};
use std::collections::HashMap;

const PG_AUTHID: Oid = 1260;
const PG_EXTENSION: Oid = 3079;
const PG_DEFAULT_ACL: Oid = 826;

/// The details that come with a column, in the order of its query.
const COLUMN_DETAILS: [Detail; 4] =
    [Detail::Privileges, Detail::Options, Detail::StatisticsTarget, Detail::Compression];

/// Where what has its name within a relation is, by catalog and identifier.
type Parts<'r> = HashMap<(Oid, Oid), (Oid, PartKind, &'r str)>;

impl<'r> Builder<'r> {
    /// Adds comments, privileges and the like.
    pub(super) fn add_details(&mut self) {
        let rows = self.rows;
        let parts = self.named_parts();
        for row in &rows.details {
            if row.class == PG_DEFAULT_ACL {
                self.add_default_privileges(row);
                continue;
            }
            let Some(of) = self.subject(row, &parts) else { continue };
            let Some(detail) = detail_named(&row.detail) else { continue };
            self.catalog.set_detail(of, detail, value_of(detail, &row.value));
        }
        self.add_details_of_columns();
    }

    fn add_details_of_columns(&mut self) {
        let rows = self.rows;
        for row in &rows.columns {
            let Some(id) = self.relations.get(&row.relation).copied() else { continue };
            let of = Subject::Column(id, row.number);
            if self.is_stored_otherwise(row) {
                let storage = DetailValue::text(row.storage.to_string().as_str());
                self.catalog.set_detail(of.clone(), Detail::Storage, storage);
            }
            for (detail, value) in COLUMN_DETAILS.into_iter().zip(row.details.iter().flatten()) {
                if let Some(value) = value {
                    self.catalog.set_detail(of.clone(), detail, value_of(detail, value));
                }
            }
        }
    }

    /// Whether a column of a table is not stored as its type says.
    fn is_stored_otherwise(&self, row: &ColumnRow) -> bool {
        let differs = self.type_rows.get(&row.ty).is_some_and(|ty| ty.storage != row.storage);
        differs
            && self
                .relation_rows
                .get(&row.relation)
                .is_some_and(|relation| matches!(relation.kind, 'r' | 'p' | 'f' | 'm'))
    }

    fn named_parts(&self) -> Parts<'r> {
        let rows = self.rows;
        let constraints = rows.constraints.iter().map(|row| {
            let of = if row.domain != 0 { row.domain } else { row.relation };
            ((build::PG_CONSTRAINT, row.oid), (of, PartKind::Constraint, row.name.as_str()))
        });
        let triggers = rows
            .triggers
            .iter()
            .map(|row| ((build::PG_TRIGGER, row.oid), (row.relation, PartKind::Trigger, row.name.as_str())));
        let policies = rows
            .policies
            .iter()
            .map(|row| ((build::PG_POLICY, row.oid), (row.relation, PartKind::Policy, row.name.as_str())));
        let rules = rows
            .rules
            .iter()
            .filter(|row| !row.of_view)
            .map(|row| ((build::PG_REWRITE, row.oid), (row.relation, PartKind::Rule, row.name.as_str())));
        match rows.details.iter().any(|row| self.is_part(row.class)) {
            true => constraints.chain(triggers).chain(policies).chain(rules).collect(),
            false => Parts::new(),
        }
    }

    fn is_part(&self, class: Oid) -> bool {
        matches!(class, build::PG_CONSTRAINT | build::PG_TRIGGER | build::PG_POLICY | build::PG_REWRITE)
    }

    fn subject(&self, row: &DetailRow, parts: &Parts<'_>) -> Option<Subject> {
        let object =
            |ids: &HashMap<Oid, crate::catalog::Id>| ids.get(&row.object).map(|id| Subject::Object(*id));
        match row.class {
            build::PG_CLASS if row.sub != 0 => {
                let relation = self.relations.get(&row.object)?;
                Some(Subject::Column(*relation, i16::try_from(row.sub).ok()?))
            }
            build::PG_CLASS => object(&self.relations),
            build::PG_PROC => object(&self.functions),
            build::PG_TYPE => object(&self.types),
            build::PG_NAMESPACE => object(&self.schemas),
            class if self.is_part(class) => {
                let (of, kind, name) = parts.get(&(class, row.object))?;
                let of = self.relations.get(of).or_else(|| self.types.get(of))?;
                Some(Subject::Part(*of, *kind, (*name).into()))
            }
            PG_AUTHID => Some(Subject::Role(self.role(row.object).into())),
            PG_EXTENSION => {
                let extensions = self.rows.names.iter().filter(|name| name.class == "extension");
                let found = extensions.into_iter().find(|name| name.oid == row.object)?;
                Some(Subject::Extension(found.name.as_str().into()))
            }
            class => self.others.get(&(class, row.object)).map(|id| Subject::Object(*id)),
        }
    }

    fn add_default_privileges(&mut self, row: &DetailRow) {
        let Some(rest) = row.detail.strip_prefix("default ") else { return };
        let mut letters = rest.chars();
        let Some(kind) = letters.next() else { return };
        let schema = match row.object {
            0 => None,
            oid => match self.schemas.get(&oid) {
                Some(id) => Some(*id),
                None => return,
            },
        };
        let of = Subject::Default(letters.as_str().into(), schema, kind);
        self.catalog.set_detail(of, Detail::Privileges, privileges(&row.value));
    }
}

fn value_of(detail: Detail, text: &str) -> DetailValue {
    match detail {
        Detail::Privileges => privileges(text),
        _ => DetailValue::text(text),
    }
}

fn privileges(text: &str) -> DetailValue {
    match Privileges::parse(text) {
        Some(privileges) => DetailValue::text(privileges.to_string()),
        None => DetailValue::Unknown,
    }
}

fn detail_named(name: &str) -> Option<Detail> {
    Some(match name {
        "comment" => Detail::Comment,
        "owner" => Detail::Owner,
        "privileges" => Detail::Privileges,
        "enabled" => Detail::Enabled,
        "replica identity" => Detail::ReplicaIdentity,
        "clustered" => Detail::Clustered,
        "statistics target" => Detail::StatisticsTarget,
        "options" => Detail::Options,
        "tablespace" => Detail::Tablespace,
        "access method" => Detail::AccessMethod,
        "strict" => Detail::Strict,
        "security definer" => Detail::SecurityDefiner,
        "leakproof" => Detail::Leakproof,
        "parallel" => Detail::Parallel,
        "cost" => Detail::Cost,
        "rows" => Detail::Rows,
        "support" => Detail::Support,
        "settings" => Detail::Settings,
        _ => return None,
    })
}
