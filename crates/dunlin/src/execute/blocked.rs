//! Names who is in the way of a unit, and ends what the user lets Dunlin end.

use super::event::Event;
use super::runner::{Runner, millis};
use super::unit::Failed;
use crate::analyze::LockMode;
use crate::pg::Session;
use crate::pg::blockers::{Blocker, blockers, blockers_of_worker};
use crate::plan::{Decision, Planned, Unit};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};

/// How long a statement works before anybody asks whether it waits: longer than it may wait for locks that hold up
/// others, after which those in the way are named anyway.
const PATIENCE: Duration = Duration::from_secs(4);

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

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
                self.end(self.work, blocker, Some(decision.operation), listener).await;
            }
        }
        found.iter().map(Blocker::to_string).collect()
    }

    /// Waits for the server's answer to what a migration does; names who is in its way if that takes long, and ends those whom
    /// the user lets Dunlin end.
    pub(super) async fn answered<T>(
        &self,
        migration: usize,
        operation: Option<usize>,
        listener: &mut super::Listener<'p>,
        answer: impl Future<Output = T>,
    ) -> T {
        let mut answer = pin!(answer);
        let begun = Instant::now();
        if let Ok(answer) = tokio::time::timeout(PATIENCE, &mut answer).await {
            return answer;
        }
        let ending = AtomicBool::new(false);
        let mut naming = pin!(self.name_blockers(migration, operation, begun, listener, &ending));
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            never = &mut naming => match never {},
        };
        // Whoever is being ended is told of: the answer came because of that, perhaps.
        let told =
            poll_fn(|context| match ending.load(Relaxed) && naming.as_mut().poll(context).is_pending() {
                true if ending.load(Relaxed) => Poll::Pending,
                _ => Poll::Ready(()),
            });
        let _ = tokio::time::timeout(PAUSE, told).await;
        answer
    }

    /// Asks again and again, on a connection of its own, whom the statement at work waits for; tells who is new.
    async fn name_blockers(
        &self,
        migration: usize,
        operation: Option<usize>,
        begun: Instant,
        listener: &mut super::Listener<'p>,
        ending: &AtomicBool,
    ) -> std::convert::Infallible {
        // It is only for information: without a connection nobody is named.
        let Ok(session) = self.work.another().await else { return std::future::pending().await };
        let migration = &self.set.migrations[migration].id;
        let mut told = Vec::new();
        loop {
            let found = blockers_of_worker(&session, self.unit_key).await.unwrap_or_default();
            let now: Vec<_> = found.iter().map(|blocker| (blocker.pid, blocker.gid.clone())).collect();
            if now.iter().any(|one| !told.contains(one)) {
                let blockers = found.iter().map(Blocker::to_string).collect();
                listener(&Event::Waiting { migration, blockers, waited_ms: millis(begun.elapsed()) });
            }
            told = now;
            for blocker in found.iter().filter(|_| self.options.cancel_blockers) {
                ending.store(true, Relaxed);
                self.end(&session, blocker, operation, listener).await;
                ending.store(false, Relaxed);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn end(
        &self,
        session: &Session,
        blocker: &Blocker,
        operation: Option<usize>,
        listener: &mut super::Listener<'p>,
    ) {
        let Some((sql, done)) = blocker.remedy() else { return };
        // The server has the last word on whether this role may.
        if session.simple(&sql).await.is_err() {
            return;
        }
        listener(&Event::BlockerEnded { blocker: blocker.to_string(), done });
        let Some(operation) = operation else { return };
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
