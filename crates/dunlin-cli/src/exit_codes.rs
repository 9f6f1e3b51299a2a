//! The exit codes: scripts and deployments depend on them.

use dunlin::execute::{ErrorKind, Outcome, Report};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// Done, also with skipped or held operations.
    Done = 0,
    /// A migration failed, or the work was interrupted.
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// Refused: plan, check with errors, missing privilege, standby, newer journal.
    Refused = 3,
    // 4 is for a schema that differs from its contract.
    /// The lock was not free in time.
    Lock = 5,
    /// Could not connect or log in.
    Connection = 6,
    /// `plan --exit-code`: something is pending.
    Pending = 10,
}

impl ExitCode {
    /// Gives the exit code of a run that came to its end.
    pub(crate) fn of_report(report: &Report, fail_on_skip: bool) -> ExitCode {
        let left = !report.skipped.is_empty() || !report.held.is_empty();
        match report.outcome {
            Outcome::Applied | Outcome::Nothing | Outcome::Partial if fail_on_skip && left => {
                ExitCode::Refused
            }
            Outcome::Applied | Outcome::Nothing | Outcome::Partial => ExitCode::Done,
            Outcome::Failed | Outcome::Error => ExitCode::Failed,
            Outcome::Refused => ExitCode::Refused,
        }
    }
}

impl From<ErrorKind> for ExitCode {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Failed => ExitCode::Failed,
            ErrorKind::Usage => ExitCode::Usage,
            ErrorKind::Refused => ExitCode::Refused,
            ErrorKind::Lock => ExitCode::Lock,
            ErrorKind::Connection => ExitCode::Connection,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        std::process::ExitCode::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin::diagnostic::Code;
    use dunlin::execute::NotRun;

    #[test]
    fn skipped_operations_fail_only_when_asked() {
        let mut report = Report::nothing();
        assert_eq!(ExitCode::of_report(&report, true), ExitCode::Done);
        report.outcome = Outcome::Partial;
        assert_eq!(ExitCode::of_report(&report, true), ExitCode::Done, "edited files alone are no skip");
        report.held.push(NotRun {
            migration: "a".into(),
            operation: 1,
            code: Code::DN410,
            reason: "r".into(),
        });
        assert_eq!(ExitCode::of_report(&report, false), ExitCode::Done);
        assert_eq!(ExitCode::of_report(&report, true), ExitCode::Refused);
        report.outcome = Outcome::Failed;
        assert_eq!(ExitCode::of_report(&report, true), ExitCode::Failed);
    }

    #[test]
    fn each_kind_of_error_has_its_code() {
        let codes =
            [ErrorKind::Failed, ErrorKind::Usage, ErrorKind::Refused, ErrorKind::Lock, ErrorKind::Connection]
                .map(|kind| ExitCode::from(kind) as u8);
        assert_eq!(codes, [1, 2, 3, 5, 6]);
    }
}
