//! Whatever dies, whenever, the next `dunlin up` finishes the work; nothing runs twice, and nothing is left out.
//!
//! A set of migrations is run once undisturbed, and each message and point that this run passes is noted. Then it runs
//! again and again, each time from an empty database and with one fault at one of these places; `up` follows, and the
//! schema, all rows and the journal must be those of the undisturbed run.
//!
//! `scripts/faults` runs more of it than the sample of every test run, and repeats any fault.

mod fault;
mod stage;

use crate::random::{any_folder, shown};
use dunlin_testkit::Folder;
use fault::{Fault, KINDS, faults};
use stage::{Ended, Expected, Stage};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many servers are at work at once.
const STAGES: usize = 4;

/// The kinds that random sets are disturbed by.
const RANDOM_SET_KINDS: [(&str, usize); 4] = [("kill", 1), ("random-time", 1), ("terminate", 1), ("cut", 1)];

/// What became of the faults of each kind.
#[derive(Default)]
struct Table {
    kinds: BTreeMap<&'static str, Counts>,
    wrong: Vec<String>,
}

#[derive(Default)]
struct Counts {
    injected: usize,
    missed: usize,
    resumed: usize,
    wrong: usize,
    /// How many runs it took at most, after the disturbed one.
    runs: usize,
}

impl Table {
    fn add(&mut self, fault: &Fault, ended: Ended) {
        let counts = self.kinds.entry(fault::name(fault.act)).or_default();
        match ended {
            Ended::Missed => counts.missed += 1,
            Ended::Resumed(runs) => {
                counts.resumed += 1;
                counts.runs = counts.runs.max(runs);
            }
            Ended::Wrong(what) => {
                counts.wrong += 1;
                self.wrong.push(format!("=== {fault}\n{what}"));
            }
        }
        counts.injected = counts.resumed + counts.wrong;
    }

    fn count(&self) -> usize {
        self.kinds.values().map(|counts| counts.injected + counts.missed).sum()
    }

    fn print(&self) {
        eprintln!("fault             injected   resumed     wrong   not reached   most runs");
        for (kind, Counts { injected, missed, resumed, wrong, runs }) in &self.kinds {
            eprintln!("{kind:<16}{injected:>10}{resumed:>10}{wrong:>10}{missed:>14}{runs:>12}");
        }
    }
}

fn set() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/faults/set")
}

/// Tries faults on several servers and gives the table.
fn try_all(stages: &mut [Stage], expected: &Expected, faults: Vec<Fault>, tell: bool) -> Table {
    let queue = Mutex::new(faults.into_iter());
    let table = Mutex::new(Table::default());
    let (queue, all) = (&queue, &table);
    std::thread::scope(|scope| {
        for stage in stages {
            scope.spawn(move || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(fault) = next else { break };
                    let ended = stage.disturb(&fault, expected);
                    if let (Ended::Wrong(what), true) = (&ended, tell) {
                        eprintln!("=== WRONG {fault}\n{what}");
                    }
                    let mut table = all.lock().unwrap();
                    table.add(&fault, ended);
                    if tell && table.count() % 200 == 0 {
                        table.print();
                    }
                }
            });
        }
    });
    table.into_inner().unwrap()
}

/// Chooses some faults of each of these kinds; each kind gets a share of the count.
fn sample(
    kinds: &[(&str, usize)],
    expected: &Expected,
    count: usize,
    seed: u64,
    long: Duration,
) -> Vec<Fault> {
    let mut random = fastrand::Rng::with_seed(seed);
    let shares: usize = kinds.iter().map(|(_, share)| share).sum();
    let mut chosen = Vec::new();
    for (kind, share) in kinds {
        let wanted = (count * share).div_ceil(shares);
        let mut all = faults(kind, &expected.places, &mut random, long, wanted);
        random.shuffle(&mut all);
        all.truncate(wanted);
        chosen.extend(all);
    }
    random.shuffle(&mut chosen);
    chosen
}

/// The program under test: another build of it, with the feature `failpoints`, if one is named.
fn program() -> PathBuf {
    variable("DUNLIN_TEST_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_dunlin").into(), PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "who runs the tests may ask for more of them")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str) -> Option<u64> {
    variable(name).map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is not a number: {value}")))
}

/// Runs what the variables ask for, or a sample of that many, and panics if anything is wrong.
fn run(count: usize) {
    let begin = Instant::now();
    let mut stages: Vec<Stage> = (0..STAGES).map(|_| Stage::new(&set())).collect();
    let undisturbed = Instant::now();
    let expected = stages[0].expected();
    let long = undisturbed.elapsed();
    let seed = number("DUNLIN_TEST_SEED").unwrap_or(1);
    let kind = variable("DUNLIN_TEST_FAULT_KIND");
    let kinds: Vec<(&str, usize)> =
        KINDS.into_iter().filter(|(name, _)| kind.as_deref().is_none_or(|kind| kind == *name)).collect();
    assert!(!kinds.is_empty(), "no such kind; there are: {}", KINDS.map(|(name, _)| name).join(", "));
    let chosen = match variable("DUNLIN_TEST_FAULT") {
        Some(one) => vec![Fault::parse(&one).unwrap_or_else(|| panic!("not a fault: {one}"))],
        None => sample(&kinds, &expected, count, seed, long),
    };
    let tell = variable("DUNLIN_TEST_FAULTS").is_some();
    let table = try_all(&mut stages, &expected, chosen, tell);
    eprintln!("seed {seed}, {} places, {:.0} s", expected.places.len(), begin.elapsed().as_secs_f64());
    table.print();
    assert!(table.wrong.is_empty(), "{}", table.wrong.join("\n"));
}

/// Disturbs random sets, a few times each, and panics if anything is wrong.
fn run_sets(sets: u64, faults_of_each: usize) {
    let seed = number("DUNLIN_TEST_SEED").unwrap_or(1);
    let seeds = Mutex::new(seed..seed + sets);
    let table = Mutex::new(Table::default());
    std::thread::scope(|scope| {
        for _ in 0..STAGES {
            scope.spawn(|| {
                let mut stage = Stage::new(&set());
                loop {
                    let next = seeds.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(seed) = next else { break };
                    let folder = any_folder(seed);
                    stage.take(folder.path());
                    let begin = Instant::now();
                    let expected = stage.expected();
                    for fault in sample(&RANDOM_SET_KINDS, &expected, faults_of_each, seed, begin.elapsed()) {
                        let mut ended = stage.disturb(&fault, &expected);
                        if let Ended::Wrong(what) = &mut ended {
                            *what = format!("random set {seed}\n{what}{}", shown(&folder));
                        }
                        table.lock().unwrap().add(&fault, ended);
                    }
                }
            });
        }
    });
    let table = table.into_inner().unwrap();
    eprintln!("{sets} random sets from seed {seed}");
    table.print();
    assert!(table.wrong.is_empty(), "{}", table.wrong.join("\n"));
}

/// The same for sets that chance has written, with operations that wait for others.
#[test]
fn whatever_dies_random_sets_are_finished_too() {
    run_sets(8, 4);
}

/// As many sets as `DUNLIN_TEST_SETS` says; `scripts/faults --sets` runs it.
#[test]
#[ignore = "takes as long as one likes"]
fn random_sets_by_hand() {
    run_sets(number("DUNLIN_TEST_SETS").unwrap_or(200), 4);
}

/// A person relies on: whatever dies during a deployment, the next one finishes it, and nothing runs twice.
#[test]
fn whatever_dies_up_finishes_the_work() {
    run(150);
}

/// A person relies on: what commits on its own, so that nobody can know how far it came, is not run a second time.
#[test]
fn what_cannot_be_decided_is_held() {
    let folder = Folder::new(&[
        (
            "0001_base.sql",
            "create table tally (n int);
            insert into tally values (0);
            create procedure bump() language plpgsql as
            $$ begin update tally set n = n + 1; commit; end $$;",
        ),
        ("0002_block.sql", "do $$ begin update tally set n = n + 1; commit; end $$;"),
        ("0003_call.sql", "call bump();"),
        ("0004_more.sql", "insert into tally values (10);"),
    ]);
    let mut stage = Stage::new(folder.path());
    for (fault, held, tally) in [
        ("kill point started-recorded 1", "0002_block", "1|10"),
        ("kill point ran-alone 1", "0002_block", "2|10"),
        ("terminate point ran-alone 2", "0003_call", "2|10"),
    ] {
        let fault = Fault::parse(fault).unwrap();
        let up = stage.after(&fault).expect(0).json();
        let ids: Vec<&str> =
            up["held"].as_array().unwrap().iter().map(|held| held["migration"].as_str().unwrap()).collect();
        assert_eq!(ids, [held], "{fault}: {up}");
        assert_eq!(stage.value("select string_agg(n::text, '|' order by n) from tally"), tally, "{fault}");
        assert!(stage.status().contains(&format!("{held} interrupted")), "{fault}: {:?}", stage.status());
    }
}

/// As many faults as `DUNLIN_TEST_FAULTS` says; `scripts/faults` runs it.
#[test]
#[ignore = "takes as long as one likes"]
fn by_hand() {
    let count = number("DUNLIN_TEST_FAULTS").unwrap_or(1000);
    run(usize::try_from(count).unwrap());
}
