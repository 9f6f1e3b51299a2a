//! What an SQLSTATE means for a run, by class ("PostgreSQL Error Codes" of the manual).

use crate::diagnostic::Code;

/// Says that the statement names something that is not there, or that does not fit: it may be skipped.
pub fn is_missing_object(code: &str) -> bool {
    matches!(code, "42P01" | "42703" | "42702" | "42704" | "42883" | "3F000" | "42P10" | "42830")
}

/// Says that what the statement makes is there already.
pub fn is_duplicate(code: &str) -> bool {
    matches!(code, "42P06" | "42P07" | "42701" | "42710" | "42723")
}

/// Says that `lock_timeout` ended, or `NOWAIT` found a lock.
pub fn is_lock_timeout(code: &str) -> bool {
    code == "55P03"
}

/// Says that the server broke a deadlock.
pub fn is_deadlock(code: &str) -> bool {
    code == "40P01"
}

/// Says that the transaction could not be serialised with others.
pub fn is_serialization_failure(code: &str) -> bool {
    code == "40001"
}

/// Says that the same transaction may succeed a moment later.
pub fn is_transient(code: &str) -> bool {
    is_lock_timeout(code) || is_deadlock(code) || is_serialization_failure(code)
}

/// Says that a role lacks a privilege.
pub fn is_insufficient_privilege(code: &str) -> bool {
    code == "42501"
}

/// Says that the server or the transaction is read-only.
pub fn is_read_only(code: &str) -> bool {
    code == "25006"
}

/// Says that a character is not in the encoding of the database, or was not valid in that of the client.
pub fn is_not_in_encoding(code: &str) -> bool {
    matches!(code, "22P05" | "22021")
}

/// Says that the server's disk is full.
pub fn is_disk_full(code: &str) -> bool {
    code == "53100"
}

/// Says that the statement was cancelled, by a user or by `statement_timeout`.
pub fn is_cancelled(code: &str) -> bool {
    code == "57014"
}

/// Says that the server ended the connection, or that it broke.
pub fn is_connection_loss(code: &str) -> bool {
    code.starts_with("08") || matches!(code, "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04")
}

/// Says that the server ended the connection since a time-out was over that is set for the role or the database.
pub fn is_time_out(code: &str) -> bool {
    matches!(code, "25P03" | "25P04" | "57P05")
}

/// Says that the server will take connections later: it starts, stops, or has no slot free.
pub fn is_not_ready(code: &str) -> bool {
    // What a proxy says when it is full or has no server is not to be told from what else it does not like.
    matches!(code, "57P03" | "53300") || is_from_proxy(code)
}

/// Says that a proxy spoke: PgBouncer has this code for all errors of its own, and servers do not send it to us.
pub fn is_from_proxy(code: &str) -> bool {
    code == "08P01"
}

/// Says that who logs in is refused.
pub fn is_authentication(code: &str) -> bool {
    code.starts_with("28")
}

/// What is wrong with the surroundings of a statement, and not with the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// The code of the diagnostic.
    pub code: Code,
    /// What to do.
    pub help: &'static str,
}

/// Says what to do about an error that is no fault of the statement that it was raised for.
pub fn trouble(code: &str) -> Option<Trouble> {
    let (code, help) = match code {
        "53100" => (
            Code::DN811,
            "make room on the server's disk (its log tells which one), then run `dunlin up` again: it goes on where \
             it stopped",
        ),
        "53200" => (
            Code::DN811,
            "give the server memory, or lower work_mem and maintenance_work_mem of the role; if it is shared memory, \
             raise max_locks_per_transaction or split the migration. Then run `dunlin up` again",
        ),
        "53300" => (
            Code::DN811,
            "end connections that nobody needs, raise max_connections (or the role's limit), or wait with \
             --connect-wait; Dunlin needs two",
        ),
        "53400" => (Code::DN811, "raise the limit that the message names, then run `dunlin up` again"),
        "58030" => (Code::DN811, "the server's files have a fault: look at its log before anything else"),
        "25006" => (
            Code::DN805,
            "the server or the role may only read, perhaps since a failover: connect to the primary, with a role that \
             may write (target_session_attrs=read-write finds it), then run `dunlin up` again",
        ),
        "42501" => (
            Code::DN803,
            "grant the privilege to the role that Dunlin works as, or use another role, then run `dunlin up` again",
        ),
        "57P01" => (
            Code::DN801,
            "the server was shut down or an administrator ended the session: when it is there again, run `dunlin up`; \
             what was committed is kept, the rest was rolled back",
        ),
        "57P02" | "57P03" => (
            Code::DN801,
            "the server is starting, stopping or recovering: run `dunlin up` when it is there again (--connect-wait \
             waits for it); what was committed is kept",
        ),
        "57P04" => (Code::DN801, "the database was dropped while Dunlin worked in it"),
        "25P03" | "57P05" | "25P04" => (
            Code::DN801,
            "a time-out of the server ended the session (idle_in_transaction_session_timeout, idle_session_timeout, \
             transaction_timeout): raise it for this role, then run `dunlin up` again",
        ),
        _ => return None,
    };
    Some(Trouble { code, help })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_do_not_overlap() {
        let predicates: [fn(&str) -> bool; 9] = [
            is_missing_object,
            is_duplicate,
            is_lock_timeout,
            is_deadlock,
            is_serialization_failure,
            is_insufficient_privilege,
            is_read_only,
            is_disk_full,
            is_connection_loss,
        ];
        for code in ["42P01", "42830", "42P07", "55P03", "40P01", "40001", "42501", "25006", "53100", "08006"]
        {
            assert_eq!(predicates.iter().filter(|is| is(code)).count(), 1, "{code}");
        }
        assert!(predicates.iter().all(|is| !is("42601")));
    }
}
