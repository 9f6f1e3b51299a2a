//! Lines of the data files.

use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// The major versions that have something, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    first: u8,
    last: u8,
}

impl Versions {
    /// Whether a major version is among them.
    pub fn has(self, major: u32) -> bool {
        (u32::from(self.first)..=u32::from(self.last)).contains(&major)
    }
}

/// Cuts a file into lines, each with its versions.
pub(super) fn lines(text: &'static str) -> impl Iterator<Item = (Versions, &'static str)> {
    text.lines().filter_map(|line| {
        let (versions, rest) = line.split_once(' ')?;
        let (first, last) = versions.split_once('-')?;
        Some((Versions { first: first.parse().ok()?, last: last.parse().ok()? }, rest))
    })
}

/// The lines of a file by their first word; those of a word are read when it is asked for.
pub(super) struct Table<T: 'static> {
    entries: FxHashMap<&'static str, Entry<T>>,
    read: fn(Versions, &'static str) -> Option<T>,
}

struct Entry<T> {
    lines: Vec<(Versions, &'static str)>,
    read: OnceLock<Vec<T>>,
}

impl<T> Table<T> {
    /// Indexes a file; `read` makes what is after the first word of a line into an item.
    pub(super) fn new(text: &'static str, read: fn(Versions, &'static str) -> Option<T>) -> Table<T> {
        let mut entries: FxHashMap<&'static str, Entry<T>> = FxHashMap::default();
        for (versions, line) in lines(text) {
            let Some((key, rest)) = line.split_once(' ') else { continue };
            let entry =
                entries.entry(key).or_insert_with(|| Entry { lines: Vec::new(), read: OnceLock::new() });
            entry.lines.push((versions, rest));
        }
        Table { entries, read }
    }

    /// Gives the items of a first word; none of them when there is none.
    pub(super) fn get(&self, key: &str) -> &[T] {
        let Some(entry) = self.entries.get(key) else { return &[] };
        entry.read.get_or_init(|| {
            entry.lines.iter().filter_map(|(versions, line)| (self.read)(*versions, line)).collect()
        })
    }

    /// Whether there is a line with that first word.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }
}

/// What stands in a file for nothing.
pub(super) fn optional(word: &'static str) -> Option<&'static str> {
    (word != "-").then_some(word)
}
