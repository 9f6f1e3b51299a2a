//! CREATE RULE: its condition and its actions see the rows OLD and NEW.

use super::context::{Context, range_name};
use super::query::{Resolver, Source};
use super::query_scope::{Entry, Scope};
use super::{Access, Facet, LockMode, Place, Presence, Verdict};
use crate::catalog::{Attached, Dependency, Effect, Id, ObjectRef, Origin, QName, Relation, RelationKind};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, deparse_statement, protobuf};
use protobuf::CmdType;

impl Context<'_> {
    /// Analyses CREATE RULE.
    pub(super) fn create_rule(&mut self, node: &protobuf::RuleStmt) {
        self.adds();
        self.analysis.or_replace = node.replace;
        let Some(range) = &node.relation else { return };
        let name = node.rulename.clone();
        let object = |relation| ObjectRef::Rule { relation, name: name.clone() };
        let Some((id, table, relation)) = self.attached_to(range, object) else { return };
        self.lock(id, LockMode::AccessExclusive);
        if node.event() == CmdType::CmdSelect {
            self.select_rule(node, id, &table, relation);
            return;
        }
        let rows = rows(node.event(), &table, id, relation);
        let outer = std::mem::take(&mut self.depends);
        if let Some(condition) = node.where_clause.as_deref() {
            self.expression(condition, &rows);
        }
        for action in node.actions.iter().filter_map(|action| action.node.as_ref()) {
            self.rule_action(action, &rows);
        }
        let mut depends = std::mem::replace(&mut self.depends, outer);
        depends.retain(|need| need.on != id || need.column.is_some());
        depends.sort_unstable();
        depends.dedup();
        if let (Some(_), false) = (relation.rules.iter().find(|rule| rule.name == name), node.replace) {
            let object = ObjectRef::Rule { relation: table, name };
            self.analysis.presence = Presence::Unknown { object, tolerated: false };
            return;
        }
        let definition = deparse_statement(&NodeEnum::RuleStmt(Box::new(node.clone())));
        let rule = Attached { name, depends, definition, origin: Origin::Simulated(0) };
        self.analysis.effects.push(Effect::CreateRule { relation: id, rule });
    }

    /// A rule ON SELECT is a view's own query. Before PostgreSQL 16 it makes a view of a table that is empty and bare.
    fn select_rule(&mut self, node: &protobuf::RuleStmt, id: Id, table: &QName, relation: &Relation) {
        let span = self.statement.span;
        self.touch(Place::Relation(table.clone()), Access::Write);
        let query = match node.actions.as_slice() {
            [only] => match only.node.as_ref() {
                Some(NodeEnum::SelectStmt(select)) => select,
                _ => return,
            },
            _ => return,
        };
        let view = relation.kind == RelationKind::View;
        let table_becomes_view =
            relation.kind == RelationKind::Table && self.catalog.server_version < 160_000;
        if !(view && node.replace || table_becomes_view) {
            let message = format!("`{table}` may not have a rule ON SELECT");
            self.require(Vec::new(), span, Verdict::Unknown, Code::DN216, message, Vec::new());
        } else if table_becomes_view {
            let message =
                format!("`{table}` may not become a view: it has to be empty, without keys and children");
            self.require(Vec::new(), span, Verdict::Unknown, Code::DN216, message, Vec::new());
        }
        let outer = std::mem::take(&mut self.depends);
        self.view_query(query);
        let mut depends = std::mem::replace(&mut self.depends, outer);
        depends.retain(|need| need.on != id);
        depends.sort_unstable();
        depends.dedup();
        let query = Self::view_text(&NodeEnum::SelectStmt(query.clone()), &[]);
        let with = Relation {
            kind: RelationKind::View,
            depends,
            query: query.map(Into::into),
            constraints: Vec::new(),
            has_rows: None,
            ..relation.clone()
        };
        self.analysis.effects.push(Effect::ReplaceView { view: id, with: Box::new(with) });
    }

    /// Takes over what an action names; it does nothing before the rule is applied.
    fn rule_action(&mut self, action: &NodeEnum, rows: &[Source]) {
        let mut inner = Context::new(self.statement, self.catalog, self.session);
        inner.nested = true;
        inner.tentative = self.tentative;
        let entries = rows.iter().map(|row| Entry { qualified_only: true, ..Entry::from(row) }).collect();
        let mut resolver = Resolver::new(&mut inner, false);
        resolver.scopes.push(Scope { entries });
        let target = match action {
            NodeEnum::SelectStmt(select) => {
                resolver.select(select);
                None
            }
            NodeEnum::InsertStmt(insert) => {
                resolver.insert(insert);
                insert.relation.as_ref()
            }
            NodeEnum::UpdateStmt(update) => {
                resolver.update(update);
                update.relation.as_ref()
            }
            NodeEnum::DeleteStmt(delete) => {
                resolver.delete(delete);
                delete.relation.as_ref()
            }
            _ => return,
        };
        let found =
            target.and_then(|range| self.catalog.find_relation(&range_name(range), self.path()).yes());
        self.depends.extend(found.map(|on| Dependency { on, column: None }));
        if let (NodeEnum::InsertStmt(insert), Some(on)) = (action, found) {
            self.depends.extend(self.filled_in_order(insert, on, rows));
        }
        self.depends.extend(std::mem::take(&mut inner.depends));
        for requirement in inner.analysis.requires {
            // NULLs and unique keys are looked at when the rule is applied.
            let late = requirement.any_of.iter().any(|facet| {
                matches!(facet, Facet::Nullable { .. } | Facet::Exists(ObjectRef::UniqueKey { .. }))
            });
            if !late {
                self.analysis.requires.push(requirement);
            }
        }
        self.analysis.constants.extend(inner.analysis.constants);
    }
}

impl Context<'_> {
    /// The columns to which an INSERT without a list gives values: the first ones.
    fn filled_in_order(&self, insert: &protobuf::InsertStmt, table: Id, rows: &[Source]) -> Vec<Dependency> {
        let select = match insert.select_stmt.as_ref().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::SelectStmt(select)) if insert.cols.is_empty() => select,
            _ => return Vec::new(),
        };
        // `new.*` stands for as many values as the row has columns.
        let width = |value: &protobuf::Node| match star_of(value) {
            Some(alias) => {
                let row = rows.iter().find(|row| row.alias == alias);
                row.and_then(|row| row.columns.as_ref()).map_or(1, Vec::len)
            }
            None => 1,
        };
        let count: usize = match select.values_lists.first().and_then(|list| list.node.as_ref()) {
            Some(NodeEnum::List(list)) => list.items.iter().map(width).sum(),
            _ => select.target_list.iter().map(width).sum(),
        };
        let columns = self.catalog.relation(table).map(|table| table.columns.as_slice()).unwrap_or_default();
        let numbers = columns.iter().take(count).map(|column| Some(column.number));
        numbers.map(|column| Dependency { on: table, column }).collect()
    }
}

/// The alias of `alias.*`.
fn star_of(value: &protobuf::Node) -> Option<&str> {
    let column = match value.node.as_ref()? {
        NodeEnum::ColumnRef(column) => column,
        NodeEnum::ResTarget(target) => return star_of(target.val.as_deref()?),
        _ => return None,
    };
    match column.fields.as_slice() {
        [alias, star] if matches!(star.node, Some(NodeEnum::AStar(_))) => match alias.node.as_ref()? {
            NodeEnum::String(alias) => Some(&alias.sval),
            _ => None,
        },
        _ => None,
    }
}

/// The rows that a rule sees: INSERT has no OLD one, DELETE no NEW one.
fn rows(event: CmdType, table: &QName, id: Id, relation: &Relation) -> Vec<Source> {
    let aliases: &[&str] = match event {
        CmdType::CmdInsert => &["new"],
        CmdType::CmdDelete => &["old"],
        CmdType::CmdUpdate => &["old", "new"],
        _ => &[],
    };
    let row =
        |alias: &&str| Source { alias: (*alias).to_owned(), ..Source::of(table.clone(), Some(id), relation) };
    aliases.iter().map(row).collect()
}
