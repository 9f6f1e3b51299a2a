//! How far along the set a database has come that nobody recorded.
//!
//! Somebody else (psql, another tool) ran the first migrations, perhaps all of them. The set is
//! simulated from an empty database; the last migration after which everything that the simulation
//! holds is in the database, and nothing that it took away is there, is the one that was reached. What
//! stands before that point is behind the database, even where a single statement no longer shows: its
//! table was renamed since, its type replaced, its index dropped and made again.

use super::operations::Operations;
use crate::analyze::{Analysis, Facet, sameness};
use crate::catalog::{
    Catalog, Column, Constraint, ConstraintKind, Effect, Id, ObjectRef, QName, Relation, RelationKind,
    TypeKind,
};
use sameness::Sameness;
use std::collections::{BTreeSet, HashMap, HashSet};

/// An object, or a part of one.
type Part = (Id, Option<String>);

/// What the simulation of the set tells about the way to where the database is.
#[derive(Default)]
pub(super) struct Reached {
    /// Operations before this index are behind the database.
    pub before: usize,
    /// The parts that each operation changed.
    touched: HashMap<usize, Vec<Part>>,
    /// The last operation behind the database that changed a part.
    last: HashMap<Part, usize>,
    /// The operations that make an object of this name.
    made: HashMap<ObjectRef, Vec<usize>>,
    /// Operations that were simulated.
    taken: HashSet<usize>,
    /// The last operation that renamed something: texts before it speak of other names than the server.
    renamed: Option<usize>,
}

impl Reached {
    /// Whether the operation changed something on the way.
    pub(super) fn acted(&self, index: usize) -> bool {
        self.touched.contains_key(&index)
    }

    /// Whether the operation could run on the way, at some time.
    pub(super) fn passed(&self, index: usize) -> bool {
        index < self.before && self.taken.contains(&index)
    }

    /// Whether a later operation on the way changed again what this one changed, or what its text speaks of.
    pub(super) fn overridden(&self, index: usize) -> bool {
        let parts = self.touched.get(&index).map_or(&[][..], Vec::as_slice);
        self.renamed > Some(index)
            || parts.iter().any(|part| {
                self.last.get(part).is_some_and(|last| *last > index)
                    || self.last.get(&(part.0, None)).is_some_and(|last| *last > index && part.1.is_none())
            })
    }

    /// Whether a later operation on the way makes an object of this name.
    pub(super) fn remade(&self, index: usize, object: &ObjectRef) -> bool {
        let later = |object: &ObjectRef| {
            self.made
                .get(object)
                .is_some_and(|makers| makers.iter().any(|maker| *maker > index && *maker < self.before))
        };
        later(object) || object.parent_relation().is_some_and(|table| later(&ObjectRef::relation(table)))
    }
}

/// Follows a simulation from the empty database, and compares it with the live one after each migration.
pub(super) struct Tracker<'a> {
    live: &'a Catalog,
    reached: Reached,
    /// Operations since the last comparison, by what they changed.
    fresh: Vec<(usize, Vec<Part>)>,
    /// Objects of the simulation that the database lacks, or has otherwise.
    lacking: BTreeSet<Id>,
    /// What was taken away or renamed.
    removed: BTreeSet<ObjectRef>,
    /// Objects whose last definition is an OR REPLACE, which runs in any case.
    replaced: HashSet<Id>,
    pending_last: HashMap<Part, usize>,
}

impl<'a> Tracker<'a> {
    pub(super) fn new(live: &'a Catalog) -> Tracker<'a> {
        Tracker {
            live,
            reached: Reached::default(),
            fresh: Vec::new(),
            lacking: BTreeSet::new(),
            removed: BTreeSet::new(),
            replaced: HashSet::new(),
            pending_last: HashMap::new(),
        }
    }

    /// Notes what an operation is about to take away.
    pub(super) fn before(&mut self, effects: &[Effect], catalog: &Catalog) {
        self.removed.extend(effects.iter().filter_map(|effect| removed_object(effect, catalog)));
    }

    /// Notes what an operation has changed.
    pub(super) fn after(&mut self, index: usize, analysis: &Analysis, effects: &[Effect], catalog: &Catalog) {
        self.reached.taken.insert(index);
        if effects.iter().any(renames) {
            self.reached.renamed = self.reached.renamed.max(Some(index));
        }
        let mut parts: Vec<Part> = effects.iter().flat_map(|effect| parts_of(effect, catalog)).collect();
        parts.sort();
        parts.dedup();
        for (id, _) in &parts {
            if analysis.or_replace {
                self.replaced.insert(*id)
            } else {
                self.replaced.remove(id)
            };
        }
        for facet in &analysis.provides {
            if let Facet::Exists(object) = facet {
                self.reached.made.entry(object.clone()).or_default().push(index);
            }
        }
        if !parts.is_empty() {
            self.fresh.push((index, parts));
        }
    }

    /// Compares at the end of a migration, whose last operation is before `end`.
    pub(super) fn migration_ends(&mut self, end: usize, catalog: &Catalog) {
        let mut ids = BTreeSet::new();
        for (index, parts) in self.fresh.drain(..) {
            for part in &parts {
                ids.insert(part.0);
                // Who changes a part changes the whole.
                self.pending_last.insert(part.clone(), index);
                self.pending_last.insert((part.0, None), index);
            }
            self.reached.touched.insert(index, parts);
        }
        // A renamed table shows in its indexes, views and foreign keys.
        let near: Vec<Id> = ids.iter().flat_map(|id| catalog.dependents_of(*id)).collect();
        ids.extend(near);
        ids.extend(self.lacking.iter().copied());
        for id in ids {
            let there = self.comparison(catalog).holds(id);
            if there {
                self.lacking.remove(&id)
            } else {
                self.lacking.insert(id)
            };
        }
        self.lacking.retain(|id| exists_by_id(catalog, *id));
        let gone = |object: &ObjectRef| exists(catalog, object) || !exists(self.live, object);
        let something = self.reached.touched.values().flatten().any(|(id, _)| exists_by_id(catalog, *id));
        if self.lacking.is_empty() && something && self.removed.iter().all(gone) {
            self.reached.before = end;
            self.reached.last = self.pending_last.clone();
        }
    }

    fn comparison<'b>(&'b self, catalog: &'b Catalog) -> Comparison<'b> {
        let renamed = self.reached.renamed.is_some();
        Comparison { simulated: catalog, live: self.live, replaced: &self.replaced, renamed }
    }

    /// What was reached; none when the database is not at any point of the set.
    pub(super) fn finish(self) -> Option<Reached> {
        (self.reached.before > 0).then_some(self.reached)
    }
}

/// Tracks a simulation that the caller drives: where each migration ends.
pub(super) fn migration_ends(operations: &Operations) -> HashMap<usize, usize> {
    operations
        .ranges
        .iter()
        .filter(|range| !range.is_empty())
        .map(|range| (range.end.saturating_sub(1), range.end))
        .collect()
}

fn removed_object(effect: &Effect, catalog: &Catalog) -> Option<ObjectRef> {
    let column = |relation: Id, number: i16| {
        let found = catalog.relation(relation)?.column_numbered(number)?;
        Some(ObjectRef::column(&catalog.relation_name(relation), &found.name))
    };
    match effect {
        Effect::DropColumn { relation, column: number, .. } => column(*relation, *number),
        Effect::RenameColumn { relation, column: number, .. } => column(*relation, *number),
        Effect::DropConstraint { relation, name, .. } | Effect::RenameConstraint { relation, name, .. } => {
            Some(ObjectRef::Constraint { relation: catalog.relation_name(*relation), name: name.clone() })
        }
        Effect::DropRelation { relation }
        | Effect::RenameRelation { relation, .. }
        | Effect::MoveRelation { relation, .. } => {
            Some(ObjectRef::Relation { name: catalog.relation_name(*relation) })
        }
        Effect::DropType { ty } | Effect::RenameType { ty, .. } => {
            Some(ObjectRef::Type { name: catalog.type_name(*ty) })
        }
        Effect::DropFunction { function } | Effect::RenameFunction { function, .. } => {
            let arguments = Some(catalog.function(*function)?.signature());
            Some(ObjectRef::Function { name: catalog.function_name(*function), arguments })
        }
        Effect::RenameEnumLabel { ty, label, .. } => {
            Some(ObjectRef::EnumLabel { name: catalog.type_name(*ty), label: label.clone() })
        }
        Effect::DropAttached { object, .. } | Effect::RenameAttached { object, .. } => Some(object.clone()),
        _ => None,
    }
}

/// What an effect would change in the live catalog, by the name that a CREATE would give it.
pub(super) fn target(effect: &Effect, catalog: &Catalog) -> Option<ObjectRef> {
    match effect {
        Effect::DropSchema { schema } => {
            Some(ObjectRef::Schema { name: catalog.schema_name(*schema).to_owned() })
        }
        Effect::DropExtension { name } => Some(ObjectRef::Extension { name: name.clone() }),
        Effect::DropOther { other } => {
            let other = catalog.other(*other)?;
            Some(ObjectRef::Other { class: other.class.clone(), name: catalog.other_label(other) })
        }
        Effect::AlterColumn { relation, .. }
        | Effect::AlterRelation { relation, .. }
        | Effect::ValidateConstraint { relation, .. } => {
            Some(ObjectRef::Relation { name: catalog.relation_name(*relation) })
        }
        effect => removed_object(effect, catalog),
    }
}

/// Whether an effect gives an object another name.
pub(super) fn renames(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::RenameColumn { .. }
            | Effect::RenameRelation { .. }
            | Effect::MoveRelation { .. }
            | Effect::RenameType { .. }
            | Effect::RenameEnumLabel { .. }
            | Effect::RenameFunction { .. }
            | Effect::MoveTo { .. }
            | Effect::RenameSchema { .. }
            | Effect::ReplaceOther { .. }
    )
}

/// The parts that an effect has changed, in the catalog after it.
fn parts_of(effect: &Effect, catalog: &Catalog) -> Vec<Part> {
    let column = |relation: &Id, number: i16| vec![(*relation, Some(format!("column {number}")))];
    let named = |relation: &Id, name: &str| vec![(*relation, Some(name.to_owned()))];
    match effect {
        Effect::CreateRelation { name, .. } => {
            catalog.relation_at(name).map(|(id, _)| vec![(id, None)]).unwrap_or_default()
        }
        Effect::CreateType { name, .. } => {
            catalog.type_at(name).map(|(id, _)| vec![(id, None)]).unwrap_or_default()
        }
        Effect::CreateFunction { name, function, .. } => catalog
            .functions()
            .filter(|(id, _)| catalog.function_name(*id) == *name)
            .filter(|(_, found)| found.signature() == function.signature())
            .map(|(id, _)| (id, None))
            .collect(),
        Effect::AddColumn { relation, column: added } => {
            let found = catalog.relation(*relation).and_then(|relation| relation.column(&added.name));
            found.map(|found| column(relation, found.number)).unwrap_or_default()
        }
        Effect::DropColumn { relation, column: number, .. }
        | Effect::RenameColumn { relation, column: number, .. }
        | Effect::AlterColumn { relation, column: number, .. } => column(relation, *number),
        Effect::AddConstraint {
            relation: crate::catalog::Target::Existing(relation), constraint, ..
        } => named(relation, &format!("constraint {}", constraint.name)),
        Effect::DropConstraint { relation, name, .. }
        | Effect::RenameConstraint { relation, name, .. }
        | Effect::ValidateConstraint { relation, name } => named(relation, &format!("constraint {name}")),
        Effect::CreateTrigger { relation, trigger } => named(relation, &format!("trigger {}", trigger.name)),
        Effect::CreatePolicy { relation, policy } => named(relation, &format!("policy {}", policy.name)),
        Effect::CreateRule { relation, rule } => named(relation, &format!("rule {}", rule.name)),
        Effect::DropAttached { relation, object } | Effect::RenameAttached { relation, object, .. } => {
            let name = match object {
                ObjectRef::Trigger { name, .. } => format!("trigger {name}"),
                ObjectRef::Policy { name, .. } => format!("policy {name}"),
                ObjectRef::Rule { name, .. } => format!("rule {name}"),
                other => other.to_string(),
            };
            named(relation, &name)
        }
        Effect::AlterRelation { relation, .. } => named(relation, "properties"),
        Effect::ReplaceView { view: relation, .. }
        | Effect::RenameRelation { relation, .. }
        | Effect::MoveRelation { relation, .. }
        | Effect::DropRelation { relation } => vec![(*relation, None)],
        Effect::AddEnumLabel { ty, label, .. } => named(ty, &format!("label {label}")),
        Effect::RenameEnumLabel { ty, label, .. } => named(ty, &format!("label {label}")),
        Effect::ReplaceType { ty, .. } | Effect::RenameType { ty, .. } | Effect::DropType { ty } => {
            vec![(*ty, None)]
        }
        Effect::RenameFunction { function, .. } | Effect::DropFunction { function } => {
            vec![(*function, None)]
        }
        Effect::MoveTo { object, .. } => vec![(*object, None)],
        // What the simulation cannot prove (roles, extensions, rows, objects kept by name) is judged by itself.
        _ => Vec::new(),
    }
}

fn exists_by_id(catalog: &Catalog, id: Id) -> bool {
    catalog.relation(id).is_some() || catalog.type_by_id(id).is_some() || catalog.function(id).is_some()
}

/// Whether an object of this name is in a catalog.
fn exists(catalog: &Catalog, object: &ObjectRef) -> bool {
    let relation = |name: &QName| catalog.relation_at(name).map(|(_, relation)| relation);
    match object {
        ObjectRef::Relation { name } => relation(name).is_some(),
        ObjectRef::Column { relation: table, column } => {
            relation(table).is_some_and(|table| table.column(column).is_some())
        }
        ObjectRef::Constraint { relation: table, name } => {
            relation(table).is_some_and(|table| table.constraint(name).is_some())
        }
        ObjectRef::Trigger { relation: table, name } => {
            relation(table).is_some_and(|table| table.triggers.iter().any(|trigger| trigger.name == *name))
        }
        ObjectRef::Policy { relation: table, name } => {
            relation(table).is_some_and(|table| table.policies.iter().any(|policy| policy.name == *name))
        }
        ObjectRef::Rule { relation: table, name } => {
            relation(table).is_some_and(|table| table.rules.iter().any(|rule| rule.name == *name))
        }
        ObjectRef::Type { name } => catalog.type_at(name).is_some(),
        ObjectRef::EnumLabel { name, label } => catalog.type_at(name).is_some_and(|(_, ty)| match &ty.kind {
            TypeKind::Enum(labels) => labels.iter().any(|found| found.label == *label),
            _ => false,
        }),
        ObjectRef::Function { name, arguments } => catalog.functions().any(|(id, function)| {
            catalog.function_name(id) == *name
                && arguments.as_ref().is_none_or(|a| *a == function.signature())
        }),
        _ => false,
    }
}

/// Compares an object of the simulation with the live one of the same name.
struct Comparison<'a> {
    simulated: &'a Catalog,
    live: &'a Catalog,
    replaced: &'a HashSet<Id>,
    /// Something was renamed: texts of the files and of the server no longer speak of the same names.
    renamed: bool,
}

impl Comparison<'_> {
    /// Whether the live database has the object, and does not surely have it otherwise.
    fn holds(&self, id: Id) -> bool {
        if let Some(relation) = self.simulated.relation(id) {
            return self.relation(id, relation);
        }
        if let Some(ty) = self.simulated.type_by_id(id) {
            let name = self.simulated.type_name(id);
            return self
                .live
                .type_at(&name)
                .is_some_and(|(_, found)| same_kind_of_type(&ty.kind, &found.kind));
        }
        let Some(function) = self.simulated.function(id) else { return true };
        let name = self.simulated.function_name(id);
        let signature = function.signature();
        self.live.functions().any(|(found_id, found)| {
            self.live.function_name(found_id) == name
                && found.signature() == signature
                && (self.renamed
                    || self.replaced.contains(&id)
                    || same_text(function.body.as_deref(), found.body.as_deref()))
        })
    }

    fn relation(&self, id: Id, simulated: &Relation) -> bool {
        let name = self.simulated.relation_name(id);
        // What is temporary has gone with its session.
        if simulated.persistence == 't' || name.schema.starts_with("pg_temp") {
            return true;
        }
        let Some((_, live)) = self.live.relation_at(&name) else { return false };
        if let (RelationKind::Index(a), RelationKind::Index(b)) = (&simulated.kind, &live.kind) {
            return self.index(a, b);
        }
        let same_kind = std::mem::discriminant(&simulated.kind) == std::mem::discriminant(&live.kind);
        let table = simulated.is_table();
        same_kind
            && simulated.columns.iter().all(|column| {
                live.column(&column.name).is_some_and(|found| same_column(column, found, table))
            })
            && simulated.constraints.iter().all(|constraint| {
                constraint.kind == ConstraintKind::NotNull
                    || live.constraint(&constraint.name).is_some_and(|found| {
                        same_constraint(constraint, found, self.renamed)
                            && simulated.names(&constraint.columns).len() == live.names(&found.columns).len()
                    })
            })
            && simulated.triggers.iter().all(|trigger| {
                live.triggers.iter().any(|found| {
                    found.name == trigger.name
                        && (self.renamed
                            || match (&trigger.definition, &found.definition) {
                                (Some(a), Some(b)) => sameness::triggers(a, b) != Sameness::Different,
                                _ => true,
                            })
                })
            })
            && simulated.policies.iter().all(|p| live.policies.iter().any(|found| found.name == p.name))
            && simulated.rules.iter().all(|rule| live.rules.iter().any(|found| found.name == rule.name))
            && simulated.row_security == live.row_security
            && (simulated.partition_bound.is_some() == live.partition_bound.is_some())
            && (self.renamed
                || self.replaced.contains(&id)
                || match (&simulated.query, &live.query) {
                    (Some(a), Some(b)) => sameness::queries(a, b) != Sameness::Different,
                    _ => true,
                })
    }

    fn index(&self, simulated: &crate::catalog::Index, live: &crate::catalog::Index) -> bool {
        let (Some(a), Some(b)) = (self.simulated.relation(simulated.table), self.live.relation(live.table))
        else {
            return false;
        };
        let expression = |a: Option<&crate::catalog::Expr>, b: Option<&crate::catalog::Expr>| match (a, b) {
            (Some(a), Some(b)) => {
                self.renamed || sameness::expressions(&a.text, &b.text) != Sameness::Different
            }
            (None, None) => true,
            _ => false,
        };
        self.simulated.relation_name(simulated.table) == self.live.relation_name(live.table)
            && simulated.unique == live.unique
            && live.valid
            && simulated.method == live.method
            && simulated.keys.len() == live.keys.len()
            && simulated.keys.iter().zip(&live.keys).all(|(x, y)| {
                a.names(x.column.as_slice()) == b.names(y.column.as_slice())
                    && x.descending == y.descending
                    && expression(x.expression.as_ref(), y.expression.as_ref())
            })
            && expression(simulated.predicate.as_ref(), live.predicate.as_ref())
    }
}

fn same_kind_of_type(simulated: &TypeKind, live: &TypeKind) -> bool {
    match (simulated, live) {
        (TypeKind::Enum(a), TypeKind::Enum(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.label == b.label)
        }
        (TypeKind::Domain(a), TypeKind::Domain(b)) => {
            sameness::types(&a.base, &b.base) != Sameness::Different && a.not_null == b.not_null
        }
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

fn same_text(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.trim() == b.trim(),
        _ => true,
    }
}

fn same_column(simulated: &Column, live: &Column, table: bool) -> bool {
    if !table {
        return true; // The columns of a view follow from its query.
    }
    if sameness::types(&simulated.ty, &live.ty) == Sameness::Different {
        return false;
    }
    let default = match (&simulated.default, &live.default) {
        (Some(a), Some(b)) => {
            sameness::defaults(&a.text, &b.text, &live.ty) != Sameness::Different
                // A sequence that was renamed with its table shows under another name.
                || a.text.contains("nextval") && b.text.contains("nextval")
        }
        (a, b) => a.is_some() == b.is_some() || a.as_ref().or(b.as_ref()).is_some_and(is_null),
    };
    default
        && simulated.not_null == live.not_null
        && simulated.identity == live.identity
        && simulated.generated.is_some() == live.generated.is_some()
}

fn is_null(default: &crate::catalog::Expr) -> bool {
    default.text.trim().eq_ignore_ascii_case("null")
}

fn same_constraint(simulated: &Constraint, live: &Constraint, renamed: bool) -> bool {
    std::mem::discriminant(&simulated.kind) == std::mem::discriminant(&live.kind)
        && simulated.validated == live.validated
        && simulated.enforced == live.enforced
        && simulated.deferrable == live.deferrable
        && match (&simulated.kind, &live.kind) {
            (ConstraintKind::Check(a), ConstraintKind::Check(b)) => {
                renamed || sameness::expressions(&a.text, &b.text) != Sameness::Different
            }
            (ConstraintKind::ForeignKey(a), ConstraintKind::ForeignKey(b)) => {
                (a.on_delete, a.on_update, a.matching) == (b.on_delete, b.on_update, b.matching)
            }
            _ => true,
        }
}
