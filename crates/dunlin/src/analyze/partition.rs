//! What partitions get from their partitioned table: indexes, keys, foreign keys, row triggers.

use super::context::Context;
use super::naming::{Chooser, joined, key_names};
use super::sameness::{Sameness, expressions};
use super::table_shape::{Pending, Shape};
use super::{Access, LockMode, Place};
use crate::catalog::{
    ColumnNumber, Constraint, ConstraintKind, Detail, DetailValue, Effect, Expr, Id, Index, IndexKey,
    ObjectRef, PartKind, QName, Relation, RelationChange, RelationKind, Subject,
};
use crate::syntax::{NodeEnum, protobuf};

/// An index of a partitioned table, of which each partition has a part.
pub(super) struct Whole<'w> {
    /// The index: its id, or the placeholder of one that the statement makes.
    pub(super) id: Id,
    /// Its facts.
    pub(super) index: &'w Index,
    /// The constraint that it carries.
    pub(super) constraint: Option<&'w Constraint>,
    /// Its storage parameters.
    pub(super) options: &'w [String],
    /// Its tablespace, where it is not the database's.
    pub(super) tablespace: DetailValue,
    /// The partitioned table.
    pub(super) table: &'w Relation,
}

impl<'a> Context<'a> {
    /// The partitions of a table that exists, as they are after what the statement did so far.
    fn partitions(&mut self, shape: &Shape<'a>) -> Vec<Shape<'a>> {
        let Some(id) = shape.id.filter(|_| shape.relation.kind == RelationKind::PartitionedTable) else {
            return Vec::new();
        };
        let mut parts = Vec::new();
        for child in self.catalog.children_of(id) {
            let slot = self.slot();
            let Some(mut part) = Shape::existing(self.catalog, child, slot) else { continue };
            for column in &shape.relation.columns {
                if part.relation.column(&column.name).is_none() {
                    let number = part.relation.next_number();
                    part.relation.columns.push(crate::catalog::Column { number, ..column.clone() });
                }
            }
            parts.push(part);
        }
        parts
    }

    /// Makes the parts of an index, or of a key, in all partitions of a table. Where a part is there and
    /// invalid, so is the whole.
    pub(super) fn index_below(&mut self, shape: &mut Shape<'a>, whole: &Whole<'_>) -> bool {
        let mut valid = true;
        for mut part in self.partitions(shape) {
            if part.relation.kind == RelationKind::ForeignTable {
                continue;
            }
            part.chooser.also(&shape.chooser);
            part.attached.append(&mut shape.attached);
            if let Some(child) = part.id {
                self.lock(child, LockMode::Share);
            }
            valid &= self.index_on_partition(&mut part, whole, false);
            shape.chooser.also(&part.chooser);
            shape.attached.append(&mut part.attached);
            shape.effects.append(&mut part.effects);
        }
        valid
    }

    /// Takes an equal index of a partition for the part of an index, or makes one.
    pub(super) fn index_on_partition(
        &mut self,
        part: &mut Shape<'a>,
        whole: &Whole<'_>,
        only_valid: bool,
    ) -> bool {
        if let Some(valid) = self.attach_equal_index(part, whole, only_valid) {
            return valid;
        }
        let (id, index, made) = self.copy_index(part, whole, true);
        let table = part.relation.clone();
        let (constraint, options) = (made.as_ref(), whole.options);
        let tablespace = self.copied_index_tablespace(&whole.tablespace, part.relation.persistence);
        let below = Whole { id, index: &index, constraint, options, tablespace, table: &table };
        let valid = self.index_below(part, &below);
        if !valid {
            invalidate(&mut part.effects, id);
        }
        valid
    }

    /// Makes an index of another table, or its key, again under a name of its own.
    pub(super) fn copy_index(
        &mut self,
        shape: &mut Shape<'a>,
        other: &Whole<'_>,
        partition: bool,
    ) -> (Id, Index, Option<Constraint>) {
        let number = |number: ColumnNumber| translated(other.table, &shape.relation, number);
        let mut index = Index { table: shape.any_id(), definition: None, valid: true, ..other.index.clone() };
        for key in &mut index.keys {
            key.column = key.column.and_then(number);
        }
        index.uses = index.uses.into_iter().filter_map(number).collect();
        index.include = index.include.into_iter().filter_map(number).collect();
        let columns: Option<Vec<ColumnNumber>> =
            other.constraint.map(|found| found.columns.iter().map(|n| number(*n).unwrap_or(0)).collect());
        let name = self.part_name(shape, other);
        let slot = self.slot();
        let qualified = QName::new(shape.name.schema.clone(), name.clone());
        let mut relation =
            Relation::new(shape.relation.schema, name.clone(), RelationKind::Index(Box::new(index.clone())));
        relation.parents = Some(other.id).filter(|_| partition).into_iter().collect();
        relation.options = other.options.to_vec();
        relation.persistence = shape.relation.persistence;
        self.touch(Place::Relation(qualified.clone()), Access::Write);
        self.provide(ObjectRef::relation(&qualified));
        let tablespace = self.copied_index_tablespace(&other.tablespace, relation.persistence);
        shape.effects.push(Effect::CreateRelation { name: qualified, slot, relation: Box::new(relation) });
        Self::place_index(&mut shape.effects, slot, &tablespace);
        let made = other.constraint.zip(columns).map(|(above, columns)| {
            let like = if partition { part_of(above) } else { own(above) };
            let constraint = Constraint { name: name.clone(), columns, ..like };
            self.not_null_key(shape, &constraint);
            self.provide_key(&shape.name, &shape.relation.names(&constraint.columns), index.primary);
            super::table_constraint::add(shape, constraint.clone(), Some(name));
            constraint
        });
        (slot.as_id(), index, made)
    }

    fn attach_equal_index(
        &mut self,
        part: &mut Shape<'a>,
        whole: &Whole<'_>,
        only_valid: bool,
    ) -> Option<bool> {
        let table = part.id?;
        for (id, relation, index) in self.catalog.indexes_of(table) {
            let carried = part.relation.constraints.iter().find(|c| c.index == Some(id) && c.is_key());
            // From PostgreSQL 17 on a primary key is no part of a unique constraint.
            let same_kind = self.catalog.server_version < 170_000
                || carried.zip(whole.constraint).is_none_or(|(part, whole)| part.kind == whole.kind);
            let fits = relation.parents.is_empty()
                && same_kind
                && !part.attached.contains(&id)
                && (index.valid || !only_valid)
                && (whole.constraint.is_none() || carried.is_some())
                && equal_indexes((whole.index, whole.table), (index, &part.relation));
            if !fits {
                continue;
            }
            let name = carried.map(|found| found.name.clone());
            part.attached.push(id);
            let change = RelationChange::AddParent(whole.id, None);
            part.effects.push(Effect::AlterRelation { relation: id, change });
            if let (Some(above), Some(name)) = (whole.constraint, name) {
                let parent = above.name.clone();
                part.effects.push(Effect::AttachConstraint { relation: table, name, parent });
            }
            self.touch(Place::Relation(self.catalog.relation_name(id)), Access::Write);
            return Some(index.valid);
        }
        None
    }

    /// The name that PostgreSQL chooses for the index of a partition (`ChooseIndexName`).
    fn part_name(&mut self, part: &mut Shape<'a>, whole: &Whole<'_>) -> String {
        let table = part.name.name.clone();
        let columns = joined(&key_names(whole.table, whole.index));
        match whole.constraint.map(|found| &found.kind) {
            Some(ConstraintKind::PrimaryKey) => part.chooser.relation(&table, "", "pkey", true),
            Some(ConstraintKind::Exclude) => part.chooser.relation(&table, &columns, "excl", true),
            // WITHOUT OVERLAPS is an exclusion.
            Some(ConstraintKind::Unique) if whole.index.method == "gist" => {
                part.chooser.relation(&table, &columns, "excl", true)
            }
            Some(_) => part.chooser.relation(&table, &columns, "key", true),
            None => part.chooser.relation(&table, &columns, "idx", false),
        }
    }

    /// ALTER COLUMN TYPE makes the indexes of a partitioned table on the column again, and so its parts, under
    /// the names that are chosen for them.
    pub(super) fn parts_made_again(&mut self, shape: &Shape<'a>, column: ColumnNumber) -> Vec<Effect> {
        let Some(id) = shape.id.filter(|_| shape.relation.kind == RelationKind::PartitionedTable) else {
            return Vec::new();
        };
        let mut wholes = self.catalog.indexes_of(id);
        wholes.retain(|(_, relation, index)| index.uses.contains(&column) && relation.parents.is_empty());
        wholes.sort_by_key(|(id, ..)| *id);
        let mut chooser = Chooser::new(self.catalog, &shape.name.schema);
        for (whole, ..) in &wholes {
            chooser.free_parts(*whole);
        }
        let mut effects = Vec::new();
        for (whole, _, index) in wholes {
            // Before PostgreSQL 17 the parts get the comment of the whole.
            let comment = match self.catalog.server_version >= 170_000 {
                true => DetailValue::Absent,
                false => self.catalog.detail(&Subject::Object(whole), Detail::Comment).clone(),
            };
            self.rename_parts((whole, index), &comment, &shape.relation, &mut chooser, &mut effects);
        }
        effects
    }

    fn rename_parts(
        &mut self,
        (whole, index): (Id, &Index),
        comment: &DetailValue,
        table: &Relation,
        chooser: &mut Chooser<'a>,
        effects: &mut Vec<Effect>,
    ) {
        for part in self.catalog.children_of(whole) {
            let Some(found) = self.catalog.relation(part).and_then(|found| found.index()) else { continue };
            let slot = self.slot();
            let Some(mut shape) = Shape::existing(self.catalog, found.table, slot) else { continue };
            let constraint = table.constraints.iter().find(|c| c.index == Some(whole) && c.is_key());
            shape.chooser.also(chooser);
            let tablespace = DetailValue::Absent;
            let of = Whole { id: whole, index, constraint, options: &[], tablespace, table };
            let to = self.part_name(&mut shape, &of);
            chooser.also(&shape.chooser);
            self.comment_of_part((part, found.table), comment, effects);
            if self.catalog.relation_name(part).name != to {
                effects.push(Effect::RenameRelation { relation: part, to });
            }
            self.rename_parts((part, found), comment, &shape.relation, chooser, effects);
        }
    }

    /// A part that is made again has another comment, and its constraint has none.
    fn comment_of_part(&self, (part, table): (Id, Id), comment: &DetailValue, effects: &mut Vec<Effect>) {
        let detail = Detail::Comment;
        let carried = self.catalog.relation(table).and_then(|table| {
            table.constraints.iter().find(|found| found.index == Some(part) && found.is_key())
        });
        let constraint = carried.map(|found| {
            let of = Subject::Part(table, PartKind::Constraint, found.name.as_str().into());
            (of, DetailValue::Absent)
        });
        let index = (Subject::Object(part), comment.clone());
        for (of, value) in constraint.into_iter().chain([index]) {
            if *self.catalog.detail(&of, detail) != value {
                effects.push(Effect::SetDetail { of, detail, value });
            }
        }
    }

    /// The columns of a primary key are NOT NULL.
    pub(super) fn not_null_key(&mut self, shape: &mut Shape<'a>, key: &Constraint) {
        if key.kind != ConstraintKind::PrimaryKey {
            return;
        }
        for column in shape.relation.columns.iter_mut().filter(|c| key.columns.contains(&c.number)) {
            column.not_null = true;
        }
    }

    /// Makes the parts of a foreign key in all partitions of a table.
    pub(super) fn foreign_key_below(&mut self, shape: &mut Shape<'a>, constraint: &Constraint) {
        let table = shape.relation.clone();
        for mut part in self.partitions(shape) {
            part.chooser.also(&shape.chooser);
            if let Some(child) = part.id {
                self.lock(child, LockMode::ShareRowExclusive);
            }
            self.foreign_key_on_partition(&mut part, constraint, &table);
            shape.chooser.also(&part.chooser);
            shape.effects.append(&mut part.effects);
        }
    }

    /// Takes an equal foreign key of a partition for the part of one, or makes one.
    pub(super) fn foreign_key_on_partition(
        &mut self,
        part: &mut Shape<'a>,
        constraint: &Constraint,
        table: &Relation,
    ) {
        let columns: Vec<ColumnNumber> =
            constraint.columns.iter().filter_map(|n| translated(table, &part.relation, *n)).collect();
        let equal = part.relation.constraints.iter_mut().find(|old| {
            old.kind == constraint.kind
                && old.columns == columns
                && old.parent.is_none()
                && (old.validated || self.catalog.server_version >= 180_000)
                && old.enforced == constraint.enforced
                && (old.deferrable, old.deferred) == (constraint.deferrable, constraint.deferred)
        });
        if let (Some(equal), Some(relation)) = (equal, part.id) {
            equal.parent = Some(constraint.name.clone());
            let (name, parent) = (equal.name.clone(), constraint.name.clone());
            let validate = constraint.validated && !equal.validated;
            part.effects.push(Effect::AttachConstraint { relation, name: name.clone(), parent });
            if validate {
                part.effects.push(Effect::ValidateConstraint { relation, name });
            }
            return;
        }
        let name = match part.relation.constraint(&constraint.name) {
            None => constraint.name.clone(),
            Some(_) if self.catalog.server_version >= 180_000 => {
                part.chooser.numbered_constraint(&constraint.name)
            }
            Some(_) => {
                let names = joined(&part.relation.names(&columns));
                let own = part.name.name.clone();
                part.chooser.constraint(&own, &names, "fkey")
            }
        };
        part.chooser.take_constraint(&name);
        let made = Constraint { name, columns, ..part_of(constraint) };
        let relation = part.name.clone();
        self.provide(ObjectRef::Constraint { relation, name: made.name.clone() });
        super::table_constraint::add(part, made.clone(), None);
        self.foreign_key_below(part, &made);
    }

    /// Gives a new partition, or one that is attached, what its table has.
    pub(super) fn parts_of_partition(&mut self, part: &mut Shape<'a>, id: Id, table: &Relation) {
        let mut indexes = match part.relation.kind {
            RelationKind::ForeignTable => Vec::new(),
            _ => self.catalog.indexes_of(id),
        };
        indexes.sort_by_key(|(id, ..)| *id);
        for (index_id, relation, index) in indexes {
            let constraint = table.constraints.iter().find(|c| c.index == Some(index_id) && c.is_key());
            let (tablespace, options) = (self.tablespace_of(index_id), &relation.options);
            let whole = Whole { id: index_id, index, constraint, options, tablespace, table };
            self.index_on_partition(part, &whole, true);
        }
        for trigger in table.triggers.iter().filter(|trigger| trigger.row) {
            self.trigger_on_partition(part, trigger, table);
        }
        for constraint in table.constraints.iter().filter(|c| c.is_foreign_key()) {
            self.foreign_key_on_partition(part, constraint, table);
        }
    }

    /// Makes a row trigger of a partitioned table in a partition, and in those below it.
    fn trigger_on_partition(
        &mut self,
        part: &mut Shape<'a>,
        trigger: &crate::catalog::Trigger,
        table: &Relation,
    ) {
        let columns = named_columns(trigger, table);
        let columns = columns.iter().filter_map(|n| translated(table, &part.relation, *n)).collect();
        let object = ObjectRef::Trigger { relation: part.name.clone(), name: trigger.name.clone() };
        let there = part.relation.triggers.iter().find(|there| there.name == trigger.name);
        if there.is_some_and(|there| there.above.is_none()) {
            self.analysis.presence = super::Presence::Unknown { object: object.clone(), tolerated: false };
        }
        self.provide(object);
        let above = Some(trigger.name.clone());
        let clone = crate::catalog::Trigger { columns, above, definition: None, ..trigger.clone() };
        part.effects.push(Effect::CreateTrigger { relation: part.any_id(), trigger: clone.clone() });
        let own = part.relation.clone();
        for mut below in self.partitions(part) {
            self.trigger_on_partition(&mut below, &clone, &own);
            part.effects.append(&mut below.effects);
        }
    }

    /// Makes a row trigger that a statement makes on a partitioned table in its partitions.
    pub(super) fn trigger_below(&mut self, table: Id, trigger: &crate::catalog::Trigger) {
        let slot = self.slot();
        let Some(shape) = Shape::existing(self.catalog, table, slot) else { return };
        for mut part in self.partitions(&shape) {
            self.trigger_on_partition(&mut part, trigger, &shape.relation);
            self.analysis.effects.append(&mut part.effects);
        }
    }
}

impl<'a> Context<'a> {
    /// DETACH … CONCURRENTLY leaves a CHECK with what the bound said, unless the table has such a one; worked out for
    /// keys of one column.
    pub(super) fn left_by_detaching(&mut self, whole: &Shape<'a>, child: Id) -> Vec<Effect> {
        let slot = self.slot();
        let Some(mut part) = Shape::existing(self.catalog, child, slot) else { return Vec::new() };
        let Some(check) = bound_as_check(&whole.relation, &part.relation) else { return Vec::new() };
        let same = |constraint: &Constraint| match &constraint.kind {
            ConstraintKind::Check(there) => expressions(&there.text, &check) == Sameness::Same,
            _ => false,
        };
        let Ok(select) = crate::syntax::parse_expression(&check) else { return Vec::new() };
        let Some(NodeEnum::ResTarget(target)) =
            select.target_list.first().and_then(|node| node.node.as_ref())
        else {
            return Vec::new();
        };
        if part.relation.constraints.iter().any(same) {
            return Vec::new();
        }
        let checks = |constraint: &Constraint| {
            matches!(constraint.kind, ConstraintKind::Check(_)) && constraint.validated
        };
        if part.relation.constraints.iter().any(checks) {
            let message = format!("whether what `{}` checks implies its bound is not known", part.name);
            let span = self.statement.span;
            let unknown = super::Verdict::Unknown;
            self.require(Vec::new(), span, unknown, crate::diagnostic::Code::DN208, message, Vec::new());
            return Vec::new();
        }
        let node = protobuf::Constraint {
            contype: protobuf::ConstrType::ConstrCheck as i32,
            raw_expr: target.val.clone(),
            initially_valid: true,
            is_enforced: true,
            location: -1,
            ..protobuf::Constraint::default()
        };
        part.pending.push(Pending { node, column: None });
        self.make_constraints(&mut part);
        part.effects
    }
}

/// The bound of a partition as a condition on its only key column.
fn bound_as_check(whole: &Relation, part: &Relation) -> Option<String> {
    let bound = part.partition_bound.as_deref()?;
    let column = match (whole.names(&whole.partition_columns).as_slice(), whole.partition_key.as_deref()?) {
        ([only], key) if !key.contains(',') => crate::catalog::Ident(only).to_string(),
        _ => return None,
    };
    let text = format!("create table p partition of w {bound}");
    let Ok(NodeEnum::CreateStmt(node)) = crate::syntax::parse_sql_fragment(&text) else { return None };
    let bound = node.partbound?;
    let values = |nodes: &[protobuf::Node]| {
        nodes.iter().map(crate::syntax::deparse_expression).collect::<Option<Vec<String>>>()
    };
    let not_null = format!("{column} IS NOT NULL");
    match bound.strategy.as_str() {
        "r" => {
            let (from, to) = (values(&bound.lowerdatums)?, values(&bound.upperdatums)?);
            let end = |values: &[String], sign: &str, open: &str| match values {
                [only] if only.eq_ignore_ascii_case(open) => Some(String::new()),
                [only] => Some(format!(" AND {column} {sign} {only}")),
                _ => None,
            };
            Some(format!("{not_null}{}{}", end(&from, ">=", "minvalue")?, end(&to, "<", "maxvalue")?))
        }
        "l" if !bound.is_default => match values(&bound.listdatums)?.as_slice() {
            [] => None,
            all if all.iter().any(|value| value.eq_ignore_ascii_case("null")) => None,
            [only] => Some(format!("{not_null} AND {column} = {only}")),
            all => Some(format!("{not_null} AND {column} = ANY (ARRAY[{}])", all.join(", "))),
        },
        _ => None,
    }
}

/// The columns that a trigger says it is on; those that its WHEN uses count for the table itself only.
fn named_columns(trigger: &crate::catalog::Trigger, table: &Relation) -> Vec<ColumnNumber> {
    let parsed = trigger.definition.as_deref().map(crate::syntax::parse_sql_fragment);
    match parsed {
        Some(Ok(NodeEnum::CreateTrigStmt(node))) => {
            let names = super::context::strings(&node.columns);
            names.iter().filter_map(|name| table.column(name)).map(|column| column.number).collect()
        }
        _ => trigger.columns.clone(),
    }
}

/// A constraint like another table's, without a tie to it.
fn own(other: &Constraint) -> Constraint {
    Constraint { inherited: false, local: true, parent: None, index: None, definition: None, ..other.clone() }
}

/// Says of an index that the statement makes that it is not valid.
pub(super) fn invalidate(effects: &mut [Effect], id: Id) {
    for effect in effects {
        if let Effect::CreateRelation { slot, relation, .. } = effect
            && slot.as_id() == id
            && let RelationKind::Index(index) = &mut relation.kind
        {
            index.valid = false;
        }
    }
}

/// The constraint of a partition that is part of one of its table.
fn part_of(above: &Constraint) -> Constraint {
    Constraint {
        inherited: true,
        local: false,
        parent: Some(above.name.clone()),
        index: None,
        definition: None,
        ..above.clone()
    }
}

/// The number of a column in another table, by name.
fn translated(from: &Relation, to: &Relation, number: ColumnNumber) -> Option<ColumnNumber> {
    let name = &from.column_numbered(number)?.name;
    to.column(name).map(|column| column.number)
}

/// Whether the index of a partition can be the part of one of its table (`CompareIndexInfo`).
fn equal_indexes((whole, table): (&Index, &Relation), (part, child): (&Index, &Relation)) -> bool {
    let column = |number: ColumnNumber| table.column_numbered(number).map(|column| &column.name);
    let theirs = |number: ColumnNumber| child.column_numbered(number).map(|column| &column.name);
    let equal_keys = |a: &IndexKey, b: &IndexKey| {
        let same = match (a.column, b.column) {
            (Some(a), Some(b)) => column(a) == theirs(b),
            (None, None) => {
                a.expression.is_some() && same_expression(a.expression.as_ref(), b.expression.as_ref())
            }
            _ => false,
        };
        same && a.opclass == b.opclass && a.collation == b.collation
    };
    whole.unique == part.unique
        && whole.nulls_not_distinct == part.nulls_not_distinct
        && whole.method == part.method
        && whole.keys.len() == part.keys.len()
        && whole.include.len() == part.include.len()
        && whole.keys.iter().zip(&part.keys).all(|(a, b)| equal_keys(a, b))
        && whole.include.iter().zip(&part.include).all(|(a, b)| column(*a) == theirs(*b))
        && same_expression(whole.predicate.as_ref(), part.predicate.as_ref())
}

fn same_expression(a: Option<&Expr>, b: Option<&Expr>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => expressions(&a.text, &b.text) == Sameness::Same,
        _ => false,
    }
}
