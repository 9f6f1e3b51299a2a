//! One migration: its operations with state, SQL and errors.

use super::{Tone, View, block, status, wrap};
use crate::duration;
use dunlin::execute::{Shown, ShownOperation};
use std::fmt::Write as _;

/// Renders `show`.
pub(crate) fn render(view: &View, shown: &Shown) -> String {
    let mut out = String::new();
    let at = shown.applied_at.as_ref().map_or(String::new(), |at| format!(", applied {at}"));
    let _ = writeln!(out, "{}: {}{at}", view.paint(Tone::Strong, &shown.id), shown.state);
    if shown.operations.is_empty() {
        out.push_str("It has no operations.\n");
    }
    for operation in &shown.operations {
        out.push('\n');
        out.push_str(&one(view, operation));
    }
    out
}

/// Renders one operation.
pub(crate) fn one(view: &View, operation: &ShownOperation) -> String {
    let mut out = String::new();
    let number = view.paint(Tone::Strong, &format!("#{}", operation.status.operation));
    let took = operation.duration_ms.map_or(String::new(), |took| format!(", {}", duration::human(took)));
    let place = match (&operation.file, operation.line) {
        (Some(file), Some(line)) => format!("  {file}:{line}"),
        (Some(file), None) => format!("  {file}"),
        _ => "  (its file is missing; this is the journal's copy)".to_owned(),
    };
    let _ =
        writeln!(out, "{number} {}{took}{}", status::why(&operation.status), view.paint(Tone::Faint, &place));
    let errors = [&operation.status.reason, &operation.status.message, &operation.detail];
    for text in errors.into_iter().flatten() {
        out.push_str(&wrap(text, view.width, "   "));
    }
    out.push_str(&block(&operation.sql, "    "));
    out
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_failed_migration() {
        insta::assert_snapshot!(render(&samples::VIEW, &samples::shown()));
    }
}
