//! Feeds SQL files to a server and to Dunlin's simulation, and tells where the two do not agree.
//!
//! The last line is a JSON object: `statements` (all that were judged: the sum of the others), `exact`, `unknown`,
//! `false_invalid`, `missed` (refused by the server for something missing or there already, and not called invalid),
//! `differences` (the catalogs are not equal afterwards). Statements that the server refuses for other reasons are
//! not judged; they and the texts that nothing could compare are told for each file.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use clap::Parser;
use dunlin_testkit::oracle::{Counts, Entry, FileReport, Options, Outcome, run_file};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Compares Dunlin's simulation with a server, statement by statement.
///
/// Ends with 1 if something was called invalid that the server accepts, or the catalogs differed.
#[derive(Debug, Parser)]
struct Args {
    /// The files, each run in a database of its own.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Tells every statement that was not exact, not only the first of each kind.
    #[arg(short = 'v', long = "all")]
    all: bool,
    /// Prints a table by kind of statement.
    #[arg(long)]
    families: bool,
    /// Prints the causes of what was not exact, most frequent first.
    #[arg(long)]
    causes: bool,
    /// A file that runs in each database first and is not judged.
    #[arg(long)]
    setup: Option<PathBuf>,
    /// Also judges statements that the server refuses since other objects need what they drop.
    #[arg(long)]
    dependents: bool,
    /// How long a statement may take, in seconds.
    #[arg(long, default_value_t = 20)]
    limit: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let read = |path: &PathBuf| match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    };
    let setup = match args.setup.as_ref().map(read).transpose() {
        Ok(setup) => setup,
        Err(error) => return failed(&error),
    };
    let options = Options { setup, limit: Duration::from_secs(args.limit), dependents: args.dependents };
    let mut total = Totals::default();
    for path in &args.files {
        let text = match read(path) {
            Ok(text) => text,
            Err(error) => return failed(&error),
        };
        let name = path.display().to_string();
        let report = run_file(&name, &text, &options);
        print_file(&name, &report, args.all);
        total.add(&report);
    }
    if args.families {
        print_families(&total.families);
    }
    if args.causes {
        print_causes(&total.causes);
        for (what, count) in &total.not_compared {
            println!("{count:>5} not compared {what}");
        }
    }
    println!("{}", serde_json::to_string(&total.counts).unwrap_or_default());
    let wrong = total.counts.false_invalid + total.counts.differences + total.failures;
    ExitCode::from(u8::from(wrong > 0))
}

fn failed(error: &str) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(2)
}

/// A cause: the outcome, the kind of statement, and what it is.
type Cause = (Outcome, &'static str, String);

#[derive(Default)]
struct Totals {
    counts: Counts,
    families: BTreeMap<&'static str, Counts>,
    causes: BTreeMap<Cause, (usize, String)>,
    not_compared: BTreeMap<String, usize>,
    failures: usize,
}

impl Totals {
    fn add(&mut self, report: &FileReport) {
        self.counts.extend(&report.counts);
        self.failures += report.failures;
        for (what, count) in &report.not_compared {
            *self.not_compared.entry(what.clone()).or_default() += count;
        }
        for (family, counts) in &report.families {
            self.families.entry(family).or_default().extend(counts);
        }
        for entry in report.entries.iter().filter(|entry| entry.judgement.outcome != Outcome::Refused) {
            let cause = (entry.judgement.outcome, entry.kind, entry.judgement.cause.clone());
            let (count, _) = self.causes.entry(cause).or_insert_with(|| (0, shortened(&entry.sql, 100)));
            *count += 1;
        }
    }
}

fn print_file(name: &str, report: &FileReport, all: bool) {
    let Counts { statements, exact, unknown, false_invalid, missed, differences } = report.counts;
    println!(
        "{name}: {statements} statements, {exact} exact, {unknown} unknown, {false_invalid} false invalid, {missed} \
         missed, {differences} differences; {} refused, {} texts not compared",
        report.refused,
        report.not_compared.values().sum::<usize>()
    );
    for trouble in &report.troubles {
        println!("  TROUBLE {trouble}");
    }
    if all {
        let judged = report.entries.iter().filter(|entry| entry.judgement.outcome != Outcome::Refused);
        judged.for_each(|entry| print_entry(name, entry));
    } else {
        let first = [Outcome::FalseInvalid, Outcome::Difference, Outcome::Missed];
        first
            .into_iter()
            .filter_map(|outcome| report.first(outcome))
            .for_each(|entry| print_entry(name, entry));
    }
}

fn print_entry(name: &str, entry: &Entry) {
    let outcome = match entry.judgement.outcome {
        Outcome::Exact => "exact",
        Outcome::Unknown => "unknown",
        Outcome::FalseInvalid => "FALSE INVALID",
        Outcome::Missed => "MISSED",
        Outcome::Difference => "DIFFERENCE",
        Outcome::Refused => "refused",
    };
    println!("  {name}:{}: {outcome}: {}", entry.line, shortened(&entry.sql, 300));
    println!("      server: {}", entry.server.as_deref().unwrap_or("accepts it"));
    const SHOWN: usize = 6;
    for reason in entry.judgement.reasons.iter().take(SHOWN) {
        println!("      dunlin: {reason}");
    }
    if entry.judgement.reasons.len() > SHOWN {
        println!("      dunlin: and {} more", entry.judgement.reasons.len() - SHOWN);
    }
}

fn shortened(sql: &str, length: usize) -> String {
    let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match sql.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &sql[..end]),
        None => sql,
    }
}

fn print_families(families: &BTreeMap<&'static str, Counts>) {
    println!("{:<32} {:>7} {:>7} {:>7} {:>7} {:>7}", "", "exact", "unknown", "false", "missed", "differ");
    for (family, counts) in families {
        let Counts { exact, unknown, false_invalid, missed, differences, .. } = counts;
        println!("{family:<32} {exact:>7} {unknown:>7} {false_invalid:>7} {missed:>7} {differences:>7}");
    }
}

fn print_causes(causes: &BTreeMap<Cause, (usize, String)>) {
    let mut causes: Vec<_> = causes.iter().collect();
    causes.sort_by_key(|((outcome, ..), (count, _))| (*outcome, std::cmp::Reverse(*count)));
    for ((outcome, kind, cause), (count, sql)) in causes {
        println!("{count:>5} {outcome:?} {kind}: {cause} | {sql}");
    }
}
