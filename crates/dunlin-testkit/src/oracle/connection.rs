//! One session of the server whose transaction status is known after every statement.

use crate::server::runtime;
use futures_util::StreamExt;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// Where the session stands, as `ReadyForQuery` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Outside of a transaction block.
    Idle,
    /// In a transaction block.
    Open,
    /// In a transaction block that has failed.
    Failed,
}

/// What the server said to a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It accepted it and gave rows.
    Accepted {
        /// The names of the columns.
        columns: Vec<String>,
        /// The values.
        rows: Vec<Vec<Option<String>>>,
    },
    /// It refused it.
    Refused {
        /// SQLSTATE; empty when the client gave up.
        code: String,
        /// What it said.
        message: String,
        /// Where it arose, if that is not the statement itself: the functions that were running.
        context: String,
    },
    /// The connection is lost.
    Lost(String),
}

/// A session.
pub(super) struct Connection {
    client: Client,
    status: Arc<AtomicU8>,
    limit: Duration,
    socket: PathBuf,
}

impl Connection {
    /// Connects; no statement may take longer than `limit`.
    pub(super) async fn open(url: &str, role: Option<&str>, limit: Duration) -> Result<Self, String> {
        let mut config: Config = url.parse().map_err(|error| format!("{url}: {error}"))?;
        if let Some(role) = role {
            config.user(role);
        }
        let status = Arc::new(AtomicU8::new(b'I'));
        let seen = status.clone();
        let Some(Host::Unix(directory)) = config.get_hosts().first() else {
            return Err("the test server has no socket".to_owned());
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let path = directory.join(format!(".s.PGSQL.{port}"));
        let to = path.clone();
        let task = runtime().spawn(async move {
            let socket = UnixStream::connect(to).await;
            let wire = Wire { socket: socket.map_err(|error| error.to_string())?, watch: Watch::new(seen) };
            let (client, connection) =
                config.connect_raw(wire, NoTls).await.map_err(|error| super::said(&error))?;
            runtime().spawn(connection);
            Ok::<_, String>(client)
        });
        let client = task.await.map_err(|error| error.to_string())??;
        Ok(Self { client, status, limit, socket: path })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn status(&self) -> Status {
        match self.status.load(Ordering::Acquire) {
            b'T' => Status::Open,
            b'E' => Status::Failed,
            _ => Status::Idle,
        }
    }

    /// Runs one statement.
    pub(super) async fn run(&self, sql: &str) -> Answer {
        self.bounded(async {
            let messages = self.client.simple_query(sql).await?;
            let mut columns = Vec::new();
            let mut rows = Vec::new();
            for message in &messages {
                let SimpleQueryMessage::Row(row) = message else { continue };
                if columns.is_empty() {
                    columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
                }
                rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
            }
            Ok(Answer::Accepted { columns, rows })
        })
        .await
    }

    /// Runs COPY … FROM STDIN with data. The driver loses the connection when the server refuses such a statement, so
    /// the data goes through a file, which `from` (the word STDIN in the statement) makes room for.
    pub(super) async fn copy_in(&self, sql: &str, from: std::ops::Range<usize>, data: &str) -> Answer {
        let written = tempfile::NamedTempFile::new().and_then(|mut file| {
            file.write_all(data.as_bytes())?;
            // The server may be another user.
            file.as_file().set_permissions(Permissions::from_mode(0o644))?;
            Ok(file)
        });
        match written {
            Ok(file) => {
                let path = dunlin::pg::quote_literal(&file.path().to_string_lossy());
                self.run(&format!("{}{path}{}", &sql[..from.start], &sql[from.end..])).await
            }
            Err(error) => given_up(&error),
        }
    }

    /// Runs COPY … TO STDOUT.
    pub(super) async fn copy_out(&self, sql: &str) -> Answer {
        self.bounded(async {
            let result = match self.client.copy_out(sql).await {
                Ok(stream) => {
                    let mut stream = std::pin::pin!(stream);
                    let mut result = Ok(());
                    while let Some(part) = stream.next().await {
                        result = part.map(|_| ()).and(result);
                    }
                    result
                }
                Err(error) => Err(error),
            };
            self.settle(result).await
        })
        .await
    }

    /// COPY goes as a prepared statement, which is closed later: waits until that is answered.
    async fn settle(
        &self,
        result: Result<(), tokio_postgres::Error>,
    ) -> Result<Answer, tokio_postgres::Error> {
        self.client.simple_query("").await?;
        result.map(|()| Answer::Accepted { columns: Vec::new(), rows: Vec::new() })
    }

    async fn bounded(&self, work: impl Future<Output = Result<Answer, tokio_postgres::Error>>) -> Answer {
        let mut work = std::pin::pin!(work);
        let result = match tokio::time::timeout(self.limit, &mut work).await {
            Ok(result) => result,
            Err(_) => {
                // If it fails, the wait below ends in a lost connection.
                if let Ok(socket) = UnixStream::connect(&self.socket).await {
                    let _ = self.client.cancel_token().cancel_query_raw(socket, NoTls).await;
                }
                match tokio::time::timeout(self.limit, work).await {
                    Ok(result) => result,
                    Err(_) => return Answer::Lost("the statement could not be cancelled".to_owned()),
                }
            }
        };
        if result.is_err() {
            // An error comes before the end of its answer, which tells the status. If this fails, so did the first.
            let _ = self.client.simple_query("").await;
        }
        match result {
            Ok(answer) => answer,
            Err(error) if self.client.is_closed() || error.is_closed() => Answer::Lost(super::said(&error)),
            Err(error) => match error.as_db_error() {
                Some(server) => Answer::Refused {
                    code: server.code().code().to_owned(),
                    message: server.message().to_owned(),
                    context: server.where_().unwrap_or_default().to_owned(),
                },
                None => given_up(&error),
            },
        }
    }
}

/// An error of the client's own.
fn given_up(error: &dyn std::error::Error) -> Answer {
    Answer::Refused { code: String::new(), message: error.to_string(), context: String::new() }
}

/// A socket that is watched.
struct Wire {
    socket: UnixStream,
    watch: Watch,
}

/// Follows the messages of the server, for the status at the end of each answer.
struct Watch {
    status: Arc<AtomicU8>,
    /// Tag, length and first byte of the message that is passing.
    head: Vec<u8>,
    skip: usize,
}

impl Watch {
    fn new(status: Arc<AtomicU8>) -> Self {
        Self { status, head: Vec::with_capacity(6), skip: 0 }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let wanted = if self.head.first() == Some(&b'Z') { 6 } else { 5 };
            let taken = (wanted - self.head.len()).min(bytes.len());
            self.head.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            let whole = if self.head.first() == Some(&b'Z') { 6 } else { 5 };
            if self.head.len() < whole {
                continue;
            }
            if whole == 6 {
                self.status.store(self.head[5], Ordering::Release);
            }
            let length = u32::from_be_bytes([self.head[1], self.head[2], self.head[3], self.head[4]]);
            self.skip = (length as usize + 1).saturating_sub(self.head.len());
            self.head.clear();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.socket).poll_read(cx, buf);
        self.watch.feed(&buf.filled()[before..]);
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
