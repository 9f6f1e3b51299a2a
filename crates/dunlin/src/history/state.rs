//! The state of a migration, from its file and its records.

use super::{Compare, FileMigration, MigrationRecord, MigrationState, OperationState};
use crate::diagnostic::Code;

/// Gives the state of a migration: the first that holds.
///
/// `file` is none for a migration whose file is missing, `record` for one that is not in the journal.
pub fn state_of(
    file: Option<&FileMigration<'_>>,
    record: Option<&MigrationRecord>,
    compare: &Compare,
) -> MigrationState {
    let Some(record) = record else { return MigrationState::Pending };
    let Some(file) = file else { return MigrationState::Missing };
    // A failed operation that was taken out of the file, or corrected, is the past.
    let states: Vec<Option<&super::OperationRecord>> =
        file.operations.iter().map(|(digest, occurrence)| record.operation(digest, *occurrence)).collect();
    let any = |state: OperationState| states.iter().flatten().any(|record| record.state == state);
    let edited = match compare {
        Compare::Renamed { edit, .. } => matches!(**edit, Compare::Edited { .. }),
        compare => matches!(compare, Compare::Edited { .. }),
    };
    let settled =
        states.iter().filter(|record| record.is_some_and(super::OperationRecord::is_settled)).count();
    if any(OperationState::Failed) {
        MigrationState::Failed
    } else if record.operations.iter().any(|operation| operation.state == OperationState::Started)
        || states.iter().flatten().any(|operation| is_undecided(operation))
    {
        MigrationState::Interrupted
    } else if edited {
        MigrationState::Changed
    } else if settled < states.len()
        && (settled > 0 || any(OperationState::Skipped) || any(OperationState::Held))
    {
        MigrationState::Partial
    } else if record.state == MigrationState::Reverted {
        MigrationState::Reverted
    } else if settled < states.len() || (states.is_empty() && record.state != MigrationState::Applied) {
        MigrationState::Pending
    } else {
        MigrationState::Applied
    }
}

/// Whether an operation was started, and a later run could not tell whether it was done.
fn is_undecided(operation: &super::OperationRecord) -> bool {
    operation.state == OperationState::Held && operation.code.as_deref() == Some(Code::DN604.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::compare::tests::{file, record};
    use super::*;
    use OperationState::{Done, Failed, Held, Pending, Satisfied, Skipped, Started};

    fn state(states: &[OperationState], names: &[&str]) -> MigrationState {
        let all = ["a", "b", "c"];
        let pairs: Vec<(&str, OperationState)> = all.iter().copied().zip(states.iter().copied()).collect();
        let record = record("1", MigrationState::Applied, &pairs);
        state_of(Some(&file("1", "x", names)), Some(&record), &Compare::Unchanged)
    }

    #[test]
    fn the_first_that_holds() {
        assert_eq!(state(&[Done, Satisfied], &["a", "b"]), MigrationState::Applied);
        assert_eq!(state(&[Done, Failed, Started], &["a", "b", "c"]), MigrationState::Failed);
        assert_eq!(state(&[Done, Started], &["a", "b"]), MigrationState::Interrupted);
        assert_eq!(state(&[Done, Held], &["a", "b"]), MigrationState::Partial);
        let mut undecided = record("1", MigrationState::Partial, &[("a", Done), ("b", Held)]);
        undecided.operations[1].code = Some("DN604".into());
        let file = file("1", "x", &["a", "b"]);
        assert_eq!(state_of(Some(&file), Some(&undecided), &Compare::Unchanged), MigrationState::Interrupted);
        assert_eq!(state(&[Done], &["a", "b"]), MigrationState::Partial);
        assert_eq!(state(&[Pending], &["a", "b"]), MigrationState::Pending);
        // Corrected: the operation that failed is no longer in the file.
        assert_eq!(state(&[Failed], &["z"]), MigrationState::Pending);
    }

    #[test]
    fn without_a_file_or_a_record() {
        let record = record("1", MigrationState::Applied, &[("a", Done)]);
        assert_eq!(state_of(None, Some(&record), &Compare::Missing), MigrationState::Missing);
        assert_eq!(state_of(Some(&file("1", "x", &["a"])), None, &Compare::New), MigrationState::Pending);
    }

    #[test]
    fn an_edit_counts_after_a_failure_and_before_what_is_left() {
        let edit = Compare::Edited { kept: 1, added: vec![1], removed: Vec::new() };
        let done = record("1", MigrationState::Applied, &[("a", Done)]);
        assert_eq!(state_of(Some(&file("1", "x", &["a", "b"])), Some(&done), &edit), MigrationState::Changed);
        let failed = record("1", MigrationState::Failed, &[("a", Failed)]);
        assert_eq!(
            state_of(Some(&file("1", "x", &["a", "b"])), Some(&failed), &edit),
            MigrationState::Failed
        );
    }

    #[test]
    fn what_the_user_skipped_is_settled() {
        let mut record = record("1", MigrationState::Applied, &[("a", Done), ("b", Skipped)]);
        let both = file("1", "x", &["a", "b"]);
        assert_eq!(state_of(Some(&both), Some(&record), &Compare::Unchanged), MigrationState::Applied);
        record.operations[1].code = Some("DN203".into());
        assert_eq!(state_of(Some(&both), Some(&record), &Compare::Unchanged), MigrationState::Partial);
    }

    #[test]
    fn an_empty_file_is_applied_once_it_is_recorded() {
        let empty = record("1", MigrationState::Applied, &[]);
        assert_eq!(
            state_of(Some(&file("1", "x", &[])), Some(&empty), &Compare::Unchanged),
            MigrationState::Applied
        );
    }
}
