//! What can be filled in only when every relation is there: definitions, rows of partitioned tables, names.

use super::build::{Builder, TEMPORARY_SCHEMA};
use super::definition;
use super::rows::PolicyRow;
use crate::catalog::{Catalog, Id, Ident, QName, RelationKind};
use std::collections::BTreeSet;

impl Builder<'_> {
    /// Writes the definitions for which the server was not asked.
    pub(super) fn write_definitions(&mut self) {
        let rows = self.rows;
        for row in &rows.indexes {
            let Some(id) = self.relations.get(&row.relation).copied() else { continue };
            let text = match (self.index_definitions.get(&row.relation), self.catalog.relation(id)) {
                (Some(text), _) => Some((*text).to_owned()),
                (None, Some(relation)) => relation.index().and_then(|index| {
                    definition::index(&self.catalog, &relation.name, index, &relation.options)
                }),
                (None, None) => None,
            };
            if let Some(RelationKind::Index(index)) =
                self.catalog.relation_mut(id).map(|found| &mut found.kind)
            {
                index.definition = text;
            }
        }
        for row in rows.constraints.iter().filter(|row| row.relation != 0 && row.definition.is_none()) {
            let Some(id) = self.relations.get(&row.relation).copied() else { continue };
            let text = self.catalog.relation(id).and_then(|table| {
                let constraint = table.constraint(&row.name)?;
                definition::constraint(&self.catalog, table, constraint, row.no_inherit)
            });
            let constraints = self.catalog.relation_mut(id).map(|table| &mut table.constraints);
            let constraint = constraints.and_then(|all| all.iter_mut().find(|found| found.name == row.name));
            if let Some(constraint) = constraint {
                constraint.definition = text;
            }
        }
    }

    /// A partitioned table is empty when all its partitions are.
    pub(super) fn settle_rows(&mut self) {
        let tables = self.catalog.relations();
        let partitioned: Vec<Id> = tables
            .filter(|(_, table)| table.kind == RelationKind::PartitionedTable)
            .map(|(id, _)| id)
            .collect();
        for id in partitioned {
            let has_rows = rows_below(&self.catalog, id);
            if let Some(table) = self.catalog.relation_mut(id) {
                table.has_rows = has_rows;
            }
        }
    }

    /// Adds what is kept by name only.
    pub(super) fn add_names(&mut self) {
        let mut roles = BTreeSet::new();
        for row in &self.rows.names {
            match row.class.as_str() {
                "role" => {
                    roles.insert(row.name.clone());
                }
                "extension" => {
                    let version = row.detail.clone().unwrap_or_default();
                    self.catalog.extensions.insert(row.name.clone(), version);
                }
                _ => {}
            }
        }
        self.catalog.roles = Some(roles);
        for row in &self.rows.others {
            let name = match row.schema {
                None => Ident(&row.name).to_string(),
                Some(oid) => match self.schemas.get(&oid) {
                    Some(id) if row.class == "operator" => operator(self.catalog.schema_name(*id), &row.name),
                    Some(id) => QName::new(self.catalog.schema_name(*id), row.name.as_str()).to_string(),
                    None => continue,
                },
            };
            let name = if row.class == "cast" || row.class == "transform" { row.name.clone() } else { name };
            let suffix = row.suffix.as_deref().unwrap_or_default();
            self.catalog.others.insert((row.class.clone(), format!("{name}{suffix}")));
        }
    }

    pub(super) fn policy(&self, row: &PolicyRow) -> String {
        let roles: Vec<String> = row.roles.iter().map(|oid| self.role_or_public(*oid)).collect();
        let mut text = format!(
            "AS {} FOR {} TO {}",
            if row.permissive { "PERMISSIVE" } else { "RESTRICTIVE" },
            match row.command {
                'r' => "SELECT",
                'a' => "INSERT",
                'w' => "UPDATE",
                'd' => "DELETE",
                _ => "ALL",
            },
            roles.join(", ")
        );
        if let Some(using) = &row.using {
            text.push_str(&format!(" USING ({using})"));
        }
        if let Some(check) = &row.check {
            text.push_str(&format!(" WITH CHECK ({check})"));
        }
        text
    }

    fn role_or_public(&self, oid: u32) -> String {
        match oid {
            0 => "PUBLIC".to_owned(),
            oid => Ident(&self.role(oid)).to_string(),
        }
    }
}

/// An operator's name is not quoted.
fn operator(schema: &str, name: &str) -> String {
    match schema {
        "public" | TEMPORARY_SCHEMA => name.to_owned(),
        schema => format!("{}.{name}", Ident(schema)),
    }
}

fn rows_below(catalog: &Catalog, id: Id) -> Option<bool> {
    let mut all_empty = true;
    for child in catalog.children_of(id) {
        let table = catalog.relation(child)?;
        let has_rows = match table.kind {
            RelationKind::PartitionedTable => rows_below(catalog, child),
            _ => table.has_rows,
        };
        match has_rows {
            Some(true) => return Some(true),
            Some(false) => {}
            None => all_empty = false,
        }
    }
    all_empty.then_some(false)
}
