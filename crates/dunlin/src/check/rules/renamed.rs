//! DN530: A table, view or column that clients know gets another name or schema.

use crate::catalog::{Effect, RelationKind};
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    let renamed = site.step.effects.iter().filter_map(|effect| match effect {
        Effect::RenameRelation { relation, to } | Effect::MoveRelation { relation, schema: to } => {
            let found = site.catalog.relation(*relation)?;
            (is_seen(&found.kind) && site.existed(*relation))
                .then(|| (format!("`{}`", site.name(*relation)), to))
        }
        Effect::RenameColumn { relation, column, to } => {
            let found = site.catalog.relation(*relation)?;
            let old = found.names(&[*column]).pop()?;
            let seen = is_seen(&found.kind) && site.existed(*relation);
            seen.then(|| (format!("column `{}.{old}`", site.name(*relation)), to))
        }
        _ => None,
    });
    renamed
        .map(|(what, to)| {
            Finding::new(
                format!("{what} becomes `{to}`: clients that run the old SQL fail from now on"),
                "add the new name first (a view, or a column kept equal by a trigger), change the clients, then drop the old",
            )
        })
        .collect()
}

/// Whether clients write its name.
fn is_seen(kind: &RelationKind) -> bool {
    !matches!(kind, RelationKind::Index(_) | RelationKind::Sequence(_) | RelationKind::Composite)
}

#[cfg(test)]
mod tests {
    use crate::check::testing::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_new_name_is_noticed() {
        let before = "create schema s; create table t (id int); create index i on t (id)";
        speaks(Code::DN530, before, "alter table t rename to u", "`t` becomes `u`");
        speaks(Code::DN530, before, "alter table t rename id to no", "column `t.id` becomes `no`");
        speaks(Code::DN530, before, "alter table t set schema s", "`t` becomes `s`");
        silent(Code::DN530, before, &["alter index i rename to j"]);
    }
}
