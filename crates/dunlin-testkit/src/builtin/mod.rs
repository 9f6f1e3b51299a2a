//! What a server brings, as the lines of `crates/dunlin/src/catalog/builtin/*.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use tokio_postgres::{Client, SimpleQueryMessage};

/// The kinds of built-in objects: the name of the file of each, and the query that gives its lines.
pub const KINDS: [(&str, &str); 9] = [
    ("casts", include_str!("casts.sql")),
    ("functions", include_str!("functions.sql")),
    ("objects", include_str!("objects.sql")),
    ("operator_classes", include_str!("operator_classes.sql")),
    ("operator_families", include_str!("operator_families.sql")),
    ("operators", include_str!("operators.sql")),
    ("relations", include_str!("relations.sql")),
    ("settings", include_str!("settings.sql")),
    ("types", include_str!("types.sql")),
];

/// Asks a server for the lines of one kind, sorted.
pub async fn lines(client: &Client, query: &str) -> BTreeSet<String> {
    let messages = client.simple_query(query).await.unwrap();
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    rows.collect()
}

/// Writes the file of one kind from the lines of each version: each line once for each run of versions that have it.
pub fn file(versions: &BTreeMap<u32, BTreeSet<String>>) -> String {
    let all: BTreeSet<&String> = versions.values().flatten().collect();
    let mut text = String::new();
    for line in all {
        let mut run: Option<(u32, u32)> = None;
        for (version, lines) in versions {
            if lines.contains(line) {
                run = Some((run.map_or(*version, |(first, _)| first), *version));
            } else if let Some((first, last)) = run.take() {
                let _ = writeln!(text, "{first}-{last} {line}");
            }
        }
        if let Some((first, last)) = run {
            let _ = writeln!(text, "{first}-{last} {line}");
        }
    }
    text
}
