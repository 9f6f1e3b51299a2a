//! INSERT, UPDATE, DELETE, MERGE, TRUNCATE and COPY.

use super::context::range_name;
use super::dml_repeat::is_repeatable_update;
use super::dml_write::Change;
use super::query::{OutputColumn, Resolver, Result, Source, Stars};
use super::query_expr::{is_null, location_of, string_constant};
use super::query_scope::{Entry, Rest, Scope};
use super::typing::from_ref;
use super::{Class, Context, Facet, LockMode, Positional, Verdict};
use crate::catalog::{Column, Effect, Id, ObjectRef, Relation, RelationKind, TypeKind};
use crate::diagnostic::Code;
use crate::source::Span;
use crate::syntax::{Lexer, NodeEnum, protobuf};
use std::collections::BTreeSet;

impl Context<'_> {
    /// Analyses an INSERT statement.
    pub fn insert(&mut self, insert: &protobuf::InsertStmt) {
        self.analysis.kind = "INSERT";
        Resolver::new(self, true).insert(insert);
    }

    /// Analyses an UPDATE statement.
    pub fn update(&mut self, update: &protobuf::UpdateStmt) {
        self.analysis.kind = "UPDATE";
        Resolver::new(self, true).update(update);
    }

    /// Analyses a DELETE statement.
    pub fn delete(&mut self, delete: &protobuf::DeleteStmt) {
        self.analysis.kind = "DELETE";
        Resolver::new(self, true).delete(delete);
    }

    /// Analyses a MERGE statement.
    pub fn merge(&mut self, merge: &protobuf::MergeStmt) {
        self.analysis.kind = "MERGE";
        Resolver::new(self, true).merge(merge);
    }

    /// Analyses a TRUNCATE statement.
    pub fn truncate(&mut self, truncate: &protobuf::TruncateStmt) {
        self.analysis.kind = "TRUNCATE TABLE";
        self.raise(Class::Removes);
        self.data().repeatable = false;
        let cascade = truncate.behavior() == protobuf::DropBehavior::DropCascade;
        for node in &truncate.relations {
            let Some(NodeEnum::RangeVar(range)) = node.node.as_ref() else { continue };
            let span = self.span(range.location);
            if let Some(id) = self.need_relation(&range_name(range), span, "table") {
                self.lock(id, LockMode::AccessExclusive);
                let change = Change::Truncate { cascade, sequences: truncate.restart_seqs };
                self.write_rows_of(id, range.inh, change);
            }
        }
    }

    /// Requires that a column may hold NULL.
    fn need_nullable(&mut self, table: Id, column: &Column, span: Span, verdict: Verdict) {
        let relation = self.catalog.relation_name(table);
        let message =
            format!("column `{}` of table `{relation}` is NOT NULL", crate::catalog::Ident(&column.name));
        let any_of = vec![Facet::Nullable { relation, column: column.name.clone() }];
        self.require(any_of, span, verdict, Code::DN203, message, Vec::new());
    }
}

impl Resolver<'_, '_> {
    /// Finds the table that a statement writes and makes it a source under its alias.
    pub(super) fn target(&mut self, range: &protobuf::RangeVar) -> (Option<Id>, Entry) {
        let name = range_name(range);
        let span = self.ctx.span(range.location);
        let id = self.ctx.need_relation(&name, span, "table");
        let mut entry = match id.and_then(|id| self.ctx.catalog.relation(id).map(|found| (id, found))) {
            Some((id, found)) => {
                self.ctx.lock(id, LockMode::RowExclusive);
                Entry::from(&Source::of(self.ctx.catalog.relation_name(id), Some(id), found))
            }
            None => {
                let system = self.ctx.is_system_relation(&name);
                if system {
                    self.ctx.opaque("it writes to the server's own tables");
                }
                let rest = if system { Rest::Anything } else { Rest::Unknown };
                let open = self.ctx.catalog.candidates(&name, self.ctx.path());
                Entry { alias: name.name, rest, open, ..Entry::default() }
            }
        };
        if let Some(alias) = &range.alias {
            entry.alias.clone_from(&alias.aliasname);
            entry.aliased = true;
        }
        // Its rows are written, not read, unless a column is used.
        if let Some(table) = &entry.relation {
            self.read_tables.insert(table.clone());
        }
        (id, entry)
    }

    fn own_column(&self, table: Option<Id>, name: &str) -> Option<(Id, Column)> {
        let id = table?;
        Some((id, self.ctx.catalog.relation(id)?.column(name)?.clone()))
    }

    /// Checks a value that is assigned to a column: labels of enums, NULL.
    fn assigned(&mut self, table: Option<Id>, column: &str, value: &protobuf::Node, adds: bool) {
        let Some((id, column)) = self.own_column(table, column) else { return };
        let span = location_of(value).map_or(self.ctx.statement.span, |location| self.ctx.span(location));
        if let Some(text) = string_constant(value) {
            self.literal(from_ref(&column.ty), text, span);
        }
        // An UPDATE of no rows sets nothing.
        let empty = self.ctx.catalog.relation(id).is_some_and(|found| found.has_rows == Some(false));
        if is_null(value)
            && column.not_null
            && (adds || !empty)
            && let Some(verdict) = self.null_verdict(id, &column)
        {
            self.ctx.need_nullable(id, &column, span, verdict);
        }
    }

    /// How bad a NULL in a NOT NULL column is; none where something may replace it.
    fn null_verdict(&self, table: Id, column: &Column) -> Option<Verdict> {
        let relation = self.ctx.catalog.relation(table)?;
        if !relation.is_table() || column.generated.is_some() {
            return None;
        }
        let after = |definition: &Option<String>| {
            definition.as_ref().is_some_and(|text| text.to_uppercase().contains(" AFTER "))
        };
        let replaced =
            !relation.rules.is_empty() || relation.triggers.iter().any(|trigger| !after(&trigger.definition));
        Some(if replaced { Verdict::Unknown } else { Verdict::Invalid })
    }

    /// Analyses an INSERT; gives what its RETURNING gives.
    pub(super) fn insert(&mut self, insert: &protobuf::InsertStmt) -> Result {
        self.ctx.raise(Class::Writes);
        let ctes = self.ctes.len();
        let Some(range) = &insert.relation else { return Result::unknown() };
        let (id, entry) = self.target(range);
        if let Some(with) = &insert.with_clause {
            self.with(with);
        }
        let columns = self.insert_columns(id, insert);
        let top_level = std::mem::take(&mut self.top_level);
        let select = match insert.select_stmt.as_ref().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::SelectStmt(select)) => Some(&**select),
            _ => None,
        };
        let output = select.map(|select| self.select(select));
        self.top_level = top_level;
        self.insert_values(id, &columns, insert.cols.is_empty(), select);
        if let (true, Some(output)) = (insert.cols.is_empty() && select.is_some(), &output) {
            self.positional(range, id, output);
        }
        let repeatable = self.is_repeatable_insert(insert, select, range);
        self.ctx.data().repeatable = repeatable;
        let mut changed = Vec::new();
        if let Some(conflict) = &insert.on_conflict_clause {
            changed = self.on_conflict(id, &entry, conflict);
        }
        if let Some(id) = id {
            self.ctx.write_rows(id, Change::Insert);
            if !changed.is_empty() {
                self.ctx.write_rows(id, Change::Update(changed));
            }
            self.ctx.analysis.effects.push(Effect::FillRows { relation: id });
        }
        let result = self.returning(entry, insert.returning_clause.as_ref());
        self.ctes.truncate(ctes);
        result
    }

    /// The columns that an INSERT gives values to, in the order of the values.
    fn insert_columns(&mut self, table: Option<Id>, insert: &protobuf::InsertStmt) -> Vec<String> {
        if insert.cols.is_empty() {
            let relation = table.and_then(|id| self.ctx.catalog.relation(id));
            let known = relation.filter(|relation| relation.columns_known);
            return known.map_or_else(Vec::new, |relation| {
                relation.columns.iter().map(|column| column.name.clone()).collect()
            });
        }
        let mut names = Vec::new();
        for node in &insert.cols {
            let Some(NodeEnum::ResTarget(target)) = node.node.as_ref() else { continue };
            if let Some(id) = table {
                let span = self.ctx.span(target.location);
                self.ctx.need_column(id, &target.name, span);
            }
            names.push(target.name.clone());
        }
        names
    }

    /// Checks the constants of VALUES, and that what is left out may be NULL.
    fn insert_values(
        &mut self,
        table: Option<Id>,
        columns: &[String],
        positional: bool,
        select: Option<&protobuf::SelectStmt>,
    ) {
        let rows: &[protobuf::Node] = select.map_or(&[], |select| &select.values_lists);
        let mut width = columns.len();
        for row in rows {
            let Some(NodeEnum::List(list)) = row.node.as_ref() else { continue };
            width = width.min(list.items.len());
            for (column, value) in columns.iter().zip(&list.items) {
                self.assigned(table, column, value, true);
            }
        }
        if let (Some(select), true) = (select, rows.is_empty() && !positional) {
            self.selected_constants(table, columns, select);
        }
        let default_values = select.is_none();
        if rows.is_empty() && !default_values {
            // A SELECT may give no row at all.
            return;
        }
        let given: BTreeSet<&str> = match default_values {
            true => BTreeSet::new(),
            false => columns.iter().take(width).map(String::as_str).collect(),
        };
        self.left_out(table, &given);
    }

    /// The labels of constants in `INSERT INTO t (…) SELECT 'label', …`.
    fn selected_constants(&mut self, table: Option<Id>, columns: &[String], select: &protobuf::SelectStmt) {
        // In a set operation, or with DISTINCT, a bare constant is text before it is assigned.
        if select.larg.is_some() || !select.distinct_clause.is_empty() {
            return;
        }
        for (name, node) in columns.iter().zip(&select.target_list) {
            let Some(NodeEnum::ResTarget(target)) = node.node.as_ref() else { return };
            let Some(value) = target.val.as_deref() else { return };
            let star = match value.node.as_ref() {
                Some(NodeEnum::ColumnRef(column)) => {
                    column.fields.last().is_some_and(|last| matches!(last.node, Some(NodeEnum::AStar(_))))
                }
                _ => false,
            };
            if star {
                return;
            }
            if let (Some(text), Some((_, column))) = (string_constant(value), self.own_column(table, name)) {
                let span = self.ctx.span(location_of(value).unwrap_or(-1));
                self.literal(from_ref(&column.ty), text, span);
            }
        }
    }

    fn left_out(&mut self, table: Option<Id>, given: &BTreeSet<&str>) {
        let Some(relation) = table.and_then(|id| self.ctx.catalog.relation(id)) else { return };
        let (Some(id), true) = (table, relation.columns_known) else { return };
        let lacking: Vec<Column> = relation
            .columns
            .iter()
            .filter(|column| {
                column.not_null && !column.fills_itself() && !given.contains(column.name.as_str())
            })
            .cloned()
            .collect();
        for column in lacking {
            let ty = column.ty.id.and_then(|id| self.ctx.catalog.type_by_id(id));
            if ty.is_some_and(|ty| matches!(ty.kind, TypeKind::Domain(_))) {
                // A domain may have a default of its own.
                continue;
            }
            if let Some(verdict) = self.null_verdict(id, &column) {
                let span = self.ctx.statement.span;
                self.ctx.need_nullable(id, &column, span, verdict);
            }
        }
    }

    fn positional(&mut self, range: &protobuf::RangeVar, id: Option<Id>, output: &Result) {
        if self.ctx.nested {
            return;
        }
        let Some(insert_at) = self.after_name(range) else { return };
        let relation = match id {
            Some(id) => self.ctx.catalog.relation_name(id),
            None => self.ctx.catalog.created_as(&range_name(range), self.ctx.path()),
        };
        let values = output.columns.as_ref().map(Vec::len);
        // Which value goes where depends on all columns and their order.
        self.ctx.touch(super::Place::Columns(relation.clone()), super::Access::Read);
        self.ctx.data().positional = Some(Positional { relation, values, insert_at });
    }

    /// The byte of the file right behind a table's name and alias.
    fn after_name(&self, range: &protobuf::RangeVar) -> Option<usize> {
        let sql = &self.ctx.statement.sql;
        let at = self.ctx.statement.place(range.location)?;
        let dots = usize::from(!range.schemaname.is_empty()) + usize::from(!range.catalogname.is_empty());
        let count = 1 + 2 * dots;
        let mut tokens = Lexer::new(sql, at, sql.len());
        let mut last = tokens.by_ref().take(count).last()?;
        if range.alias.is_some() {
            let next = tokens.next()?;
            last = if next.is_word(sql, "as") { tokens.next()? } else { next };
        }
        Some(last.span.end + self.ctx.statement.span.start)
    }

    /// RETURNING, which sees the target (and from PostgreSQL 18 `old` and `new`).
    fn returning(&mut self, entry: Entry, clause: Option<&protobuf::ReturningClause>) -> Result {
        let mut scope = Scope::default();
        scope.entries.push(entry);
        self.returning_in(scope, clause)
    }

    fn returning_in(&mut self, mut scope: Scope, clause: Option<&protobuf::ReturningClause>) -> Result {
        let Some(clause) = clause else { return Result::known(Vec::new()) };
        let stars = Stars(scope.entries.iter().map(star_of_entry).collect());
        let rows: &[&str] = if self.ctx.catalog.server_version >= 180_000 { &["old", "new"] } else { &[] };
        let mut aliases: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
        for node in &clause.options {
            if let Some(NodeEnum::ReturningOption(option)) = node.node.as_ref() {
                aliases.push(option.value.clone());
            }
        }
        if let Some(target) = scope.entries.first().cloned() {
            for alias in aliases {
                if scope.entries.iter().all(|entry| entry.alias != alias) {
                    scope.entries.push(Entry { alias, qualified_only: true, ..target.clone() });
                }
            }
        }
        self.scopes.push(scope);
        let result = self.targets(&clause.exprs, &stars);
        self.scopes.pop();
        result
    }

    /// SET of UPDATE, ON CONFLICT and MERGE; gives the names of the columns.
    pub(super) fn set_list(&mut self, table: Option<Id>, list: &[protobuf::Node]) -> Vec<String> {
        let mut names = Vec::new();
        for node in list {
            let Some(NodeEnum::ResTarget(target)) = node.node.as_ref() else { continue };
            if let Some(id) = table {
                let span = self.ctx.span(target.location);
                self.ctx.need_column(id, &target.name, span);
            }
            self.exprs(&target.indirection);
            names.push(target.name.clone());
            let Some(value) = &target.val else { continue };
            match value.node.as_ref() {
                // `(a, b) = (SELECT …)` repeats its source in each column.
                Some(NodeEnum::MultiAssignRef(multi)) => self.multi_assigned(table, &target.name, multi),
                _ => {
                    self.expr(value);
                    if target.indirection.is_empty() {
                        self.assigned(table, &target.name, value, false);
                    }
                }
            }
        }
        names
    }

    fn multi_assigned(&mut self, table: Option<Id>, column: &str, multi: &protobuf::MultiAssignRef) {
        if multi.colno == 1 {
            self.opt(&multi.source);
        }
        if let Some(NodeEnum::RowExpr(row)) = multi.source.as_ref().and_then(|node| node.node.as_ref()) {
            let at = usize::try_from(multi.colno - 1).unwrap_or(0);
            if let Some(value) = row.args.get(at) {
                self.assigned(table, column, value, false);
            }
        }
    }

    /// Analyses an UPDATE; gives what its RETURNING gives.
    pub(super) fn update(&mut self, update: &protobuf::UpdateStmt) -> Result {
        self.ctx.raise(Class::Writes);
        let ctes = self.ctes.len();
        let Some(range) = &update.relation else { return Result::unknown() };
        let (id, entry) = self.target(range);
        if let Some(with) = &update.with_clause {
            self.with(with);
        }
        let alias = entry.alias.clone();
        self.scopes.push(Scope { entries: vec![entry] });
        self.sources_of(&update.from_clause);
        let names = self.set_list(id, &update.target_list);
        self.opt(&update.where_clause);
        let mut repeatable = is_repeatable_update(update, &alias);
        if let Some(id) = id {
            self.ctx.need_replica_identity(id);
            self.ctx.write_rows_of(id, range.inh, Change::Update(names));
            // Where no row is left to change, only triggers of the statement fire again.
            repeatable &= !self.ctx.catalog.relation(id).is_some_and(has_statement_trigger);
        }
        // Said last: what the triggers do is not what the statement does.
        self.ctx.data().repeatable = repeatable;
        let scope = self.scopes.last().cloned().unwrap_or_default();
        self.leave_scope();
        let result = self.returning_in(scope, update.returning_clause.as_ref());
        self.ctes.truncate(ctes);
        result
    }

    /// Analyses a DELETE; gives what its RETURNING gives.
    pub(super) fn delete(&mut self, delete: &protobuf::DeleteStmt) -> Result {
        self.ctx.raise(Class::Removes);
        self.ctx.data().repeatable = false;
        let ctes = self.ctes.len();
        let Some(range) = &delete.relation else { return Result::unknown() };
        let (id, entry) = self.target(range);
        if let Some(with) = &delete.with_clause {
            self.with(with);
        }
        self.scopes.push(Scope { entries: vec![entry] });
        self.sources_of(&delete.using_clause);
        self.opt(&delete.where_clause);
        if let Some(id) = id {
            self.ctx.need_replica_identity(id);
            self.ctx.write_rows_of(id, range.inh, Change::Delete);
        }
        let scope = self.scopes.last().cloned().unwrap_or_default();
        self.leave_scope();
        let result = self.returning_in(scope, delete.returning_clause.as_ref());
        self.ctes.truncate(ctes);
        result
    }

    /// Analyses a MERGE; gives what its RETURNING gives.
    pub(super) fn merge(&mut self, merge: &protobuf::MergeStmt) -> Result {
        self.ctx.raise(Class::Removes);
        self.ctx.data().repeatable = false;
        let ctes = self.ctes.len();
        let Some(range) = &merge.relation else { return Result::unknown() };
        if let Some(with) = &merge.with_clause {
            self.with(with);
        }
        let (id, entry) = self.target(range);
        self.scopes.push(Scope { entries: vec![entry] });
        if let Some(source) = &merge.source_relation {
            self.source_item(source);
        }
        self.opt(&merge.join_condition);
        for node in &merge.merge_when_clauses {
            if let Some(NodeEnum::MergeWhenClause(clause)) = node.node.as_ref() {
                self.merge_clause(id, clause);
            }
        }
        let scope = self.scopes.last().cloned().unwrap_or_default();
        self.leave_scope();
        let result = self.returning_in(scope, merge.returning_clause.as_ref());
        self.ctes.truncate(ctes);
        result
    }

    /// Analyses a WHEN clause; the target's row is not there for NOT MATCHED, nor the source's for the other way.
    fn merge_clause(&mut self, table: Option<Id>, clause: &protobuf::MergeWhenClause) {
        let both = self.scopes.last().map(|scope| scope.entries.clone()).unwrap_or_default();
        if let Some(scope) = self.scopes.last_mut() {
            match clause.match_kind() {
                protobuf::MergeMatchKind::MergeWhenNotMatchedByTarget => drop(scope.entries.remove(0)),
                protobuf::MergeMatchKind::MergeWhenNotMatchedBySource => scope.entries.truncate(1),
                _ => {}
            }
        }
        self.merge_action(table, clause);
        if let Some(scope) = self.scopes.last_mut() {
            scope.entries = both;
        }
    }

    fn merge_action(&mut self, table: Option<Id>, clause: &protobuf::MergeWhenClause) {
        self.opt(&clause.condition);
        match clause.command_type() {
            protobuf::CmdType::CmdInsert => {
                let mut columns = Vec::new();
                for node in &clause.target_list {
                    let Some(NodeEnum::ResTarget(target)) = node.node.as_ref() else { continue };
                    if let Some(id) = table {
                        let span = self.ctx.span(target.location);
                        self.ctx.need_column(id, &target.name, span);
                    }
                    columns.push(target.name.clone());
                }
                self.exprs(&clause.values);
                if let Some(id) = table {
                    self.ctx.write_rows(id, Change::Insert);
                    self.ctx.analysis.effects.push(Effect::FillRows { relation: id });
                }
            }
            protobuf::CmdType::CmdUpdate => {
                let names = self.set_list(table, &clause.target_list);
                if let Some(id) = table {
                    self.ctx.write_rows(id, Change::Update(names));
                }
            }
            protobuf::CmdType::CmdDelete => {
                if let Some(id) = table {
                    self.ctx.write_rows(id, Change::Delete);
                }
            }
            _ => {}
        }
    }
}

fn star_of_entry(entry: &Entry) -> Result {
    let columns =
        (entry.rest == Rest::Nothing).then(|| entry.columns.iter().map(OutputColumn::from).collect());
    Result { columns, open: entry.open.clone(), rest: entry.rest }
}

/// Whether a trigger fires once for a statement, whether or not it changes rows.
fn has_statement_trigger(relation: &Relation) -> bool {
    relation.triggers.iter().any(|trigger| {
        trigger.definition.as_ref().is_none_or(|text| !text.to_ascii_uppercase().contains("FOR EACH ROW"))
    })
}

/// Whether a relation takes rows itself.
pub(super) fn takes_rows(relation: &Relation) -> bool {
    matches!(relation.kind, RelationKind::Table | RelationKind::PartitionedTable | RelationKind::ForeignTable)
}

/// A unique key as an object.
pub(super) fn unique_key(relation: crate::catalog::QName, mut columns: Vec<String>) -> ObjectRef {
    columns.sort();
    columns.dedup();
    ObjectRef::UniqueKey { relation, columns }
}
