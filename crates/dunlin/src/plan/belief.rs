//! What the set itself believes: the whole set simulated from an empty database, with the life of each
//! column and relation that it declares.
//!
//! A declaration (`CREATE TABLE IF NOT EXISTS` over an existing table) promises columns. What becomes
//! of them later in the set (renamed, dropped, another type) decides whether they are ensured, and as
//! what. The same lives tell that a database is already past a step.

use super::operations::{Operation, Operations};
use super::past::{Past, PastState};
use super::reached::{Reached, Tracker, migration_ends};
use crate::analyze::{Analysis, Class, Facet, analyze};
use crate::catalog::{Catalog, Column, ColumnNumber, Effect, Id, ObjectRef, Origin, QName, Relation};
use crate::migration::MigrationSet;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The life of a relation or column that an operation of the set makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Life {
    /// It is there at the end of the set, under this name.
    Lives(QName, Option<String>),
    /// The set drops it again, in the operation with this index.
    Dropped(usize),
}

/// The set simulated from an empty database.
pub(super) struct Belief {
    /// The schema after all recorded operations and all declarations, without pending changes.
    pub now: Catalog,
    /// Lives of relations: (operation, name when made).
    relations: HashMap<(usize, QName), Life>,
    /// Lives of columns: (operation, relation and column when made).
    columns: HashMap<(usize, QName, String), Life>,
    /// Every type a column had in the course of the set, by (relation, column) at each time.
    types: HashMap<(QName, String), BTreeSet<String>>,
    /// Columns, by name, that a recorded operation dropped or renamed away and none has added since.
    removed: BTreeSet<(QName, String)>,
    /// The last operation that renames, drops, moves or reshapes a relation, by its name at that time.
    reshaped: HashMap<QName, usize>,
    /// Which operation declared a column first, by name when made.
    declared: HashMap<(QName, String), Vec<usize>>,
    /// The last operation that made something which the database has.
    pub progress: Option<usize>,
    /// How far along the set the database is, where nobody recorded it.
    pub reached: Option<Reached>,
}

impl Belief {
    /// Simulates the set.
    pub(super) fn of(set: &MigrationSet, operations: &Operations, past: &Past, live: &Catalog) -> Belief {
        let recorded = |operation: &Operation| {
            let id = &set.migrations[operation.migration].id;
            past.operation(id, &operation.identity).is_some_and(|past| past.state == PastState::Done)
        };
        let mut belief = Belief {
            now: simulate(
                operations,
                live,
                |operation, analysis| recorded(operation) || matches!(analysis.class, Class::Adds),
                None,
            )
            .catalog,
            relations: HashMap::new(),
            columns: HashMap::new(),
            types: HashMap::new(),
            removed: BTreeSet::new(),
            reshaped: HashMap::new(),
            declared: HashMap::new(),
            progress: None,
            reached: None,
        };
        let mut tracker = (past.adopting && live.has_user_tables()).then(|| Tracker::new(live));
        let end = simulate(operations, live, |_, _| true, tracker.as_mut());
        belief.reached = tracker.and_then(Tracker::finish);
        for (column, by) in &end.removed {
            if recorded(&operations.all[*by]) {
                belief.removed.insert(column.clone());
            }
        }
        belief.reshaped.clone_from(&end.reshaped);
        belief.read_lives(end, live);
        belief
    }

    fn read_lives(&mut self, end: Simulated, live: &Catalog) {
        for ((index, name), id) in &end.relations {
            let life = match end.catalog.relation(*id) {
                Some(_) => Life::Lives(end.catalog.relation_name(*id), None),
                None => Life::Dropped(end.last_change.get(id).copied().unwrap_or(*index)),
            };
            if let Life::Lives(at, _) = &life
                && live.relation_at(at).is_some()
            {
                self.progress = self.progress.max(Some(*index));
            }
            self.relations.insert((*index, name.clone()), life);
        }
        for ((index, relation, column), (id, number)) in &end.columns {
            let found = end.catalog.relation(*id).and_then(|relation| relation.column_numbered(*number));
            let life = match found {
                Some(column) => Life::Lives(end.catalog.relation_name(*id), Some(column.name.clone())),
                None => Life::Dropped(end.last_change.get(id).copied().unwrap_or(*index)),
            };
            if let Life::Lives(at, Some(column)) = &life
                && live.relation_at(at).is_some_and(|(_, relation)| relation.column(column).is_some())
            {
                self.progress = self.progress.max(Some(*index));
            }
            self.columns.insert((*index, relation.clone(), column.clone()), life);
            self.declared.entry((relation.clone(), column.clone())).or_default().push(*index);
        }
        self.declared.values_mut().for_each(|indexes| indexes.sort_unstable());
        self.types = end.types;
    }

    /// The operations that make a relation of this name.
    pub(super) fn makers(&self, name: &QName) -> Vec<usize> {
        self.relations.keys().filter(|(_, made)| made == name).map(|(index, _)| *index).collect()
    }

    /// Whether an operation after this one renames, drops, moves or reshapes a relation of this name.
    pub(super) fn reshaped_after(&self, operation: usize, name: &QName) -> bool {
        self.reshaped.get(name).is_some_and(|by| *by > operation)
    }

    /// What becomes of a relation that an operation makes.
    pub(super) fn relation_life(&self, operation: usize, name: &QName) -> Option<&Life> {
        self.relations.get(&(operation, name.clone()))
    }

    /// What becomes of a column that an operation makes or declares.
    pub(super) fn column_life(&self, operation: usize, relation: &QName, column: &str) -> Option<&Life> {
        self.columns.get(&(operation, relation.clone(), column.to_owned()))
    }

    /// The operations that declare a column under this name, first to last.
    pub(super) fn declarers(&self, relation: &QName, column: &str) -> &[usize] {
        self.declared.get(&(relation.clone(), column.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// Whether a column had this type at some time in the course of the set.
    pub(super) fn had_type(&self, relation: &QName, column: &str, ty: &str) -> bool {
        self.types.get(&(relation.clone(), column.to_owned())).is_some_and(|types| types.contains(ty))
    }

    /// The column as it would be now, if the set declares it and does not take it away.
    pub(super) fn column_now(&self, relation: &QName, column: &str) -> Option<(usize, &Relation, &Column)> {
        let (_, found) = self.now.relation_at(relation)?;
        let column = found.column(column)?;
        let Origin::Simulated(by) = column.origin else { return None };
        let by = by as usize;
        if self.removed.contains(&(relation.clone(), column.name.clone())) {
            return None;
        }
        let lives = self
            .declarers(relation, &column.name)
            .iter()
            .filter_map(|index| self.column_life(*index, relation, &column.name))
            .any(
                |life| matches!(life, Life::Lives(at, Some(name)) if at == relation && *name == column.name),
            );
        lives.then_some((by, found, column))
    }
}

/// A simulation with what each operation made.
struct Simulated {
    catalog: Catalog,
    relations: HashMap<(usize, QName), Id>,
    columns: HashMap<(usize, QName, String), (Id, ColumnNumber)>,
    types: HashMap<(QName, String), BTreeSet<String>>,
    last_change: HashMap<Id, usize>,
    /// Columns that were dropped or renamed away, by name, and by which operation.
    removed: HashMap<(QName, String), usize>,
    /// The last operation that reshapes a relation, by its name before.
    reshaped: HashMap<QName, usize>,
}

/// Applies all operations that `takes` lets through, in file order; one that lacks something is tried
/// again after each later one.
fn simulate(
    operations: &Operations,
    live: &Catalog,
    takes: impl Fn(&Operation, &Analysis) -> bool,
    mut tracker: Option<&mut Tracker<'_>>,
) -> Simulated {
    let mut simulated = Simulated {
        catalog: live.surroundings(),
        relations: HashMap::new(),
        columns: HashMap::new(),
        types: HashMap::new(),
        last_change: HashMap::new(),
        removed: HashMap::new(),
        reshaped: HashMap::new(),
    };
    let mut waiting = Waiting::default();
    let ends = migration_ends(operations);
    for index in 0..operations.all.len() {
        match simulated.take(operations, index, &takes, Some(live), tracker.as_deref_mut()) {
            Ok(made) => {
                simulated.retry(operations, &mut waiting, &made, &takes, live, tracker.as_deref_mut());
            }
            Err(lacking) => waiting.add(index, lacking),
        }
        if let (Some(tracker), Some(end)) = (tracker.as_deref_mut(), ends.get(&index)) {
            tracker.migration_ends(*end, &simulated.catalog);
        }
    }
    // What lacks something to the end is taken as if it were there: the set says so.
    while let Some(index) = waiting.lacking.keys().next().copied() {
        waiting.remove(index);
        if let Ok(made) = simulated.take(operations, index, &takes, None, None) {
            simulated.retry(operations, &mut waiting, &made, &takes, live, None);
        }
    }
    simulated
}

/// What an operation that was taken may matter to.
enum Made {
    /// To those that lack one of these.
    Only(Vec<Facet>),
    /// To all: it changed more than it added.
    More,
}

/// Operations that lack something, by what they lack.
#[derive(Default)]
struct Waiting {
    lacking: BTreeMap<usize, Vec<Facet>>,
    by_facet: HashMap<Facet, BTreeSet<usize>>,
}

impl Waiting {
    fn add(&mut self, index: usize, lacking: Vec<Facet>) {
        for facet in &lacking {
            self.by_facet.entry(facet.clone()).or_default().insert(index);
        }
        self.lacking.insert(index, lacking);
    }

    fn remove(&mut self, index: usize) {
        for facet in self.lacking.remove(&index).unwrap_or_default() {
            if let Some(indexes) = self.by_facet.get_mut(&facet) {
                indexes.remove(&index);
            }
        }
    }

    fn due(&self, made: &Made) -> BTreeSet<usize> {
        match made {
            Made::Only(made) => {
                made.iter().filter_map(|facet| self.by_facet.get(facet)).flatten().copied().collect()
            }
            Made::More => self.lacking.keys().copied().collect(),
        }
    }
}

impl Simulated {
    /// Tries again what lacks something that was made, until nothing more can be taken.
    fn retry(
        &mut self,
        operations: &Operations,
        waiting: &mut Waiting,
        made: &Made,
        takes: &impl Fn(&Operation, &Analysis) -> bool,
        live: &Catalog,
        mut tracker: Option<&mut Tracker<'_>>,
    ) {
        let mut due = waiting.due(made);
        let mut at = 0;
        // Round after round, each in file order.
        while let Some(index) = due.range(at..).next().or_else(|| due.first()).copied() {
            due.remove(&index);
            at = index + 1;
            match self.take(operations, index, takes, Some(live), tracker.as_deref_mut()) {
                Ok(made) => {
                    waiting.remove(index);
                    due.remove(&index);
                    due.extend(waiting.due(&made));
                }
                Err(lacking) => {
                    waiting.remove(index);
                    waiting.add(index, lacking);
                }
            }
        }
    }

    /// Applies one operation; where it lacks something that neither the set nor the `live` database has, gives that.
    /// Without `live`, nothing is asked for.
    fn take(
        &mut self,
        operations: &Operations,
        index: usize,
        takes: &impl Fn(&Operation, &Analysis) -> bool,
        live: Option<&Catalog>,
        tracker: Option<&mut Tracker<'_>>,
    ) -> Result<Made, Vec<Facet>> {
        let operation = &operations.all[index];
        let nothing = Made::Only(Vec::new());
        if operation.rolled_back {
            return Ok(nothing);
        }
        let mut analysis = analyze(&operation.statement, &self.catalog, &operation.session);
        if !takes(operation, &analysis) {
            return Ok(nothing);
        }
        if let Some(live) = live {
            let lacking = lacks(&analysis, live);
            if !lacking.is_empty() {
                return Err(lacking);
            }
        }
        let declared = self.declare(index, &analysis);
        let origin = Origin::Simulated(u32::try_from(index).unwrap_or(u32::MAX));
        // What is opaque must not hide what the rest of the set says: the belief is a help, never a proof. An extension
        // that the database has comes back with its members, which only the server knows.
        analysis.effects.retain(|effect| !matches!(effect, Effect::Opaque(_) | Effect::DropExtension { .. }));
        let effects = analysis.effects.as_slice();
        let affected: Vec<Id> = effects.iter().filter_map(affected_relation).collect();
        self.note_removed(index, effects);
        for id in effects.iter().filter_map(reshaped_relation) {
            self.reshaped.insert(self.catalog.relation_name(id), index);
        }
        match tracker {
            Some(tracker) => {
                tracker.before(effects, &self.catalog);
                self.catalog.apply(effects, origin);
                tracker.after(index, &analysis, effects, &self.catalog);
            }
            None => self.catalog.apply(effects, origin),
        }
        for id in affected {
            self.last_change.insert(id, index);
        }
        if effects.is_empty() && !declared {
            return Ok(nothing);
        }
        if !effects.is_empty() {
            self.note(index, &analysis);
        }
        let adds = matches!(analysis.class, Class::Adds | Class::Writes | Class::Reads);
        Ok(if adds && !declared { Made::Only(analysis.provides) } else { Made::More })
    }

    /// A declaration over a table that exists counts for the columns it declares; true if some were added.
    fn declare(&mut self, index: usize, analysis: &Analysis) -> bool {
        let Some(declaration) = &analysis.declaration else { return false };
        let Some((id, relation)) = self.catalog.relation_at(&declaration.name) else { return false };
        let mut missing = Vec::new();
        for column in &declaration.relation.columns {
            match relation.column(&column.name) {
                Some(found) => {
                    let key = (index, declaration.name.clone(), column.name.clone());
                    self.columns.entry(key).or_insert((id, found.number));
                }
                None => missing.push(column.clone()),
            }
        }
        let added = !missing.is_empty();
        for column in missing {
            let name = column.name.clone();
            let effect = Effect::AddColumn { relation: id, column: Box::new(column) };
            self.catalog.apply(&[effect], Origin::Simulated(u32::try_from(index).unwrap_or(u32::MAX)));
            let number = self.catalog.relation(id).and_then(|r| r.column(&name)).map(|c| c.number);
            if let Some(number) = number {
                self.columns.insert((index, declaration.name.clone(), name), (id, number));
            }
        }
        self.note_types(id);
        added
    }

    fn note(&mut self, index: usize, analysis: &Analysis) {
        let origin = Origin::Simulated(u32::try_from(index).unwrap_or(u32::MAX));
        let mut touched: Vec<QName> = analysis
            .provides
            .iter()
            .filter_map(|facet| match facet {
                crate::analyze::Facet::Exists(object) => object.parent_relation().cloned(),
                crate::analyze::Facet::Nullable { relation, .. } => Some(relation.clone()),
            })
            .collect();
        touched.extend(
            analysis.effects.iter().filter_map(affected_relation).map(|id| self.catalog.relation_name(id)),
        );
        touched.sort();
        touched.dedup();
        for name in touched {
            let Some((id, relation)) = self.catalog.relation_at(&name) else { continue };
            if relation.origin == origin {
                self.relations.insert((index, name.clone()), id);
            }
            for column in relation.columns.iter().filter(|column| column.origin == origin) {
                self.columns.insert((index, name.clone(), column.name.clone()), (id, column.number));
            }
            self.note_types(id);
        }
    }

    /// Keeps which column names an operation takes away or brings back, before its effects are applied.
    fn note_removed(&mut self, index: usize, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::DropColumn { relation, column, .. }
                | Effect::RenameColumn { relation, column, .. } => {
                    let name =
                        self.catalog.relation(*relation).and_then(|found| found.column_numbered(*column));
                    if let Some(name) = name.map(|column| column.name.clone()) {
                        self.removed.insert((self.catalog.relation_name(*relation), name), index);
                    }
                }
                Effect::AddColumn { relation, column } => {
                    self.removed.remove(&(self.catalog.relation_name(*relation), column.name.clone()));
                }
                _ => {}
            }
        }
    }

    fn note_types(&mut self, id: Id) {
        let name = self.catalog.relation_name(id);
        let Some(relation) = self.catalog.relation(id) else { return };
        for column in &relation.columns {
            self.types.entry((name.clone(), column.name.clone())).or_default().insert(column.ty.to_string());
        }
    }
}

/// What an analysis lacks that the `live` database has not either.
fn lacks(analysis: &Analysis, live: &Catalog) -> Vec<Facet> {
    let lacking = analysis.invalid().filter(|requirement| {
        requirement.any_of.iter().any(|facet| matches!(facet, Facet::Exists(_)))
            && !requirement.any_of.iter().any(|facet| exists(live, facet))
    });
    lacking.flat_map(|requirement| requirement.any_of.clone()).collect()
}

/// Whether a database has what a facet names.
fn exists(catalog: &Catalog, facet: &Facet) -> bool {
    match facet {
        Facet::Exists(ObjectRef::Relation { name }) => catalog.relation_at(name).is_some(),
        Facet::Exists(ObjectRef::Type { name }) => catalog.type_at(name).is_some(),
        Facet::Exists(ObjectRef::Schema { name }) => catalog.find_schema(name).yes().is_some(),
        Facet::Exists(ObjectRef::Column { relation, column }) => {
            catalog.relation_at(relation).is_some_and(|(_, relation)| relation.column(column).is_some())
        }
        _ => false,
    }
}

/// The relation whose name or shape an effect changes for what was written about it before.
fn reshaped_relation(effect: &Effect) -> Option<Id> {
    match effect {
        Effect::AddColumn { .. } => None,
        effect => affected_relation(effect),
    }
}

fn affected_relation(effect: &Effect) -> Option<Id> {
    match effect {
        Effect::DropColumn { relation, .. }
        | Effect::RenameColumn { relation, .. }
        | Effect::AlterColumn { relation, .. }
        | Effect::AddColumn { relation, .. }
        | Effect::RenameRelation { relation, .. }
        | Effect::MoveRelation { relation, .. }
        | Effect::DropRelation { relation } => Some(*relation),
        Effect::ReplaceView { view, .. } => Some(*view),
        _ => None,
    }
}
