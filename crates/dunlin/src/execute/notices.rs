//! The server's notices, with the place of the statement that they came from.

use super::Listener;
use super::event::Event;
use crate::pg::{Moment, Notice, NoticeListener};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// File and line of a statement.
type Place = (String, u32);

/// Keeps notices until the listener is told; clones share what they keep.
#[derive(Clone, Default)]
pub(super) struct Notices {
    kept: Arc<Mutex<Kept>>,
    arrived: Arc<Notify>,
}

#[derive(Default)]
struct Kept {
    notices: Vec<(Notice, Option<Place>)>,
    /// The statements of the queries that were sent last, by the number of the query in the session.
    running: Sent,
    /// Those sent before them, which may be under way still.
    before: Sent,
}

type Sent = HashMap<u64, Vec<Option<Place>>>;

/// The place of the statement that the server was at. A query that tells one place has it for all of its statements.
fn place(sent: &Sent, at: Moment) -> Option<Place> {
    let places = sent.get(&at.query)?;
    let statement = usize::try_from(at.statement).unwrap_or(usize::MAX);
    places.get(statement.min(places.len().saturating_sub(1)))?.clone()
}

impl Notices {
    /// What the session is given.
    pub(super) fn listener(&self) -> NoticeListener {
        let notices = self.clone();
        Arc::new(move |notice, at| {
            let mut kept = notices.lock();
            let place = place(&kept.running, at).or_else(|| place(&kept.before, at));
            kept.notices.push((notice, place));
            drop(kept);
            notices.arrived.notify_one();
        })
    }

    /// Says which statements are sent next, for each query by its number.
    pub(super) fn running(&self, places: impl IntoIterator<Item = (u64, Vec<Option<Place>>)>) {
        let mut kept = self.lock();
        kept.before = std::mem::replace(&mut kept.running, places.into_iter().collect());
    }

    /// Ends when a notice has come.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Tells the listener what has come since.
    pub(super) fn tell(&self, listener: &mut Listener<'_>) {
        let notices = std::mem::take(&mut self.lock().notices);
        for (notice, place) in notices {
            listener(&Event::Notice { severity: notice.severity, message: notice.message, place });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
