//! Constraints of a table: CHECK, keys with their indexes, foreign keys.

use super::alter_table::options_of;
use super::context::{Context, is_system_column, range_name, strings};
use super::naming::{index_columns, joined};
use super::partition::Whole;
use super::table_shape::{Draft, Pending, Shape};
use super::typing::from_ref;
use super::{Access, Facet, LockMode, Place, Verdict};
use crate::catalog::{
    ColumnChange, ColumnNumber, Constraint, ConstraintKind, Dependency, DetailValue, Effect, Expr, Id, Index,
    IndexKey, ObjectRef, QName, Reference, Relation, RelationKind, Slot, TypeRef,
};
use crate::diagnostic::Code;
use crate::source::Span;
use crate::syntax::{NodeEnum, deparse_expression, protobuf};
use protobuf::ConstrType;

/// A key as it is written, before its index has a name.
struct Key<'n> {
    node: &'n protobuf::Constraint,
    columns: Vec<String>,
}

impl<'a> Context<'a> {
    /// Makes all pending constraints in PostgreSQL's order: generated columns and checks, the primary key,
    /// other keys, foreign keys. Names are chosen in this order.
    pub(super) fn make_constraints(&mut self, shape: &mut Shape<'a>) {
        let pending = std::mem::take(&mut shape.pending);
        for Pending { node, column, .. } in &pending {
            match node.contype() {
                ConstrType::ConstrGenerated => {
                    self.generation_expression(shape, node, column.as_deref().unwrap_or(""));
                }
                ConstrType::ConstrCheck => self.check_constraint(shape, node),
                ConstrType::ConstrNotnull => {
                    for key in strings(&node.keys) {
                        let column = self.need_own_column(shape, &key, node.location);
                        self.set_not_null(shape, &key, node);
                        if let (Some(relation), Some(column)) = (shape.id, column) {
                            let change = ColumnChange::NotNull(true);
                            let only = shape.only || node.is_no_inherit;
                            shape.effects.push(Effect::AlterColumn { relation, column, change, only });
                        }
                    }
                }
                _ => {}
            }
        }
        let parent = shape.partition_of.take().and_then(|id| Some((id, self.catalog.relation(id)?)));
        if let Some((id, parent)) = parent {
            self.parts_of_partition(shape, id, parent);
        }
        self.make_keys(shape, &pending);
        // Keys that are written come before those of LIKE, and foreign keys after both.
        for (id, other, comments) in std::mem::take(&mut shape.likes) {
            self.indexes_again(shape, id, &other, comments);
        }
        for Pending { node, column, .. } in &pending {
            if node.contype() == ConstrType::ConstrForeign {
                self.foreign_key(shape, node, column.as_deref());
            }
        }
    }

    fn generation_expression(&mut self, shape: &mut Shape<'a>, node: &protobuf::Constraint, column: &str) {
        let Some(expression) = node.raw_expr.as_deref() else { return };
        let outer = std::mem::take(&mut self.depends);
        let used = self.expression(expression, &[shape.source()]);
        let mut depends = std::mem::replace(&mut self.depends, outer);
        let text = deparse_expression(expression).unwrap_or_default();
        if let Some(system) = system_columns(&text).into_iter().find(|name| name != "tableoid") {
            let message = format!("the system column `{system}` cannot be used in a generated column");
            self.refuse(Code::DN216, self.span(node.location), message);
        }
        let own = shape.any_id();
        depends.extend(used.into_iter().map(|number| Dependency { on: own, column: Some(number) }));
        depends.sort_unstable();
        depends.dedup();
        super::table_shape::with_column(shape, column, |column| column.default_depends = depends);
    }

    fn check_constraint(&mut self, shape: &mut Shape<'a>, node: &protobuf::Constraint) {
        let Some(expression) = node.raw_expr.as_deref() else { return };
        let outer = std::mem::take(&mut self.depends);
        let columns = self.expression(expression, &[shape.source()]);
        let depends = std::mem::replace(&mut self.depends, outer);
        let text = deparse_expression(expression).unwrap_or_else(|| "?".into());
        let system = system_columns(&text);
        let only = match columns.as_slice() {
            [one] if system.is_empty() => shape.relation.names(&[*one]).pop().unwrap_or_default(),
            _ => String::new(),
        };
        let table = shape.name.name.clone();
        let name =
            self.constraint_name(shape, node, |shape| shape.chooser.constraint(&table, &only, "check"));
        if let Some(column) = system.into_iter().find(|column| column != "tableoid") {
            let message = format!("the system column `{column}` cannot be checked");
            self.refuse(Code::DN216, self.span(node.location), message);
        }
        let constraint = Constraint {
            name,
            columns,
            validated: is_valid(shape, node),
            depends: depends.into_iter().filter(|dependency| Some(dependency.on) != shape.id).collect(),
            ..with_flags(ConstraintKind::Check(Expr::new(text)), node)
        };
        self.make_constraint(shape, constraint, None);
    }

    /// Takes the name that is written, or one that is chosen.
    fn constraint_name(
        &mut self,
        shape: &mut Shape<'a>,
        node: &protobuf::Constraint,
        choose: impl FnOnce(&mut Shape<'a>) -> String,
    ) -> String {
        if node.conname.is_empty() {
            return choose(shape);
        }
        let declared = |old: &&Constraint| old.name == node.conname && !old.inherited;
        if shape.id.is_none() && shape.relation.constraints.iter().any(|old| declared(&old)) {
            let message = format!("constraint `{}` is there already", node.conname);
            self.refuse(Code::DN216, self.span(node.location), message);
        }
        shape.chooser.take_constraint(&node.conname);
        node.conname.clone()
    }

    fn make_constraint(&mut self, shape: &mut Shape<'a>, constraint: Constraint, index: Option<String>) {
        let object = ObjectRef::Constraint { relation: shape.name.clone(), name: constraint.name.clone() };
        self.touch(Place::Object(object.clone()), Access::Write);
        if shape.id.is_some() {
            self.touch(Place::Rules(shape.name.clone()), Access::Write);
        }
        self.provide(object);
        add(shape, constraint, index);
    }

    fn make_keys(&mut self, shape: &mut Shape<'a>, pending: &[Pending]) {
        let mut keys: Vec<Key<'_>> = Vec::new();
        for primary in [true, false] {
            for Pending { node, column } in pending {
                let wanted = match node.contype() {
                    ConstrType::ConstrPrimary => primary,
                    ConstrType::ConstrUnique | ConstrType::ConstrExclusion => !primary,
                    _ => false,
                };
                if !wanted {
                    continue;
                }
                let mut columns = strings(&node.keys);
                columns.extend(columns.is_empty().then(|| column.clone()).flatten());
                // As in PostgreSQL, a key that is written twice is made once.
                if !keys.iter().any(|key| same_key(key, node, &columns)) {
                    keys.push(Key { node, columns });
                }
            }
        }
        for key in keys {
            match key.node.contype() {
                ConstrType::ConstrExclusion => self.exclusion(shape, key.node),
                _ if !key.node.indexname.is_empty() => self.key_using_index(shape, key.node),
                _ => self.key(shape, &key),
            }
        }
    }

    fn key(&mut self, shape: &mut Shape<'a>, key: &Key<'_>) {
        let node = key.node;
        let primary = node.contype() == ConstrType::ConstrPrimary;
        let mut numbers = Vec::new();
        for (at, column) in key.columns.iter().enumerate() {
            if key.columns[..at].contains(column) {
                let message = format!("`{column}` is named twice in a key");
                self.refuse(Code::DN216, self.span(node.location), message);
            }
            numbers.extend(self.need_own_column(shape, column, node.location));
            if let Some(found) = shape.relation.column(column) {
                let method = if node.without_overlaps { "gist" } else { "btree" };
                self.need_default_class(method, from_ref(&found.ty), node.location);
            }
            if primary {
                super::table_shape::with_column(shape, column, |column| column.not_null = true);
            }
        }
        let include: Vec<ColumnNumber> = strings(&node.including)
            .iter()
            .filter_map(|column| self.need_own_column(shape, column, node.location))
            .collect();
        let table = shape.name.name.clone();
        let name = self.index_name(shape, node, |shape| {
            if primary {
                shape.chooser.relation(&table, "", "pkey", true)
            } else {
                let mut names = key.columns.clone();
                names.extend(strings(&node.including));
                shape.chooser.relation(&table, &joined(&names), "key", true)
            }
        });
        let index = Index {
            unique: true,
            primary,
            nulls_not_distinct: node.nulls_not_distinct,
            immediate: !node.deferrable,
            keys: numbers.iter().map(|number| plain_key(*number)).collect(),
            uses: numbers.iter().chain(&include).copied().collect(),
            include,
            method: if node.without_overlaps { "gist".to_owned() } else { "btree".to_owned() },
            ..btree(shape.any_id())
        };
        let index = self.make_index(shape, &name, index, node);
        self.provide_key(&shape.name, &key.columns, primary);
        let kind = if primary { ConstraintKind::PrimaryKey } else { ConstraintKind::Unique };
        let constraint = Constraint { name: name.clone(), columns: numbers, ..with_flags(kind, node) };
        self.make_key(shape, constraint, index);
    }

    /// Adds a key with its index, also to the partitions of the table.
    fn make_key(
        &mut self,
        shape: &mut Shape<'a>,
        constraint: Constraint,
        (slot, index, tablespace): (Slot, Index, DetailValue),
    ) {
        self.make_constraint(shape, constraint.clone(), Some(constraint.name.clone()));
        if shape.id.is_none() {
            return;
        }
        self.not_null_key_columns(shape, &constraint);
        if !shape.only {
            let table = shape.relation.clone();
            let whole = Whole {
                id: slot.as_id(),
                index: &index,
                constraint: Some(&constraint),
                options: &[],
                tablespace,
                table: &table,
            };
            self.index_below(shape, &whole);
        }
    }

    /// Says that a unique key is made; one without columns stands for the primary key.
    pub(super) fn provide_key(&mut self, relation: &QName, columns: &[String], primary: bool) {
        let mut sorted = columns.to_vec();
        sorted.sort();
        sorted.dedup();
        self.provide(ObjectRef::UniqueKey { relation: relation.clone(), columns: sorted });
        if primary {
            self.provide(ObjectRef::UniqueKey { relation: relation.clone(), columns: Vec::new() });
        }
    }

    fn index_name(
        &mut self,
        shape: &mut Shape<'a>,
        node: &protobuf::Constraint,
        choose: impl FnOnce(&mut Shape<'a>) -> String,
    ) -> String {
        let name = self.constraint_name(shape, node, choose);
        shape.chooser.take_relation(&name);
        name
    }

    fn make_index(
        &mut self,
        shape: &mut Shape<'a>,
        name: &str,
        mut index: Index,
        node: &protobuf::Constraint,
    ) -> (Slot, Index, DetailValue) {
        let qualified = QName::new(shape.name.schema.clone(), name);
        let slot = self.slot();
        // ON ONLY a table with partitions: invalid until each partition's index is attached.
        index.valid = !shape.only || shape.id.is_none_or(|table| !self.has_partitions(table));
        let kind = RelationKind::Index(Box::new(index.clone()));
        let mut relation = Relation::new(shape.relation.schema, name, kind);
        relation.persistence = shape.relation.persistence;
        relation.options = options_of(&node.options);
        self.need_tablespace(&node.indexspace);
        let tablespace = self.new_index_tablespace(&node.indexspace, relation.persistence);
        self.touch(Place::Relation(qualified.clone()), Access::Write);
        if shape.id.is_some() {
            self.touch(Place::Rows(shape.name.clone()), Access::Read);
        }
        self.provide(ObjectRef::relation(&qualified));
        shape.effects.push(Effect::CreateRelation { name: qualified, slot, relation: Box::new(relation) });
        Self::place_index(&mut shape.effects, slot, &tablespace);
        (slot, index, tablespace)
    }

    pub(super) fn has_partitions(&self, table: Id) -> bool {
        self.catalog.relation(table).is_some_and(|table| table.kind == RelationKind::PartitionedTable)
            && !self.catalog.children_of(table).is_empty()
    }

    /// ADD CONSTRAINT … UNIQUE | PRIMARY KEY USING INDEX: the index gets the constraint's name.
    fn key_using_index(&mut self, shape: &mut Shape<'a>, node: &protobuf::Constraint) {
        let primary = node.contype() == ConstrType::ConstrPrimary;
        let written = QName::new(shape.name.schema.clone(), node.indexname.clone());
        let name = crate::catalog::Name { schema: Some(written.schema.clone()), name: written.name };
        let id = self.need_relation(&name, self.span(node.location), "index");
        let constraint_name =
            if node.conname.is_empty() { node.indexname.clone() } else { node.conname.clone() };
        let Some(index) = id.and_then(|id| self.catalog.relation(id)?.index().cloned()) else {
            self.provide(ObjectRef::Constraint { relation: shape.name.clone(), name: constraint_name });
            return;
        };
        let columns: Vec<ColumnNumber> = index.keys.iter().filter_map(|key| key.column).collect();
        let names = shape.relation.names(&columns);
        if primary {
            for column in &names {
                super::table_shape::with_column(shape, column, |column| column.not_null = true);
            }
        }
        if let Some(id) = id.filter(|_| constraint_name != node.indexname) {
            shape.effects.push(Effect::RenameRelation { relation: id, to: constraint_name.clone() });
        }
        self.provide_key(&shape.name, &names, primary);
        let kind = if primary { ConstraintKind::PrimaryKey } else { ConstraintKind::Unique };
        let constraint = Constraint { name: constraint_name.clone(), columns, ..with_flags(kind, node) };
        self.make_constraint(shape, constraint.clone(), Some(constraint_name));
        self.not_null_key_columns(shape, &constraint);
    }

    /// ADD PRIMARY KEY: its columns are NOT NULL, in descendants too.
    fn not_null_key_columns(&mut self, shape: &mut Shape<'a>, constraint: &Constraint) {
        let Some(table) = shape.id.filter(|_| constraint.kind == ConstraintKind::PrimaryKey) else { return };
        for column in &constraint.columns {
            let (column, only) = (*column, shape.only);
            let change = ColumnChange::NotNull(true);
            shape.effects.push(Effect::AlterColumn { relation: table, column, change, only });
        }
    }

    fn exclusion(&mut self, shape: &mut Shape<'a>, node: &protobuf::Constraint) {
        let elements: Vec<&protobuf::IndexElem> = node.exclusions.iter().filter_map(excluded).collect();
        let method = super::index::method_of(&node.access_method);
        let keys = self.index_keys(shape, &elements, method, node.location);
        let table = shape.name.name.clone();
        let include: Vec<ColumnNumber> = strings(&node.including)
            .iter()
            .filter_map(|column| self.need_own_column(shape, column, node.location))
            .collect();
        let mut columns = index_columns(elements.iter().copied());
        columns.extend(strings(&node.including));
        let columns = joined(&columns);
        let name =
            self.index_name(shape, node, |shape| shape.chooser.relation(&table, &columns, "excl", true));
        let predicate = node.where_clause.as_deref().map(|node| self.index_predicate(shape, node));
        let numbers: Vec<ColumnNumber> = keys.keys.iter().map(|key| key.column.unwrap_or(0)).collect();
        let mut uses = keys.uses;
        let predicate = predicate.map(|(expression, used)| {
            uses.extend(used);
            expression
        });
        let index = Index {
            method: method.to_owned(),
            keys: keys.keys,
            uses: uses.into_iter().chain(include.iter().copied()).collect(),
            include,
            predicate,
            immediate: !node.deferrable,
            ..btree(shape.any_id())
        };
        let index = self.make_index(shape, &name, index, node);
        let constraint = Constraint { name, columns: numbers, ..with_flags(ConstraintKind::Exclude, node) };
        self.make_key(shape, constraint, index);
    }

    /// Finds a column of the table under creation or change.
    pub(super) fn need_own_column(
        &mut self,
        shape: &Shape<'a>,
        column: &str,
        location: i32,
    ) -> Option<ColumnNumber> {
        if let Some(found) = shape.relation.column(column) {
            if shape.id.is_some() {
                self.touch(Place::Column(shape.name.clone(), column.to_owned()), Access::Read);
            }
            return Some(found.number);
        }
        let verdict = if shape.relation.columns_known { Verdict::Invalid } else { Verdict::Unknown };
        let span = self.word_span(column, location);
        self.touch(Place::Column(shape.name.clone(), column.to_owned()), Access::Read);
        self.miss_column(&shape.name, column, span, verdict);
        None
    }

    fn foreign_key(&mut self, shape: &mut Shape<'a>, node: &protobuf::Constraint, column: Option<&str>) {
        let mut own = strings(&node.fk_attrs);
        own.extend(column.filter(|_| own.is_empty()).map(str::to_owned));
        let numbers: Vec<Option<ColumnNumber>> =
            own.iter().map(|column| self.need_own_column(shape, column, node.location)).collect();
        for column in strings(&node.fk_del_set_cols) {
            if self.need_own_column(shape, &column, node.location).is_some() && !own.contains(&column) {
                let message = format!("`{column}` is not a column of the foreign key");
                self.refuse(Code::DN216, self.span(node.location), message);
            }
        }
        let table = shape.name.name.clone();
        let name = self
            .constraint_name(shape, node, |shape| shape.chooser.constraint(&table, &joined(&own), "fkey"));
        let parent = node.pktable.as_ref().and_then(|range| self.parent(shape, range));
        let Some(parent) = parent else {
            self.provide(ObjectRef::Constraint { relation: shape.name.clone(), name });
            return;
        };
        let referenced = self.referenced_columns(shape, &parent, node);
        if !referenced.is_empty() && referenced.len() != own.len() {
            let message = format!("{} columns refer to {}", own.len(), referenced.len());
            self.refuse(Code::DN206, self.span(node.location), message);
        }
        let types: Vec<Option<&TypeRef>> =
            own.iter().map(|column| shape.relation.column(column).map(|column| &column.ty)).collect();
        for (index, (mine, theirs)) in types.iter().zip(&referenced).enumerate() {
            if let (Some(mine), Some((_, theirs))) = (mine, theirs) {
                self.need_comparable(&own[index], mine, theirs, self.span(node.location));
            }
        }
        let reference = Reference {
            table: parent.id,
            columns: referenced
                .iter()
                .filter_map(|found| found.as_ref().map(|(number, _)| *number))
                .collect(),
            on_delete: action(&node.fk_del_action),
            on_update: action(&node.fk_upd_action),
            matching: node.fk_matchtype.chars().next().unwrap_or('s'),
        };
        let constraint = Constraint {
            name,
            columns: numbers.into_iter().flatten().collect(),
            validated: is_valid(shape, node),
            ..with_flags(ConstraintKind::ForeignKey(reference), node)
        };
        self.make_constraint(shape, constraint.clone(), None);
        self.foreign_key_below(shape, &constraint);
    }

    /// Finds the referenced table, which may be the table itself.
    fn parent(&mut self, shape: &Shape<'a>, range: &protobuf::RangeVar) -> Option<Parent<'a>> {
        let name = range_name(range);
        let own = name.name == shape.name.name
            && shape.id.is_none()
            && match &name.schema {
                Some(schema) => *schema == shape.name.schema,
                None => self
                    .catalog
                    .find_relation(&name, self.path())
                    .yes()
                    .is_none_or(|id| self.catalog.relation_name(id) == shape.name),
            };
        if own {
            return Some(Parent {
                id: shape.any_id(),
                name: shape.name.clone(),
                relation: shape.relation.clone(),
                own: true,
            });
        }
        let id = self.need_relation(&name, self.span(range.location), "table")?;
        if Some(id) == shape.id {
            let (name, relation) = (shape.name.clone(), shape.relation.clone());
            return Some(Parent { id, name, relation, own: true });
        }
        self.lock(id, LockMode::ShareRowExclusive);
        let name = self.catalog.relation_name(id);
        if shape.id.is_some() {
            self.touch(Place::Rows(name.clone()), Access::Read);
        }
        Some(Parent { id, name, relation: Draft::of(self.catalog.relation(id)?), own: false })
    }

    /// The columns that are referenced, with their types; requires that they are a key.
    fn referenced_columns(
        &mut self,
        shape: &Shape<'a>,
        parent: &Parent<'_>,
        node: &protobuf::Constraint,
    ) -> Vec<Option<(ColumnNumber, TypeRef)>> {
        let span = self.span(node.location);
        let written = strings(&node.pk_attrs);
        if written.is_empty() {
            return self.referenced_primary_key(parent, node.fk_with_period, span);
        }
        if node.fk_with_period != node.pk_with_period {
            let message = "PERIOD is on one side of the foreign key only".to_owned();
            self.refuse(Code::DN206, span, message);
        }
        if let Some(twice) = written.iter().enumerate().find(|(place, name)| written[..*place].contains(name))
        {
            let message = format!("a foreign key refers to the column `{}` twice", twice.1);
            self.refuse(Code::DN206, span, message);
        }
        let mut found = Vec::new();
        for column in &written {
            let number = if parent.own {
                self.need_own_column(shape, column, node.location)
            } else {
                let outer = std::mem::take(&mut self.depends);
                let number = self.need_column(parent.id, column, span);
                self.depends = outer;
                number
            };
            let ty = parent.relation.column(column).map(|column| column.ty.clone());
            found.push(number.zip(ty));
        }
        let numbers: Vec<ColumnNumber> =
            found.iter().filter_map(|found| found.as_ref().map(|(number, _)| *number)).collect();
        if numbers.len() == written.len() {
            self.need_key(parent, &written, &numbers, node.fk_with_period, span);
        }
        found
    }

    fn referenced_primary_key(
        &mut self,
        parent: &Parent<'_>,
        period: bool,
        span: Span,
    ) -> Vec<Option<(ColumnNumber, TypeRef)>> {
        let key = parent.relation.constraints.iter().find(|c| c.kind == ConstraintKind::PrimaryKey);
        let verdict = match key {
            Some(key) if self.has_period(parent, key).is_some_and(|has| has != period) => Verdict::Invalid,
            Some(_) => Verdict::Valid,
            None if parent.relation.is_table() => Verdict::Invalid,
            None => Verdict::Unknown,
        };
        let object = ObjectRef::UniqueKey { relation: parent.name.clone(), columns: Vec::new() };
        let message = format!("table `{}` has no primary key", parent.name);
        self.require(vec![Facet::Exists(object)], span, verdict, Code::DN206, message, Vec::new());
        let columns = key.map(|key| key.columns.clone()).unwrap_or_default();
        columns
            .iter()
            .map(|number| {
                let column = parent.relation.column_numbered(*number)?;
                if !parent.own {
                    self.touch(Place::Column(parent.name.clone(), column.name.clone()), Access::Read);
                }
                Some((*number, column.ty.clone()))
            })
            .collect()
    }

    /// Whether a key is WITHOUT OVERLAPS, to which only a foreign key with PERIOD can refer; none if it is not made yet.
    fn has_period(&self, parent: &Parent<'_>, key: &Constraint) -> Option<bool> {
        let indexes = self.catalog.indexes_of(parent.id);
        let of_key = indexes.iter().find(|(_, relation, _)| relation.name == key.name);
        of_key.map(|(_, _, index)| index.method == "gist")
    }

    fn need_key(
        &mut self,
        parent: &Parent<'_>,
        names: &[String],
        numbers: &[ColumnNumber],
        period: bool,
        span: Span,
    ) {
        let same = |columns: &[ColumnNumber]| {
            columns.len() == numbers.len() && numbers.iter().all(|number| columns.contains(number))
        };
        let by_constraint = parent.relation.constraints.iter().any(|constraint| {
            matches!(constraint.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique)
                && !constraint.deferrable
                && same(&constraint.columns)
                && self.has_period(parent, constraint).is_none_or(|has| has == period)
        });
        let by_index = || {
            self.catalog.indexes_of(parent.id).iter().any(|(_, _, index)| {
                let columns: Vec<ColumnNumber> = index.keys.iter().filter_map(|key| key.column).collect();
                index.unique
                    && (index.method == "gist") == period
                    && index.immediate
                    && index.predicate.is_none()
                    && columns.len() == index.keys.len()
                    && same(&columns)
            })
        };
        let verdict = if by_constraint || by_index() {
            Verdict::Valid
        } else if parent.relation.is_table() {
            Verdict::Invalid
        } else {
            Verdict::Unknown
        };
        let mut columns = names.to_vec();
        columns.sort();
        let message = format!("table `{}` has no unique key on ({})", parent.name, names.join(", "));
        let object = ObjectRef::UniqueKey { relation: parent.name.clone(), columns };
        self.require(vec![Facet::Exists(object)], span, verdict, Code::DN206, message, Vec::new());
    }

    /// Both sides of a foreign key must be comparable; only what surely is not is invalid.
    fn need_comparable(&mut self, column: &str, mine: &TypeRef, theirs: &TypeRef, span: Span) {
        let (left, right) = (from_ref(mine), from_ref(theirs));
        if self.types().can_refer(left, right) == Some(false) && self.is_complete() {
            let message = format!("`{column}` is {mine} and the referenced column is {theirs}");
            self.require(Vec::new(), span, Verdict::Invalid, Code::DN207, message, Vec::new());
        }
    }
}

/// The table that a foreign key refers to.
struct Parent<'a> {
    id: Id,
    name: QName,
    relation: Draft<'a>,
    own: bool,
}

/// Adds a constraint to the table and to what the operation does.
pub(super) fn add(shape: &mut Shape<'_>, constraint: Constraint, index_name: Option<String>) {
    // A CHECK of the name of an inherited one merges with it.
    let local = shape.relation.partition_bound.is_none();
    match shape.relation.constraints.iter_mut().find(|old| old.inherited && old.name == constraint.name) {
        Some(old) => {
            old.local |= local;
            old.merge_enforced(&constraint);
        }
        None => shape.relation.constraints.push(constraint.clone()),
    }
    let (relation, constraint) = (shape.target(), Box::new(constraint));
    shape.effects.push(Effect::AddConstraint { relation, constraint, index_name });
}

/// The constraints of a new table are valid, NOT VALID or not; what is not enforced never is.
fn is_valid(shape: &Shape<'_>, node: &protobuf::Constraint) -> bool {
    let new = shape.id.is_none() && shape.relation.kind != RelationKind::ForeignTable;
    node.is_enforced && (new || !node.skip_validation)
}

/// The system columns that an expression, as it is deparsed, names, which count among its columns.
fn system_columns(text: &str) -> Vec<String> {
    let tokens = crate::syntax::tokens(text);
    let words = tokens.iter().filter(|token| token.kind == crate::syntax::TokenKind::Word);
    words
        .map(|token| token.text(text))
        .filter(|word| is_system_column(word) && *word != "oid")
        .map(str::to_owned)
        .collect()
}

fn with_flags(kind: ConstraintKind, node: &protobuf::Constraint) -> Constraint {
    Constraint {
        deferrable: node.deferrable || node.initdeferred,
        deferred: node.initdeferred,
        validated: !node.skip_validation && (node.is_enforced || !enforceable(node)),
        enforced: node.is_enforced || !enforceable(node),
        no_inherit: node.is_no_inherit,
        ..Constraint::new(kind)
    }
}

/// Whether it is a constraint that may be NOT ENFORCED.
fn enforceable(node: &protobuf::Constraint) -> bool {
    matches!(node.contype(), ConstrType::ConstrCheck | ConstrType::ConstrForeign)
}

/// A valid btree index without keys.
pub(super) fn btree(table: Id) -> Index {
    Index {
        table,
        unique: false,
        nulls_not_distinct: false,
        primary: false,
        valid: true,
        immediate: true,
        method: "btree".into(),
        keys: Vec::new(),
        include: Vec::new(),
        predicate: None,
        uses: Vec::new(),
        definition: None,
    }
}

fn plain_key(column: ColumnNumber) -> IndexKey {
    IndexKey {
        column: Some(column),
        expression: None,
        opclass: None,
        collation: None,
        descending: false,
        nulls_first: false,
    }
}

fn same_key(key: &Key<'_>, node: &protobuf::Constraint, columns: &[String]) -> bool {
    key.columns == columns
        && !columns.is_empty()
        && key.node.including == node.including
        && key.node.nulls_not_distinct == node.nulls_not_distinct
        && key.node.deferrable == node.deferrable
        && key.node.initdeferred == node.initdeferred
        && (key.node.conname.is_empty() || node.conname.is_empty() || key.node.conname == node.conname)
        && node.contype() != ConstrType::ConstrExclusion
        && node.indexname.is_empty()
}

/// The element of `EXCLUDE USING gist (element WITH operator)`.
fn excluded(node: &protobuf::Node) -> Option<&protobuf::IndexElem> {
    let NodeEnum::List(pair) = node.node.as_ref()? else { return None };
    match pair.items.first()?.node.as_ref()? {
        NodeEnum::IndexElem(element) => Some(element),
        _ => None,
    }
}

fn action(text: &str) -> char {
    text.chars().next().unwrap_or('a')
}

/// A constraint without name and columns.
pub(super) fn plain(kind: ConstraintKind) -> Constraint {
    Constraint::new(kind)
}
