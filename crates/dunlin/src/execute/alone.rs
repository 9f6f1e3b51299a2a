//! Runs what cannot run in a transaction: `started` is written first, so that a crash leaves a trace.

use super::ExecuteError;
use super::event::Event;
use super::record::Row;
use super::runner::Runner;
use super::settings::{set, set_role};
use super::unit::{Failed, UnitEnd};
use crate::catalog::{Effect, RelationKind};
use crate::history::OperationState;
use crate::pg::{PgError, quote_ident};
use crate::plan::{Action, Decision, Planned, Unit};
use std::time::Instant;

impl<'p> Runner<'p> {
    /// Runs a unit of one operation outside a transaction.
    pub(super) async fn run_alone(
        &self,
        planned: &Planned,
        unit: &Unit,
        listener: &mut super::Listener<'p>,
    ) -> Result<UnitEnd, ExecuteError> {
        let index = unit.decisions.start;
        let decision = &planned.decisions[index];
        let step = &planned.plan.steps[index];
        if self.proxy {
            return Err(ExecuteError::proxy(&step.sql));
        }
        let begun = Instant::now();
        self.work
            .batch(&super::record::started_sql(self, decision, &step.sql))
            .await
            .map_err(ExecuteError::from)?;
        let result = self.run_outside(decision, &step.sql).await;
        // Settings of the file must not outlive it; a lost connection has lost them anyway.
        let _ = self.fresh_session().await;
        if let Err(error) = result {
            return Ok(UnitEnd::Failed(Box::new(Failed { decision: Some(index), error })));
        }
        let duration_ms = super::runner::millis(begun.elapsed());
        let rows = vec![Row {
            operation: decision.operation,
            state: OperationState::Done,
            code: decision.code,
            reason: decision.reason.clone(),
            duration_ms,
            rows: None,
            sql: decision.sql.clone(),
            ensured: None,
        }];
        let journal = format!(
            "BEGIN; {}; {}; COMMIT",
            self.epoch_check(),
            self.journal_sql(&rows, unit.migration, Some(duration_ms))
        );
        self.work.batch(&journal).await.map_err(ExecuteError::from)?;
        listener(&Event::StepFinished { step, rows: None, duration_ms });
        self.committed(rows);
        Ok(UnitEnd::Committed { again: false })
    }

    /// Takes back whatever was set for the session.
    pub(super) async fn fresh_session(&self) -> Result<(), PgError> {
        self.work.batch("RESET SESSION AUTHORIZATION").await?;
        self.work.batch("RESET ROLE").await?;
        self.work.batch("RESET ALL").await?;
        self.work.prepare_for_work(super::setup::CHECK_INTERVAL).await.map(drop)
    }

    async fn run_outside(&self, decision: &Decision, sql: &str) -> Result<(), PgError> {
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
        let builds = decision.action == Action::Run && decision.analysis.kind == "CREATE INDEX";
        if builds {
            self.drop_invalid_leftover(decision).await?;
        }
        self.sends([Some(decision)]);
        let result = self.work.batch(sql).await;
        if builds && result.is_err() && !self.work.is_closed() {
            // A failed concurrent build leaves an invalid index that slows writes and is used by nobody.
            self.drop_invalid_leftover(decision).await?;
        }
        result
    }

    /// Drops the invalid index that an earlier try of the same concurrent build has left.
    async fn drop_invalid_leftover(&self, decision: &Decision) -> Result<(), PgError> {
        let names = decision.analysis.effects.iter().filter_map(|effect| match effect {
            Effect::CreateRelation { name, relation, .. }
                if matches!(relation.kind, RelationKind::Index(_)) =>
            {
                Some(name)
            }
            _ => None,
        });
        for name in names {
            let index = format!("{}.{}", quote_ident(&name.schema), quote_ident(&name.name));
            let sql = format!(
                "SELECT 1 FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass({}) AND NOT indisvalid",
                crate::pg::quote_literal(&index)
            );
            let found = self.work.simple(&sql).await?;
            if found.iter().any(|message| matches!(message, tokio_postgres::SimpleQueryMessage::Row(_))) {
                self.work.batch(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}")).await?;
            }
        }
        Ok(())
    }
}
