//! A way to the server that a test can cut, or let swallow what goes through it.

use crate::server::{TestServer, runtime};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

/// What a connection does with what goes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It passes.
    Open,
    /// What the server says is lost, as in a network that lets nothing back.
    Deaf,
    /// Nothing passes, in neither direction, and neither end notices.
    Black,
    /// The client sees the connection end, and the server does not.
    Gone,
    /// Both ends see the connection end.
    Cut,
}

/// A port of this machine that leads to the server of the tests.
#[derive(Debug)]
pub struct Tunnel {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    connections: Vec<watch::Sender<Flow>>,
    /// What new connections do.
    next: Flow,
}

impl Tunnel {
    /// Opens a way to the server that all tests share.
    pub async fn new() -> Self {
        let socket = TestServer::shared().socket();
        let state = Arc::new(Mutex::new(State { connections: Vec::new(), next: Flow::Open }));
        let accepted = state.clone();
        let listen = runtime().spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            runtime().spawn(serve(listener, socket, accepted));
            port
        });
        Self { port: listen.await.unwrap(), state }
    }

    /// Gives the URL of a database through it.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Gives how many connections were made.
    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections.len()
    }

    /// Sets one connection, by the order in which they were made, from 0.
    pub fn set(&self, connection: usize, flow: Flow) {
        self.state.lock().unwrap().connections[connection].send_replace(flow);
    }

    /// Sets all connections, and those to come.
    pub fn set_all(&self, flow: Flow) {
        let mut state = self.state.lock().unwrap();
        state.next = flow;
        for connection in &state.connections {
            connection.send_replace(flow);
        }
    }
}

async fn serve(listener: TcpListener, socket: PathBuf, state: Arc<Mutex<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        let flow = {
            let mut state = state.lock().unwrap();
            let (sender, flow) = watch::channel(state.next);
            state.connections.push(sender);
            flow
        };
        let Ok(server) = UnixStream::connect(&socket).await else { continue };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        runtime().spawn(pass(from_client, to_server, flow.clone(), false));
        runtime().spawn(pass(from_server, to_client, flow, true));
    }
}

/// Passes bytes on in one direction, as far as they may.
async fn pass(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    mut flow: watch::Receiver<Flow>,
    is_answer: bool,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        let now = *flow.borrow_and_update();
        if now == Flow::Cut {
            break;
        }
        if now == Flow::Gone {
            // The client's half is dropped, the server's is kept.
            let _kept = if is_answer {
                drop(to);
                (Some(from), None)
            } else {
                drop(from);
                (None, Some(to))
            };
            let _ = flow.wait_for(|flow| *flow != Flow::Gone).await;
            return;
        }
        let size = tokio::select! {
            biased;
            changed = flow.changed() => match changed { Ok(()) => continue, Err(_) => break },
            size = from.read(&mut buffer) => size.unwrap_or(0),
        };
        let lost = now == Flow::Black || now == Flow::Deaf && is_answer;
        match size {
            // An end that nobody hears of.
            0 if now == Flow::Black => {
                if flow.wait_for(|flow| *flow != Flow::Black).await.is_err() {
                    break;
                }
            }
            0 => break,
            _ if lost => {}
            size => {
                if to.write_all(&buffer[..size]).await.is_err() {
                    break;
                }
            }
        }
    }
    let _ = to.shutdown().await;
}
