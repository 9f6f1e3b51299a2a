//! Measures reading and planning of large sets, for `scripts/bench`; each command prints one line of JSON.
//!
//!   scale write DIR MIGRATIONS   writes so many migrations of ten statements each
//!   scale parse DIR              reads the files and has libpg_query parse each
//!   scale plan DIR               reads, parses, analyses, simulates and plans them, on an empty database
//!   scale introspect URL         reads the schema of a database

#![allow(clippy::unwrap_used, clippy::print_stdout)]
// It is a program.
#![allow(clippy::disallowed_methods)]

use dunlin::catalog::{Catalog, SearchPath};
use dunlin::migration::MigrationSet;
use dunlin::pg::introspect::{Sizes, introspect_over};
use dunlin::pg::{ConnInfo, ConnectOptions, Environment, connect};
use dunlin::plan::{Input, Operations, Past, Policy, plan};
use dunlin::syntax::{ParseOptions, on_large_stack};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

/// As in `dunlin` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many statements each migration has.
const STATEMENTS: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write", dir, count] => write(Path::new(dir), count.parse().unwrap()),
        ["parse", dir] => parse(Path::new(dir)),
        ["plan", dir] => on_large_stack(|| planned(Path::new(dir))),
        ["introspect", url] => read(url),
        _ => panic!("usage: scale write DIR MIGRATIONS | parse DIR | plan DIR | introspect URL"),
    }
}

/// Prints how many statements there were, the seconds since it began, and the peak of memory.
fn print(statements: usize, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<u64> = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
    println!("{}", serde_json::json!({ "statements": statements, "seconds": seconds, "peak_kib": kib }));
}

/// What migrations are made of: tables that refer to earlier ones, their indexes, rows, views, comments.
fn write(dir: &Path, count: usize) {
    std::fs::create_dir_all(dir).unwrap();
    for n in 1..=count {
        let parent = if n > 1 { format!(" references t{} (id)", n - 1) } else { String::new() };
        let text = format!(
            "create table t{n} (\n    id bigint generated always as identity primary key,\n    name text not null,\n    \
             state varchar(20) not null default 'new' check (state in ('new', 'open', 'done')),\n    \
             created_at timestamptz not null default now()\n);\n\
             alter table t{n} add column parent_id bigint{parent};\n\
             create index t{n}_parent on t{n} (parent_id, created_at) where state <> 'done';\n\
             create unique index t{n}_name on t{n} (lower(name));\n\
             insert into t{n} (name, state) values ('one', 'new'), ('two', 'open'), ('three', 'done');\n\
             update t{n} set state = 'open', name = name || '!' where id in (select id from t{n} where state = 'new');\n\
             create view v{n} as select a.id, a.name, count(*) as children from t{n} a left join t{n} b \
             on b.parent_id = a.id where a.state <> 'done' group by a.id, a.name;\n\
             comment on table t{n} is 'table number {n}';\n\
             alter table t{n} alter column name set default 'nobody', add constraint t{n}_named check (name <> '');\n\
             create function f{n}(bigint) returns bigint language sql as 'select count(*) from t{n} where id < $1';\n"
        );
        std::fs::write(dir.join(format!("{n:06}_table_{n}.sql")), text).unwrap();
    }
}

#[repr(C)]
struct Parsed {
    length: usize,
    tree: *mut std::ffi::c_char,
    stderr: *mut std::ffi::c_char,
    error: *mut std::ffi::c_void,
}

unsafe extern "C" {
    fn pg_query_parse_protobuf(input: *const std::ffi::c_char) -> Parsed;
    fn pg_query_free_protobuf_parse_result(result: Parsed);
}

/// libpg_query's own parse, of a file at a time.
fn parse(dir: &Path) {
    let begun = Instant::now();
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in &files {
        let text = std::ffi::CString::new(std::fs::read(file).unwrap()).unwrap();
        // SAFETY: the text ends in NUL and lives through the call; the result is freed once.
        unsafe {
            let result = pg_query_parse_protobuf(text.as_ptr());
            assert!(result.error.is_null() && result.length > 0);
            pg_query_free_protobuf_parse_result(result);
        }
    }
    print(files.len() * STATEMENTS, begun);
}

fn planned(dir: &Path) {
    let begun = Instant::now();
    let set = MigrationSet::load(dir, "migrations").unwrap();
    let operations = Operations::of(&set, &ParseOptions::default(), &SearchPath::default());
    let (past, policy) = (Past::default(), Policy::default());
    let planned = plan(&Input {
        set: &set,
        operations: &operations,
        catalog: Catalog::empty(),
        past: &past,
        policy: &policy,
        to: None,
        accepted: &HashSet::new(),
        set_aside: &HashMap::new(),
        check: false,
    });
    assert!(
        !planned.plan.refused && planned.plan.diagnostics.is_empty(),
        "{:?}",
        planned.plan.diagnostics.first()
    );
    print(planned.decisions.len(), begun);
}

#[tokio::main(flavor = "current_thread")]
async fn read(url: &str) {
    let begun = Instant::now();
    let conninfo = ConnInfo::parse(url, &Environment::default()).unwrap();
    let session = connect(&conninfo, &ConnectOptions::default()).await.unwrap();
    let read = introspect_over(&session, "dunlin", Sizes::Measured).await.unwrap();
    print(read.catalog.relations().count(), begun);
}
