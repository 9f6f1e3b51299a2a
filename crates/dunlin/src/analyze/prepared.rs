//! PREPARE, EXECUTE and DEALLOCATE: to execute a prepared statement is as good as to write it.

use super::{Class, Context, Facet, SessionChange};
use crate::catalog::ObjectRef;
use crate::syntax::{NodeEnum, deparse_statement, parse_sql_fragment, protobuf};

impl Context<'_> {
    /// Analyses PREPARE: the server looks up the names, and nothing runs.
    pub(super) fn prepare(&mut self, node: &protobuf::PrepareStmt) {
        self.raise(Class::Session);
        for ty in node.argtypes.iter().filter_map(super::object::type_name) {
            let outer = std::mem::take(&mut self.depends);
            self.need_type(ty);
            self.depends = outer;
        }
        if let Some(query) = node.query.as_ref().and_then(|query| query.node.as_ref()) {
            let mut inner = Context::new(self.statement, self.catalog, self.session);
            inner.nested = true;
            inner.tentative = self.tentative;
            inner.nested_statement(query);
            // NULLs and unique keys are looked at when it runs.
            let names = inner.analysis.requires.into_iter().filter(|requirement| {
                !requirement.any_of.iter().any(|facet| {
                    matches!(facet, Facet::Nullable { .. } | Facet::Exists(ObjectRef::UniqueKey { .. }))
                })
            });
            self.analysis.requires.extend(names);
        }
        let sql = deparse_statement(&NodeEnum::PrepareStmt(Box::new(node.clone())))
            .unwrap_or_else(|| self.statement.sql.to_string());
        self.analysis.session.push(SessionChange::Prepare { name: node.name.clone(), sql });
    }

    /// Analyses EXECUTE of a statement that was prepared before it in the same file.
    pub(super) fn execute(&mut self, node: &protobuf::ExecuteStmt) {
        for parameter in &node.params {
            self.expression(parameter, &[]);
        }
        let prepared = self.session.prepared(&node.name).map(parse_sql_fragment);
        let Some(Ok(NodeEnum::PrepareStmt(prepared))) = prepared else {
            self.opaque("EXECUTE of a statement that was not prepared here");
            return;
        };
        let Some(query) = prepared.query.as_ref().and_then(|query| query.node.as_ref()) else { return };
        let statement = self.without_places();
        let mut inner = Context::new(&statement, self.catalog, self.session);
        inner.nested = true;
        inner.tentative = self.tentative;
        inner.continue_slots(self);
        inner.nested_statement(query);
        let slots = inner.slots_used();
        let mut found = inner.analysis;
        self.analysis.data = found.data.take();
        self.take_over(found, slots);
    }

    /// What the query of CREATE TABLE AS EXECUTE gives.
    pub(super) fn prepared_query(&mut self, node: &protobuf::ExecuteStmt) -> super::query::Output {
        for parameter in &node.params {
            self.expression(parameter, &[]);
        }
        let prepared = self.session.prepared(&node.name).map(parse_sql_fragment);
        let prepared = match prepared {
            Some(Ok(NodeEnum::PrepareStmt(prepared))) => prepared.query.and_then(|query| query.node),
            _ => None,
        };
        let Some(NodeEnum::SelectStmt(query)) = prepared else {
            self.opaque("EXECUTE of a statement that was not prepared here");
            return None;
        };
        let statement = self.without_places();
        let mut inner = Context::new(&statement, self.catalog, self.session);
        inner.nested = true;
        inner.tentative = self.tentative;
        inner.continue_slots(self);
        let output = inner.query(&query);
        let (slots, found) = (inner.slots_used(), inner.analysis);
        self.take_over(found, slots);
        output
    }

    /// Analyses DEALLOCATE.
    pub(super) fn deallocate(&mut self, node: &protobuf::DeallocateStmt) {
        self.raise(Class::Session);
        let name = (!node.name.is_empty()).then(|| node.name.clone());
        let sql = self.statement.sql.to_string();
        self.analysis.session.push(SessionChange::Deallocate { name, sql });
    }
}
