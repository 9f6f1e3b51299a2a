//! Migration sets of well-known projects, as their packages ship them: what is understood, and that they run.
//!
//! The SQL is fetched at test time by the registries' ordinary clients and kept under `target/`; none of it is
//! committed. `DUNLIN_OFFLINE=1` skips these tests and says so; without it a registry that cannot be reached is
//! a failure.

use dunlin::analyze::{Analysis, Presence, analyze};
use dunlin::catalog::{Catalog, Effect, ObjectRef, Origin, SearchPath, difference};
use dunlin::execute::{
    AdoptWhat, Event, ExecuteError, Migrations, Options, Outcome, Report, Target, adopt, up,
};
use dunlin::migration::MigrationSet;
use dunlin::pg::introspect::{Snapshot, introspect};
use dunlin::pg::{ConnInfo, Environment};
use dunlin::plan::{Operation, Operations};
use dunlin::syntax::{ParseOptions, on_large_stack};
use dunlin_testkit::{Folder, TestDb, block_on};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

/// The registry's client that fetches a package.
#[derive(Clone, Copy)]
enum Client {
    Npm,
    Pip,
}

/// A package that ships SQL migrations, at a version that stays as it is.
struct Set {
    package: &'static str,
    version: &'static str,
    client: Client,
    /// The folder of the migrations, in the package.
    folder: &'static str,
    /// What the project's own program runs before its first migration: a file name and its SQL.
    bootstrap: Option<(&'static str, &'static str)>,
    /// What its program replaces in the text before it runs it.
    replace: Option<(&'static str, &'static str)>,
    /// Whether its program runs each file in a transaction.
    transaction: bool,
}

const SETS: [Set; 4] = [
    Set {
        package: "graphile-worker",
        version: "0.17.3",
        client: Client::Npm,
        folder: "package/sql",
        bootstrap: Some((
            "000000_bootstrap.sql",
            "create schema if not exists graphile_worker;
             create table if not exists graphile_worker.migrations (
                 id int primary key, ts timestamptz default now() not null
             );
             alter table graphile_worker.migrations add column if not exists breaking boolean not null default false;",
        )),
        replace: Some((":GRAPHILE_WORKER_SCHEMA", "graphile_worker")),
        transaction: true,
    },
    Set {
        package: "@supabase/stripe-sync-engine",
        version: "0.48.5",
        client: Client::Npm,
        folder: "package/dist/migrations",
        bootstrap: Some(("0000_bootstrap.sql", "create schema if not exists stripe;")),
        replace: None,
        transaction: true,
    },
    Set {
        package: "procrastinate",
        version: "3.10.0",
        client: Client::Pip,
        folder: "procrastinate/sql/migrations",
        bootstrap: None,
        replace: None,
        transaction: false,
    },
    Set {
        package: "litellm-proxy-extras",
        version: "0.4.110",
        client: Client::Pip,
        folder: "litellm_proxy_extras/migrations",
        bootstrap: None,
        replace: None,
        transaction: false,
    },
];

/// Whether these tests are to be skipped; says so where somebody reads it.
fn offline() -> bool {
    let offline = std::env::var_os("DUNLIN_OFFLINE").is_some_and(|value| value == "1");
    if offline {
        // Not by `eprintln!`, which the test runner keeps to itself when a test passes.
        let message =
            b"SKIPPED: DUNLIN_OFFLINE=1, so no real migration set was fetched and none was tested\n";
        std::io::Write::write_all(&mut std::io::stderr(), message).unwrap();
    }
    offline
}

impl Set {
    /// Gives the folder of the migrations, fetched and made ready at the first call.
    fn path(&self) -> PathBuf {
        static FETCHING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = FETCHING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-sets");
        let ready = cache.join(format!("{}-{}", self.package.replace('/', "_"), self.version));
        if !ready.exists() {
            std::fs::create_dir_all(&cache).unwrap();
            let work = tempfile::tempdir_in(&cache).unwrap();
            self.fetch(work.path());
            let migrations = work.path().join(self.folder);
            self.make_ready(&migrations);
            std::fs::rename(&migrations, &ready).unwrap();
        }
        ready
    }

    /// Fetches the package and unpacks it into a folder.
    fn fetch(&self, work: &Path) {
        match self.client {
            Client::Npm => {
                let package = format!("{}@{}", self.package, self.version);
                let name = run(Command::new("npm").args(["pack", "--silent", &package]).current_dir(work));
                let archive = name.lines().last().unwrap_or_default().trim();
                run(Command::new("tar").args(["-xzf", archive]).current_dir(work));
            }
            Client::Pip => {
                let package = format!("{}=={}", self.package, self.version);
                let options = ["--quiet", "--no-deps", "--only-binary=:all:", "--python-version", "3.12"];
                let mut pip = Command::new("python3");
                run(pip.args(["-m", "pip", "download"]).args(options).arg(package).current_dir(work));
                let files = std::fs::read_dir(work).unwrap().map(|entry| entry.unwrap().path());
                let wheel = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "whl"));
                run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel.unwrap()).arg(work));
            }
        }
    }

    /// Does to the files what the project's own program does before it runs them.
    fn make_ready(&self, migrations: &Path) {
        if let Some((from, to)) = self.replace {
            for file in std::fs::read_dir(migrations).unwrap() {
                let path = file.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                std::fs::write(&path, text.replace(from, to)).unwrap();
            }
        }
        if let Some((name, sql)) = self.bootstrap {
            std::fs::write(migrations.join(name), sql).unwrap();
        }
    }

    fn load(&self) -> MigrationSet {
        let set = MigrationSet::load(&self.path(), "migrations").unwrap();
        assert!(set.migrations.len() > 15, "{}: only {} files", self.package, set.migrations.len());
        set
    }
}

/// The migrations as the projects order them: by name.
///
/// Dunlin goes by the number, so a folder `20260108_…` beside `20250326162113_…` comes first, and what it needs is
/// put right by the plan.
fn as_shipped(set: &MigrationSet) -> MigrationSet {
    let mut shipped = set.clone();
    shipped.migrations.sort_by(|a, b| a.id.cmp(&b.id));
    shipped
}

/// Runs a client; a registry that cannot be reached is a failure, said aloud.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed. These tests fetch real migration sets from package registries; without a network set \
         DUNLIN_OFFLINE=1 to leave them out.\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// What the analysis says of a set.
#[derive(Default)]
struct Figures {
    statements: usize,
    opaque: Vec<String>,
    unknown: Vec<String>,
    invalid: usize,
    /// What the server accepts and the analysis would not have let through.
    wrong: Vec<String>,
}

fn is_opaque(analysis: &Analysis) -> bool {
    analysis.effects.iter().any(|effect| matches!(effect, Effect::Opaque(_)))
}

/// Why the plan would not have sent a statement that the server accepts.
fn refusal(operation: &Operation, analysis: &Analysis) -> Option<String> {
    let lacks = analysis.invalid().map(|need| format!("invalid: {}", need.message)).next();
    let there = match &analysis.presence {
        Presence::Different { expected, actual, tolerated: false, .. } => {
            Some(format!("conflict: {expected} / {actual}"))
        }
        Presence::Same { reason } if creates(operation, analysis) => Some(format!("satisfied: {reason}")),
        _ => None,
    };
    let why = lacks.or(there)?;
    Some(format!("{}:{}: {why}\n    {}", operation.file.path, operation.line, operation.statement.sql))
}

/// Whether it is a CREATE that the server refuses if the object is there.
fn creates(operation: &Operation, analysis: &Analysis) -> bool {
    let text = operation.statement.sql.to_ascii_lowercase();
    analysis.kind.starts_with("CREATE") && !analysis.or_replace && !text.contains("if not exists")
}

/// Analyses each statement in the order in which the set ships, and runs it on a server beside.
async fn figures(set: &MigrationSet, transaction: bool) -> Figures {
    let operations = on_large_stack(|| Operations::of(set, &ParseOptions::default(), &SearchPath::default()));
    assert_eq!(operations.diagnostics().next(), None);
    let database = TestDb::new().await;
    let mut figures = Figures { statements: operations.all.len(), ..Figures::default() };
    // From nothing to the end without a look at a server, as `check` does, and with the look that `up` takes
    // after what is opaque: only there is everything decided.
    let mut alone = Catalog::empty();
    let mut looking = introspect(database.client(), "dunlin", Snapshot::Own).await.unwrap().catalog;
    for (index, operation) in operations.all.iter().enumerate() {
        let origin = Origin::Simulated(u32::try_from(index).unwrap());
        let blind = analyze(&operation.statement, &alone, &operation.session);
        let seeing = analyze(&operation.statement, &looking, &operation.session);
        let shown = || format!("{}:{}: {}", operation.file.path, operation.line, reason(&blind));
        if is_opaque(&blind) {
            figures.opaque.push(shown());
        } else if blind.has_unknown() {
            figures.unknown.push(shown());
        }
        figures.invalid += usize::from(blind.invalid().next().is_some());
        if transaction && operation.number == 1 {
            database.execute("commit; begin").await;
        }
        match database.try_execute(&operation.statement.sql).await {
            Ok(()) => {
                figures.wrong.extend([&blind, &seeing].into_iter().filter_map(|a| refusal(operation, a)))
            }
            Err(error) => println!("{}:{}: the server: {error:?}", operation.file.path, operation.line),
        }
        alone.apply(&blind.effects, origin);
        if is_opaque(&seeing) {
            let snapshot = if transaction { Snapshot::Within } else { Snapshot::Own };
            looking = introspect(database.client(), "dunlin", snapshot).await.unwrap().catalog;
        } else {
            looking.apply(&seeing.effects, origin);
        }
    }
    let snapshot = if transaction { Snapshot::Within } else { Snapshot::Own };
    let live = introspect(database.client(), "dunlin", snapshot).await.unwrap().catalog;
    figures.wrong.extend(unlike(&live, &alone));
    figures
}

/// What the server has and the simulation lacks, and the other way round; how expressions are written is not compared.
fn unlike(live: &Catalog, simulated: &Catalog) -> Vec<String> {
    let of = |catalog: &Catalog| -> BTreeMap<ObjectRef, String> {
        let mut objects = catalog.describe();
        objects.retain(|object, line| {
            let end = [" default ", " generated "].iter().filter_map(|end| line.find(end)).min();
            match object {
                ObjectRef::Column { .. } => line.truncate(end.unwrap_or(line.len())),
                _ => line.clear(),
            }
            !matches!(object, ObjectRef::Other { class, .. } if class == "language" || class == "cast")
        });
        objects
    };
    difference(&of(live), &of(simulated)).iter().map(|other| format!("the simulation: {other:?}")).collect()
}

fn reason(analysis: &Analysis) -> String {
    let unknown = analysis.requires.iter().find(|need| need.verdict == dunlin::analyze::Verdict::Unknown);
    let opaque = analysis.opaque.clone();
    opaque.or_else(|| unknown.map(|need| need.message.clone())).unwrap_or_default()
}

#[test]
fn the_statements_of_real_sets_are_understood() {
    if offline() {
        return;
    }
    let (mut statements, mut opaque, mut wrong) = (0, 0, Vec::new());
    for set in &SETS {
        let shipped = as_shipped(&set.load());
        let figures = block_on(async move { figures(&shipped, set.transaction).await });
        println!(
            "{} {}: {} statements, {} opaque, {} unknown, {} invalid",
            set.package,
            set.version,
            figures.statements,
            figures.opaque.len(),
            figures.unknown.len(),
            figures.invalid
        );
        figures.opaque.iter().for_each(|line| println!("  opaque: {line}"));
        figures.unknown.iter().for_each(|line| println!("  unknown: {line}"));
        statements += figures.statements;
        opaque += figures.opaque.len();
        wrong.extend(figures.wrong);
    }
    println!("all: {statements} statements, {opaque} opaque");
    assert!(wrong.is_empty(), "{} times the server says otherwise:\n{}", wrong.len(), wrong.join("\n"));
    assert!(opaque * 100 <= statements * 5, "{opaque} of {statements} statements are opaque");
}

fn target(database: &TestDb) -> Target {
    let conninfo = ConnInfo::parse(&database.url(), &Environment::default()).unwrap();
    Target { conninfo, direct: None, connect_wait: Duration::ZERO }
}

async fn run_up(set: &MigrationSet, database: &TestDb) -> Report {
    let migrations = Migrations::Loaded(set.clone());
    up(&migrations, &target(database), &Options::default(), &mut |_: &Event<'_>| {}).await.unwrap()
}

async fn schema(database: &TestDb) -> Catalog {
    introspect(database.client(), "dunlin", Snapshot::Own).await.unwrap().catalog
}

/// The differences between two schemas, one a line.
fn differences(expected: &Catalog, actual: &Catalog) -> Vec<String> {
    difference(&expected.describe(), &actual.describe())
        .iter()
        .map(|difference| format!("{difference:?}"))
        .collect()
}

/// The database as psql makes it, file by file, in the order of the set.
async fn by_psql(set: &MigrationSet, path: &Path, transaction: bool) -> TestDb {
    let database = TestDb::new().await;
    let scripts = Folder::new(&[]);
    for migration in &as_shipped(set).migrations {
        let name = Path::new(&*migration.up.path).strip_prefix("migrations").unwrap().to_owned();
        let mut script = format!("\\i '{}'\n", path.join(name).display());
        if transaction {
            script = format!("begin;\n{script}commit;\n");
        }
        database.psql(scripts.write("file.sql", script)).expect(0);
    }
    database
}

/// Runs the whole set on an empty database, twice, and compares with psql; then adopts what psql made.
fn runs(set: &'static Set) {
    if offline() {
        return;
    }
    let (loaded, path) = (set.load(), set.path());
    block_on(async move {
        let expected = by_psql(&loaded, &path, set.transaction).await;
        let theirs = schema(&expected).await;

        let database = TestDb::new().await;
        let report = run_up(&loaded, &database).await;
        assert_eq!(report.outcome, Outcome::Applied, "{report:#?}");
        assert_eq!(report.applied.len(), loaded.migrations.len());
        assert_eq!(differences(&theirs, &schema(&database).await), Vec::<String>::new());
        assert_eq!(run_up(&loaded, &database).await.outcome, Outcome::Nothing);

        finds_it_done(set, &loaded, expected, &theirs).await;
    });
}

/// On the database that psql has made nothing may be added or dropped, whatever the journal does not know.
async fn finds_it_done(set: &Set, loaded: &MigrationSet, mut named: TestDb, theirs: &Catalog) {
    let (mut plain, migrations) = (named.copy().await, Migrations::Loaded(loaded.clone()));
    let proved = plain.copy().await;
    let (options, listener) = (Options::default(), &mut |_: &Event<'_>| {});

    // Each migration by its name, as the user says.
    let ids = AdoptWhat::Ids(loaded.migrations.iter().map(|migration| migration.id.clone()).collect());
    let adopted = adopt(&migrations, &target(&named), &options, &ids, listener).await.unwrap();
    assert_eq!(adopted.adopted.len(), loaded.migrations.len());
    assert_eq!(run_up(loaded, &named).await.outcome, Outcome::Nothing);
    assert_eq!(differences(theirs, &schema(&named).await), Vec::<String>::new());

    // What the schema proves; and nothing adopted at all.
    let adopted = adopt(&migrations, &target(&proved), &options, &AdoptWhat::All, listener).await.unwrap();
    println!("{}: the schema proves {} of {}", set.package, adopted.adopted.len(), loaded.migrations.len());
    for (database, how) in [(&proved, "after adopt --all"), (&plain, "without adopt")] {
        let outcome =
            up(&migrations, &target(database), &options, listener).await.map(|report| report.outcome);
        let changed = differences(theirs, &schema(database).await);
        println!("{}: up {how}: {}, {} objects changed", set.package, shown(&outcome), changed.len());
        assert!(matches!(outcome, Ok(Outcome::Applied | Outcome::Nothing | Outcome::Partial)), "{how}");
        assert_eq!(changed, Vec::<String>::new(), "{how}");
    }
}

fn shown(outcome: &Result<Outcome, ExecuteError>) -> String {
    match outcome {
        Ok(outcome) => format!("{outcome:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn graphile_worker_runs() {
    runs(&SETS[0]);
}

#[test]
fn stripe_sync_engine_runs() {
    runs(&SETS[1]);
}

#[test]
fn procrastinate_runs() {
    runs(&SETS[2]);
}

#[test]
fn litellm_runs() {
    runs(&SETS[3]);
}
