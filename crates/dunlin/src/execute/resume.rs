//! What a crash has left behind: server processes that still work, and halves of what is not transactional.

use super::event::Event;
use super::runner::{Runner, millis};
use super::{ErrorKind, ExecuteError, Listener, Options};
use crate::analyze::Facet;
use crate::catalog::{ObjectRef, QName};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::history::{History, OperationState, mask};
use crate::pg::{OWN, PgError, Session, quote_ident, quote_literal};
use crate::plan::{Decision, PastState};
use std::time::{Duration, Instant};
use tokio_postgres::SimpleQueryMessage;

/// How often it is looked whether a server process of a former run is still there.
const LOOK: Duration = Duration::from_millis(200);

/// How often it is told what such a process does.
const TELL: Duration = Duration::from_secs(5);

/// A server process of a former run.
#[derive(Debug)]
struct Former {
    pid: i32,
    /// It waits for a client that is gone.
    idle: bool,
    since: Option<String>,
    doing: Option<String>,
}

/// Waits for server processes of former runs that still work, and says whether there were any.
///
/// A process notices that its client is gone only after a while; what it does until then would change the schema
/// under the plan. One that only waits for its client is ended: whatever it has open can never be committed.
pub(super) async fn wait_for_former_runs(
    history: &History,
    options: &Options,
    work: &Session,
    unit_key: i64,
    listener: &mut Listener<'_>,
) -> Result<bool, ExecuteError> {
    let sql = format!(
        include_str!("../pg/sql/former_backends.sql"),
        backends = recorded_backends(history),
        unit_key = unit_key
    );
    let begun = Instant::now();
    let mut told: Option<(Option<String>, Instant)> = None;
    let mut waited = false;
    loop {
        let found = former(&work.simple(&format!("{OWN}{sql}")).await?);
        let Some(first) = found.first() else { return Ok(waited) };
        waited = true;
        for idle in found.iter().filter(|former| former.idle) {
            // Where this role may not do that, it is waited for.
            let _ = work.simple(&format!("SELECT pg_catalog.pg_terminate_backend({})", idle.pid)).await;
        }
        if begun.elapsed() > options.lock_wait {
            let doing = first.doing.as_ref().map_or(String::new(), |doing| format!(" ({doing})"));
            let message = format!(
                "server process {} of a run that was cut off has not ended within {} s{doing}",
                first.pid,
                options.lock_wait.as_secs()
            );
            return Err(ExecuteError::new(ErrorKind::Lock, Code::DN802, message)
                .help(format!("wait for it, or end it with SELECT pg_terminate_backend({})", first.pid)));
        }
        let news = told.as_ref().is_none_or(|(doing, at)| *doing != first.doing || at.elapsed() > TELL);
        let often = told.as_ref().is_some_and(|(_, at)| at.elapsed() < Duration::from_secs(1));
        if news && !often && !first.idle {
            listener(&Event::WaitingForFormerRun {
                pid: first.pid,
                doing: first.doing.clone(),
                since: first.since.clone(),
                waited_ms: millis(begun.elapsed()),
            });
            told = Some((first.doing.clone(), Instant::now()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The processes that the journal names, as a list of values: of a run without an end, and of what was started.
fn recorded_backends(history: &History) -> String {
    let started = history
        .migrations
        .iter()
        .flat_map(|record| &record.operations)
        .filter(|operation| operation.state == OperationState::Started)
        .filter_map(|operation| operation.backend.as_ref());
    let run = history.last_run.iter().filter(|run| run.finished_at.is_none());
    let mut backends: Vec<&(i32, String)> =
        run.filter_map(|run| run.backend.as_ref()).chain(started).collect();
    backends.sort();
    backends.dedup();
    if backends.is_empty() {
        return "(0, '')".to_owned();
    }
    let list: Vec<String> =
        backends.iter().map(|(pid, start)| format!("({pid}, {})", quote_literal(start))).collect();
    list.join(", ")
}

fn former(messages: &[SimpleQueryMessage]) -> Vec<Former> {
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| {
        let statement = row.get(3).filter(|sql| !sql.is_empty()).map(|sql| {
            let one_line = mask(sql).split_whitespace().collect::<Vec<_>>().join(" ");
            one_line.chars().take(80).collect::<String>()
        });
        let doing = match (statement, row.get(4)) {
            (Some(statement), Some(progress)) => Some(format!("{statement} ({progress})")),
            (statement, progress) => statement.or_else(|| progress.map(str::to_owned)),
        };
        Former {
            pid: row.get(0).and_then(|pid| pid.parse().ok()).unwrap_or(0),
            idle: row.get(1) == Some("t"),
            since: row.get(2).map(str::to_owned),
            doing,
        }
    })
    .collect()
}

impl Runner<'_> {
    /// How an operation was recorded before this run.
    pub(super) fn recorded(&self, decision: &Decision) -> Option<PastState> {
        let operation = &self.operations.all[decision.operation];
        let id = &self.set.migrations[operation.migration].id;
        self.state().past.operation(id, &operation.identity).map(|past| past.state)
    }

    /// Clears what an earlier try has left; gives what is to run instead of the statement, if anything.
    pub(super) async fn clear_leftovers(&self, decision: &Decision) -> Result<Option<String>, PgError> {
        match decision.analysis.kind {
            "CREATE INDEX" => self.drop_invalid_index(decision).await.map(|()| None),
            "REINDEX" => self.drop_reindex_leftovers(decision).await.map(|()| None),
            "ALTER TABLE" => {
                let sql = tables_of(decision, include_str!("../pg/sql/pending_detach.sql"));
                Ok(first_text(&self.work.simple(&format!("{OWN}{sql}")).await?))
            }
            _ => Ok(None),
        }
    }

    /// Drops the invalid index that a failed build has left, since it slows writes and is used by nobody.
    pub(super) async fn drop_failed_build(&self, decision: &Decision) {
        let interrupted = self.brake.pulled().is_some();
        // The drop waits for transactions as the build did: not for long when the user wants the end.
        let patience = if interrupted { "1s" } else { "60s" };
        let mut dropped = self.work.batch(&format!("SET statement_timeout = '{patience}'")).await;
        if dropped.is_ok() {
            dropped = self.drop_invalid_index(decision).await;
        }
        if dropped.is_err() && !self.work.is_closed() {
            let operation = &self.operations.all[decision.operation];
            self.note(
                Diagnostic::new(
                    Code::DN604,
                    "the build failed, and its invalid index could not be dropped yet",
                )
                .at(&operation.file, operation.statement.span)
                .severity(Severity::Warning)
                .help("the next `dunlin up` drops it before it builds again"),
            );
        }
    }

    async fn drop_invalid_index(&self, decision: &Decision) -> Result<(), PgError> {
        for name in made_indexes(decision) {
            // Without a name, a number was put behind it when the first try had taken it already.
            let stem = name.name.trim_end_matches(|c: char| c.is_ascii_digit());
            let given = self.operations.all[decision.operation].statement.sql.contains(&name.name);
            let sql = format!(
                include_str!("../pg/sql/invalid_indexes.sql"),
                schema = quote_literal(&name.schema),
                name = quote_literal(if given { &name.name } else { stem }),
                numbered = !given,
            );
            self.drop_indexes(&sql).await?;
        }
        Ok(())
    }

    async fn drop_reindex_leftovers(&self, decision: &Decision) -> Result<(), PgError> {
        self.drop_indexes(&tables_of(decision, include_str!("../pg/sql/reindex_leftovers.sql"))).await
    }

    async fn drop_indexes(&self, sql: &str) -> Result<(), PgError> {
        for message in self.work.simple(&format!("{OWN}{sql}")).await? {
            if let SimpleQueryMessage::Row(row) = message
                && let (Some(schema), Some(name)) = (row.get(0), row.get(1))
            {
                let index = format!("{}.{}", quote_ident(schema), quote_ident(name));
                self.work.batch(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}")).await?;
            }
        }
        Ok(())
    }
}

/// Whether the server's refusal of a repeated statement says that the first try had done it.
pub(super) fn was_done(decision: &Decision, error: &PgError) -> bool {
    matches!(
        (decision.analysis.kind, error.sqlstate()),
        ("CREATE DATABASE", Some("42P04"))
            | ("DROP DATABASE", Some("3D000"))
            | ("CREATE TABLESPACE", Some("42710"))
            | ("DROP TABLESPACE", Some("42704"))
    )
}

/// The index that a statement makes; it has no effects where the name is taken, as by what a failed build left.
fn made_indexes(decision: &Decision) -> impl Iterator<Item = &QName> {
    decision.analysis.provides.iter().filter_map(|facet| match facet {
        Facet::Exists(ObjectRef::Relation { name }) => Some(name),
        _ => None,
    })
}

/// Fills the tables that a statement locks into a query; none means all.
fn tables_of(decision: &Decision, sql: &str) -> String {
    let names: Vec<String> = decision.analysis.locks.iter().map(|lock| quote_literal(&lock.object)).collect();
    sql.replace("{tables}", &format!("ARRAY[{}]::text[]", names.join(", ")))
}

fn first_text(messages: &[SimpleQueryMessage]) -> Option<String> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}
