//! Whether what is there is what a statement says: the answers of [`super::sameness`] as presences.

use super::Presence;
use super::sameness::{self, Sameness};
use crate::catalog::ObjectRef;

/// A definition as it is written, and the one that is there; none where it is not known.
pub(super) type Known<'t> = (Option<&'t str>, Option<&'t str>);

/// Judges a trigger that is there.
pub(super) fn triggers(known: Known<'_>, object: ObjectRef, tolerated: bool) -> Presence {
    judged(known, object, tolerated, sameness::triggers)
}

/// Judges a policy that is there.
pub(super) fn policies(known: Known<'_>, object: ObjectRef, tolerated: bool) -> Presence {
    judged(known, object, tolerated, sameness::policies)
}

/// Judges an index that is there.
pub(super) fn indexes(known: Known<'_>, object: ObjectRef, tolerated: bool) -> Presence {
    judged(known, object, tolerated, sameness::index_definitions)
}

fn judged(
    known: Known<'_>,
    object: ObjectRef,
    tolerated: bool,
    same: fn(&str, &str) -> Sameness,
) -> Presence {
    let (Some(written), Some(actual)) = known else { return Presence::Unknown { object, tolerated } };
    match same(written, actual) {
        Sameness::Same => Presence::Same { reason: format!("`{object}` is there already") },
        Sameness::Different => {
            Presence::Different { object, expected: written.to_owned(), actual: actual.to_owned(), tolerated }
        }
        Sameness::Unknown => Presence::Unknown { object, tolerated },
    }
}
