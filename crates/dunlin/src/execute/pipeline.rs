//! Sends several simple queries without waiting for each answer.

use futures_util::StreamExt as _;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// How many messages are under way at once: enough to hide the network, few enough to keep memory flat.
pub(super) const WINDOW: usize = 64;

type Answer = Result<Vec<u64>, Refused>;
type Pending<'c> = Pin<Box<dyn Future<Output = Answer> + Send + 'c>>;

/// What the server answered to one text.
pub(super) struct Reply {
    /// The number of rows that the tag of each of its statements tells.
    pub(super) tags: Vec<u64>,
    /// How long it took since the answer before it.
    pub(super) elapsed: Duration,
}

impl Reply {
    /// The number of rows that the tag of its last statement tells.
    pub(super) fn rows(&self) -> Option<u64> {
        self.tags.last().copied()
    }
}

/// A text that the server refused.
pub(super) struct Refused {
    pub(super) error: Error,
    /// How many of its statements were completed before.
    pub(super) completed: usize,
}

/// Texts that were sent, whose answers nobody has looked at yet.
pub(super) struct Sent<'c>(Vec<Slot<'c>>);

enum Slot<'c> {
    Pending(Pending<'c>),
    Ready(Answer, Instant),
}

impl Slot<'_> {
    /// Whether the answer is there now.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if let Slot::Pending(future) = self
            && let Poll::Ready(answer) = future.as_mut().poll(context)
        {
            *self = Slot::Ready(answer, Instant::now());
        }
        matches!(self, Slot::Ready(..))
    }
}

/// Sends each text as a simple query of its own, in order; more than [`WINDOW`] should not be under way.
pub(super) fn send(client: &Client, texts: impl IntoIterator<Item = String>) -> Sent<'_> {
    let mut slots: Vec<Slot<'_>> = texts
        .into_iter()
        .map(|text| Slot::Pending(Box::pin(async move { answer(client, &text).await })))
        .collect();
    // tokio-postgres sends a query when its future is polled for the first time.
    let mut context = Context::from_waker(Waker::noop());
    for slot in &mut slots {
        slot.poll(&mut context);
    }
    Sent(slots)
}

/// Sends one text and waits for its answer; rows of the user's tables are nothing to us.
async fn answer(client: &Client, text: &str) -> Answer {
    let refused = |error, completed| Refused { error, completed };
    let mut messages =
        std::pin::pin!(client.simple_query_raw(text).await.map_err(|error| refused(error, 0))?);
    let mut tags = Vec::new();
    while let Some(message) = messages.next().await {
        match message {
            Ok(SimpleQueryMessage::CommandComplete(rows)) => tags.push(rows),
            Ok(_) => {}
            Err(error) => return Err(refused(error, tags.len())),
        }
    }
    Ok(tags)
}

impl Sent<'_> {
    /// Waits for the answers and gives them up to the first error.
    ///
    /// After an error in a transaction the server refuses what follows; those replies are dropped.
    pub(super) async fn replies(mut self) -> (Vec<Reply>, Option<Refused>) {
        let mut before = Instant::now();
        std::future::poll_fn(|context| {
            // All are polled: each tells when its own answer has come.
            let waiting = self.0.iter_mut().filter_map(|slot| (!slot.poll(context)).then_some(())).count();
            if waiting == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let mut replies = Vec::with_capacity(self.0.len());
        for slot in self.0 {
            match slot {
                Slot::Ready(Ok(tags), at) => {
                    let elapsed = at.saturating_duration_since(before);
                    replies.push(Reply { tags, elapsed });
                    before = before.max(at);
                }
                Slot::Ready(Err(refused), _) => return (replies, Some(refused)),
                Slot::Pending(_) => {}
            }
        }
        (replies, None)
    }
}
