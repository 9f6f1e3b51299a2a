//! What a test does while the program under test waits at a place.

use crate::Output;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What [`Output::code`] is after a signal.
pub const KILLED: i32 = -1;

/// Where the program asks whether it may go on.
#[derive(Debug)]
pub struct Ask {
    directory: TempDir,
    listener: UnixListener,
}

impl Default for Ask {
    fn default() -> Self {
        Self::new()
    }
}

impl Ask {
    /// Makes the socket.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("dunlin-ask-").tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("s")).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { directory, listener }
    }

    /// Gives the path of the socket.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("s")
    }

    /// Waits until the program is at the place, does `act` with the server processes of its connections in the order
    /// in which they were made, and lets it go on. Says whether the program came there before it ended.
    pub fn during(&self, child: &mut Child, act: impl FnOnce(&[i32])) -> bool {
        let Some(mut socket) = self.accept(child) else { return false };
        let mut line = String::new();
        socket.set_nonblocking(false).unwrap();
        BufReader::new(&socket).read_line(&mut line).unwrap();
        let pids: Vec<i32> = line.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        act(&pids);
        // It may be gone by now.
        let _ = socket.write_all(b"!");
        true
    }

    fn accept(&self, child: &mut Child) -> Option<UnixStream> {
        loop {
            if let Ok((socket, _)) = self.listener.accept() {
                return Some(socket);
            }
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Waits for the end of a program and takes what it said; none if it has not ended in time, and is killed then.
pub fn wait(mut child: Child, limit: Duration) -> Option<Output> {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Some(child.wait_with_output().unwrap().into())
}
