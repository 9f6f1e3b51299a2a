//! Writes what the servers bring into `crates/dunlin/src/catalog/builtin`: `builtin DIRECTORY-OF-PROGRAMS…`, one
//! directory for each major version.

#![allow(clippy::unwrap_used)]
// It is a program.
#![allow(clippy::disallowed_methods)]

use dunlin::embedded::{Embedded, EmbeddedOptions};
use dunlin_testkit::builtin;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tokio_postgres::NoTls;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut kinds: BTreeMap<&str, BTreeMap<u32, BTreeSet<String>>> = BTreeMap::new();
    for bin in std::env::args_os().skip(1).map(PathBuf::from) {
        let server =
            Embedded::start(EmbeddedOptions { bin: Some(bin), ..EmbeddedOptions::default() }).unwrap();
        let (client, connection) = tokio_postgres::connect(&server.url("postgres"), NoTls).await.unwrap();
        tokio::spawn(connection);
        for (kind, query) in builtin::KINDS {
            let lines = builtin::lines(&client, query).await;
            kinds.entry(kind).or_default().insert(server.major(), lines);
        }
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dunlin/src/catalog/builtin");
    for (kind, versions) in kinds {
        std::fs::write(directory.join(format!("{kind}.txt")), builtin::file(&versions)).unwrap();
    }
}
