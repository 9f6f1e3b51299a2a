//! Runs what cannot run in a transaction: `started` is written first, so that a crash leaves a trace.

use super::ExecuteError;
use super::event::Event;
use super::record::Row;
use super::resume::was_done;
use super::runner::Runner;
use super::settings::{set, set_role};
use super::unit::{Failed, UnitEnd};
use crate::history::OperationState;
use crate::pg::PgError;
use crate::pg::fault::point;
use crate::plan::{Decision, PastState, Planned, Unit};
use std::time::Instant;

impl<'p> Runner<'p> {
    /// Runs a unit of one operation outside a transaction.
    pub(super) async fn run_alone(
        &self,
        planned: &Planned,
        unit: &Unit,
        again: bool,
        listener: &mut super::Listener<'p>,
    ) -> Result<UnitEnd, ExecuteError> {
        let index = unit.decisions.start;
        let decision = &planned.decisions[index];
        let step = &planned.plan.steps[index];
        let begun = Instant::now();
        // Held by the session as by a unit's transaction: who takes over waits for it.
        let lock = format!("SELECT pg_catalog.pg_advisory_lock({})", self.unit_key);
        let unlock = format!("SELECT pg_catalog.pg_advisory_unlock({})", self.unit_key);
        let started = super::record::started_sql(self, decision, &step.sql);
        self.work.batch(&lock).await.map_err(ExecuteError::from)?;
        self.work.batch(&started).await.map_err(ExecuteError::from)?;
        point!("started-recorded");
        self.brake.working().await;
        let result = self.run_outside(decision, &step.sql, again, listener).await;
        point!("ran-alone");
        self.brake.recording().await;
        self.reset_session().await;
        if let Err(error) = result {
            // A lost connection has given it back.
            let _ = self.work.batch(&unlock).await;
            return Ok(UnitEnd::Failed(Box::new(Failed { decision: Some(index), error })));
        }
        let duration_ms = super::runner::millis(begun.elapsed());
        let rows = vec![Row {
            operation: decision.operation,
            state: OperationState::Done,
            code: None,
            reason: None,
            duration_ms,
            rows: None,
            sql: decision.sql.clone(),
            ensured: None,
        }];
        let journal = format!(
            "{}; {}; COMMIT; {unlock}",
            self.begin_sql(),
            self.journal_sql(&rows, unit.migration, Some(duration_ms)).sql
        );
        self.work.batch(&journal).await.map_err(ExecuteError::from)?;
        point!("done-recorded");
        listener(&Event::StepFinished { step, rows: None, duration_ms });
        self.committed(rows);
        Ok(UnitEnd::Committed { again: false })
    }

    async fn run_outside(
        &self,
        decision: &Decision,
        sql: &str,
        again: bool,
        listener: &mut super::Listener<'p>,
    ) -> Result<(), PgError> {
        let operation = &self.operations.all[decision.operation];
        if let Some(role) = &self.options.role {
            self.work.batch(&set_role(Some(role), false)).await?;
        }
        for (name, values) in operation.session.settings() {
            self.work.batch(&set(name, values, false)).await?;
        }
        // It does not block traffic while it waits, and it may work for long.
        self.work.batch("SET lock_timeout = 0").await?;
        self.work.batch("SET statement_timeout = 0").await?;
        if self.work.info().version >= 170_000 {
            self.work.batch("SET transaction_timeout = 0").await?;
        }
        // What an earlier try has left is ours only if that try is recorded.
        let recorded = self.recorded(decision);
        let mut instead = None;
        if again || matches!(recorded, Some(PastState::Started | PastState::Failed)) {
            instead = self.clear_leftovers(decision).await?;
        }
        self.sends(self.work.answers(), [[Some(decision)]]);
        let work = self.work.batch(instead.as_deref().unwrap_or(sql));
        let result = self.answered(operation.migration, Some(decision.operation), listener, work).await;
        match result {
            Err(error) if recorded == Some(PastState::Started) && was_done(decision, &error) => Ok(()),
            Err(error) => {
                if decision.analysis.kind == "CREATE INDEX" && !self.work.is_closed() && !is_there(&error) {
                    self.brake.recording().await;
                    self.drop_failed_build(decision).await;
                }
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }
}

/// Whether the name was taken before the build began: what has the name is not ours.
fn is_there(error: &PgError) -> bool {
    error.sqlstate().is_some_and(crate::pg::sqlstate::is_duplicate)
}
