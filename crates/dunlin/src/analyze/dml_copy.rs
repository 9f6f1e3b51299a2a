//! COPY.

use super::context::{range_name, strings};
use super::dml_write::Change;
use super::query::Resolver;
use super::query_scope::Scope;
use super::{Class, Context};
use crate::catalog::{Effect, Id};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};

impl Context<'_> {
    /// Analyses a COPY statement.
    pub fn copy(&mut self, copy: &protobuf::CopyStmt) {
        self.analysis.kind = "COPY";
        if copy.is_from {
            self.raise(Class::Writes);
            self.data().repeatable = false;
        }
        if copy.is_program {
            self.opaque("COPY runs a program");
        }
        let mut resolver = Resolver::new(self, true);
        match copy.query.as_ref().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::SelectStmt(select)) => drop(resolver.select(select)),
            Some(NodeEnum::InsertStmt(insert)) => drop(resolver.insert(insert)),
            Some(NodeEnum::UpdateStmt(update)) => drop(resolver.update(update)),
            Some(NodeEnum::DeleteStmt(delete)) => drop(resolver.delete(delete)),
            Some(NodeEnum::MergeStmt(merge)) => drop(resolver.merge(merge)),
            _ => {}
        }
        if let Some(range) = &copy.relation {
            resolver.copy_table(copy, range);
        }
    }
}

impl Resolver<'_, '_> {
    fn copy_table(&mut self, copy: &protobuf::CopyStmt, range: &protobuf::RangeVar) {
        let (id, entry) = if copy.is_from {
            self.target(range)
        } else {
            let span = self.ctx.span(range.location);
            let entry = self.relation_entry(&range_name(range), span);
            (entry.id, entry)
        };
        let named = strings(&copy.attlist);
        self.scopes.push(Scope { entries: vec![entry] });
        if let Some(id) = id {
            self.copied_columns(id, &named, &copy.options);
        }
        self.copy_condition(id, copy);
        if named.is_empty() {
            self.use_row((self.scopes.len().saturating_sub(1), 0));
        }
        self.leave_scope();
        if let (true, Some(id)) = (copy.is_from, id) {
            self.ctx.write_rows(id, Change::Insert);
            self.ctx.analysis.effects.push(Effect::FillRows { relation: id });
        }
    }

    /// The columns that COPY lists: each once, none that is generated; its options name columns among them.
    fn copied_columns(&mut self, table: Id, named: &[String], options: &[protobuf::Node]) {
        let span = self.ctx.statement.span;
        let relation = self.ctx.catalog.relation(table);
        for (at, name) in named.iter().enumerate() {
            self.ctx.need_column(table, name, span);
            let column = relation.and_then(|relation| relation.column(name));
            if column.is_some_and(|column| column.generated.is_some()) {
                self.ctx.refuse(Code::DN216, span, format!("column `{name}` is generated, and not copied"));
            }
            if named[..at].contains(name) {
                self.ctx.refuse(Code::DN216, span, format!("column `{name}` is listed twice"));
            }
        }
        for option in options {
            let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
            let forced = matches!(option.defname.as_str(), "force_quote" | "force_null" | "force_not_null");
            let Some(NodeEnum::List(list)) = option.arg.as_ref().and_then(|arg| arg.node.as_ref()) else {
                continue;
            };
            for name in strings(&list.items).iter().filter(|_| forced) {
                self.ctx.need_column(table, name, span);
                if !named.is_empty() && !named.contains(name) {
                    let message = format!("column `{name}` is not among those that are copied");
                    self.ctx.refuse(Code::DN216, span, message);
                }
            }
        }
    }

    /// COPY … WHERE, which sees no generated columns.
    fn copy_condition(&mut self, table: Option<Id>, copy: &protobuf::CopyStmt) {
        self.used.clear();
        self.opt(&copy.where_clause);
        let relation = table.and_then(|id| self.ctx.catalog.relation(id));
        let generated = relation.into_iter().flat_map(|relation| &relation.columns);
        let generated = generated.filter(|column| column.generated.is_some());
        let used: Vec<String> = generated
            .filter(|column| self.used.contains(&column.number))
            .map(|column| column.name.clone())
            .collect();
        for name in used {
            let message = format!("column `{name}` is generated, which COPY … WHERE cannot use");
            self.ctx.refuse(Code::DN216, self.ctx.statement.span, message);
        }
    }
}
