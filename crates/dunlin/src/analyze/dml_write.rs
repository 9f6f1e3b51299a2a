//! What writing rows touches beyond the rows: foreign keys both ways, triggers, rules, views, children.

use super::dml::takes_rows;
use super::{Access, Context, LockMode, Place};
use crate::catalog::{ColumnNumber, ConstraintKind, Id, QName, Reference, Relation, RelationKind, Trigger};
use std::collections::BTreeSet;

/// How rows of a table change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Rows are added.
    Insert,
    /// Values of these columns change.
    Update(Vec<String>),
    /// Rows are removed.
    Delete,
    /// All rows are removed.
    Truncate {
        /// With those of the tables that refer to it.
        cascade: bool,
        /// RESTART IDENTITY.
        sequences: bool,
    },
}

impl Context<'_> {
    /// Records a change of rows and everything that follows from it.
    pub(super) fn write_rows(&mut self, relation: Id, change: Change) {
        self.write_rows_of(relation, true, change);
    }

    /// Records a change of rows of a table and, unless the statement says ONLY, of its children.
    pub(super) fn write_rows_of(&mut self, target: Id, with_children: bool, change: Change) {
        let mut seen = BTreeSet::new();
        let mut todo = vec![(target, change)];
        while let Some((id, change)) = todo.pop() {
            if !seen.insert((id, change.clone())) {
                continue;
            }
            let catalog = self.catalog;
            let Some(relation) = catalog.relation(id) else { continue };
            let name = catalog.relation_name(id);
            self.touch_rows(id, relation, &name, &change);
            let children = if with_children || id != target { catalog.children_of(id) } else { Vec::new() };
            todo.extend(children.into_iter().map(|child| (child, change.clone())));
            self.behind_view(relation, &change, &mut todo);
            self.referenced(relation, &change);
            self.referencing(id, relation, &change, &mut todo);
            self.fired(relation, &change);
        }
    }

    /// The change itself.
    fn touch_rows(&mut self, id: Id, relation: &Relation, name: &QName, change: &Change) {
        self.touch(Place::Rules(name.clone()), Access::Read);
        self.touch(Place::Relation(name.clone()), Access::Read);
        let mode = match change {
            Change::Truncate { .. } => LockMode::AccessExclusive,
            _ => LockMode::RowExclusive,
        };
        self.lock(id, mode);
        match change {
            Change::Insert => {
                self.touch(Place::Rows(name.clone()), Access::Insert);
                self.fill_defaults(relation);
            }
            Change::Update(columns) => {
                let generated = relation.columns.iter().filter(|column| column.generated.is_some());
                for column in columns.iter().chain(generated.map(|column| &column.name)) {
                    self.touch(Place::Values(name.clone(), column.clone()), Access::Write);
                }
                let key = relation.names(&relation.partition_columns);
                if columns.iter().any(|column| key.contains(column)) {
                    // The row may move to another partition.
                    self.touch(Place::Rows(name.clone()), Access::Write);
                }
            }
            Change::Delete => self.touch(Place::Rows(name.clone()), Access::Write),
            Change::Truncate { sequences, .. } => {
                self.touch(Place::Rows(name.clone()), Access::Write);
                if *sequences {
                    self.touch_owned_sequences(id);
                }
            }
        }
    }

    /// Sequences and functions behind defaults.
    fn fill_defaults(&mut self, relation: &Relation) {
        for dependency in relation.columns.iter().flat_map(|column| &column.default_depends) {
            match self.catalog.relation(dependency.on) {
                Some(found) if matches!(found.kind, RelationKind::Sequence(_)) => {
                    let name = self.catalog.relation_name(dependency.on);
                    self.touch(Place::Rows(name), Access::Insert);
                }
                _ if self.catalog.function(dependency.on).is_some() => self.called(dependency.on),
                _ => {}
            }
        }
    }

    fn touch_owned_sequences(&mut self, table: Id) {
        let owned: Vec<Id> = self
            .catalog
            .dependents_of(table)
            .into_iter()
            .filter(|id| {
                self.catalog
                    .relation(*id)
                    .is_some_and(|found| matches!(found.kind, RelationKind::Sequence(_)))
            })
            .collect();
        for id in owned {
            let name = self.catalog.relation_name(id);
            self.touch(Place::Rows(name), Access::Write);
        }
    }

    /// Writing a view, or a table with rules, writes what is behind it; which columns is not worked out.
    fn behind_view(&mut self, relation: &Relation, change: &Change, todo: &mut Vec<(Id, Change)>) {
        let rules = relation.rules.iter().flat_map(|rule| &rule.depends);
        let view = matches!(relation.kind, RelationKind::View);
        let depends = relation.depends.iter().filter(|_| view).chain(rules);
        let bases: BTreeSet<Id> = depends.map(|dependency| dependency.on).collect();
        for base in bases {
            let Some(found) = self.catalog.relation(base) else { continue };
            if !takes_rows(found) && !matches!(found.kind, RelationKind::View) {
                continue;
            }
            let all = found.columns.iter().map(|column| column.name.clone()).collect();
            todo.push((
                base,
                match change {
                    Change::Update(_) => Change::Update(all),
                    other => other.clone(),
                },
            ));
        }
    }

    /// Rows of the tables that the written table refers to are looked at.
    fn referenced(&mut self, relation: &Relation, change: &Change) {
        for constraint in &relation.constraints {
            let ConstraintKind::ForeignKey(reference) = &constraint.kind else { continue };
            let looks = match change {
                Change::Insert => true,
                Change::Update(columns) => touches_any(relation, &constraint.columns, columns),
                Change::Delete | Change::Truncate { .. } => false,
            };
            let Some(parent) = self.catalog.relation(reference.table).filter(|_| looks) else { continue };
            let name = self.catalog.relation_name(reference.table);
            self.lock(reference.table, LockMode::RowShare);
            self.touch(Place::Relation(name.clone()), Access::Read);
            for column in parent.names(&reference.columns) {
                self.touch(Place::Values(name.clone(), column), Access::Read);
            }
        }
    }

    /// Rows of the tables that refer to the written table follow, or are looked at.
    fn referencing(&mut self, id: Id, relation: &Relation, change: &Change, todo: &mut Vec<(Id, Change)>) {
        if matches!(change, Change::Insert) {
            return;
        }
        let mut children: Vec<Id> = self.catalog.dependents_of(id);
        children.push(id);
        for child in children {
            let Some(table) = self.catalog.relation(child) else { continue };
            for constraint in &table.constraints {
                let ConstraintKind::ForeignKey(reference) = &constraint.kind else { continue };
                if reference.table != id {
                    continue;
                }
                let own = table.names(&constraint.columns);
                if let Some(follows) = follow(relation, reference, change, own.clone()) {
                    todo.push((child, follows));
                } else if !matches!(change, Change::Update(columns) if !touches_any(relation, &reference.columns, columns))
                {
                    let name = self.catalog.relation_name(child);
                    self.lock(child, LockMode::RowShare);
                    for column in own {
                        self.touch(Place::Values(name.clone(), column), Access::Read);
                    }
                }
            }
        }
    }

    /// Triggers that fire: what their functions do.
    fn fired(&mut self, relation: &Relation, change: &Change) {
        for trigger in relation.triggers.iter().filter(|trigger| fires(trigger, change)) {
            if let Some(function) = trigger.function {
                self.called_by_trigger(function);
            }
        }
    }
}

/// What a foreign key does to the rows that refer to a changed one.
fn follow(relation: &Relation, reference: &Reference, change: &Change, own: Vec<String>) -> Option<Change> {
    let action = match change {
        Change::Truncate { cascade, .. } => {
            return cascade.then_some(Change::Truncate { cascade: true, sequences: false });
        }
        Change::Delete => reference.on_delete,
        Change::Update(columns) if touches_any(relation, &reference.columns, columns) => reference.on_update,
        _ => return None,
    };
    match (action, change) {
        ('c', Change::Delete) => Some(Change::Delete),
        ('c' | 'n' | 'd', _) => Some(Change::Update(own)),
        _ => None,
    }
}

fn touches_any(relation: &Relation, numbers: &[ColumnNumber], columns: &[String]) -> bool {
    relation.names(numbers).iter().any(|name| columns.contains(name))
}

/// Whether a trigger fires on a change, by its definition; it does where that is not known.
fn fires(trigger: &Trigger, change: &Change) -> bool {
    let Some(definition) = &trigger.definition else { return true };
    let definition = definition.to_uppercase();
    // Names before the events could be anything: an event that is not meant is a harmless guess.
    let events = definition.split(" ON ").next().unwrap_or_default();
    events.contains(match change {
        Change::Insert => "INSERT",
        Change::Update(_) => "UPDATE",
        Change::Delete => "DELETE",
        Change::Truncate { .. } => "TRUNCATE",
    })
}
