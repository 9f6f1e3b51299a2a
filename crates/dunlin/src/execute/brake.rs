//! Ends the work before its end: the user wants it, or the lock is lost.
//!
//! A cancel request goes through a connection of its own and reaches whatever the server does then: sent once it may
//! come too early, and later than meant it would hit what is to be recorded. So it is repeated while there is
//! something to cancel, and never under way when a record is written.

use super::{ErrorKind, ExecuteError};
use crate::diagnostic::Code;
use crate::pg::Canceller;
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// Between two cancel requests.
const PAUSE: Duration = Duration::from_millis(100);

/// How long one cancel request may take: the server may not answer at all.
const REQUEST: Duration = Duration::from_millis(500);

/// Why the work is to end.
#[derive(Debug, Clone)]
pub(super) enum Why {
    /// The user wants it.
    Interrupted,
    /// The lock is lost, with the last words of its connection.
    LockLost(String),
}

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing that would be missed.
    Reading,
    /// The user's statements, which may be cancelled.
    Working,
    /// The journal is written.
    Recording,
}

struct Gate {
    phase: Phase,
    canceller: Option<Canceller>,
}

/// Stops the work from outside of it.
pub(super) struct Brake {
    pulled: watch::Sender<Option<Why>>,
    /// Held while a cancel request is under way.
    gate: Mutex<Gate>,
    /// How long the work may take to come to an end of its own.
    grace: Duration,
}

impl Brake {
    pub(super) fn new(grace: Duration) -> Brake {
        let gate = Gate { phase: Phase::Reading, canceller: None };
        Brake { pulled: watch::Sender::new(None), gate: Mutex::new(gate), grace }
    }

    /// From here on nothing is under way that would be missed, on a new session or on none.
    pub(super) async fn reading(&self, canceller: Option<Canceller>) {
        *self.gate.lock().await = Gate { phase: Phase::Reading, canceller };
    }

    /// From here on what the server does may be cancelled.
    pub(super) async fn working(&self) {
        self.gate.lock().await.phase = Phase::Working;
    }

    /// From here on no cancel request reaches the server.
    pub(super) async fn recording(&self) {
        self.gate.lock().await.phase = Phase::Recording;
    }

    /// Asks for the end; the first reason counts, but a lost lock counts more than a wish.
    pub(super) fn pull(&self, why: Why) {
        self.pulled.send_if_modified(|pulled| {
            let news = matches!((&*pulled, &why), (None, _) | (Some(Why::Interrupted), Why::LockLost(_)));
            if news {
                *pulled = Some(why);
            }
            news
        });
    }

    /// The error that the work ends with once the brake is pulled.
    pub(super) fn pulled(&self) -> Option<ExecuteError> {
        self.pulled.borrow().as_ref().map(|why| match why {
            Why::Interrupted => ExecuteError::interrupted(),
            Why::LockLost(words) => {
                ExecuteError::new(ErrorKind::Failed, Code::DN802, format!("the lock was lost: {words}"))
                    .help("what was committed is recorded: run `dunlin up` again, and it goes on from there")
            }
        })
    }

    /// Whether the lock is lost: nothing may be written any more.
    pub(super) fn is_lock_lost(&self) -> bool {
        matches!(*self.pulled.borrow(), Some(Why::LockLost(_)))
    }

    /// Ends when the brake is pulled.
    pub(super) async fn wait(&self) {
        // The sender lives as long as this borrow of it.
        let _ = self.pulled.subscribe().wait_for(Option::is_some).await;
    }

    /// Cancels what the server does, as often as it takes, once the brake is pulled; ends when the work may be dropped.
    pub(super) async fn stop(&self) {
        self.wait().await;
        let deadline = tokio::time::Instant::now() + self.grace;
        while tokio::time::Instant::now() < deadline {
            let gate = self.gate.lock().await;
            match (gate.phase, &gate.canceller) {
                (Phase::Reading, _) => return,
                (Phase::Working, Some(canceller)) => {
                    // One that fails is sent again.
                    let _ = tokio::time::timeout(REQUEST, canceller.cancel()).await;
                }
                _ => {}
            }
            drop(gate);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl ExecuteError {
    /// The user wants the end, before it was reached.
    pub(super) fn interrupted() -> ExecuteError {
        ExecuteError::new(ErrorKind::Failed, Code::DN808, "interrupted before the end")
            .help("run `dunlin up` again: it goes on where it stopped")
    }
}
