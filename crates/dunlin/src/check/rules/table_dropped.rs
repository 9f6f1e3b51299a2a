//! DN532: DROP TABLE and DROP SCHEMA lose rows, and clients that use the table fail.

use crate::catalog::{Effect, Id, Relation};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    if site.step.allow_data_loss {
        return Vec::new();
    }
    let mut tables: Vec<Id> = Vec::new();
    for effect in site.step.effects {
        match effect {
            Effect::DropRelation { relation } => tables.push(*relation),
            Effect::DropSchema { schema } => {
                let inside = site.catalog.relations().filter(|(_, relation)| relation.schema == *schema);
                tables.extend(inside.map(|(id, _)| id));
            }
            _ => {}
        }
    }
    tables
        .into_iter()
        .filter(|id| site.existed(*id) && site.catalog.relation(*id).is_some_and(Relation::is_table))
        .map(|id| {
            let table = site.name(id);
            Finding::new(
                format!("the rows of `{table}` are lost, and clients that use it fail"),
                "make sure that no client uses it; `-- dunlin: allow data-loss` above the statement says that it is meant",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_lost_table_is_noticed() {
        let before = "create schema s; create table s.t (id int); create view v as select 1";
        speaks(Code::DN532, before, "drop table s.t", "rows of `s.t`");
        speaks(Code::DN532, before, "drop schema s cascade", "rows of `s.t`");
        silent(Code::DN532, before, &["drop view v", "drop table if exists u"]);
    }
}
