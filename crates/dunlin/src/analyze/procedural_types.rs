//! The types that the variables of PL/pgSQL are declared with: unlike all else in a body, the server looks them up when it
//! reads the body, which is when the function is created or the block begins.

use super::context::strings;
use super::{Context, Session};
use crate::catalog::Name;
use crate::source::Span;
use crate::syntax::plpgsql::{PlBlock, PlStmt};
use crate::syntax::{NodeEnum, Statement, parse_expression, parse_type_name, protobuf};

impl Context<'_> {
    /// Requires the types that a body declares variables with, however deep; `names` are those of parameters.
    pub(super) fn declared_types(
        &mut self,
        body: &str,
        block: &PlBlock,
        names: &[String],
        session: &Session,
    ) {
        let mut declared = Vec::new();
        collect(block, &mut declared);
        if declared.is_empty() {
            return;
        }
        let known: Vec<&str> =
            names.iter().map(String::as_str).chain(declared.iter().map(|(name, _)| *name)).collect();
        let at = self.statement.sql.find(body);
        let statement = Statement { sql: self.statement.sql.clone(), ..self.without_places() };
        let mut nested = Context::new(&statement, self.catalog, session);
        nested.nested = true;
        nested.tentative = self.tentative;
        for (_, span) in &declared {
            let text = body.get(span.range()).unwrap_or_default();
            let location = at.and_then(|at| i32::try_from(at + span.start).ok()).unwrap_or(-1);
            nested.declared_type(text, location, &known);
        }
        let analysis = nested.analysis;
        self.analysis.requires.extend(analysis.requires);
        self.analysis.footprint.extend(&analysis.footprint);
    }

    /// Requires one type; names of variables come before those of tables.
    fn declared_type(&mut self, text: &str, location: i32, variables: &[&str]) {
        let span = self.span(location);
        let Some((name, copied)) = text.split_once('%') else {
            if let Ok(ty) = parse_type_name(text) {
                self.need_type(&protobuf::TypeName { location, ..ty });
            }
            return;
        };
        let mut parts = names_in(name);
        let column = match copied.trim_start().to_lowercase().starts_with("rowtype") {
            true => None,
            // One name is that of a variable.
            false
                if parts.len() == 1
                    || parts.first().is_none_or(|first| variables.contains(&first.as_str())) =>
            {
                return;
            }
            false => parts.pop(),
        };
        if parts.is_empty() || parts.len() > 2 {
            return;
        }
        let relation = self.need_relation(&Name::from_parts(&parts), span, "table");
        if let (Some(id), Some(column)) = (relation, column) {
            self.need_column(id, &column, span);
        }
    }
}

/// The names of `a.b.c`, folded; none of anything else.
fn names_in(text: &str) -> Vec<String> {
    let Ok(select) = parse_expression(text) else { return Vec::new() };
    match select.target_list.as_slice() {
        [only] => match only.node.as_ref() {
            Some(NodeEnum::ResTarget(target)) => {
                match target.val.as_ref().and_then(|value| value.node.as_ref()) {
                    Some(NodeEnum::ColumnRef(column)) => strings(&column.fields),
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Gathers the variables of a block and of all that is nested in it; a label counts as one without a type.
fn collect<'b>(block: &'b PlBlock, into: &mut Vec<(&'b str, Span)>) {
    into.extend(block.label.iter().map(|label| (label.as_str(), Span::default())));
    into.extend(block.declares.iter().map(|declare| (declare.name.as_str(), declare.type_span)));
    collect_in(&block.body, into);
    block.handlers.iter().for_each(|handler| collect_in(&handler.body, into));
}

fn collect_in<'b>(statements: &'b [PlStmt], into: &mut Vec<(&'b str, Span)>) {
    for statement in statements {
        match statement {
            PlStmt::Block(block) => collect(block, into),
            PlStmt::If { branches, otherwise, .. } => {
                branches.iter().for_each(|branch| collect_in(&branch.body, into));
                collect_in(otherwise, into);
            }
            PlStmt::Case { branches, otherwise, .. } => {
                branches.iter().for_each(|branch| collect_in(&branch.body, into));
                collect_in(otherwise.as_deref().unwrap_or_default(), into);
            }
            PlStmt::Loop { label, body, .. } => {
                into.extend(label.iter().map(|label| (label.as_str(), Span::default())));
                collect_in(body, into);
            }
            _ => {}
        }
    }
}
