//! ON CONFLICT: whether there is a unique key that the clause can mean.

use super::dml::{takes_rows, unique_key};
use super::query::Resolver;
use super::query_scope::{Entry, Scope};
use super::{Access, Facet, Place, Verdict};
use crate::catalog::{ColumnNumber, Id, ObjectRef};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, protobuf};
use std::collections::BTreeSet;

impl Resolver<'_, '_> {
    /// Analyses ON CONFLICT; gives the columns that DO UPDATE sets.
    pub(super) fn on_conflict(
        &mut self,
        table: Option<Id>,
        target: &Entry,
        clause: &protobuf::OnConflictClause,
    ) -> Vec<String> {
        self.scopes.push(Scope { entries: vec![target.clone()] });
        if let Some(infer) = &clause.infer {
            self.infer(table, infer, clause.location);
        }
        self.scopes.pop();
        let excluded =
            Entry { alias: "excluded".into(), qualified_only: true, aliased: true, ..target.clone() };
        self.scopes.push(Scope { entries: vec![target.clone(), excluded] });
        let names = self.set_list(table, &clause.target_list);
        self.opt(&clause.where_clause);
        self.scopes.pop();
        names
    }

    fn infer(&mut self, table: Option<Id>, infer: &protobuf::InferClause, location: i32) {
        let span = self.ctx.span(if infer.location > 0 { infer.location } else { location });
        let mut columns = Vec::new();
        let mut plain = true;
        for node in &infer.index_elems {
            let Some(NodeEnum::IndexElem(element)) = node.node.as_ref() else { continue };
            plain &= !element.name.is_empty() && element.opclass.is_empty() && element.collation.is_empty();
            match (table, element.name.as_str()) {
                (_, "") | (None, _) => drop(self.opt(&element.expr)),
                (Some(id), name) => columns.push((name.to_owned(), self.ctx.need_column(id, name, span))),
            }
        }
        self.opt(&infer.where_clause);
        let Some(id) = table else { return };
        let name = self.ctx.catalog.relation_name(id);
        self.ctx.touch(Place::Rules(name.clone()), Access::Read);
        let Some(relation) = self.ctx.catalog.relation(id).filter(|relation| takes_rows(relation)) else {
            return;
        };
        if !infer.conname.is_empty() {
            let there = relation.constraint(&infer.conname).is_some();
            let verdict = if there { Verdict::Valid } else { Verdict::Invalid };
            let constraint = ObjectRef::Constraint { relation: name, name: infer.conname.clone() };
            self.ctx.need_object(constraint, verdict, span, Code::DN208, "constraint");
            return;
        }
        let numbers: Option<BTreeSet<ColumnNumber>> = columns.iter().map(|(_, number)| *number).collect();
        // A missing column is a requirement of its own; expressions are not compared here.
        let (Some(numbers), true) = (numbers, plain && !columns.is_empty()) else { return };
        let verdict = self.key_verdict(id, &numbers, infer.where_clause.is_some());
        let names: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
        let message = format!("table `{name}` has no unique key on ({})", names.join(", "));
        let key = unique_key(name, names);
        self.ctx.touch(Place::Object(key.clone()), Access::Read);
        self.ctx.require(vec![Facet::Exists(key)], span, verdict, Code::DN206, message, Vec::new());
    }

    /// Whether some unique index is on exactly these columns.
    fn key_verdict(&self, table: Id, columns: &BTreeSet<ColumnNumber>, has_where: bool) -> Verdict {
        let mut verdict = Verdict::Invalid;
        for (_, _, index) in self.ctx.catalog.indexes_of(table) {
            let keys: Option<BTreeSet<ColumnNumber>> = index.keys.iter().map(|key| key.column).collect();
            if !index.unique || !index.immediate || !index.valid || keys.as_ref() != Some(columns) {
                continue;
            }
            match index.predicate {
                None => return Verdict::Valid,
                // Whether the clause's WHERE implies the index's is for the server to say.
                Some(_) if has_where => verdict = Verdict::Unknown,
                Some(_) => {}
            }
        }
        verdict
    }
}
