//! How the files compare with what the journal says of them.

use super::{History, MigrationRecord};
use std::collections::{BTreeSet, HashMap, HashSet};

/// A migration of the set, as far as comparing needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMigration<'a> {
    /// Its id.
    pub id: &'a str,
    /// SHA-256 of its file's bytes, in hexadecimal.
    pub checksum: &'a str,
    /// Its operations' identities in order: digest in hexadecimal, occurrence.
    pub operations: Vec<(&'a str, u32)>,
    /// What `-- dunlin: renamed from` says.
    pub renamed_from: Option<&'a str>,
}

/// How a migration compares with its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// The file is the same, byte for byte.
    Unchanged,
    /// The bytes differ and the operations do not: comments or white space.
    Cosmetic,
    /// The file changed while the migration was not applied in full; all that has run is still in it, in order.
    Corrected,
    /// It is not in the journal.
    New,
    /// Its operations changed after it was applied.
    Edited {
        /// How many operations that have run are still there, in order.
        kept: usize,
        /// Indexes in the file of the operations that are new.
        added: Vec<usize>,
        /// Numbers, in the record, of operations that have run and are gone, changed, or stand elsewhere.
        removed: Vec<u32>,
    },
    /// It is in the journal, and its file is not there.
    Missing,
    /// It is in the journal under another id.
    Renamed {
        /// That id.
        from: String,
        /// How the file compares with that record otherwise.
        edit: Box<Compare>,
    },
}

impl Compare {
    /// Whether everything that has run is still there, so that only what is new is left to do.
    pub fn keeps_all(&self) -> bool {
        match self {
            Compare::Unchanged | Compare::Cosmetic | Compare::Corrected | Compare::New => true,
            Compare::Edited { removed, .. } => removed.is_empty(),
            Compare::Missing => false,
            Compare::Renamed { edit, .. } => edit.keeps_all(),
        }
    }
}

/// How a set compares with the journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// For each migration of the set, in its order.
    pub files: Vec<Compare>,
    /// Ids of the migrations in the journal that have no file, under no name.
    pub missing: Vec<String>,
}

/// Compares the migrations of a set with the journal.
pub fn compare(files: &[FileMigration<'_>], history: &History) -> Comparison {
    let ids: HashSet<&str> = files.iter().map(|file| file.id).collect();
    let mut without_file: Vec<&MigrationRecord> =
        history.migrations.iter().filter(|record| !ids.contains(record.id.as_str())).collect();
    let records: HashMap<&str, &MigrationRecord> =
        history.migrations.iter().map(|record| (record.id.as_str(), record)).collect();
    // What a directive claims cannot be taken by a file that merely looks alike.
    let mut renamed: HashMap<usize, &MigrationRecord> = HashMap::new();
    for (by_directive, (place, file)) in [true, false]
        .into_iter()
        .flat_map(|directive| files.iter().enumerate().map(move |file| (directive, file)))
    {
        if records.contains_key(file.id) || renamed.contains_key(&place) {
            continue;
        }
        let is_it = |record: &&MigrationRecord| match by_directive {
            true => file.renamed_from == Some(record.id.as_str()),
            false => file.renamed_from.is_none() && is_alike(file, record),
        };
        if let Some(found) = without_file.iter().position(is_it) {
            renamed.insert(place, without_file.remove(found));
        }
    }
    let one = |(place, file): (usize, &FileMigration<'_>)| match (records.get(file.id), renamed.get(&place)) {
        (Some(record), _) => compare_one(file, record),
        (None, Some(record)) => {
            Compare::Renamed { from: record.id.clone(), edit: Box::new(compare_one(file, record)) }
        }
        (None, None) => Compare::New,
    };
    Comparison {
        files: files.iter().enumerate().map(one).collect(),
        missing: without_file.iter().map(|record| record.id.clone()).collect(),
    }
}

/// Whether a file has exactly the operations of a record; without operations, the bytes decide.
fn is_alike(file: &FileMigration<'_>, record: &MigrationRecord) -> bool {
    if file.operations.is_empty() || record.operations.is_empty() {
        return file.checksum == record.checksum;
    }
    let recorded =
        record.operations.iter().map(|operation| (operation.digest.as_str(), operation.occurrence));
    file.operations.iter().copied().eq(recorded)
}

fn compare_one(file: &FileMigration<'_>, record: &MigrationRecord) -> Compare {
    if file.checksum == record.checksum {
        return Compare::Unchanged;
    }
    if is_alike(file, record) {
        return Compare::Cosmetic;
    }
    let places: HashMap<(&str, u32), usize> =
        file.operations.iter().enumerate().map(|(place, identity)| (*identity, place)).collect();
    let bound: Vec<(u32, Option<usize>)> = record
        .operations
        .iter()
        .filter(|operation| operation.is_bound())
        .map(|operation| {
            (operation.number, places.get(&(operation.digest.as_str(), operation.occurrence)).copied())
        })
        .collect();
    let present: Vec<usize> = bound.iter().filter_map(|(_, place)| *place).collect();
    let kept = longest_rising(&present);
    let removed: Vec<u32> = bound
        .iter()
        .filter(|(_, place)| place.is_none_or(|place| !kept.contains(&place)))
        .map(|(number, _)| *number)
        .collect();
    let is_new = |(digest, occurrence): &(&str, u32)| record.operation(digest, *occurrence).is_none();
    let added: Vec<usize> = file
        .operations
        .iter()
        .enumerate()
        .filter(|(_, identity)| is_new(identity))
        .map(|(at, _)| at)
        .collect();
    if removed.is_empty() && !record.is_finished() {
        return Compare::Corrected;
    }
    // Only what never ran is gone, for example an operation that was skipped.
    if removed.is_empty() && added.is_empty() {
        return Compare::Corrected;
    }
    Compare::Edited { kept: kept.len(), added, removed }
}

/// The most of the numbers that stand in rising order.
fn longest_rising(numbers: &[usize]) -> BTreeSet<usize> {
    // For each length, the end of the run of that length with the smallest end; and before each number, which one.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        previous.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() { ends.push(at) } else { ends[length] = at }
    }
    let mut found = BTreeSet::new();
    let mut at = ends.last().copied();
    while let Some(place) = at {
        found.insert(numbers[place]);
        at = previous[place];
    }
    found
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{MigrationState, OperationRecord, OperationState};
    use super::*;
    use OperationState::{Done, Failed, Satisfied, Skipped};

    pub(in crate::history) fn file<'a>(
        id: &'a str,
        checksum: &'a str,
        names: &[&'a str],
    ) -> FileMigration<'a> {
        let mut seen: HashMap<&str, u32> = HashMap::new();
        let operations = names
            .iter()
            .map(|name| {
                let count = seen.entry(name).or_default();
                *count += 1;
                (*name, *count)
            })
            .collect();
        FileMigration { id, checksum, operations, renamed_from: None }
    }

    pub(in crate::history) fn record(
        id: &str,
        state: MigrationState,
        operations: &[(&str, OperationState)],
    ) -> MigrationRecord {
        let names: Vec<&str> = operations.iter().map(|(name, _)| *name).collect();
        let identities = file(id, "", &names).operations;
        let operations =
            identities.iter().zip(operations).zip(1..).map(|(((digest, occurrence), (_, state)), number)| {
                OperationRecord {
                    number,
                    digest: (*digest).to_owned(),
                    occurrence: *occurrence,
                    state: *state,
                    code: None,
                    reason: None,
                    run: 1,
                    started_at: None,
                    finished_at: None,
                    duration_ms: None,
                    rows: None,
                    sqlstate: None,
                    message: None,
                    detail: None,
                    hint: None,
                    position: None,
                    sql: None,
                    undo_sql: None,
                    backend: None,
                }
            });
        MigrationRecord {
            id: id.into(),
            version: None,
            checksum: "old".into(),
            tokens_digest: None,
            directives_digest: None,
            sql: String::new(),
            state,
            applied_at: None,
            duration_ms: None,
            run: 1,
            operations: operations.collect(),
        }
    }

    fn applied(id: &str, names: &[&str]) -> MigrationRecord {
        record(id, MigrationState::Applied, &names.iter().map(|name| (*name, Done)).collect::<Vec<_>>())
    }

    fn one(file: FileMigration<'_>, record: MigrationRecord) -> Compare {
        let history = History { migrations: vec![record], ..History::default() };
        let mut comparison = compare(&[file], &history);
        comparison.files.remove(0)
    }

    #[test]
    fn bytes_then_operations() {
        assert_eq!(one(file("1", "old", &["z"]), applied("1", &["a"])), Compare::Unchanged);
        assert_eq!(one(file("1", "new", &["a", "a"]), applied("1", &["a", "a"])), Compare::Cosmetic);
        assert_eq!(one(file("2", "new", &["b"]), applied("1", &["a"])), Compare::New);
    }

    #[test]
    fn additions_anywhere_keep_what_ran() {
        let found = one(file("1", "new", &["x", "a", "b", "y"]), applied("1", &["a", "b"]));
        assert_eq!(found, Compare::Edited { kept: 2, added: vec![0, 3], removed: vec![] });
        assert!(found.keeps_all());
        // The same statement once more: the second one is new.
        let found = one(file("1", "new", &["a", "a"]), applied("1", &["a"]));
        assert_eq!(found, Compare::Edited { kept: 1, added: vec![1], removed: vec![] });
    }

    #[test]
    fn changes_and_moves_are_named() {
        let found = one(file("1", "new", &["a", "z"]), applied("1", &["a", "b"]));
        assert_eq!(found, Compare::Edited { kept: 1, added: vec![1], removed: vec![2] });
        let found = one(file("1", "new", &["b", "c", "a"]), applied("1", &["a", "b", "c"]));
        assert_eq!(found, Compare::Edited { kept: 2, added: vec![], removed: vec![1] });
        assert!(!found.keeps_all());
    }

    #[test]
    fn what_never_ran_binds_nothing() {
        let failed = record("1", MigrationState::Failed, &[("a", Done), ("b", Failed)]);
        assert_eq!(one(file("1", "new", &["a", "fixed", "c"]), failed.clone()), Compare::Corrected);
        assert!(matches!(one(file("1", "new", &["fixed"]), failed), Compare::Edited { .. }));
        let skipped = record("1", MigrationState::Partial, &[("a", Satisfied), ("b", Skipped)]);
        assert_eq!(one(file("1", "new", &["a"]), skipped.clone()), Compare::Corrected);
        let found = one(file("1", "new", &["a", "b2"]), skipped);
        assert_eq!(found, Compare::Edited { kept: 1, added: vec![1], removed: vec![] });
    }

    #[test]
    fn a_missing_one_with_the_operations_of_a_new_one_is_renamed() {
        let history = History {
            migrations: vec![applied("1", &["a"]), applied("2", &["b", "c"])],
            ..History::default()
        };
        let files = [file("1", "old", &["a"]), file("3", "new", &["b", "c"]), file("4", "new", &["b", "c"])];
        let found = compare(&files, &history);
        let renamed = Compare::Renamed { from: "2".into(), edit: Box::new(Compare::Cosmetic) };
        assert_eq!(found.files, [Compare::Unchanged, renamed, Compare::New]);
        assert!(found.missing.is_empty());
        let found = compare(&files[..1], &history);
        assert_eq!(found.missing, ["2"]);
    }

    #[test]
    fn a_directive_wins_over_likeness() {
        let history = History { migrations: vec![applied("1", &["a"])], ..History::default() };
        let said = FileMigration { renamed_from: Some("1"), ..file("9", "new", &["a", "b"]) };
        let found = compare(&[file("5", "new", &["a"]), said], &history);
        assert_eq!(found.files[0], Compare::New);
        let edit = Compare::Edited { kept: 1, added: vec![1], removed: vec![] };
        assert_eq!(found.files[1], Compare::Renamed { from: "1".into(), edit: Box::new(edit) });
        // A directive that outlived the rename does no harm.
        let stays = FileMigration { renamed_from: Some("0"), ..file("1", "old", &["a"]) };
        assert_eq!(compare(&[stays], &history).files, [Compare::Unchanged]);
    }
}
