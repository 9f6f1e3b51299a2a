//! The rules, each in a file of its own.

mod cascade;
mod char_column;
mod check_checked;
mod column_dropped;
mod column_rewrite;
mod concurrent_in_transaction;
mod detach_without_concurrently;
mod domain_scan;
mod drop_index_without_concurrently;
mod duplicate_index;
mod every_row;
mod exclusion_builds_index;
mod foreign_key_checked;
mod foreign_key_without_index;
mod granted_to_public;
mod index_without_concurrently;
mod json_column;
mod key_builds_index;
mod lock_table;
mod many_locks;
mod money_column;
mod narrow_key;
mod new_not_null_column;
mod no_primary_key;
mod not_null_scan;
mod partition_scan;
mod refresh_without_concurrently;
mod reindex_without_concurrently;
mod renamed;
mod row_security_off;
mod rows_and_locks;
mod security_definer;
mod serial_column;
mod table_dropped;
mod table_rewrite;
mod timestamp_column;
mod triggers_off;
mod truncated;
mod type_rewrite;
mod validated_at_once;
mod whole_server;

use super::{End, Finding, Site};
use crate::diagnostic::Code;

/// What a rule looks at.
#[derive(Clone, Copy)]
pub enum Look {
    /// Each statement, where it runs.
    Step(fn(&Site<'_>) -> Vec<Finding>),
    /// The schema that the set ends in; gives the operations that made what it found.
    End(fn(&End<'_>) -> Vec<(usize, Finding)>),
}

/// A rule: its code, under which it is explained, and what it looks at.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its code; severity and explanation stand there.
    pub code: Code,
    /// What it looks at.
    pub look: Look,
}

/// All rules, by code.
pub const RULES: &[Rule] = &[
    Rule { code: Code::DN501, look: Look::Step(lock_table::look) },
    Rule { code: Code::DN502, look: Look::Step(index_without_concurrently::look) },
    Rule { code: Code::DN503, look: Look::Step(drop_index_without_concurrently::look) },
    Rule { code: Code::DN504, look: Look::Step(reindex_without_concurrently::look) },
    Rule { code: Code::DN505, look: Look::Step(foreign_key_checked::look) },
    Rule { code: Code::DN506, look: Look::Step(check_checked::look) },
    Rule { code: Code::DN507, look: Look::Step(validated_at_once::look) },
    Rule { code: Code::DN508, look: Look::Step(not_null_scan::look) },
    Rule { code: Code::DN509, look: Look::Step(key_builds_index::look) },
    Rule { code: Code::DN510, look: Look::Step(exclusion_builds_index::look) },
    Rule { code: Code::DN511, look: Look::Step(type_rewrite::look) },
    Rule { code: Code::DN512, look: Look::Step(column_rewrite::look) },
    Rule { code: Code::DN513, look: Look::Step(new_not_null_column::look) },
    Rule { code: Code::DN514, look: Look::Step(table_rewrite::look) },
    Rule { code: Code::DN515, look: Look::Step(refresh_without_concurrently::look) },
    Rule { code: Code::DN516, look: Look::Step(partition_scan::look) },
    Rule { code: Code::DN517, look: Look::Step(detach_without_concurrently::look) },
    Rule { code: Code::DN518, look: Look::Step(many_locks::look) },
    Rule { code: Code::DN519, look: Look::Step(rows_and_locks::look) },
    Rule { code: Code::DN520, look: Look::Step(every_row::look) },
    Rule { code: Code::DN521, look: Look::Step(concurrent_in_transaction::look) },
    Rule { code: Code::DN522, look: Look::Step(domain_scan::look) },
    Rule { code: Code::DN530, look: Look::Step(renamed::look) },
    Rule { code: Code::DN531, look: Look::Step(column_dropped::look) },
    Rule { code: Code::DN532, look: Look::Step(table_dropped::look) },
    Rule { code: Code::DN533, look: Look::Step(cascade::look) },
    Rule { code: Code::DN534, look: Look::Step(truncated::look) },
    Rule { code: Code::DN540, look: Look::End(no_primary_key::look) },
    Rule { code: Code::DN541, look: Look::Step(narrow_key::look) },
    Rule { code: Code::DN542, look: Look::End(foreign_key_without_index::look) },
    Rule { code: Code::DN543, look: Look::Step(char_column::look) },
    Rule { code: Code::DN544, look: Look::Step(timestamp_column::look) },
    Rule { code: Code::DN545, look: Look::Step(money_column::look) },
    Rule { code: Code::DN546, look: Look::Step(serial_column::look) },
    Rule { code: Code::DN547, look: Look::Step(json_column::look) },
    Rule { code: Code::DN548, look: Look::Step(duplicate_index::look) },
    Rule { code: Code::DN550, look: Look::Step(granted_to_public::look) },
    Rule { code: Code::DN551, look: Look::Step(security_definer::look) },
    Rule { code: Code::DN552, look: Look::Step(row_security_off::look) },
    Rule { code: Code::DN553, look: Look::Step(triggers_off::look) },
    Rule { code: Code::DN554, look: Look::Step(whole_server::look) },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::CODES;

    #[test]
    fn every_code_of_hazards_has_one_rule() {
        let codes: Vec<Code> =
            CODES.iter().map(|info| info.code).filter(|code| code.as_str().starts_with("DN5")).collect();
        let rules: Vec<Code> = RULES.iter().map(|rule| rule.code).collect();
        assert_eq!(codes, rules);
    }
}
