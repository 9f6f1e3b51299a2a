//! Sends several simple queries without waiting for each answer.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// How many messages are under way at once: enough to hide the network, few enough to keep memory flat.
const WINDOW: usize = 64;

type Answer = Result<Vec<SimpleQueryMessage>, Error>;

/// What the server answered to one text.
pub(super) struct Reply {
    /// Its messages.
    pub(super) messages: Vec<SimpleQueryMessage>,
    /// How long it took since the answer before it.
    pub(super) elapsed: Duration,
}

impl Reply {
    /// The number of rows that the command's tag tells.
    pub(super) fn rows(&self) -> Option<u64> {
        self.messages.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
            _ => None,
        })
    }
}

/// Sends each text as a simple query of its own, in order, and gives the replies up to the first error.
///
/// After an error in a transaction the server refuses the rest of a window; those replies are dropped.
pub(super) async fn pipeline(client: &Client, texts: &[&str]) -> (Vec<Reply>, Option<Error>) {
    let mut replies = Vec::with_capacity(texts.len());
    let mut before = Instant::now();
    for window in texts.chunks(WINDOW) {
        for (answer, at) in send_window(client, window).await {
            match answer {
                Ok(messages) => {
                    let elapsed = at.saturating_duration_since(before);
                    replies.push(Reply { messages, elapsed });
                    before = at;
                }
                Err(error) => return (replies, Some(error)),
            }
        }
    }
    (replies, None)
}

/// tokio-postgres sends a query when its future is polled for the first time, so the first round polls in order.
async fn send_window(client: &Client, window: &[&str]) -> Vec<(Answer, Instant)> {
    let mut pending: Vec<Option<Pin<Box<dyn Future<Output = Answer> + Send + '_>>>> =
        window.iter().map(|text| Some(Box::pin(client.simple_query(text)) as _)).collect();
    let mut replies: Vec<Option<(Answer, Instant)>> = window.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (slot, reply) in pending.iter_mut().zip(&mut replies) {
            if let Some(future) = slot {
                match future.as_mut().poll(context) {
                    Poll::Ready(result) => {
                        *reply = Some((result, Instant::now()));
                        *slot = None;
                    }
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    replies.into_iter().flatten().collect()
}
