//! What can be filled in only when every relation is there: definitions, rows of partitioned tables, names.

use super::build::Builder;
use super::definition;
use super::rows::{OtherRow, PolicyRow};
use crate::catalog::{Catalog, Dependency, Id, Ident, Other, RelationKind};
use std::collections::BTreeSet;
use std::sync::Arc;

/// `BOOTSTRAP_SUPERUSERID`.
const BOOTSTRAP_ROLE: u32 = 10;

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
        let mut collations = BTreeSet::new();
        for row in &self.rows.names {
            match row.class.as_str() {
                "collation" if self.is_system(row.schema) => {
                    collations.insert(row.name.clone());
                }
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
        self.catalog.bootstrap_role = self.role(BOOTSTRAP_ROLE);
        self.catalog.roles = Some(roles);
        self.catalog.collations = Some(Arc::new(collations));
    }

    /// Adds what is kept by class and name, with what it needs.
    pub(super) fn add_others(&mut self) {
        for row in &self.rows.others {
            let Some(id) = self.others.get(&(row.catalog, row.oid)).copied() else { continue };
            let types = row.types.iter().map(|oid| (*oid != 0).then(|| self.type_ref(*oid, -1, None)));
            let (depends, part_of) = self.needs_of_other(row);
            let other = Other {
                schema: row.schema.and_then(|oid| self.schemas.get(&oid)).copied(),
                types: types.collect(),
                of: row.of.clone(),
                depends,
                part_of,
                extension: self.extension(row.catalog, row.oid),
                ..Other::new(&row.class, row.name.as_str())
            };
            self.catalog.add_other_as(id, other);
        }
    }

    /// What an object cannot be without, and what it goes with silently; its own types are known already.
    fn needs_of_other(&self, row: &OtherRow) -> (Vec<Dependency>, Vec<Dependency>) {
        let (mut depends, mut part_of) = (BTreeSet::new(), BTreeSet::new());
        let own = self.depends.get(&(row.catalog, row.oid)).into_iter().flatten();
        // An operator class needs what its members need.
        let members = self.class_members.get(&row.oid).into_iter().flatten().filter(|need| need.kind == 'n');
        for need in own.chain(members.filter(|_| row.class == "operator class")) {
            let Some(dependency) = self.dependency(need) else { continue };
            match need.kind {
                'n' => depends.insert(dependency),
                _ => part_of.insert(dependency),
            };
        }
        let mut part_of: Vec<Dependency> = part_of.into_iter().collect();
        // A member is named after what it is a member of, and what it is.
        part_of.sort_by_key(|need| {
            self.catalog.relation(need.on).is_some() || self.catalog.schema(need.on).is_some()
        });
        (depends.into_iter().collect(), part_of)
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
