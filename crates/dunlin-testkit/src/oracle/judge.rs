//! What a statement's outcome is worth: was the simulation right about it?

use super::compare::Comparison;
use super::connection::Answer;
use dunlin::analyze::{Analysis, Presence, TransactionStatement, Verdict};
use dunlin::pg::sqlstate;

/// How the simulation did on one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It knew that the server would accept or refuse it, and the catalogs are equal after it.
    Exact,
    /// It said that it does not know.
    Unknown,
    /// It called invalid what the server accepts.
    FalseInvalid,
    /// It thought valid what the server refuses for something missing or there already.
    Missed,
    /// The catalogs are not equal after it.
    Difference,
    /// The server refused it for a reason that is not Dunlin's to know, or both refused it: not judged.
    Refused,
}

/// The outcome of a statement with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The outcome.
    pub outcome: Outcome,
    /// What the reason is, without names: problems of one cause belong together.
    pub cause: String,
    /// The reasons, one a line.
    pub reasons: Vec<String>,
}

impl Judgement {
    pub(super) fn new(outcome: Outcome, cause: impl Into<String>, reasons: Vec<String>) -> Self {
        Self { outcome, cause: cause.into(), reasons }
    }
}

/// What the simulation says of a statement before it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// The server accepts it, and its effects come about.
    Valid,
    /// The server accepts it and does nothing, since its result is there.
    Satisfied(String),
    /// Dunlin takes no file that says it; what it leaves behind is not worked out.
    NotTaken(&'static str),
    /// A part of it is done already: as it is written the server refuses it, or does the rest.
    Partly,
    /// The server refuses it.
    Invalid {
        /// The reason without names.
        cause: String,
        /// The reasons.
        reasons: Vec<String>,
    },
    /// It cannot be said.
    Unknown {
        /// The reason without names.
        cause: String,
        /// The reasons.
        reasons: Vec<String>,
    },
}

/// Reads what an analysis claims, as the planner does.
pub(super) fn claim(analysis: &Analysis) -> Claim {
    if let Some(TransactionStatement::Refused(reason)) = &analysis.transaction {
        return Claim::NotTaken(reason);
    }
    let invalid: Vec<String> =
        analysis.invalid().map(|need| format!("{} {}", need.code, need.message)).collect();
    if let Some(first) = invalid.first() {
        return Claim::Invalid { cause: without_names(first), reasons: invalid };
    }
    let presence = if analysis.or_replace { &Presence::Absent } else { &analysis.presence };
    if let Presence::Different { object, expected, actual, tolerated: false } = presence {
        let reason = format!("{object} exists with another definition: {actual}, not {expected}");
        return Claim::Invalid { cause: "exists with another definition".to_owned(), reasons: vec![reason] };
    }
    if let Some(reason) = &analysis.opaque {
        return Claim::Unknown {
            cause: format!("opaque: {}", without_names(reason)),
            reasons: vec![reason.clone()],
        };
    }
    let unknown = |need: &&dunlin::analyze::Requirement| need.verdict == Verdict::Unknown;
    let unknown: Vec<String> =
        analysis.requires.iter().filter(unknown).map(|need| need.message.clone()).collect();
    if let Some(first) = unknown.first() {
        return Claim::Unknown { cause: without_names(first), reasons: unknown };
    }
    match presence {
        // Only what is left to do is sent: the statement as it is written would fail.
        Presence::Absent if analysis.rewrite.is_some() => Claim::Partly,
        Presence::Absent => Claim::Valid,
        Presence::Same { reason } => Claim::Satisfied(reason.clone()),
        Presence::Different { object, .. } | Presence::Unknown { object, tolerated: true } => {
            Claim::Satisfied(format!("{object} exists"))
        }
        Presence::Unknown { object, .. } => Claim::Unknown {
            cause: "exists, perhaps with this definition".to_owned(),
            reasons: vec![format!("{object} exists, perhaps with this definition")],
        },
    }
}

/// Takes names out of a message, so that messages of one kind are the same.
fn without_names(message: &str) -> String {
    let mut parts = message.split('`');
    let mut text = parts.next().unwrap_or_default().to_owned();
    while let Some(_name) = parts.next() {
        text.push('…');
        text.push_str(parts.next().unwrap_or_default());
    }
    text
}

/// Whether the simulation should have known that the server refuses a statement for this.
fn should_be_known(code: &str, message: &str, context: &str, dependents: bool) -> bool {
    // An ambiguous name is there; that it is there twice is another matter.
    let kind = code != "42702"
        && (sqlstate::is_missing_object(code)
            || sqlstate::is_duplicate(code)
            || code == "42712"
            || dependents && code == "2BP01");
    // Bodies of functions are bound when they run; what a block says itself is known, unless it raises the error.
    let mut frames = context.lines().filter(|line| line.contains("function") && line.contains(" line "));
    let in_a_body = frames.any(|line| !line.contains("inline_code_block") || line.ends_with("at RAISE"));
    let of_values =
        message.starts_with("could not find jsonpath variable") || message.contains("hash function for type");
    kind && !in_a_body && !of_values
}

/// Judges a statement that the server refused; with `dependents`, what other objects keep has to be known.
pub(super) fn refused(claim: &Claim, answer: &Answer, dependents: bool) -> Judgement {
    let Answer::Refused { code, message, context } = answer else {
        return Judgement::new(Outcome::Refused, "connection lost", Vec::new());
    };
    if !should_be_known(code, message, context, dependents) {
        return Judgement::new(Outcome::Refused, code.clone(), vec![message.clone()]);
    }
    match claim {
        Claim::Invalid { .. } | Claim::Satisfied(_) | Claim::Partly => {
            Judgement::new(Outcome::Exact, "", Vec::new())
        }
        Claim::Unknown { cause, reasons } => Judgement::new(Outcome::Unknown, cause.clone(), reasons.clone()),
        Claim::NotTaken(reason) => Judgement::new(Outcome::Unknown, *reason, Vec::new()),
        Claim::Valid => {
            let reasons = vec!["the simulation says nothing against it".to_owned()];
            Judgement::new(Outcome::Missed, format!("{code} {}", without_quoted(message)), reasons)
        }
    }
}

/// Takes quoted names out of a message of the server.
fn without_quoted(message: &str) -> String {
    let parts: Vec<&str> = message.split('"').collect();
    let plain: Vec<&str> = parts.iter().step_by(2).copied().collect();
    let text = plain.join("…");
    // Signatures of functions and operators are not quoted.
    match (text.find("function "), text.find(" does not exist")) {
        (Some(from), Some(to)) if from < to => format!("function …{}", &text[to..]),
        _ => text
            .split_once("operator does not exist")
            .map_or(text.clone(), |(before, _)| format!("{before}operator does not exist")),
    }
}

/// Judges a statement that the server accepted.
pub(super) fn accepted(claim: &Claim, compared: &Comparison) -> Judgement {
    match claim {
        Claim::Invalid { cause, reasons } => {
            Judgement::new(Outcome::FalseInvalid, cause.clone(), reasons.clone())
        }
        Claim::Unknown { cause, reasons } => Judgement::new(Outcome::Unknown, cause.clone(), reasons.clone()),
        Claim::NotTaken(reason) if !compared.differences.is_empty() => {
            Judgement::new(Outcome::Unknown, *reason, Vec::new())
        }
        Claim::Valid | Claim::Partly | Claim::Satisfied(_) | Claim::NotTaken(_) => {
            if let Some(first) = compared.differences.first() {
                let mut reasons: Vec<String> =
                    compared.differences.iter().map(|mismatch| mismatch.text.clone()).collect();
                if let Claim::Satisfied(reason) = claim {
                    reasons.push(format!("said to be satisfied: {reason}"));
                }
                return Judgement::new(Outcome::Difference, first.cause.clone(), reasons);
            }
            if !compared.unknown.is_empty() {
                return Judgement::new(Outcome::Unknown, "not worked out", compared.unknown.clone());
            }
            Judgement::new(Outcome::Exact, "", Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_in_a_body_is_not_to_be_known() {
        let inside = "PL/pgSQL function f() line 3 at SQL statement";
        let block = "PL/pgSQL function inline_code_block line 1 at SQL statement";
        let raised = "PL/pgSQL function inline_code_block line 1 at RAISE";
        let known = |code, context| should_be_known(code, "relation \"t\" does not exist", context, false);
        assert!(known("42P01", "") && known("42P01", block));
        assert!(!known("42P01", inside) && !known("42P01", raised) && !known("22012", ""));
    }

    #[test]
    fn causes_are_without_names() {
        assert_eq!(without_names("table `a` has no column `b`"), "table … has no column …");
        assert_eq!(without_quoted("function f(integer, text) does not exist"), "function … does not exist");
        assert_eq!(without_quoted("relation \"t\" does not exist"), "relation … does not exist");
        assert_eq!(without_quoted("operator does not exist: text = integer"), "operator does not exist");
    }
}
