//! ON CONFLICT: whether there is a unique key that the clause can mean.

use super::dml::{takes_rows, unique_key};
use super::index::key_texts;
use super::query::Resolver;
use super::query_scope::{Entry, Scope};
use super::sameness::{self, Sameness};
use super::{Access, Facet, Place, Verdict};
use crate::catalog::Expr;
use crate::catalog::{ColumnNumber, Id, Index, ObjectRef, Relation};
use crate::diagnostic::Code;
use crate::syntax::deparse_expression;
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
        let mut special = false;
        for node in &infer.index_elems {
            let Some(NodeEnum::IndexElem(element)) = node.node.as_ref() else { continue };
            special |= !element.opclass.is_empty() || !element.collation.is_empty();
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
        // A missing column is a requirement of its own.
        if columns.iter().any(|(_, number)| number.is_none()) {
            return;
        }
        let texts = key_texts(&infer.index_elems);
        let verdict = match self.key_verdict(id, &texts, infer.where_clause.as_deref()) {
            // A collation or operator class narrows what fits; the server decides.
            Verdict::Valid if special => Verdict::Unknown,
            verdict => verdict,
        };
        // Expressions carry parentheses of their own.
        let plain = |text: &String| {
            let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
            inner.unwrap_or(text).to_owned()
        };
        let keys: Vec<String> = texts.iter().map(plain).collect();
        let message = format!("table `{name}` has no unique key on ({})", keys.join(", "));
        let key = unique_key(name, texts);
        self.ctx.touch(Place::Object(key.clone()), Access::Read);
        self.ctx.require(vec![Facet::Exists(key)], span, verdict, Code::DN206, message, Vec::new());
    }

    /// Whether some unique index is on exactly these columns and expressions.
    fn key_verdict(&self, table: Id, wanted: &[String], filter: Option<&protobuf::Node>) -> Verdict {
        let Some(relation) = self.ctx.catalog.relation(table) else { return Verdict::Unknown };
        let mut verdict = Verdict::Invalid;
        for (_, _, index) in self.ctx.catalog.indexes_of(table) {
            // A key WITHOUT OVERLAPS is unique by exclusion, which ON CONFLICT does not infer.
            if !index.unique || !index.immediate || !index.valid || index.method == "gist" {
                continue;
            }
            match (self.keys_match(relation, index, wanted), &index.predicate) {
                (Sameness::Different, _) => {}
                (Sameness::Same, None) => return Verdict::Valid,
                // Whether the clause's WHERE implies the index's is for the server to say.
                (_, Some(_)) if filter.is_none() => {}
                (Sameness::Same, Some(predicate)) if filter.is_some_and(|filter| says(filter, predicate)) => {
                    return Verdict::Valid;
                }
                _ => verdict = Verdict::Unknown,
            }
        }
        verdict
    }

    /// Compares the keys of an index with those of ON CONFLICT; their order does not matter.
    fn keys_match(&self, relation: &Relation, index: &Index, wanted: &[String]) -> Sameness {
        let name = |number: ColumnNumber| relation.column_numbered(number).map(|column| column.name.as_str());
        let columns: BTreeSet<&str> =
            index.keys.iter().filter_map(|key| key.column).filter_map(name).collect();
        let is_expression = |text: &&String| text.starts_with('(');
        let wanted_columns: BTreeSet<&str> =
            wanted.iter().filter(|text| !is_expression(text)).map(String::as_str).collect();
        let expressions: Vec<&str> = index
            .keys
            .iter()
            .filter_map(|key| key.expression.as_ref())
            .map(|expr| expr.text.as_str())
            .collect();
        let wanted_expressions: Vec<&String> = wanted.iter().filter(is_expression).collect();
        if columns != wanted_columns {
            return Sameness::Different;
        }
        let best = |answers: Vec<Sameness>| {
            [Sameness::Same, Sameness::Unknown]
                .into_iter()
                .find(|answer| answers.contains(answer))
                .unwrap_or(Sameness::Different)
        };
        // Each has its counterpart on the other side; the clause may say one of them twice.
        let wanted_is_there = wanted_expressions.iter().map(|wanted| {
            best(expressions.iter().map(|there| sameness::expressions(there, wanted)).collect())
        });
        let there_is_wanted = expressions.iter().map(|there| {
            best(wanted_expressions.iter().map(|wanted| sameness::expressions(there, wanted)).collect())
        });
        wanted_is_there.chain(there_is_wanted).fold(Sameness::Same, Sameness::and)
    }
}

/// Whether a WHERE says the index's predicate word for word, alone or joined by AND.
fn says(filter: &protobuf::Node, predicate: &Expr) -> bool {
    let text = deparse_expression(filter).unwrap_or_default();
    if sameness::expressions(&text, &predicate.text) == Sameness::Same {
        return true;
    }
    match filter.node.as_ref() {
        Some(NodeEnum::BoolExpr(all)) if all.boolop() == protobuf::BoolExprType::AndExpr => {
            all.args.iter().any(|part| says(part, predicate))
        }
        _ => false,
    }
}
