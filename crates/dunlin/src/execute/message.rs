//! What is sent as one message: one text, or the statements of several operations.
//!
//! A server answers each message on its own, which costs it as much as a small statement: short statements of a unit go
//! together. It parses all of a message before it runs the first statement, so only what means the same under all
//! settings joins another. It answers at the end of a message, so what may take long, and is worth knowing how long,
//! has one of its own.

use crate::analyze::{Access, Class, Facet, Place};
use crate::catalog::{ObjectRef, QName};
use crate::pg::PgError;
use crate::plan::{Decision, Planned};
use std::collections::HashSet;

/// From how many bytes on a text has a message of its own, and a message takes no more.
const LARGE: usize = 16 << 10;

/// The longest name that is kept as it is, in bytes.
const LONGEST_NAME: usize = 63;

/// What makes or fills relations with the rows of a query.
const WITH_ROWS: [&str; 4] =
    ["CREATE TABLE AS", "SELECT INTO", "CREATE MATERIALIZED VIEW", "REFRESH MATERIALIZED VIEW"];

/// A text that waits to be sent.
pub(super) struct Queued {
    pub(super) sql: String,
    /// The decision it belongs to, by index.
    pub(super) decision: Option<usize>,
    /// Whether it may be in one message with others: it means the same under all settings, and is one statement, or
    /// the last text of its unit.
    pub(super) joins: bool,
}

impl Queued {
    /// A text that is sent by itself.
    pub(super) fn alone(sql: String, decision: Option<usize>) -> Queued {
        Queued { sql, decision, joins: false }
    }
}

/// A message with the parts it is made of.
pub(super) struct Message {
    pub(super) text: String,
    pub(super) parts: Vec<Part>,
    joins: bool,
}

/// One of the texts that a message is made of.
pub(super) struct Part {
    /// The decision it belongs to, by index.
    pub(super) decision: Option<usize>,
    /// Where it begins in the message, in characters.
    start: usize,
}

impl Message {
    /// Puts texts that may be together into messages, in order.
    pub(super) fn all(texts: impl IntoIterator<Item = Queued>) -> Vec<Message> {
        let mut messages: Vec<Message> = Vec::new();
        for Queued { sql, decision, joins } in texts {
            match messages.last_mut() {
                Some(last) if joins && last.joins && last.text.len() + sql.len() < LARGE => {
                    // On a line of its own, since a text may end in a comment.
                    last.text.push_str("\n;\n");
                    // What joins is ASCII.
                    last.parts.push(Part { decision, start: last.text.len() });
                    last.text.push_str(&sql);
                }
                _ => messages.push(Message { text: sql, parts: vec![Part { decision, start: 0 }], joins }),
            }
        }
        messages
    }
}

/// The part of a message that an error is from, when so many statements of the message were completed before it; the
/// error's position is made that in the part's own text.
pub(super) fn blamed(parts: &[Part], completed: usize, error: &mut PgError) -> Option<usize> {
    let mut at = if parts.len() > 1 { completed.min(parts.len() - 1) } else { 0 };
    if let PgError::Server(server) = error
        && let Some(position) = &mut server.position
    {
        let before = usize::try_from(*position).unwrap_or(usize::MAX).saturating_sub(1);
        // What the server cannot parse it refuses before it runs the first statement.
        at = at.max(parts.partition_point(|part| part.start <= before).saturating_sub(1));
        let start = parts.get(at).map_or(0, |part| part.start);
        *position = position.saturating_sub(u32::try_from(start).unwrap_or(u32::MAX));
    }
    parts.get(at)?.decision
}

/// Whether the statement of an operation may be in one message with others; `made` are relations of its own unit.
///
/// It changes the schema and reads no rows but of a table as new as itself, or inserts constants into such a table.
pub(super) fn joins(planned: &Planned, decision: &Decision, sql: &str, made: &HashSet<QName>) -> bool {
    let analysis = &decision.analysis;
    let is_new = |name: &QName| made.contains(name);
    let brief = match (analysis.class, analysis.kind) {
        (_, kind) if WITH_ROWS.contains(&kind) => false,
        (Class::Adds | Class::Changes, _) => analysis.costs.iter().all(|cost| {
            let there = planned.catalog.relation(cost.relation).is_some();
            there && is_new(&planned.catalog.relation_name(cost.relation))
        }),
        (Class::Writes, "INSERT") => {
            let is_made = |place: &Place| match place {
                Place::Rows(name) | Place::Values(name, _) => is_new(name),
                _ => true,
            };
            let mut touches = analysis.footprint.touches();
            touches.all(|(place, access)| *access < Access::Insert || is_made(place))
                && !sql.to_ascii_lowercase().contains("select")
        }
        _ => false,
    };
    brief
        && decision.sql.is_none()
        && analysis.opaque.is_none()
        && sql.len() < LARGE / 2
        // A backslash in a string is what `standard_conforming_strings` says, and other characters are what the
        // encoding says, also of positions.
        && sql.is_ascii()
        && !sql.contains('\\')
        && !is_truncated(sql)
}

/// Whether a text may have a name that is too long, of which the server tells when it reads it, before anything runs.
fn is_truncated(sql: &str) -> bool {
    let mut words = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.any(|word| word.len() > LONGEST_NAME)
}

/// The relations that an operation makes, without rows.
pub(super) fn makes(decision: &Decision) -> impl Iterator<Item = &QName> {
    let analysis = &decision.analysis;
    let makes = analysis.kind.starts_with("CREATE") && !WITH_ROWS.contains(&analysis.kind);
    analysis.provides.iter().filter_map(move |facet| match facet {
        Facet::Exists(ObjectRef::Relation { name }) if makes => Some(name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::ServerError;

    fn messages(texts: &[(&str, bool)]) -> Vec<Message> {
        let queued = texts.iter().enumerate().map(|(at, (sql, joins))| Queued {
            sql: (*sql).to_owned(),
            decision: Some(at),
            joins: *joins,
        });
        Message::all(queued)
    }

    #[test]
    fn only_what_may_be_together_is() {
        let long = "x".repeat(LARGE);
        let made =
            messages(&[("a", false), ("b", true), ("c --", true), ("d", true), ("e", false), (&long, true)]);
        let texts: Vec<_> = made.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["a", "b\n;\nc --\n;\nd", "e", &long]);
        assert_eq!(messages(&[("a", true), (&long, true), ("b", true)]).len(), 3);
    }

    #[test]
    fn an_error_is_blamed_on_what_was_under_way_or_could_not_be_parsed() {
        let [message] = messages(&[("one", true), ("two", true), ("three", true)]).try_into().ok().unwrap();
        let blame = |completed, position| {
            let server = ServerError { position, ..ServerError::default() };
            let mut error = PgError::Server(Box::new(server));
            let at = blamed(&message.parts, completed, &mut error);
            (at, error.server().and_then(|error| error.position))
        };
        assert_eq!(blame(0, None), (Some(0), None));
        assert_eq!(blame(1, None), (Some(1), None));
        assert_eq!(blame(1, Some(8)), (Some(1), Some(2)));
        assert_eq!(blame(9, None), (Some(2), None));
        // Nothing was completed, and the error is in the last: none could run.
        assert_eq!(blame(0, Some(13)), (Some(2), Some(1)));
        assert_eq!(blame(0, Some(3)), (Some(0), Some(3)));
    }
}
