//! The server's notices, with the place of the statement that they came from.

use super::Listener;
use super::event::Event;
use crate::pg::{Notice, NoticeListener};
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
    /// The statements that were sent last, by the number of their query in the session.
    running: HashMap<u64, Place>,
    /// Those sent before them, which may be under way still.
    before: HashMap<u64, Place>,
}

impl Notices {
    /// What the session is given.
    pub(super) fn listener(&self) -> NoticeListener {
        let notices = self.clone();
        Arc::new(move |notice, query| {
            let mut kept = notices.lock();
            let place = kept.running.get(&query).or_else(|| kept.before.get(&query)).cloned();
            kept.notices.push((notice, place));
            drop(kept);
            notices.arrived.notify_one();
        })
    }

    /// Says which statements are sent next, by the number of their query.
    pub(super) fn running(&self, places: impl IntoIterator<Item = (u64, Place)>) {
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
