//! DN531: DROP COLUMN loses its values, and clients that name it fail.

use crate::catalog::Effect;
use crate::check::{Finding, Site};
pub(super) fn look(site: &Site<'_>) -> Vec<Finding> {
    if site.step.allow_data_loss {
        return Vec::new();
    }
    let dropped = site.step.effects.iter().filter_map(|effect| match effect {
        Effect::DropColumn { relation, column, .. } => {
            Some((*relation, site.catalog.relation(*relation)?.names(&[*column]).pop()?))
        }
        _ => None,
    });
    dropped
        .filter(|(id, _)| site.existed(*id))
        .map(|(id, column)| {
            let table = site.name(id);
            Finding::new(
                format!("the values of `{table}.{column}` are lost, and clients that name it fail"),
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
    fn a_lost_column_is_noticed() {
        speaks(Code::DN531, "create table t (id int, n int)", "alter table t drop n", "values of `t.n`");
    }
}
