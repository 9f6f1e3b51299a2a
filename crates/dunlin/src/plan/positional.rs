//! INSERT without a column list into a table whose column order differs from what its file assumes.

use super::planner::Planner;
use crate::analyze::Analysis;
use crate::catalog::{Ident, Origin, QName};
use crate::diagnostic::{Code, Diagnostic};

impl Planner<'_> {
    /// Gives the statement with its column list, where the table's order is not the one that the file assumes.
    pub(super) fn positional_rewrite(&mut self, index: usize, analysis: &Analysis) -> Option<String> {
        let positional = analysis.data.as_ref()?.positional.as_ref()?;
        let (_, table) = self.catalog.relation_at(&positional.relation)?;
        let as_written = matches!(table.origin, Origin::Simulated(_)) && !self.rearranged;
        if as_written {
            return None;
        }
        let there: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
        let assumed = self.assumed_columns(index, &positional.relation)?;
        let count = positional.values.unwrap_or(assumed.len()).min(assumed.len());
        let assumed = &assumed[..count];
        let differs = there.len() < count || there[..count] != *assumed;
        if !differs || !assumed.iter().all(|column| there.contains(column)) {
            return None;
        }
        let list = assumed.iter().map(|column| Ident(column).to_string()).collect::<Vec<_>>().join(", ");
        let operation = self.operation(index);
        let at = positional.insert_at.checked_sub(operation.statement.span.start)?;
        let sql = &operation.statement.sql;
        let rewritten = format!("{} ({list}){}", sql.get(..at)?, sql.get(at..)?);
        self.diagnostics.push(
            Diagnostic::new(
                Code::DN214,
                format!(
                    "INSERT INTO {} has no column list, and the table's columns are in another order",
                    positional.relation
                ),
            )
            .at(&operation.file, operation.statement.span)
            .note(format!("it runs with the list that its file assumes: ({list})"))
            .help("write the column list"),
        );
        Some(rewritten)
    }

    /// The columns of a table in the order in which the operations up to here declare them.
    fn assumed_columns(&self, index: usize, table: &QName) -> Option<Vec<String>> {
        let (_, declared) = self.belief().now.relation_at(table)?;
        let columns = declared
            .columns
            .iter()
            .filter(|column| matches!(column.origin, Origin::Simulated(by) if (by as usize) < index))
            .map(|column| column.name.clone())
            .collect();
        Some(columns)
    }
}
