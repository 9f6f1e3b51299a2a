//! CREATE VIEW and REFRESH MATERIALIZED VIEW.

use super::context::{Context, range_name, strings};
use super::{Access, Class, LockMode, Place};
use crate::catalog::{Effect, QName, Relation, RelationKind, TEMPORARY, ViewQuery};
use crate::syntax::{NodeEnum, Tree, TreeKind, deparse_statement, protobuf};

impl Context<'_> {
    /// Analyses CREATE [OR REPLACE] VIEW.
    pub(super) fn create_view(&mut self, node: &protobuf::ViewStmt) {
        self.adds();
        let Some(range) = &node.view else { return };
        let name = self.new_relation_name(range);
        let outer = std::mem::take(&mut self.depends);
        let query = node.query.as_ref().and_then(|query| query.node.as_ref());
        let output = match query {
            Some(NodeEnum::SelectStmt(select)) => self.view_query(select),
            _ => None,
        };
        let mut depends = std::mem::replace(&mut self.depends, outer);
        depends.sort_unstable();
        depends.dedup();
        let slot = self.slot();
        let mut relation = Relation::new(slot.as_id(), name.name.clone(), RelationKind::View);
        relation.persistence = super::table::persistence(range, &name);
        relation.options = super::alter_table::options_of(&node.options);
        match node.with_check_option() {
            protobuf::ViewCheckOption::LocalCheckOption => relation.options.push("check_option=local".into()),
            protobuf::ViewCheckOption::CascadedCheckOption => {
                relation.options.push("check_option=cascaded".into());
            }
            _ => {}
        }
        relation.options.sort();
        relation.depends = depends;
        relation.query = match &self.statement.tree {
            Tree::Parsed(tree) if tree.kind() == TreeKind::CreateView && node.aliases.is_empty() => {
                query.map(|_| ViewQuery::of(tree))
            }
            _ => query.and_then(|query| Self::view_text(query, &strings(&node.aliases))).map(Into::into),
        };
        self.output_columns(&mut relation, output, &strings(&node.aliases));
        let name = self.temporary_view(name, &mut relation);
        self.analysis.or_replace = node.replace;
        let existing = self.catalog.relation_at(&name);
        if let Some((id, RelationKind::View)) = existing.map(|(id, found)| (id, &found.kind))
            && node.replace
        {
            self.touch(Place::Relation(name.clone()), Access::Write);
            self.provide(crate::catalog::ObjectRef::relation(&name));
            for column in &relation.columns {
                self.provide(crate::catalog::ObjectRef::column(&name, &column.name));
            }
            self.lock(id, LockMode::AccessExclusive);
            self.analysis.effects.push(Effect::ReplaceView { view: id, with: Box::new(relation) });
            return;
        }
        self.new_relation(name, slot, relation, false);
    }

    /// A view of something temporary is temporary without saying so.
    fn temporary_view(&self, name: QName, relation: &mut Relation) -> QName {
        let mut needs = relation.depends.iter().filter_map(|need| self.catalog.relation(need.on));
        if !needs.any(|need| need.persistence == 't') {
            return name;
        }
        relation.persistence = 't';
        QName::new(TEMPORARY, name.name)
    }

    /// The text of a view's query, where its columns have the names that are listed beside the view's.
    pub(super) fn view_text(query: &NodeEnum, names: &[String]) -> Option<String> {
        let NodeEnum::SelectStmt(select) = query else { return deparse_statement(query) };
        if names.is_empty() {
            return deparse_statement(query);
        }
        let mut select = select.clone();
        let mut left = names.iter();
        for target in &mut select.target_list {
            let Some(NodeEnum::ResTarget(target)) = &mut target.node else { return None };
            let star = match target.val.as_ref().and_then(|value| value.node.as_ref()) {
                Some(NodeEnum::ColumnRef(column)) => column.fields.len() != strings(&column.fields).len(),
                _ => false,
            };
            let Some(name) = left.next() else { break };
            if star {
                return None;
            }
            target.name.clone_from(name);
        }
        left.next().is_none().then(|| deparse_statement(&NodeEnum::SelectStmt(select))).flatten()
    }

    /// Analyses REFRESH MATERIALIZED VIEW.
    pub(super) fn refresh(&mut self, node: &protobuf::RefreshMatViewStmt) {
        self.raise(Class::Maintains);
        let Some(range) = &node.relation else { return };
        let name = range_name(range);
        let Some(id) = self.need_relation(&name, self.span(range.location), "materialized view") else {
            return;
        };
        self.lock(id, if node.concurrent { LockMode::Exclusive } else { LockMode::AccessExclusive });
        self.touch(Place::Rows(self.catalog.relation_name(id)), Access::Write);
        let needs: Vec<crate::catalog::Id> = self
            .catalog
            .relation(id)
            .map(|relation| relation.depends.iter().map(|dependency| dependency.on).collect())
            .unwrap_or_default();
        for need in needs {
            if self.catalog.relation(need).is_some() {
                self.touch(Place::Rows(self.catalog.relation_name(need)), Access::Read);
            }
        }
    }
}
