//! DN533: CASCADE takes along what hangs on an object: here is what that is.

use crate::analyze::{LockMode, Remark};
use crate::catalog::{ConstraintKind, Effect, Id, Origin, Relation};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let analysis = site.step.analysis;
    if !analysis.remarks.contains(&Remark::Cascade) {
        return Vec::new();
    }
    let along = match analysis.kind {
        "TRUNCATE TABLE" => emptied(site),
        _ => gone(site),
    };
    if along.is_empty() {
        return Vec::new();
    }
    let kind = analysis.kind;
    vec![Finding::new(
        format!("{kind} … CASCADE takes along {}", along.join(", ")),
        "name each of them in a statement of its own, and leave CASCADE out",
    )]
}

/// Tables that TRUNCATE empties beside those that it names.
fn emptied(site: &Site<'_>) -> Vec<String> {
    let named = |id: Id| {
        let table = site.catalog.relation(id);
        // What refers to a table that is emptied is emptied too.
        table.is_some_and(|table| {
            !table.constraints.iter().any(|constraint| match &constraint.kind {
                ConstraintKind::ForeignKey(reference) => {
                    reference.table != id && site.lock_on(reference.table) == Some(LockMode::AccessExclusive)
                }
                _ => false,
            })
        })
    };
    let locks = site.step.analysis.locks.iter().filter(|lock| lock.mode == LockMode::AccessExclusive);
    locks
        .filter_map(|lock| lock.relation)
        .filter(|id| !named(*id) && site.has_rows(*id))
        .map(|id| format!("the rows of `{}`", site.name(id)))
        .collect()
}

/// Objects that others may use and that are there before the statement and not after it, but for those that it names.
fn gone(site: &Site<'_>) -> Vec<String> {
    let mut after = site.catalog.clone();
    after.apply(site.step.effects, Origin::Live);
    let named = |id: Id| {
        site.step.effects.iter().any(|effect| match effect {
            Effect::DropRelation { relation } => *relation == id,
            Effect::DropFunction { function } => *function == id,
            Effect::DropType { ty } => *ty == id,
            _ => false,
        })
    };
    let mut found = Vec::new();
    for (id, relation) in site.catalog.relations().filter(|(id, _)| !named(*id) && site.existed(*id)) {
        let noun = relation.kind.noun();
        match after.relation(id) {
            None if noun != "index" && noun != "sequence" => {
                found.push(format!("{noun} `{}`", site.name(id)))
            }
            None => {}
            Some(left) => found.extend(parts_gone(site, id, relation, left)),
        }
    }
    for (id, _) in site.catalog.functions().filter(|(id, _)| !named(*id) && after.function(*id).is_none()) {
        found.push(format!("function `{}`", site.catalog.function_name(id)));
    }
    for (id, _) in site.catalog.types().filter(|(id, _)| !named(*id) && after.type_by_id(*id).is_none()) {
        found.push(format!("type `{}`", site.catalog.type_name(id)));
    }
    found
}

/// Columns, foreign keys and triggers that a table loses, but for those that the statement names.
fn parts_gone(site: &Site<'_>, id: Id, before: &Relation, after: &Relation) -> Vec<String> {
    let table = site.name(id);
    let named = |name: &str| {
        site.step.effects.iter().any(|effect| match effect {
            Effect::DropConstraint { relation, name: dropped, .. } => *relation == id && dropped == name,
            Effect::DropColumn { relation, column, .. } => {
                *relation == id && before.names(&[*column]).iter().any(|column| column == name)
            }
            _ => false,
        })
    };
    let columns = before.columns.iter().filter(|column| after.column(&column.name).is_none());
    let constraints = before.constraints.iter().filter(|constraint| {
        after.constraint(&constraint.name).is_none()
            && matches!(constraint.kind, ConstraintKind::ForeignKey(_))
    });
    let triggers =
        before.triggers.iter().filter(|trigger| !after.triggers.iter().any(|left| left.name == trigger.name));
    columns
        .filter(|column| !named(&column.name))
        .map(|column| format!("column `{table}.{}`", column.name))
        .chain(
            constraints
                .filter(|constraint| !named(&constraint.name))
                .map(|constraint| format!("foreign key `{}` of `{table}`", constraint.name)),
        )
        .chain(triggers.map(|trigger| format!("trigger `{}` of `{table}`", trigger.name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    const BEFORE: &str = "create table p (id int primary key); create table c (id int, p int references p); \
                          create view v as select id from p; create view w as select id from v; \
                          create type m as enum ('a'); create table k (m m)";

    #[test]
    fn what_goes_along_is_named() {
        let message = |sql: &str| says(Code::DN533, BEFORE, sql).pop().unwrap();
        assert_eq!(
            message("drop table p cascade"),
            "DROP TABLE … CASCADE takes along foreign key `c_p_fkey` of `c`, view `v`, view `w`"
        );
        assert_eq!(message("drop view v cascade"), "DROP VIEW … CASCADE takes along view `w`");
        assert_eq!(message("drop type m cascade"), "DROP TYPE … CASCADE takes along column `k.m`");
        assert_eq!(message("truncate p cascade"), "TRUNCATE TABLE … CASCADE takes along the rows of `c`");
        assert!(message("alter table p drop id cascade").contains("foreign key `c_p_fkey` of `c`, view `v`"));
    }

    #[test]
    fn a_cascade_that_takes_nothing_is_fine() {
        silent(Code::DN533, BEFORE, &["drop table c cascade", "drop view w cascade", "drop view w"]);
        speaks(Code::DN533, BEFORE, "drop table p cascade", "view `v`");
    }
}
