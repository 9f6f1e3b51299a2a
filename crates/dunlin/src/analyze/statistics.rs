//! CREATE STATISTICS.

use super::LockMode;
use super::context::{Context, range_name, strings};
use super::named::{Named, Needs};
use super::naming::clip;
use super::query::Source;
use super::table_shape::Shape;
use crate::catalog::{Dependency, Effect, Id, Name, Other, QName, Relation, Subject};
use crate::diagnostic::Code;
use crate::syntax::{NodeEnum, deparse_expression, protobuf};

impl Context<'_> {
    /// Analyses CREATE STATISTICS: they go with the columns that they are on.
    pub(super) fn create_statistics(&mut self, node: &protobuf::CreateStatsStmt) {
        self.adds();
        let mut table = None;
        let outer = std::mem::take(&mut self.depends);
        for relation in &node.relations {
            let Some(NodeEnum::RangeVar(range)) = &relation.node else { continue };
            let Some(id) = self.need_relation(&range_name(range), self.span(range.location), "table") else {
                continue;
            };
            self.lock(id, LockMode::ShareUpdateExclusive);
            table = Some(id);
            self.each_once(node, self.span(range.location));
            for element in &node.exprs {
                if let Some(NodeEnum::StatsElem(element)) = &element.node {
                    self.statistics_element(id, element, self.span(range.location));
                }
            }
        }
        let mut needs = std::mem::replace(&mut self.depends, outer);
        needs.sort_unstable();
        needs.dedup();
        let Some(table) = table else { return };
        let (mut part_of, depends): (Vec<Dependency>, Vec<Dependency>) =
            needs.into_iter().partition(|need| need.on == table);
        if part_of.is_empty() {
            part_of.push(Dependency { on: table, column: None });
        }
        let written = Name::from_parts(&strings(&node.defnames));
        let name = if written.name.is_empty() { self.chosen_statistics(table, node) } else { written };
        let named = Named::in_schema("statistics", name);
        self.make_named(&named, node.if_not_exists, Needs { depends, part_of });
        if let Some(Effect::CreateOther { other, .. }) = self.analysis.effects.last_mut() {
            other.of = Some(joined_elements(self.catalog.relation(table), node));
        }
    }

    fn each_once(&mut self, node: &protobuf::CreateStatsStmt, span: crate::source::Span) {
        let mut seen = std::collections::BTreeSet::new();
        for (name, is_column) in elements(node) {
            if is_column && !seen.insert(name.clone()) {
                self.refuse(Code::DN216, span, format!("column `{name}` is named twice"));
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for element in &node.exprs {
            let Some(NodeEnum::StatsElem(element)) = &element.node else { continue };
            if let Some(text) = element.expr.as_deref().and_then(deparse_expression)
                && !seen.insert(text.clone())
            {
                self.refuse(Code::DN216, span, format!("the expression `{text}` stands twice"));
            }
        }
    }

    /// LIKE … INCLUDING STATISTICS: the same statistics, under names of their own.
    pub(super) fn like_statistics(&mut self, shape: &mut Shape<'_>, table: Id, comments: bool) {
        let of_table = |other: &Other| other.part_of.iter().any(|need| need.on == table);
        let all: Vec<(Id, Other)> = self
            .catalog
            .others_of("statistics")
            .filter(|(_, other)| of_table(other))
            .map(|(id, other)| (id, other.clone()))
            .collect();
        let mut taken: Vec<String> = Vec::new();
        for (id, other) in all {
            let table_name = shape.name.clone();
            let addition = other.of.clone().unwrap_or_default();
            let name = self.free_statistics(&table_name, &addition, &taken);
            taken.push(name.clone());
            let columns = other.part_of.iter().filter(|need| need.on == table).map(|need| {
                let from =
                    self.catalog.relation(table)?.names(&need.column.into_iter().collect::<Vec<_>>()).pop();
                from.and_then(|name| shape.relation.column(&name)).map(|column| column.number)
            });
            let on = shape.any_id();
            let part_of = columns.map(|column| Dependency { on, column }).collect();
            let other = Box::new(Other { name, schema: None, part_of, ..other });
            let (schema, slot) = (Some(table_name.schema.clone()), self.slot());
            shape.effects.push(Effect::CreateOther { schema, slot: Some(slot), other });
            if comments {
                self.same_comment(shape, &Subject::Object(id), Subject::Object(slot.as_id()));
            }
        }
    }

    fn statistics_element(&mut self, table: Id, element: &protobuf::StatsElem, span: crate::source::Span) {
        match (element.expr.as_deref(), self.catalog.relation(table)) {
            (None, _) => {
                self.need_column(table, &element.name, span);
            }
            (Some(expression), Some(relation)) => {
                let source = Source::of(self.catalog.relation_name(table), Some(table), relation);
                self.expression(expression, &[source]);
            }
            (Some(_), None) => {}
        }
    }

    /// The name that PostgreSQL chooses (`ChooseExtendedStatisticName`), in the table's schema.
    fn chosen_statistics(&self, table: Id, node: &protobuf::CreateStatsStmt) -> Name {
        let table = self.catalog.relation_name(table);
        let parts: Vec<String> = elements(node).map(|(name, _)| name).collect();
        let name = self.free_statistics(&table, &super::naming::joined(&parts), &[]);
        Name { schema: Some(table.schema), name }
    }

    fn free_statistics(&self, table: &QName, joined: &str, taken: &[String]) -> String {
        let is_taken = |candidate: &String| {
            let label = QName::new(table.schema.as_str(), candidate.as_str()).to_string();
            taken.contains(candidate) || self.catalog.other_at("statistics", &label).is_some()
        };
        let chosen = (0_u32..)
            .map(|pass| if pass == 0 { "stat".to_owned() } else { format!("stat{pass}") })
            .map(|label| super::naming::object_name(&table.name, clip(joined, joined.len()), &label))
            .find(|candidate| !is_taken(candidate));
        chosen.unwrap_or_default()
    }
}

/// The names of the elements, `expr` for expressions, and whether each is a column.
fn elements(node: &protobuf::CreateStatsStmt) -> impl Iterator<Item = (String, bool)> {
    node.exprs.iter().filter_map(|element| match &element.node {
        Some(NodeEnum::StatsElem(element)) if element.expr.is_none() => Some((element.name.clone(), true)),
        Some(NodeEnum::StatsElem(_)) => Some(("expr".to_owned(), false)),
        _ => None,
    })
}

/// The middle of the name of a copy: columns in the table's order, then expressions.
fn joined_elements(table: Option<&Relation>, node: &protobuf::CreateStatsStmt) -> String {
    let number = |name: &str| table.and_then(|table| table.column(name)).map(|column| column.number);
    let mut all: Vec<(bool, Option<i16>, String)> =
        elements(node).map(|(name, column)| (!column, number(&name).filter(|_| column), name)).collect();
    all.sort();
    all.into_iter().map(|(_, _, name)| name).collect::<Vec<_>>().join("_")
}
