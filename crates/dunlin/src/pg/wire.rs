//! The byte stream to a server: TCP or Unix socket, plain or TLS, with an eye on the start of the session.
//!
//! tokio-postgres hides the process id that the server sends with the cancel key, and that id is what tells
//! a proxy from a server. Since we set TLS up ourselves, the stream below it is always the plain protocol,
//! and the first messages can be watched as they pass.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::io;
#[cfg(feature = "failpoints")]
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

/// A connected socket.
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The TLS stream that tokio-postgres-rustls makes over a [`Socket`].
pub(super) type TlsSocket = <tokio_postgres_rustls::MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

enum Inner {
    Plain(Socket),
    Tls(Box<TlsSocket>),
}

/// What was seen of the messages that have arrived.
#[derive(Default)]
pub(super) struct Seen {
    pid: AtomicI32,
    authenticated: AtomicBool,
    /// How many queries the server has answered in full.
    answers: AtomicU64,
    /// How many statements of the query after them the server has completed.
    completed: AtomicU64,
    /// For each notice that has not been asked for yet, where the server was.
    notices: Mutex<VecDeque<Moment>>,
}

/// How far the server has come with what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// How many queries it has answered in full: the number of the one that it is at.
    pub query: u64,
    /// How many statements of that query it has completed.
    pub statement: u64,
}

impl Seen {
    /// Gives the process id that came with the cancel key; zero if none came.
    pub(super) fn pid(&self) -> i32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// Gives how many queries the server has answered in full since the session has started.
    pub(super) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Acquire)
    }

    /// Gives how far the server had come when it sent the next notice; notices are asked for in their order.
    pub(super) fn next_notice(&self) -> Moment {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.pop_front().unwrap_or_else(|| self.moment())
    }

    fn moment(&self) -> Moment {
        Moment { query: self.answers(), statement: self.completed.load(Ordering::Relaxed) }
    }

    /// Says that the login was accepted.
    pub(super) fn authenticated(&self) -> bool {
        self.authenticated.load(Ordering::Relaxed)
    }
}

/// The stream that tokio-postgres works on.
pub(super) struct Wire {
    inner: Inner,
    watch: Watch,
    #[cfg(feature = "failpoints")]
    tap: super::fault::Tap,
    /// Whether a test has cut it.
    #[cfg(feature = "failpoints")]
    gone: bool,
}

impl Wire {
    /// Wraps a plain socket.
    pub(super) fn plain(socket: Socket, seen: Arc<Seen>) -> Self {
        Self::over(Inner::Plain(socket), seen)
    }

    /// Wraps a TLS stream.
    pub(super) fn tls(stream: TlsSocket, seen: Arc<Seen>) -> Self {
        Self::over(Inner::Tls(Box::new(stream)), seen)
    }

    fn over(inner: Inner, seen: Arc<Seen>) -> Self {
        Self {
            inner,
            #[cfg(feature = "failpoints")]
            tap: super::fault::Tap::new(&seen),
            #[cfg(feature = "failpoints")]
            gone: false,
            watch: Watch::new(seen),
        }
    }

    /// Ends the connection both ways, as when the network is gone.
    #[cfg(feature = "failpoints")]
    fn cut(&mut self) {
        self.gone = true;
        let _ = match &self.inner {
            Inner::Plain(Socket::Tcp(stream)) => socket2::SockRef::from(stream).shutdown(Shutdown::Both),
            Inner::Plain(Socket::Unix(stream)) => socket2::SockRef::from(stream).shutdown(Shutdown::Both),
            // Its socket cannot be reached; the server learns of it when we close.
            Inner::Tls(_) => Ok(()),
        };
    }

    /// Lets a test see what was read; gives what may be seen at once.
    #[cfg(feature = "failpoints")]
    fn held_back(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if self.tap.before_read() {
            self.cut();
        }
        let Some(held) = self.tap.held(buf.remaining()) else { return false };
        buf.put_slice(&held);
        true
    }
}

/// Follows the messages: tokio-postgres does not tell which query a notice belongs to.
struct Watch {
    seen: Arc<Seen>,
    head: Vec<u8>,
    skip: usize,
    /// Whether the first `ReadyForQuery` has come: before it, no query is under way.
    ready: bool,
}

/// Tag, length and the four bytes that hold a process id or the kind of authentication.
const HEAD: usize = 9;

impl Watch {
    fn new(seen: Arc<Seen>) -> Self {
        Self { seen, head: Vec::with_capacity(HEAD), skip: 0, ready: false }
    }

    /// Looks at the next bytes.
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let wanted = self.wanted() - self.head.len();
            let taken = wanted.min(bytes.len());
            self.head.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.head.len() < 5 || self.head.len() < self.wanted() {
                continue;
            }
            self.message();
            let length = self.length();
            self.skip = (length + 1).saturating_sub(self.head.len());
            self.head.clear();
        }
    }

    /// How much of the message's start must be there before it is looked at.
    fn wanted(&self) -> usize {
        if self.head.len() < 5 { 5 } else { HEAD.min(self.length() + 1) }
    }

    fn length(&self) -> usize {
        self.number(1).and_then(|length| usize::try_from(length).ok()).unwrap_or(0).max(4)
    }

    fn number(&self, at: usize) -> Option<i32> {
        self.head.get(at..at + 4).and_then(|four| four.try_into().ok()).map(i32::from_be_bytes)
    }

    fn message(&mut self) {
        match (self.head[0], self.number(5)) {
            (b'K', Some(pid)) if !self.ready => self.seen.pid.store(pid, Ordering::Relaxed),
            (b'R', Some(0)) if !self.ready => self.seen.authenticated.store(true, Ordering::Relaxed),
            (b'N', _) => {
                let mut notices = self.seen.notices.lock().unwrap_or_else(PoisonError::into_inner);
                notices.push_back(self.seen.moment());
            }
            (b'C' | b'I', _) if self.ready => {
                self.seen.completed.fetch_add(1, Ordering::Relaxed);
            }
            (b'Z', _) if self.ready => {
                self.seen.completed.store(0, Ordering::Relaxed);
                self.seen.answers.fetch_add(1, Ordering::Release);
            }
            (b'Z', _) => self.ready = true,
            _ => {}
        }
    }
}

impl Inner {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }
}

impl AsyncRead for Wire {
    #[cfg(not(feature = "failpoints"))]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = this.inner.poll_read(cx, buf);
        this.watch.feed(&buf.filled()[before..]);
        polled
    }

    #[cfg(feature = "failpoints")]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        // Nothing read is the end of the stream: so it is where the connection was cut.
        let mut polled = Poll::Ready(Ok(()));
        if !this.held_back(buf) && !this.gone {
            polled = this.inner.poll_read(cx, buf);
            let seen = this.tap.arrived(&buf.filled()[before..]);
            let held = before + seen < buf.filled().len();
            buf.set_filled(before + seen);
            if held && seen == 0 {
                this.held_back(buf);
            }
        }
        this.watch.feed(&buf.filled()[before..]);
        polled
    }
}

impl AsyncWrite for Wire {
    #[cfg(not(feature = "failpoints"))]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().inner.poll_write(cx, buf)
    }

    #[cfg(feature = "failpoints")]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let allowed = this.tap.may_write(buf);
        if allowed == 0 && this.tap.wrote(&[]) {
            this.cut();
        }
        if this.gone {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let polled = this.inner.poll_write(cx, &buf[..if allowed == 0 { buf.len() } else { allowed }]);
        if let Poll::Ready(Ok(written)) = polled
            && this.tap.wrote(&buf[..written])
        {
            this.cut();
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Inner::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Inner::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

impl TlsStream for Wire {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.inner {
            Inner::Plain(_) => ChannelBinding::none(),
            Inner::Tls(stream) => stream.channel_binding(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Hands tokio-postgres a stream whose TLS is set up already.
pub(super) struct Prepared;

impl TlsConnect<Wire> for Prepared {
    type Stream = Wire;
    type Error = io::Error;
    type Future = Ready<io::Result<Wire>>;

    fn connect(self, stream: Wire) -> Self::Future {
        ready(Ok(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        out.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        out.extend(body);
        out
    }

    #[test]
    fn the_pid_is_found_however_the_bytes_arrive() {
        let mut bytes = message(b'R', &0i32.to_be_bytes());
        bytes.extend(message(b'S', b"server_version\x0015.2\0"));
        bytes.extend(message(b'N', b""));
        bytes.extend(message(b'K', &[0, 0, 0x12, 0x34, 9, 9, 9, 9]));
        bytes.extend(message(b'Z', b"I"));
        bytes.extend(message(b'C', b"SELECT 1\0"));
        bytes.extend(message(b'Z', b"I"));
        bytes.extend(message(b'C', b"SELECT 1\0"));
        bytes.extend(message(b'I', b""));
        bytes.extend(message(b'N', b"SNOTICE\0\0"));
        for size in 1..=bytes.len() {
            let seen = Arc::new(Seen::default());
            let mut watch = Watch::new(seen.clone());
            bytes.chunks(size).for_each(|chunk| watch.feed(chunk));
            assert_eq!(seen.pid(), 0x1234, "chunks of {size}");
            assert!(seen.authenticated());
            // One notice came at login, one in the query after the first answer, after two statements of it.
            assert_eq!(seen.next_notice(), Moment::default(), "chunks of {size}");
            assert_eq!(seen.next_notice(), Moment { query: 1, statement: 2 }, "chunks of {size}");
            assert_eq!(seen.answers(), 1);
        }
    }

    #[test]
    fn a_refused_login_is_not_authenticated() {
        let seen = Arc::new(Seen::default());
        let mut watch = Watch::new(seen.clone());
        watch.feed(&message(b'R', &10i32.to_be_bytes()));
        watch.feed(&message(b'E', b"SFATAL\0\0"));
        assert!(!seen.authenticated());
    }
}
