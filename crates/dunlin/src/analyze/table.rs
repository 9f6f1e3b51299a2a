//! CREATE TABLE and what makes tables beside it.

use super::context::{Context, range_name};
use super::table_shape::{Pending, Shape};
use super::{Access, Declaration, LockMode, Place};
use crate::catalog::{
    Effect, Name, ObjectRef, Origin, QName, Relation, RelationKind, Schema, Slot, TEMPORARY,
};
use crate::syntax::{NodeEnum, deparse_expression, protobuf};

/// A `CREATE TABLE … (LIKE … INCLUDING …)` option, as in `TableLikeOption`.
const LIKE_CONSTRAINTS: u32 = 1 << 2;
const LIKE_DEFAULTS: u32 = 1 << 3;
const LIKE_GENERATED: u32 = 1 << 4;
const LIKE_IDENTITY: u32 = 1 << 5;
const LIKE_INDEXES: u32 = 1 << 6;

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
        relation.persistence = range.relpersistence.chars().next().unwrap_or('p');
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
        self.partition_key(&mut shape, node);
        self.make_constraints(&mut shape);
        self.table_effects(shape, node, range);
    }

    fn table_effects(&mut self, shape: Shape<'a>, node: &protobuf::CreateStmt, range: &protobuf::RangeVar) {
        let existing = self.catalog.relation_at(&shape.name);
        if let Some((_, existing)) = existing {
            self.analysis.presence = super::table_presence::compare(&shape, existing, node.if_not_exists);
        } else {
            self.temporary_schema(&shape.name.schema);
            let mut plain = shape.relation.clone();
            plain.constraints.retain(|constraint| constraint.inherited);
            self.analysis.effects.push(Effect::CreateRelation {
                name: shape.name.clone(),
                slot: shape.slot,
                relation: Box::new(plain),
            });
            self.analysis.effects.extend(shape.effects);
        }
        if shape.relation.is_table() && range.relpersistence != "t" {
            self.analysis.declaration = Some(Declaration {
                name: shape.name,
                relation: Box::new(shape.relation),
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
                let inherited = shape.relation.column(&definition.colname).is_some();
                // A column of a parent, or of the table's type, that is written again only gets more.
                if definition.type_name.is_none() || inherited {
                    self.column_constraints(shape, &definition.colname, &definition.constraints);
                } else {
                    self.define_column(shape, definition);
                }
            }
            Some(NodeEnum::Constraint(constraint)) => {
                shape.pending.push(Pending { node: (**constraint).clone(), column: None, part_of: None });
            }
            Some(NodeEnum::TableLikeClause(like)) => self.like(shape, like),
            _ => {}
        }
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
            self.inherit(shape, id, parent, partition);
        }
        if let Some(bound) = &node.partbound {
            shape.relation.partition_bound = Some(bound_text(bound));
        }
    }

    fn inherit(&mut self, shape: &mut Shape<'a>, id: crate::catalog::Id, parent: &Relation, partition: bool) {
        for column in &parent.columns {
            if shape.relation.column(&column.name).is_some() {
                continue;
            }
            self.provide(ObjectRef::column(&shape.name, &column.name));
            let number = shape.relation.next_number();
            let mut copy = crate::catalog::Column { number, inherited: true, ..column.clone() };
            copy.identity = copy.identity.filter(|_| partition && self.catalog.server_version >= 170_000);
            shape.relation.columns.push(copy);
        }
        let renumber = |columns: &[i16]| -> Vec<i16> {
            let names = parent.names(columns);
            names.iter().filter_map(|name| shape.relation.column(name).map(|column| column.number)).collect()
        };
        let mut taken = Vec::new();
        for constraint in &parent.constraints {
            use crate::catalog::ConstraintKind;
            let kept = match constraint.kind {
                ConstraintKind::Check(_) | ConstraintKind::NotNull => true,
                ConstraintKind::ForeignKey(_) => partition,
                _ => false,
            };
            if kept {
                let columns = renumber(&constraint.columns);
                taken.push(crate::catalog::Constraint { columns, inherited: true, ..constraint.clone() });
            }
        }
        for constraint in taken {
            shape.chooser.take_constraint(&constraint.name);
            shape.relation.constraints.push(constraint);
        }
        if partition {
            self.keys_of(shape, parent, true);
            self.like_indexes(shape, id, parent, true);
        }
    }

    /// Makes the primary key and unique constraints of another table again, with names of their own.
    fn keys_of(&mut self, shape: &mut Shape<'a>, other: &Relation, partition: bool) {
        use crate::catalog::ConstraintKind;
        for constraint in &other.constraints {
            let contype = match constraint.kind {
                ConstraintKind::PrimaryKey => protobuf::ConstrType::ConstrPrimary,
                ConstraintKind::Unique => protobuf::ConstrType::ConstrUnique,
                _ => continue,
            };
            let keys = other.names(&constraint.columns);
            let node = protobuf::Constraint {
                contype: contype as i32,
                deferrable: constraint.deferrable,
                initdeferred: constraint.deferred,
                keys: keys.into_iter().map(string_node).collect(),
                location: -1,
                ..protobuf::Constraint::default()
            };
            let part_of = constraint.index.filter(|_| partition);
            shape.pending.push(Pending { node, column: None, part_of });
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
        let wants = |option: u32| like.options & option != 0;
        for column in &other.columns {
            let number = shape.relation.next_number();
            let mut copy = crate::catalog::Column { number, inherited: false, ..column.clone() };
            if !wants(LIKE_DEFAULTS) && copy.generated.is_none() {
                copy.default = None;
                copy.default_depends.clear();
            }
            if !wants(LIKE_GENERATED) {
                copy.generated = None;
            }
            let identity = copy.identity.take().filter(|_| wants(LIKE_IDENTITY));
            self.provide(ObjectRef::column(&shape.name, &copy.name));
            let name = copy.name.clone();
            shape.relation.columns.push(copy);
            if let Some(identity) = identity {
                self.like_identity(shape, &name, identity);
            }
        }
        if wants(LIKE_CONSTRAINTS) {
            for constraint in &other.constraints {
                if matches!(constraint.kind, crate::catalog::ConstraintKind::Check(_)) {
                    shape.chooser.take_constraint(&constraint.name);
                    super::table_constraint::add(shape, constraint.clone(), None);
                }
            }
        }
        if wants(LIKE_INDEXES) {
            self.keys_of(shape, other, false);
            self.like_indexes(shape, id, other, false);
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

    /// Makes the plain indexes of another table again, under the names that PostgreSQL would choose.
    fn like_indexes(
        &mut self,
        shape: &mut Shape<'a>,
        id: crate::catalog::Id,
        other: &Relation,
        partition: bool,
    ) {
        for (index_id, _, index) in self.catalog.indexes_of(id) {
            if !other.constraints.iter().any(|constraint| constraint.index == Some(index_id)) {
                self.index_again(shape, index_id, index, other, partition);
            }
        }
    }

    /// Makes an index of another table on this one.
    pub(super) fn index_again(
        &mut self,
        shape: &mut Shape<'a>,
        index_id: crate::catalog::Id,
        index: &crate::catalog::Index,
        other: &Relation,
        partition: bool,
    ) {
        let number = |number: i16| {
            let name = other.names(&[number]).pop()?;
            shape.relation.column(&name).map(|column| column.number)
        };
        let mut copy = crate::catalog::Index { table: shape.any_id(), definition: None, ..index.clone() };
        for key in &mut copy.keys {
            key.column = key.column.and_then(number);
        }
        copy.uses = copy.uses.into_iter().filter_map(number).collect();
        copy.include = copy.include.into_iter().filter_map(number).collect();
        copy.valid = true;
        let columns = super::naming::key_names(other, index);
        let table = shape.name.name.clone();
        let name = shape.chooser.relation(&table, &super::naming::joined(&columns), "idx", false);
        let name = QName::new(shape.name.schema.clone(), name);
        let slot = self.slot();
        let kind = RelationKind::Index(Box::new(copy));
        let mut relation = Relation::new(shape.relation.schema, name.name.clone(), kind);
        relation.parents = Some(index_id).filter(|_| partition).into_iter().collect();
        relation.persistence = shape.relation.persistence;
        self.touch(Place::Relation(name.clone()), Access::Write);
        self.provide(ObjectRef::relation(&name));
        shape.effects.push(Effect::CreateRelation { name, slot, relation: Box::new(relation) });
    }

    fn partition_key(&mut self, shape: &mut Shape<'a>, node: &protobuf::CreateStmt) {
        let Some(spec) = &node.partspec else { return };
        let strategy = match spec.strategy() {
            protobuf::PartitionStrategy::List => "LIST",
            protobuf::PartitionStrategy::Hash => "HASH",
            _ => "RANGE",
        };
        let mut parts = Vec::new();
        for param in &spec.part_params {
            let Some(NodeEnum::PartitionElem(element)) = &param.node else { continue };
            match element.expr.as_deref() {
                Some(expression) => {
                    let used = self.expression(expression, &[shape.source()]);
                    shape.relation.partition_columns.extend(used);
                    parts.push(deparse_expression(expression).unwrap_or_else(|| "?".into()));
                }
                None => {
                    let number = self.need_own_column(shape, &element.name, element.location);
                    shape.relation.partition_columns.extend(number);
                    parts.push(crate::catalog::Ident(&element.name).to_string());
                }
            }
        }
        shape.relation.partition_key = Some(format!("{strategy} ({})", parts.join(", ")));
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
            _ => {
                self.opaque("CREATE TABLE AS EXECUTE");
                None
            }
        };
        let depends = std::mem::replace(&mut self.depends, outer);
        let kind = if materialized { RelationKind::MaterializedView } else { RelationKind::Table };
        let slot = self.slot();
        let mut relation = Relation::new(slot.as_id(), name.name.clone(), kind);
        relation.persistence = range.relpersistence.chars().next().unwrap_or('p');
        relation.has_rows = if into.skip_data { Some(false) } else { None };
        self.output_columns(&mut relation, output, &super::context::strings(&into.col_names));
        if materialized {
            relation.depends = depends;
            relation.query = node
                .query
                .as_ref()
                .and_then(|query| query.node.as_ref())
                .and_then(crate::syntax::deparse_statement);
        }
        self.new_relation(name, slot, relation, node.if_not_exists);
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
            relation.columns.push(crate::catalog::Column::new(number, name, column.ty));
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
