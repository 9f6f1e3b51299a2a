//! VACUUM, ANALYZE, REINDEX, CLUSTER: nothing that is modelled changes.

use super::context::{Context, option_is_on, range_name, strings};
use super::{Access, Class, LockMode, Place, Transactional, Verdict};
use crate::catalog::{Detail, Effect, Id, Name, RelationChange};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};
use protobuf::ReindexObjectType;

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
        let Some(range) = &node.relation else { return };
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
            let message = format!("by which index `{table}` was clustered before is not known");
            self.require(Vec::new(), self.statement.span, Verdict::Unknown, Code::DN208, message, Vec::new());
        } else {
            let index = Name { schema: Some(table.schema), name: node.indexname.clone() };
            self.need_relation(&index, self.statement.span, "index");
            for (of, detail, value) in self.marks(id, Detail::Clustered, &node.indexname) {
                self.analysis.effects.push(Effect::SetDetail { of, detail, value });
            }
        }
    }
}
