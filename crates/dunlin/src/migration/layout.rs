//! From file names to migrations: pairing, ids, versions, order.

use super::folder::Listing;
use super::{Kind, Version};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// One migration by the names of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub id: String,
    pub version: Option<Version>,
    pub kind: Kind,
    pub up: String,
    pub down: Option<String>,
}

/// A folder's files, sorted out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub migrations: Vec<Planned>,
    /// Files and folders that are no migrations.
    pub ignored: Vec<String>,
    /// Down files without an up file.
    pub orphans: Vec<String>,
    /// An id, and two files that both have it.
    pub duplicates: Vec<(String, String, String)>,
}

/// What a name says that the file is.
enum Role {
    Up {
        id: String,
        kind: Kind,
    },
    Down {
        id: String,
    },
    /// Flyway's `U1__name.sql`, which undoes `V1__name.sql`.
    Undo {
        id: String,
    },
    None,
}

/// Sorts a folder's files into migrations.
pub(super) fn layout(listing: Listing) -> Layout {
    let migrations = Vec::with_capacity(listing.files.len());
    let mut layout = Layout { migrations, ignored: listing.empty_folders, ..Layout::default() };
    let mut downs: BTreeMap<String, String> = BTreeMap::new();
    let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in listing.files {
        if let Some((folder, name)) = file.split_once('/') {
            folders.entry(folder.to_owned()).or_default().push(name.to_owned());
            continue;
        }
        match role(&file) {
            Role::Up { id, kind } => layout.add(id, kind, file),
            Role::Down { id } | Role::Undo { id } => {
                downs.insert(id, file);
            }
            Role::None => layout.ignored.push(file),
        }
    }
    for (folder, names) in folders {
        layout.add_folder(folder, &names, &mut downs);
    }
    for planned in &mut layout.migrations {
        planned.down = downs.remove(&planned.id).or(planned.down.take());
    }
    layout.orphans = downs.into_values().collect();
    layout.ignored.sort();
    // The order is total: no two files have one name.
    layout.migrations.sort_unstable_by(order);
    layout.find_duplicates();
    layout
}

impl Layout {
    fn add(&mut self, id: String, kind: Kind, up: String) {
        let version = (kind == Kind::Versioned).then(|| version(&id)).flatten();
        self.migrations.push(Planned { id, version, kind, up, down: None });
    }

    fn add_folder(&mut self, folder: String, names: &[String], downs: &mut BTreeMap<String, String>) {
        let has = |name: &str| names.iter().any(|own| own == name);
        let Some(up) = ["up.sql", "migration.sql"].into_iter().find(|name| has(name)) else {
            if has("down.sql") {
                downs.insert(folder.clone(), format!("{folder}/down.sql"));
            }
            self.ignored.push(folder);
            return;
        };
        self.add(folder.clone(), Kind::Versioned, format!("{folder}/{up}"));
        if let Some(last) = self.migrations.last_mut().filter(|_| has("down.sql")) {
            last.down = Some(format!("{folder}/down.sql"));
        }
    }

    fn find_duplicates(&mut self) {
        // Stable, so that of two files the second is the one that comes later in the set.
        let mut by_id: Vec<&Planned> = self.migrations.iter().collect();
        by_id.sort_by(|a, b| natural(&a.id, &b.id));
        for pair in by_id.windows(2).filter(|pair| pair[0].id == pair[1].id) {
            self.duplicates.push((pair[1].id.clone(), pair[0].up.clone(), pair[1].up.clone()));
        }
    }
}

fn role(file: &str) -> Role {
    let Some(stem) = file.strip_suffix(".sql").filter(|stem| !stem.is_empty()) else { return Role::None };
    if let Some(id) = stem.strip_suffix(".down") {
        return Role::Down { id: id.to_owned() };
    }
    if let Some(rest) = stem.strip_prefix('U').filter(|rest| is_flyway(rest)) {
        return Role::Undo { id: format!("V{rest}") };
    }
    let kind = if stem.starts_with("R__") { Kind::Repeatable } else { Kind::Versioned };
    Role::Up { id: stem.strip_suffix(".up").unwrap_or(stem).to_owned(), kind }
}

/// Says whether a name goes on as Flyway's do behind the letter: `1.2__name`.
fn is_flyway(rest: &str) -> bool {
    let version = rest.split_once("__").map_or("", |(version, _)| version);
    version.starts_with(|first: char| first.is_ascii_digit())
        && version.chars().all(|next| next.is_ascii_digit() || next == '.' || next == '_')
}

/// Reads the version that a name starts with: `0001`, `V1.2`, `20240101120000`, `2024-01-01-120000`.
pub(super) fn version(id: &str) -> Option<Version> {
    let flyway = id.strip_prefix(['V', 'v']).filter(|rest| is_flyway(rest));
    let text = match flyway {
        Some(rest) => rest.split_once("__").map_or(rest, |(version, _)| version),
        None => id.strip_prefix(['V', 'v']).filter(|rest| starts_with_digit(rest)).unwrap_or(id),
    };
    // Most have one part.
    let mut parts = Vec::with_capacity(1);
    let mut rest = text;
    while starts_with_digit(rest) {
        let end = rest.find(|next: char| !next.is_ascii_digit()).unwrap_or(rest.len());
        // Longer numbers are put in order by the names, which compare digits of any length.
        parts.push(rest[..end].parse().unwrap_or(u128::MAX));
        let separators: &[char] = if flyway.is_some() { &['.', '_'] } else { &['.', '-'] };
        rest = rest[end..].strip_prefix(separators).unwrap_or("");
    }
    (!parts.is_empty()).then_some(Version(parts))
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

/// The total order of a set.
fn order(a: &Planned, b: &Planned) -> Ordering {
    let rank = |planned: &Planned| (planned.kind == Kind::Repeatable, planned.version.is_none());
    rank(a)
        .cmp(&rank(b))
        .then_with(|| a.version.cmp(&b.version))
        .then_with(|| natural(&a.id, &b.id))
        .then_with(|| a.up.cmp(&b.up))
}

/// Compares names with digits as numbers of any length; equal only when the names are.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let (one, two);
        (one, left) = run(left);
        (two, right) = run(right);
        let ordering = if starts_with_digit(one) && starts_with_digit(two) {
            let (one, two) = (one.trim_start_matches('0'), two.trim_start_matches('0'));
            one.len().cmp(&two.len()).then_with(|| one.cmp(two))
        } else {
            one.cmp(two)
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Takes the digits, or the text without digits, that `text` starts with.
fn run(text: &str) -> (&str, &str) {
    let digits = starts_with_digit(text);
    text.split_at(text.find(|next: char| next.is_ascii_digit() != digits).unwrap_or(text.len()))
}
