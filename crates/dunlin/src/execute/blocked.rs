//! Names who is in the way of a unit, and ends what the user lets Dunlin end.

use super::event::Event;
use super::runner::Runner;
use super::unit::Failed;
use crate::analyze::LockMode;
use crate::pg::blockers::{Blocker, blockers};
use crate::plan::{Decision, Planned, Unit};
use std::collections::BTreeMap;

impl<'p> Runner<'p> {
    /// Those who hold the locks that a unit could not get, as texts; with `--cancel-blockers` they are cancelled.
    pub(super) async fn in_the_way(
        &self,
        planned: &Planned,
        unit: &Unit,
        failed: &Failed,
        listener: &mut super::Listener<'p>,
    ) -> Vec<String> {
        let decisions = match failed.decision {
            Some(index) => &planned.decisions[index..=index],
            None => &planned.decisions[unit.decisions.clone()],
        };
        let Ok(found) = blockers(self.work, &wanted(decisions), self.unit_key).await else {
            return Vec::new();
        };
        if self.options.cancel_blockers
            && let Some(decision) = decisions.first()
        {
            for blocker in &found {
                self.end(blocker, decision.operation, listener).await;
            }
        }
        found.iter().map(Blocker::to_string).collect()
    }

    async fn end(&self, blocker: &Blocker, operation: usize, listener: &mut super::Listener<'p>) {
        let Some((sql, done)) = blocker.remedy() else { return };
        // The server has the last word on whether this role may.
        if self.work.simple(&sql).await.is_err() {
            return;
        }
        listener(&Event::BlockerEnded { blocker: blocker.to_string(), done });
        let text = format!("{blocker}, was {done} (--cancel-blockers)");
        self.state().ended.entry(operation).or_default().push(text);
    }

    /// Why an operation is in its state, with those who were cancelled for it.
    pub(super) fn reason_of(&self, operation: usize, reason: Option<&str>) -> Option<String> {
        let state = self.state();
        let Some(ended) = state.ended.get(&operation) else { return reason.map(str::to_owned) };
        let ended = ended.join("; ");
        Some(reason.map_or_else(|| ended.clone(), |reason| format!("{reason}; {ended}")))
    }
}

/// The locks that operations want, the strongest for each relation.
pub(super) fn wanted(decisions: &[Decision]) -> Vec<(String, LockMode)> {
    let mut wanted: BTreeMap<String, LockMode> = BTreeMap::new();
    for lock in decisions.iter().flat_map(|decision| &decision.analysis.locks) {
        let mode = wanted.entry(lock.qualified()).or_insert(lock.mode);
        *mode = lock.mode.max(*mode);
    }
    wanted.into_iter().collect()
}
