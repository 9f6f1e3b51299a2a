//! DN541: A primary key that counts in int4 or int2 runs out of numbers.

use crate::catalog::{Column, ConstraintKind, Effect};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let counted: Vec<_> = site.new_columns().into_iter().filter(|new| counts_narrowly(&new.column)).collect();
    let is_key = |table: &str, name: &str| {
        site.step.effects.iter().any(|effect| match effect {
            Effect::AddConstraint { constraint, .. } => {
                constraint.kind == ConstraintKind::PrimaryKey
                    && counted.iter().any(|new| {
                        new.table.to_string() == table
                            && new.column.name == name
                            && constraint.columns == [new.column.number]
                    })
            }
            _ => false,
        })
    };
    counted
        .iter()
        .filter(|new| is_key(&new.table.to_string(), &new.column.name))
        .map(|new| {
            let (table, name, ty) = (&new.table, &new.column.name, &new.column.ty);
            let most = if new.column.ty.name == "int2" { "32,767" } else { "2,147,483,647" };
            let message = format!("primary key `{table}.{name}` is {ty}: it ends at {most}");
            let help = "use bigint; a change later rewrites the table and all that refers to it";
            Finding { span: new.span, ..Finding::new(message, help) }
        })
        .collect()
}

/// Whether a column takes its numbers from a sequence and is small.
fn counts_narrowly(column: &Column) -> bool {
    let counts = column.identity.is_some()
        || column.default.as_ref().is_some_and(|default| default.text.starts_with("nextval("));
    counts && !column.ty.array && matches!(column.ty.name.as_str(), "int2" | "int4")
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_key_that_runs_out_is_noticed() {
        for sql in [
            "create table t (id serial primary key)",
            "create table t (id int generated always as identity, primary key (id))",
        ] {
            assert_eq!(
                says(Code::DN541, "", sql),
                ["primary key `t.id` is integer: it ends at 2,147,483,647"]
            );
        }
        silent(
            Code::DN541,
            "",
            &[
                "create table t (id bigserial primary key)",
                "create table t (code int primary key)",
                "create table t (id serial, code text primary key)",
            ],
        );
    }
}
