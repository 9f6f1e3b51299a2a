//! `dunlin check --converge`: a fresh database and one that grew step by step end in the same schema.

use super::event::Event;
use super::report::{NotRun, Report};
use super::setup::connect_lock;
use super::{ErrorKind, ExecuteError, Migrations, Options, Target, up};
use crate::catalog::ObjectRef;
use crate::diagnostic::{Code, Diagnostic};
use crate::migration::{Migration, MigrationSet};
use crate::pg::introspect::{Snapshot, introspect};
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Gives a new empty database on a server of its own each time: roles are shared by the databases of a server.
pub type NewDatabase<'a> = dyn FnMut() -> Result<Target, ExecuteError> + Send + 'a;

/// A schema as its canonical description.
type Schema = BTreeMap<ObjectRef, String>;

/// Runs a set at once, and migration by migration (each twice), and compares the schemas.
///
/// Gives what differs, with the first migration at which it does; nothing when both ways end in the same schema.
///
/// # Errors
/// When a database cannot be made or reached. A migration that fails is a finding.
pub async fn converge(
    set: &MigrationSet,
    options: &Options,
    new_database: &mut NewDatabase<'_>,
) -> Result<Vec<Diagnostic>, ExecuteError> {
    let Some(last) = set.migrations.last() else { return Ok(Vec::new()) };
    let mut fresh = Place::new(set, options, new_database)?;
    if let Err(failed) = fresh.up(None).await? {
        return Ok(vec![failed.note("this was on an empty database, all migrations in one run")]);
    }
    let mut grown = Place::new(set, options, new_database)?;
    let mut states: Vec<Schema> = Vec::new();
    let mut left = Vec::new();
    for migration in &set.migrations {
        match grown.step(migration).await? {
            Ok((schema, report)) => {
                states.push(schema);
                left = left_undone(&report);
            }
            Err(found) => return Ok(found),
        }
    }
    let (one, other) = (fresh.schema().await?, states.last().cloned().unwrap_or_default());
    let differing = differing(&one, &other);
    if differing.is_empty() {
        return Ok(Vec::new());
    }
    let (first, early) = first_difference(set, options, new_database, &states).await?;
    let appeared = |object: &ObjectRef| if early.contains(object) { &set.migrations[first] } else { last };
    let mut found: Vec<Diagnostic> = differing
        .iter()
        .map(|object| difference(appeared(object), object, one.get(object), other.get(object)))
        .collect();
    if let Some(diagnostic) = found.first_mut() {
        let notes = left.into_iter().map(|message| crate::diagnostic::Related { location: None, message });
        diagnostic.related.extend(notes);
    }
    Ok(found)
}

/// A database that a set is run on.
struct Place<'a> {
    migrations: Migrations,
    options: &'a Options,
    target: Target,
}

impl<'a> Place<'a> {
    fn new(
        set: &MigrationSet,
        options: &'a Options,
        new_database: &mut NewDatabase<'_>,
    ) -> Result<Place<'a>, ExecuteError> {
        Ok(Place { migrations: Migrations::Loaded(set.clone()), options, target: new_database()? })
    }

    /// Runs `up`; a failure is the inner error.
    async fn up(&mut self, to: Option<&str>) -> Result<Result<Report, Diagnostic>, ExecuteError> {
        let options = Options { to: to.map(str::to_owned), ..self.options.clone() };
        let mut silent = |_: &Event<'_>| {};
        let run = up(&self.migrations, &self.target, &options, &mut silent);
        match Box::pin(run).await {
            Ok(report) => Ok(Ok(report)),
            Err(error) if matches!(error.kind, ErrorKind::Failed | ErrorKind::Refused) => {
                Ok(Err(*error.diagnostic))
            }
            Err(error) => Err(error),
        }
    }

    async fn schema(&self) -> Result<Schema, ExecuteError> {
        let session = connect_lock(&self.target, &mut |_: &Event<'_>| {}).await?;
        let read = introspect(session.client(), &self.options.journal_schema, Snapshot::Own).await?;
        Ok(read.catalog.describe())
    }

    /// Goes one migration on, and runs it a second time, which must change nothing.
    async fn step(
        &mut self,
        migration: &Migration,
    ) -> Result<Result<(Schema, Report), Vec<Diagnostic>>, ExecuteError> {
        let report = match self.up(Some(&migration.id)).await? {
            Ok(report) => report,
            Err(failed) => {
                let note = format!("this was step by step, at {}; in one run all went well", migration.id);
                return Ok(Err(vec![failed.note(note)]));
            }
        };
        let once = self.schema().await?;
        if let Err(failed) = self.up(Some(&migration.id)).await? {
            let note = format!("this was the second run up to {}; the first went well", migration.id);
            return Ok(Err(vec![failed.note(note)]));
        }
        let twice = self.schema().await?;
        let changed: Vec<Diagnostic> = differing(&once, &twice)
            .iter()
            .map(|object| {
                let message = format!("{object} differs after a second run up to {}", migration.id);
                Diagnostic::new(Code::DN702, message)
                    .at(&migration.up, Span::new(0, 0))
                    .note(format!("after the first: {}", shown(once.get(object))))
                    .note(format!("after the second: {}", shown(twice.get(object))))
            })
            .collect();
        Ok(if changed.is_empty() { Ok((once, report)) } else { Err(changed) })
    }
}

/// Finds the first migration after which the two ways differ, and in which objects.
async fn first_difference(
    set: &MigrationSet,
    options: &Options,
    new_database: &mut NewDatabase<'_>,
    states: &[Schema],
) -> Result<(usize, BTreeSet<ObjectRef>), ExecuteError> {
    let (mut low, mut high) = (0, set.migrations.len() - 1);
    let mut found = BTreeSet::new();
    while low < high {
        let middle = low.midpoint(high);
        let mut place = Place::new(set, options, new_database)?;
        let went = place.up(Some(&set.migrations[middle].id)).await?;
        let differing = differing(&place.schema().await?, &states[middle]);
        if went.is_ok() && differing.is_empty() {
            low = middle + 1;
        } else {
            high = middle;
            found = differing;
        }
    }
    Ok((low, found))
}

fn differing(one: &Schema, other: &Schema) -> BTreeSet<ObjectRef> {
    let all = one.keys().chain(other.keys());
    all.filter(|object| one.get(object) != other.get(object)).cloned().collect()
}

fn shown(line: Option<&String>) -> &str {
    line.map_or("not there", String::as_str)
}

fn difference(
    migration: &Migration,
    object: &ObjectRef,
    fresh: Option<&String>,
    grown: Option<&String>,
) -> Diagnostic {
    Diagnostic::new(Code::DN702, format!("{object} differs from {} on", migration.id))
        .at(&migration.up, Span::new(0, 0))
        .note(format!("all in one run: {}", shown(fresh)))
        .note(format!("step by step: {}", shown(grown)))
        .help("make the statement independent of what ran before it, or say `-- dunlin: depends on ID`")
}

fn left_undone(report: &Report) -> Vec<String> {
    let what = |word: &'static str| {
        move |not_run: &NotRun| {
            format!("step by step, {}#{} is {word}: {}", not_run.migration, not_run.operation, not_run.reason)
        }
    };
    report.skipped.iter().map(what("skipped")).chain(report.held.iter().map(what("held"))).collect()
}
