//! What an SQLSTATE means for a run, by class ("PostgreSQL Error Codes" of the manual).

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

/// Says that the server will take connections later: it starts, stops, or has no slot free.
pub fn is_not_ready(code: &str) -> bool {
    matches!(code, "57P03" | "53300")
}

/// Says that who logs in is refused.
pub fn is_authentication(code: &str) -> bool {
    code.starts_with("28")
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
