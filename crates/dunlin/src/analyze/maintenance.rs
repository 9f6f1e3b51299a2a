//! VACUUM, ANALYZE, REINDEX, CLUSTER, ALTER … ALL IN TABLESPACE: where rows are, and in which order.

use super::context::{Context, option_is_on, range_name, strings};
use super::named_statement::option_names;
use super::{Access, Class, LockMode, Place, Transactional, Verdict};
use crate::catalog::{
    Detail, DetailValue, Effect, Id, Name, Relation, RelationChange, RelationKind, Subject,
};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};
use protobuf::{ObjectType, ReindexObjectType};

impl Context<'_> {
    /// Analyses VACUUM and ANALYZE.
    pub(super) fn vacuum(&mut self, node: &protobuf::VacuumStmt) {
        self.raise(Class::Maintains);
        if node.is_vacuumcmd {
            self.analysis.transactional = Transactional::No;
        }
        let mode = if option_is_on(&node.options, "full") {
            LockMode::AccessExclusive
        } else {
            LockMode::ShareUpdateExclusive
        };
        for relation in &node.rels {
            let Some(NodeEnum::VacuumRelation(relation)) = &relation.node else { continue };
            let Some(range) = &relation.relation else { continue };
            let span = self.span(range.location);
            let Some(id) = self.need_relation(&range_name(range), span, "table") else { continue };
            self.lock(id, mode);
            let outer = std::mem::take(&mut self.depends);
            let columns = strings(&relation.va_cols);
            for (at, column) in columns.iter().enumerate() {
                self.need_column(id, column, span);
                if columns[..at].contains(column) {
                    self.refuse(Code::DN216, span, format!("column `{column}` is named twice"));
                }
            }
            self.depends = outer;
            self.touch(Place::Rows(self.catalog.relation_name(id)), Access::Read);
        }
    }

    /// Analyses REINDEX.
    pub(super) fn reindex(&mut self, node: &protobuf::ReindexStmt) {
        self.raise(Class::Maintains);
        let concurrently = option_is_on(&node.params, "concurrently");
        let whole = matches!(
            node.kind(),
            ReindexObjectType::ReindexObjectSchema
                | ReindexObjectType::ReindexObjectSystem
                | ReindexObjectType::ReindexObjectDatabase
        );
        if concurrently || whole {
            self.analysis.transactional = Transactional::No;
        }
        if node.kind() == ReindexObjectType::ReindexObjectSchema {
            self.need_schema(&node.name, self.statement.span);
        }
        let tablespace = super::named_statement::option(&node.params, "tablespace").map(option_names);
        let tablespace = tablespace.and_then(|mut names| names.pop()).unwrap_or_default();
        self.need_tablespace(&tablespace);
        let Some(range) = &node.relation else {
            self.reindexed_everywhere(node, &tablespace);
            return;
        };
        let noun = if node.kind() == ReindexObjectType::ReindexObjectIndex { "index" } else { "table" };
        let Some(id) = self.need_relation(&range_name(range), self.span(range.location), noun) else {
            return;
        };
        let partitioned = self.catalog.relation(id).is_some_and(|relation| relation.partition_key.is_some());
        if partitioned {
            self.analysis.transactional = Transactional::No;
        }
        let table = self.catalog.relation(id).and_then(|relation| relation.index().map(|index| index.table));
        let mode = if concurrently { LockMode::ShareUpdateExclusive } else { LockMode::Share };
        self.lock(table.unwrap_or(id), mode);
        if table.is_some() && !concurrently {
            self.lock(id, LockMode::AccessExclusive);
        }
        self.valid_again(id, concurrently);
        self.move_indexes(&self.leaf_indexes(id), &tablespace);
    }

    /// REINDEX (TABLESPACE …) of a schema or database: its indexes go there.
    fn reindexed_everywhere(&mut self, node: &protobuf::ReindexStmt, tablespace: &str) {
        let schema = match node.kind() {
            ReindexObjectType::ReindexObjectSchema => self.catalog.find_schema(&node.name).yes(),
            ReindexObjectType::ReindexObjectDatabase => None,
            _ => return,
        };
        let whole = node.kind() == ReindexObjectType::ReindexObjectDatabase;
        let tables = self.catalog.relations().filter(|(_, relation)| {
            matches!(relation.kind, RelationKind::Table | RelationKind::MaterializedView)
                && (whole || schema == Some(relation.schema))
        });
        let indexes: Vec<Id> = tables.flat_map(|(id, _)| self.leaf_indexes(id)).collect();
        self.move_indexes(&indexes, tablespace);
    }

    fn move_indexes(&mut self, indexes: &[Id], tablespace: &str) {
        if tablespace.is_empty() {
            return;
        }
        for id in indexes {
            let (of, value) = (Subject::Object(*id), super::detail::tablespace(tablespace));
            self.analysis.effects.push(Effect::SetDetail { of, detail: Detail::Tablespace, value });
        }
    }

    /// The indexes that hold the entries of an index, or of all indexes of a table: those of its partitions.
    fn leaf_indexes(&self, id: Id) -> Vec<Id> {
        let Some(relation) = self.catalog.relation(id) else { return Vec::new() };
        let children = || self.catalog.children_of(id).into_iter().flat_map(|child| self.leaf_indexes(child));
        match &relation.kind {
            RelationKind::PartitionedTable => children().collect(),
            RelationKind::Index(index) => {
                let table = self.catalog.relation(index.table).map(|table| &table.kind);
                match table {
                    Some(RelationKind::PartitionedTable) => children().collect(),
                    _ => vec![id],
                }
            }
            _ => self.catalog.indexes_of(id).into_iter().map(|(index, ..)| index).collect(),
        }
    }

    /// Analyses ALTER TABLE (INDEX, MATERIALIZED VIEW) ALL IN TABLESPACE.
    pub(super) fn move_all(&mut self, node: &protobuf::AlterTableMoveAllStmt) {
        self.raise(Class::Changes);
        let mut roles = Vec::new();
        for role in &node.roles {
            if let Some(NodeEnum::RoleSpec(role)) = &role.node {
                roles.push(self.need_role(role).unwrap_or_default());
            }
        }
        self.need_tablespace(&node.orig_tablespacename);
        self.need_tablespace(&node.new_tablespacename);
        let [from, to] =
            [&node.orig_tablespacename, &node.new_tablespacename].map(|name| super::detail::tablespace(name));
        if from == to {
            return;
        }
        let moved = |relation: &Relation| {
            let kind = match node.objtype() {
                ObjectType::ObjectIndex => relation.index().is_some(),
                ObjectType::ObjectMatview => relation.kind == RelationKind::MaterializedView,
                _ => relation.is_table(),
            };
            kind && relation.persistence != 't' && (roles.is_empty() || roles.contains(&relation.owner))
        };
        for (id, _) in self.catalog.relations().filter(|(_, relation)| moved(relation)) {
            let of = Subject::Object(id);
            if *self.catalog.detail(&of, Detail::Tablespace) == from {
                let value = to.clone();
                self.analysis.effects.push(Effect::SetDetail { of, detail: Detail::Tablespace, value });
            }
        }
    }

    /// An index that is not valid is so after REINDEX; REINDEX TABLE CONCURRENTLY passes over it.
    fn valid_again(&mut self, id: Id, concurrently: bool) {
        let plain =
            |table: Id| self.catalog.relation(table).is_some_and(|table| table.partition_key.is_none());
        let invalid: Vec<Id> = match self.catalog.relation(id).and_then(|relation| relation.index()) {
            Some(index) if !index.valid && plain(index.table) => vec![id],
            Some(_) => Vec::new(),
            None if concurrently || !plain(id) => Vec::new(),
            None => {
                let all = self.catalog.indexes_of(id).into_iter();
                all.filter(|(_, _, index)| !index.valid).map(|(index, ..)| index).collect()
            }
        };
        for relation in invalid {
            self.analysis.effects.push(Effect::AlterRelation { relation, change: RelationChange::Valid });
        }
    }

    /// Analyses CLUSTER.
    pub(super) fn cluster(&mut self, node: &protobuf::ClusterStmt) {
        self.raise(Class::Maintains);
        let Some(range) = &node.relation else {
            self.analysis.transactional = Transactional::No;
            return;
        };
        let Some(id) = self.need_relation(&range_name(range), self.span(range.location), "table") else {
            return;
        };
        self.lock(id, LockMode::AccessExclusive);
        let table = self.catalog.relation_name(id);
        self.touch(Place::Rows(table.clone()), Access::Read);
        if node.indexname.is_empty() {
            self.need_clustered(id);
            return;
        }
        let index = Name { schema: Some(table.schema), name: node.indexname.clone() };
        let Some(index) = self.need_relation(&index, self.statement.span, "index") else { return };
        for index in self.leaf_indexes(index) {
            let Some(leaf) = self.catalog.relation(index) else { continue };
            let Some(table) = leaf.index().map(|index| index.table) else { continue };
            let owner = self.catalog.relation(table).map(|table| table.owner.as_str());
            // Partitions of other owners are passed over.
            if table != id && !self.may_act_as(owner.unwrap_or_default()) {
                continue;
            }
            for (of, detail, value) in self.marks(table, Detail::Clustered, &leaf.name) {
                self.analysis.effects.push(Effect::SetDetail { of, detail, value });
            }
        }
    }

    fn may_act_as(&self, owner: &str) -> bool {
        let acting = self.acting_role();
        acting == owner || self.catalog.superuser && acting == self.catalog.current_role
    }

    /// CLUSTER without an index goes by the one that it went by before.
    fn need_clustered(&mut self, table: Id) {
        let marked = |index: Id| self.catalog.detail(&Subject::Object(index), Detail::Clustered);
        let marks: Vec<&DetailValue> =
            self.catalog.indexes_of(table).into_iter().map(|(index, ..)| marked(index)).collect();
        let verdict = match marks.iter().any(|mark| **mark != DetailValue::Absent) {
            true => return,
            false if self.catalog.clouded.is_some() => Verdict::Unknown,
            false => Verdict::Invalid,
        };
        let message = format!("`{}` was never clustered by an index", self.catalog.relation_name(table));
        self.require(Vec::new(), self.statement.span, verdict, Code::DN208, message, Vec::new());
    }
}
