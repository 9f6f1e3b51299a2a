//! CREATE STATISTICS.

use super::LockMode;
use super::context::{Context, range_name, strings};
use super::named::{Named, Needs};
use super::naming::clip;
use super::query::Source;
use crate::catalog::{Dependency, Id, Name, QName};
use crate::syntax::{NodeEnum, protobuf};

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
        let QName { schema, name } = self.catalog.relation_name(table);
        let parts: Vec<String> = node
            .exprs
            .iter()
            .filter_map(|element| match &element.node {
                Some(NodeEnum::StatsElem(element)) if element.expr.is_none() => Some(element.name.clone()),
                Some(NodeEnum::StatsElem(_)) => Some("expr".to_owned()),
                _ => None,
            })
            .collect();
        let joined = super::naming::joined(&parts);
        let taken = |candidate: &str| {
            let label = QName::new(schema.as_str(), candidate).to_string();
            self.catalog.other_at("statistics", &label).is_some()
        };
        let chosen = (0_u32..)
            .map(|pass| if pass == 0 { "stat".to_owned() } else { format!("stat{pass}") })
            .map(|label| super::naming::object_name(&name, clip(&joined, joined.len()), &label))
            .find(|candidate| !taken(candidate));
        Name { schema: Some(schema.clone()), name: chosen.unwrap_or_default() }
    }
}
