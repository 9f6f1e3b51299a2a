//! CREATE TABLE and what makes tables beside it.

use super::context::{Context, range_name};
use super::partition::Whole;
use super::table_shape::{Pending, Shape};
use super::typing::{Ty, from_ref};
use super::{Access, Declaration, LockMode, Place};
use crate::catalog::{
    Column, Constraint, ConstraintKind, Dependency, Detail, DetailValue, Effect, Id, Name, ObjectRef, Origin,
    PartKind, QName, Relation, RelationKind, Schema, Slot, Subject, TEMPORARY,
};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, deparse_expression, protobuf};

/// A `CREATE TABLE … (LIKE … INCLUDING …)` option, as in `TableLikeOption`.
const LIKE_COMMENTS: u32 = 1;
const LIKE_COMPRESSION: u32 = 1 << 1;
const LIKE_CONSTRAINTS: u32 = 1 << 2;
const LIKE_DEFAULTS: u32 = 1 << 3;
const LIKE_GENERATED: u32 = 1 << 4;
const LIKE_IDENTITY: u32 = 1 << 5;
const LIKE_INDEXES: u32 = 1 << 6;
const LIKE_STATISTICS: u32 = 1 << 7;
const LIKE_STORAGE: u32 = 1 << 8;

impl<'a> Context<'a> {
    /// Analyses CREATE TABLE.
    pub(super) fn create_table(&mut self, node: &protobuf::CreateStmt) {
        let kind = match node.partspec {
            Some(_) => RelationKind::PartitionedTable,
            None => RelationKind::Table,
        };
        self.table_of_kind(node, kind);
    }

    /// Analyses CREATE FOREIGN TABLE.
    pub(super) fn create_foreign_table(&mut self, node: &protobuf::CreateForeignTableStmt) {
        let server = self.need_other("server", &node.servername, self.statement.span);
        if let Some(base) = &node.base_stmt {
            self.table_of_kind(base, RelationKind::ForeignTable);
        }
        for effect in &mut self.analysis.effects {
            if let Effect::CreateRelation { relation, .. } = effect
                && relation.kind == RelationKind::ForeignTable
            {
                relation.depends.extend(server);
            }
        }
    }

    fn table_of_kind(&mut self, node: &protobuf::CreateStmt, kind: RelationKind) {
        self.adds();
        let Some(range) = &node.relation else { return };
        let name = self.new_relation_name(range);
        let slot = self.slot();
        let schema = self.catalog.find_schema(&name.schema).yes();
        let mut relation = Relation::new(schema.unwrap_or_else(|| slot.as_id()), name.name.clone(), kind);
        relation.persistence = persistence(range, &name);
        relation.options = super::alter_table::options_of(&node.options);
        relation.dropped_at_commit = node.oncommit() == protobuf::OnCommitAction::OncommitDrop;
        let mut shape = Shape::new(self.catalog, name.clone(), slot, relation);
        self.touch(Place::Relation(name.clone()), Access::Write);
        self.provide(ObjectRef::relation(&name));
        self.typed_table(&mut shape, node);
        self.parents(&mut shape, node);
        for element in &node.table_elts {
            self.table_element(&mut shape, element);
        }
        for constraint in &node.constraints {
            self.table_element(&mut shape, constraint);
        }
        self.under_creation = Some(name);
        self.partition_key(&mut shape, node);
        self.need_access_method(&node.access_method);
        self.need_tablespace(&node.tablespacename);
        self.make_constraints(&mut shape);
        self.table_effects(shape, node, range);
    }

    fn table_effects(&mut self, shape: Shape<'a>, node: &protobuf::CreateStmt, range: &protobuf::RangeVar) {
        let existing = self.catalog.relation_at(&shape.name);
        if let Some((_, existing)) = existing {
            self.analysis.presence = super::table_presence::compare(&shape, existing, node.if_not_exists);
            if node.if_not_exists {
                // The server passes over it without a look at what it says.
                self.analysis.requires.clear();
            }
        } else {
            self.temporary_schema(&shape.name.schema);
            let mut plain = shape.relation.clone().into_owned();
            plain.constraints.retain(|constraint| constraint.inherited && constraint.parent.is_none());
            self.analysis.effects.push(Effect::CreateRelation {
                name: shape.name.clone(),
                slot: shape.slot,
                relation: Box::new(plain),
            });
            let details = (node.tablespacename.as_str(), node.access_method.as_str());
            self.details_of_new(shape.slot.as_id(), details, &shape.relation);
            self.analysis.effects.extend(shape.effects);
        }
        if shape.relation.is_table() && range.relpersistence != "t" {
            self.analysis.declaration = Some(Declaration {
                name: shape.name,
                relation: Box::new(shape.relation.into_owned()),
                if_not_exists: node.if_not_exists,
                column_spans: shape.spans,
            });
        }
    }

    /// The name under which a new relation is made; its schema must exist.
    pub(super) fn new_relation_name(&mut self, range: &protobuf::RangeVar) -> QName {
        let written = range_name(range);
        let temporary = range.relpersistence == "t" || written.schema.as_deref() == Some(TEMPORARY);
        if temporary {
            return QName::new(TEMPORARY, written.name);
        }
        self.new_name(&written, self.span(range.location))
    }

    /// The name under which something new is made; its schema must exist.
    pub(super) fn new_name(&mut self, written: &Name, span: crate::source::Span) -> QName {
        let name = self.catalog.created_as(written, self.path());
        self.need_schema(&name.schema, span);
        name
    }

    /// Makes the schema that stands for the session's temporary one, when it is not there yet.
    pub(super) fn temporary_schema(&mut self, schema: &str) {
        if schema == TEMPORARY && self.catalog.find_schema(TEMPORARY).yes().is_none() {
            let schema =
                Schema { name: TEMPORARY.into(), owner: String::new(), origin: Origin::Simulated(0) };
            self.analysis.effects.push(Effect::CreateSchema(schema));
        }
    }

    fn table_element(&mut self, shape: &mut Shape<'a>, element: &protobuf::Node) {
        match &element.node {
            Some(NodeEnum::ColumnDef(definition)) => {
                let inherited = shape.relation.columns.iter().any(|column| {
                    column.name == definition.colname && (column.inherited || definition.type_name.is_none())
                });
                // A column of a parent, or of the table's type, that is written again only gets more.
                if definition.type_name.is_none() || inherited {
                    let partition = shape.partition_of.is_some();
                    if definition.type_name.is_none() {
                        self.need_own_column(shape, &definition.colname, definition.location);
                    }
                    self.need_once(shape, &definition.colname, definition.location);
                    super::table_shape::with_column(shape, &definition.colname, |column| {
                        column.local |= !partition;
                        column.not_null |= definition.is_not_null;
                    });
                    self.column_constraints(shape, &definition.colname, &definition.constraints);
                } else {
                    self.need_column_name(&definition.colname, definition.location);
                    self.need_once(shape, &definition.colname, definition.location);
                    self.define_column(shape, definition);
                }
            }
            Some(NodeEnum::Constraint(constraint)) => {
                shape.pending.push(Pending { node: (**constraint).clone(), column: None });
            }
            Some(NodeEnum::TableLikeClause(like)) => self.like(shape, like),
            _ => {}
        }
    }

    /// No column of a table has the name of a system column.
    pub(super) fn need_column_name(&mut self, name: &str, location: i32) {
        if super::context::is_system_column(name) && name != "oid" {
            let message = format!("`{name}` is the name of a system column");
            self.refuse(Code::DN216, self.span(location), message);
        }
    }

    /// A column is declared once.
    fn need_once(&mut self, shape: &mut Shape<'a>, name: &str, location: i32) {
        if shape.declared.insert(name.to_owned()) {
            return;
        }
        let message = format!("column `{name}` is named twice");
        self.refuse(Code::DN216, self.span(location), message);
    }

    fn typed_table(&mut self, shape: &mut Shape<'a>, node: &protobuf::CreateStmt) {
        let Some(ty) = &node.of_typename else { return };
        let outer = std::mem::take(&mut self.depends);
        let found = self.need_type(ty);
        self.depends = outer;
        shape.relation.of_type = found.id;
        let composite = self.catalog.relation_at(&QName::new(found.schema, found.name));
        match composite {
            Some((_, composite)) => shape.relation.columns.clone_from(&composite.columns),
            None => shape.relation.columns_known = false,
        }
    }

    fn parents(&mut self, shape: &mut Shape<'a>, node: &protobuf::CreateStmt) {
        for parent in &node.inh_relations {
            let Some(NodeEnum::RangeVar(range)) = &parent.node else { continue };
            let found = self.need_relation(&range_name(range), self.span(range.location), "table");
            let Some((id, parent)) = found.and_then(|id| self.catalog.relation(id).map(|found| (id, found)))
            else {
                shape.relation.columns_known = false;
                continue;
            };
            let partition = node.partbound.is_some();
            self.lock(id, if partition { LockMode::AccessExclusive } else { LockMode::ShareUpdateExclusive });
            let parent_name = self.catalog.relation_name(id);
            self.touch(Place::Columns(parent_name.clone()), Access::Read);
            if partition {
                self.touch(Place::Rules(parent_name), Access::Write);
            }
            shape.relation.parents.push(id);
            shape.relation.columns_known &= parent.columns_known;
            if partition {
                shape.partition_of = Some(id);
            }
            self.inherit(shape, parent, partition);
        }
        if let Some(bound) = &node.partbound {
            shape.relation.partition_bound = Some(bound_text(bound));
        }
    }

    fn inherit(&mut self, shape: &mut Shape<'a>, parent: &Relation, partition: bool) {
        for column in &parent.columns {
            let stays = parent.constraints.iter().any(|constraint| {
                constraint.kind == ConstraintKind::NotNull
                    && constraint.no_inherit
                    && constraint.columns == [column.number]
            });
            let not_null = column.not_null && !stays;
            if let Some(there) = shape.relation.columns.iter_mut().find(|there| there.name == column.name) {
                there.not_null |= not_null;
                continue;
            }
            self.provide(ObjectRef::column(&shape.name, &column.name));
            let number = shape.relation.next_number();
            if let Some(parent) = shape.relation.parents.last().copied() {
                let stored = [Detail::Storage, Detail::Compression];
                self.copy_details(shape, (parent, column.number), number, &stored);
            }
            let mut copy = Column { number, not_null, inherited: true, local: false, ..column.clone() };
            copy.identity = copy.identity.filter(|_| partition && self.catalog.server_version >= 170_000);
            shape.relation.columns.push(copy);
        }
        if let Some(id) = shape.relation.parents.last().copied() {
            own_expressions(shape, id, parent);
        }
        for constraint in &parent.constraints {
            if !constraint.goes_down() {
                continue;
            }
            if let Some(there) =
                shape.relation.constraints.iter_mut().find(|there| there.name == constraint.name)
            {
                there.merge_enforced(constraint);
                continue;
            }
            let names = parent.names(&constraint.columns);
            let own = names.iter().filter_map(|name| shape.relation.column(name).map(|found| found.number));
            let columns = own.collect();
            shape.chooser.take_constraint(&constraint.name);
            shape.relation.constraints.push(Constraint {
                columns,
                inherited: true,
                local: false,
                index: None,
                // A new table has no rows that would break it.
                validated: constraint.enforced,
                definition: None,
                ..constraint.clone()
            });
        }
    }

    /// Makes the keys and plain indexes of another table again, with names of their own.
    pub(super) fn indexes_again(&mut self, shape: &mut Shape<'a>, id: Id, other: &Relation, comments: bool) {
        let mut indexes = self.catalog.indexes_of(id);
        indexes.sort_by_key(|(id, ..)| *id);
        for (index_id, relation, index) in indexes {
            let constraint = other.constraints.iter().find(|c| c.index == Some(index_id) && c.is_key());
            let (tablespace, options) = (self.tablespace_of(index_id), &relation.options);
            let whole = Whole { id: index_id, index, constraint, options, tablespace, table: other };
            let (made, ..) = self.copy_index(shape, &whole, false);
            if comments {
                self.same_comment(shape, &Subject::Object(index_id), Subject::Object(made));
            }
        }
    }

    fn like(&mut self, shape: &mut Shape<'a>, like: &protobuf::TableLikeClause) {
        let Some(range) = &like.relation else { return };
        let found = self.need_relation(&range_name(range), self.span(range.location), "table");
        let Some((id, other)) = found.and_then(|id| self.catalog.relation(id).map(|found| (id, found)))
        else {
            shape.relation.columns_known = false;
            return;
        };
        self.lock(id, LockMode::AccessShare);
        self.touch(Place::Columns(self.catalog.relation_name(id)), Access::Read);
        shape.relation.columns_known &= other.columns_known;
        let mut options = like.options;
        if shape.relation.kind == RelationKind::ForeignTable {
            options &= !(LIKE_INDEXES | LIKE_IDENTITY | LIKE_COMPRESSION | LIKE_STORAGE);
        }
        let wants = |option: u32| options & option != 0;
        for column in &other.columns {
            self.like_column(shape, id, column, options);
        }
        own_expressions(shape, id, other);
        if wants(LIKE_CONSTRAINTS) {
            self.like_checks(shape, id, other, wants(LIKE_COMMENTS));
        }
        if wants(LIKE_STATISTICS) {
            self.like_statistics(shape, id, wants(LIKE_COMMENTS));
        }
        if wants(LIKE_INDEXES) {
            shape.likes.push((id, other.clone(), wants(LIKE_COMMENTS)));
        }
    }

    fn like_column(&mut self, shape: &mut Shape<'a>, from: Id, column: &Column, options: u32) {
        let wants = |option: u32| options & option != 0;
        let mut copy = Column { inherited: false, local: true, ..column.clone() };
        if !wants(LIKE_DEFAULTS) && copy.generated.is_none() {
            copy.default = None;
            copy.default_depends.clear();
        }
        if !wants(LIKE_GENERATED) && copy.generated.take().is_some() {
            copy.default_depends.clear();
        }
        let identity = copy.identity.take().filter(|_| wants(LIKE_IDENTITY));
        let details = [
            (LIKE_COMMENTS, Detail::Comment),
            (LIKE_COMPRESSION, Detail::Compression),
            (LIKE_STORAGE, Detail::Storage),
        ];
        let details: Vec<Detail> =
            details.into_iter().filter(|(option, _)| wants(*option)).map(|(_, detail)| detail).collect();
        self.provide(ObjectRef::column(&shape.name, &copy.name));
        let name = copy.name.clone();
        match shape.relation.columns.iter_mut().find(|there| there.name == name && there.inherited) {
            Some(there) => {
                there.local = true;
                there.not_null |= copy.not_null;
                if copy.default.is_some() {
                    there.default = copy.default;
                    there.default_depends = copy.default_depends;
                }
                let number = there.number;
                if wants(LIKE_COMMENTS) {
                    self.copy_details(shape, (from, column.number), number, &[Detail::Comment]);
                }
            }
            None => {
                self.need_once(shape, &name, -1);
                copy.number = shape.relation.next_number();
                self.copy_details(shape, (from, column.number), copy.number, &details);
                shape.relation.columns.push(copy);
            }
        }
        if let Some(identity) = identity {
            self.like_identity(shape, &name, identity);
        }
    }

    fn like_checks(&mut self, shape: &mut Shape<'a>, from: Id, other: &Relation, comments: bool) {
        for constraint in other.constraints.iter().filter(|c| matches!(c.kind, ConstraintKind::Check(_))) {
            let names = other.names(&constraint.columns);
            let columns = names.iter().filter_map(|name| shape.relation.column(name)).map(|c| c.number);
            let columns = columns.collect();
            shape.chooser.take_constraint(&constraint.name);
            let copy = Constraint {
                columns,
                inherited: false,
                local: true,
                validated: constraint.enforced,
                definition: None,
                ..constraint.clone()
            };
            super::table_constraint::add(shape, copy, None);
            let part = |of: Id| Subject::Part(of, PartKind::Constraint, constraint.name.as_str().into());
            if comments {
                let of = part(shape.any_id());
                self.same_comment(shape, &part(from), of);
            }
        }
    }

    /// Gives something new the comment that another object has.
    pub(super) fn same_comment(&self, shape: &mut Shape<'_>, from: &Subject, of: Subject) {
        let comment = self.catalog.detail(from, Detail::Comment);
        if *comment != DetailValue::Absent {
            let value = comment.clone();
            shape.effects.push(Effect::SetDetail { of, detail: Detail::Comment, value });
        }
    }

    fn like_identity(&mut self, shape: &mut Shape<'a>, column: &str, identity: crate::catalog::Identity) {
        let when = if identity == crate::catalog::Identity::Always { "a" } else { "d" };
        let node = protobuf::Constraint {
            contype: protobuf::ConstrType::ConstrIdentity as i32,
            generated_when: when.into(),
            location: -1,
            ..protobuf::Constraint::default()
        };
        let node = protobuf::Node { node: Some(NodeEnum::Constraint(Box::new(node))) };
        self.column_constraints(shape, column, &[node]);
    }

    fn partition_key(&mut self, shape: &mut Shape<'a>, node: &protobuf::CreateStmt) {
        let Some(spec) = &node.partspec else { return };
        let strategy = match spec.strategy() {
            protobuf::PartitionStrategy::List => "LIST",
            protobuf::PartitionStrategy::Hash => "HASH",
            _ => "RANGE",
        };
        let method = if strategy == "HASH" { "hash" } else { "btree" };
        let mut parts = Vec::new();
        for param in &spec.part_params {
            let Some(NodeEnum::PartitionElem(element)) = &param.node else { continue };
            // A column in parentheses is a column.
            let column = match element.expr.as_ref().and_then(|node| node.node.as_ref()) {
                Some(NodeEnum::ColumnRef(column)) if column.fields.len() == 1 => {
                    super::context::strings(&column.fields)
                        .pop()
                        .filter(|name| shape.relation.column(name).is_some())
                }
                _ => None,
            };
            let element = match column {
                Some(name) => &protobuf::PartitionElem { name, expr: None, ..(**element).clone() },
                None => &**element,
            };
            match element.expr.as_deref() {
                Some(expression) => {
                    let outer = std::mem::take(&mut self.depends);
                    let (used, typed) = self.typed_expression(expression, &[shape.source()]);
                    let needs = std::mem::replace(&mut self.depends, outer);
                    let on = shape.slot.as_id();
                    let own = used.into_iter().map(|column| Dependency { on, column: Some(column) });
                    shape.relation.depends.extend(needs.into_iter().chain(own));
                    parts.push(deparse_expression(expression).unwrap_or_else(|| "?".into()));
                    self.partition_class(shape, element, method, typed.ty);
                }
                None => {
                    let number = self.need_own_column(shape, &element.name, element.location);
                    let column = number.and_then(|number| shape.relation.column_numbered(number));
                    let ty = column.map_or(Ty::Unsure, |column| from_ref(&column.ty));
                    shape.relation.partition_columns.extend(number);
                    parts.push(crate::catalog::Ident(&element.name).to_string());
                    self.partition_class(shape, element, method, ty);
                }
            }
        }
        shape.relation.partition_key = Some(format!("{strategy} ({})", parts.join(", ")));
    }

    /// The operator class of a part of a partition key: one of btree's, or of hash's.
    fn partition_class(
        &mut self,
        shape: &mut Shape<'a>,
        element: &protobuf::PartitionElem,
        method: &str,
        ty: Ty,
    ) {
        if element.opclass.is_empty() {
            self.need_default_class(method, ty, element.location);
        } else {
            shape.relation.depends.extend(self.need_operator_class(&element.opclass, method));
        }
        if !element.collation.is_empty() {
            self.collation(&element.collation);
        }
    }

    /// Analyses CREATE TABLE AS, SELECT INTO and CREATE MATERIALIZED VIEW.
    pub(super) fn create_table_as(&mut self, node: &protobuf::CreateTableAsStmt) {
        let Some(into) = &node.into else { return };
        let Some(range) = &into.rel else { return };
        let materialized = node.objtype() == protobuf::ObjectType::ObjectMatview;
        self.adds();
        let name = self.new_relation_name(range);
        let outer = std::mem::take(&mut self.depends);
        let output = match node.query.as_ref().and_then(|query| query.node.as_ref()) {
            Some(NodeEnum::SelectStmt(select)) => self.query(select),
            Some(NodeEnum::ExecuteStmt(execute)) => self.prepared_query(execute),
            _ => None,
        };
        let depends = std::mem::replace(&mut self.depends, outer);
        let kind = if materialized { RelationKind::MaterializedView } else { RelationKind::Table };
        let slot = self.slot();
        let mut relation = Relation::new(slot.as_id(), name.name.clone(), kind);
        relation.persistence = persistence(range, &name);
        relation.options = super::alter_table::options_of(&into.options);
        relation.has_rows = if into.skip_data { Some(false) } else { None };
        relation.dropped_at_commit = into.on_commit() == protobuf::OnCommitAction::OncommitDrop;
        self.need_access_method(&into.access_method);
        self.need_tablespace(&into.table_space_name);
        self.output_columns(&mut relation, output, &super::context::strings(&into.col_names));
        if materialized {
            relation.depends = depends;
            relation.query = node
                .query
                .as_ref()
                .and_then(|query| query.node.as_ref())
                .and_then(|query| Self::view_text(query, &super::context::strings(&into.col_names)))
                .map(Into::into);
        }
        let plain = Relation { columns: Vec::new(), ..relation.clone() };
        let made = self.analysis.effects.len();
        self.new_relation(name, slot, relation, node.if_not_exists);
        if self.analysis.effects.len() > made {
            self.details_of_new(slot.as_id(), (&into.table_space_name, &into.access_method), &plain);
        }
    }

    /// Takes over the columns that a query gives, under other names where they are listed.
    pub(super) fn output_columns(
        &mut self,
        relation: &mut Relation,
        output: super::query::Output,
        names: &[String],
    ) {
        let Some(columns) = output else {
            relation.columns_known = false;
            return;
        };
        for (at, column) in columns.into_iter().enumerate() {
            let number = i16::try_from(at + 1).unwrap_or(i16::MAX);
            let name = names.get(at).cloned().unwrap_or(column.name);
            if relation.column(&name).is_some() {
                let message = format!("column `{name}` is named twice");
                self.refuse(Code::DN216, self.statement.span, message);
            }
            let mut made = crate::catalog::Column::new(number, name, self.types().to_ref(&column.ty));
            made.collation = column.ty.collation.name_for(column.ty.ty);
            relation.columns.push(made);
        }
    }

    /// Makes a relation, or judges the one that is there.
    pub(super) fn new_relation(&mut self, name: QName, slot: Slot, relation: Relation, if_not_exists: bool) {
        self.touch(Place::Relation(name.clone()), Access::Write);
        self.provide(ObjectRef::relation(&name));
        for column in &relation.columns {
            self.provide(ObjectRef::column(&name, &column.name));
        }
        if let Some((_, existing)) = self.catalog.relation_at(&name) {
            self.analysis.presence =
                super::table_presence::compare_relations(&name, &relation, existing, if_not_exists);
            return;
        }
        self.temporary_schema(&name.schema);
        self.analysis.effects.push(Effect::CreateRelation { name, slot, relation: Box::new(relation) });
    }
}

/// `p`, `u` or `t`; what is made in the temporary schema is temporary without saying so.
pub(super) fn persistence(range: &protobuf::RangeVar, name: &QName) -> char {
    match range.relpersistence.chars().next() {
        _ if name.schema == TEMPORARY => 't',
        Some(persistence) => persistence,
        None => 'p',
    }
}

/// Generated columns that were copied from another table are made of the columns of this one.
fn own_expressions(shape: &mut Shape<'_>, other_id: Id, other: &Relation) {
    let own = shape.any_id();
    let numbers: Vec<(i16, Option<i16>)> = other
        .columns
        .iter()
        .map(|column| (column.number, shape.relation.column(&column.name).map(|found| found.number)))
        .collect();
    for column in &mut shape.relation.columns {
        for need in column.default_depends.iter_mut().filter(|need| need.on == other_id) {
            need.on = own;
            need.column = need.column.and_then(|number| {
                numbers.iter().find(|(theirs, _)| *theirs == number).and_then(|(_, mine)| *mine)
            });
        }
    }
}

/// Makes a `String` node.
pub(super) fn string_node(text: String) -> protobuf::Node {
    protobuf::Node { node: Some(NodeEnum::String(protobuf::String { sval: text })) }
}

/// `FOR VALUES …` as text.
pub(super) fn bound_text(bound: &protobuf::PartitionBoundSpec) -> String {
    let list = |nodes: &[protobuf::Node]| {
        let texts: Vec<String> = nodes
            .iter()
            .map(|node| match &node.node {
                Some(NodeEnum::PartitionRangeDatum(datum)) => match datum.kind() {
                    protobuf::PartitionRangeDatumKind::PartitionRangeDatumMinvalue => "MINVALUE".into(),
                    protobuf::PartitionRangeDatumKind::PartitionRangeDatumMaxvalue => "MAXVALUE".into(),
                    _ => datum.value.as_deref().and_then(deparse_expression).unwrap_or_default(),
                },
                _ => deparse_expression(node).unwrap_or_default(),
            })
            .collect();
        texts.join(", ")
    };
    match bound.strategy.as_str() {
        _ if bound.is_default => "DEFAULT".into(),
        "h" => format!("FOR VALUES WITH (modulus {}, remainder {})", bound.modulus, bound.remainder),
        "l" => format!("FOR VALUES IN ({})", list(&bound.listdatums)),
        _ => format!("FOR VALUES FROM ({}) TO ({})", list(&bound.lowerdatums), list(&bound.upperdatums)),
    }
}
