//! What a test has asked for, and the eye on each connection that does it.

use super::frames::{Direction, Frames, Message};
use crate::pg::wire::Seen;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The points in the code, by the order in which a run reaches them.
const POINTS: [&str; 9] = [
    "locked",
    "planned",
    "run-begun",
    "unit-sent",
    "unit-committed",
    "started-recorded",
    "ran-alone",
    "done-recorded",
    "run-ended",
];

/// Where in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Half,
    After,
}

/// Where a fault is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Where {
    Message { connection: usize, direction: Direction, number: u32, place: Place },
    Point { name: String, time: u32 },
}

/// What happens there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    /// The process is killed.
    Kill,
    /// The connection ends.
    Cut,
    /// The test is told the server processes of all connections through this socket, and answers when we may go on.
    Ask(PathBuf),
}

/// What a test has asked for.
#[derive(Default)]
struct Faults {
    fault: Option<(Act, Where)>,
    log: Option<Mutex<File>>,
    done: AtomicBool,
    /// All connections so far.
    connections: Mutex<Vec<Arc<Seen>>>,
    /// How often each point was reached.
    points: Mutex<HashMap<&'static str, u32>>,
}

fn faults() -> &'static Faults {
    static FAULTS: OnceLock<Faults> = OnceLock::new();
    static POINTS_ARE_SET: OnceLock<()> = OnceLock::new();
    let faults = FAULTS.get_or_init(Faults::from_environment);
    POINTS_ARE_SET.get_or_init(|| {
        for name in POINTS.iter().filter(|_| faults.is_awake()) {
            // The names are constants and no scenario is set up, so nothing refuses them.
            let _ = fail::cfg_callback(*name, move || faults.reached(name));
        }
    });
    faults
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Faults {
    #[expect(
        clippy::disallowed_methods,
        reason = "how a test reaches the program under test; in no release build"
    )]
    fn from_environment() -> Faults {
        let log = std::env::var("DUNLIN_FAULT_LOG").ok().and_then(|path| File::create(path).ok());
        let fault = std::env::var("DUNLIN_FAULT").ok();
        Faults {
            fault: fault.map(|text| parsed(&text).unwrap_or_else(|| panic!("not a fault: {text}"))),
            log: log.map(Mutex::new),
            ..Faults::default()
        }
    }

    fn is_awake(&self) -> bool {
        self.fault.is_some() || self.log.is_some()
    }

    fn note(&self, line: &str) {
        if let Some(log) = &self.log {
            let _ = writeln!(lock(log), "{line}");
        }
    }

    fn reached(&self, name: &'static str) {
        let time = {
            let mut points = lock(&self.points);
            let time = points.entry(name).or_default();
            *time += 1;
            *time
        };
        self.note(&format!("point {name} {time}"));
        let wanted = Where::Point { name: name.to_owned(), time };
        if let Some((act, place)) = &self.fault
            && *place == wanted
        {
            self.act(act);
        }
    }

    /// Does it, once; says whether the connection has to be cut.
    fn act(&self, act: &Act) -> bool {
        if self.done.swap(true, Ordering::Relaxed) {
            return false;
        }
        match act {
            Act::Cut => return true,
            Act::Kill => {
                let _ =
                    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
                // The signal may take a moment.
                std::thread::sleep(std::time::Duration::from_secs(60));
            }
            Act::Ask(path) => {
                let pids: Vec<String> =
                    lock(&self.connections).iter().map(|seen| seen.pid().to_string()).collect();
                if let Ok(mut socket) = UnixStream::connect(path) {
                    let _ = writeln!(socket, "{}", pids.join(" "));
                    let _ = socket.read(&mut [0]);
                }
            }
        }
        false
    }
}

/// Reads `kill 2 out 17 half`, `cut 2 in 3 before` or `ask=/socket point unit-sent 3`.
fn parsed(text: &str) -> Option<(Act, Where)> {
    let words: Vec<&str> = text.split(' ').collect();
    let [act, place @ ..] = words.as_slice() else { return None };
    let act = match act.split_once('=') {
        None if *act == "kill" => Act::Kill,
        None if *act == "cut" => Act::Cut,
        Some(("ask", path)) => Act::Ask(path.into()),
        _ => return None,
    };
    let place = match place {
        ["point", name, time] => Where::Point { name: (*name).to_owned(), time: time.parse().ok()? },
        [connection, direction, number, place] => Where::Message {
            connection: connection.parse().ok()?,
            direction: match *direction {
                "out" => Direction::Out,
                "in" => Direction::In,
                _ => return None,
            },
            number: number.parse().ok()?,
            place: match *place {
                "before" => Place::Before,
                "half" => Place::Half,
                "after" => Place::After,
                _ => return None,
            },
        },
        _ => return None,
    };
    Some((act, place))
}

/// The eye on one connection.
pub(in crate::pg) struct Tap {
    connection: usize,
    out: Side,
    incoming: Side,
    /// What has arrived and may not be seen yet.
    held: Vec<u8>,
    /// Whether the fault comes before anything more is read.
    due: bool,
}

/// One direction of a connection.
struct Side {
    frames: Frames,
    /// Where the fault is, once the message is known.
    stop: Option<u64>,
}

impl Tap {
    /// Looks at a new connection.
    pub(in crate::pg) fn new(seen: &Arc<Seen>) -> Tap {
        let mut connections = lock(&faults().connections);
        connections.push(seen.clone());
        let side = |direction| Side { frames: Frames::new(direction), stop: None };
        Tap {
            connection: connections.len(),
            out: side(Direction::Out),
            incoming: side(Direction::In),
            held: Vec::new(),
            due: false,
        }
    }

    /// How many of these bytes may be written before the fault.
    pub(in crate::pg) fn may_write(&mut self, bytes: &[u8]) -> usize {
        let faults = faults();
        if faults.fault.is_none() {
            return bytes.len();
        }
        let position = self.out.frames.position();
        // What is not written now comes again.
        let mut ahead = self.out.frames.clone();
        let (connection, stop) = (self.connection, &mut self.out.stop);
        ahead.follow(bytes, |message| {
            *stop = stop.or_else(|| stop_in(faults, connection, Direction::Out, message))
        });
        match self.out.stop {
            Some(stop) if stop >= position => {
                usize::try_from(stop - position).unwrap_or(usize::MAX).min(bytes.len())
            }
            _ => bytes.len(),
        }
    }

    /// Follows what was written, does what is due; says whether the connection has to be cut.
    pub(in crate::pg) fn wrote(&mut self, bytes: &[u8]) -> bool {
        let faults = faults();
        if !faults.is_awake() {
            return false;
        }
        let (connection, begin) = (self.connection, self.out.frames.position());
        self.out.frames.follow(bytes, |message| note(faults, connection, "out", message, bytes, begin));
        match (&faults.fault, self.out.stop) {
            (Some((act, _)), Some(stop)) if stop == self.out.frames.position() => faults.act(act),
            _ => false,
        }
    }

    /// Does what is due before anything more is read; says whether the connection has to be cut.
    pub(in crate::pg) fn before_read(&mut self) -> bool {
        if !std::mem::take(&mut self.due) {
            return false;
        }
        let cut = faults().fault.as_ref().is_some_and(|(act, _)| faults().act(act));
        if cut {
            self.held.clear();
        }
        cut
    }

    /// Takes what was held back, at most so many bytes.
    pub(in crate::pg) fn held(&mut self, most: usize) -> Option<Vec<u8>> {
        let count = self.held.len().min(most);
        (count > 0).then(|| self.held.drain(..count).collect())
    }

    /// Follows what has arrived; gives how much of it may be seen before the fault.
    pub(in crate::pg) fn arrived(&mut self, bytes: &[u8]) -> usize {
        let faults = faults();
        if !faults.is_awake() {
            return bytes.len();
        }
        let (connection, begin) = (self.connection, self.incoming.frames.position());
        let stop = &mut self.incoming.stop;
        self.incoming.frames.follow(bytes, |message| {
            note(faults, connection, "in", message, bytes, begin);
            *stop = stop.or_else(|| stop_in(faults, connection, Direction::In, message));
        });
        let Some(stop) = self.incoming.stop.filter(|stop| *stop <= self.incoming.frames.position()) else {
            return bytes.len();
        };
        let seen = usize::try_from(stop.saturating_sub(begin)).unwrap_or(usize::MAX).min(bytes.len());
        // Never again.
        self.incoming.stop = Some(u64::MAX);
        self.due = true;
        self.held = bytes[seen..].to_vec();
        seen
    }
}

/// Where in the stream the fault is, if it is in this message.
fn stop_in(faults: &Faults, connection: usize, direction: Direction, message: &Message) -> Option<u64> {
    let (_, Where::Message { connection: on, direction: way, number, place }) = faults.fault.as_ref()? else {
        return None;
    };
    ((*on, *way, *number) == (connection, direction, message.number)).then(|| match place {
        Place::Before => message.start,
        Place::Half => message.start + message.length / 2,
        Place::After => message.start + message.length,
    })
}

/// Writes the place of a message to the log, with the begin of what it says.
fn note(faults: &Faults, connection: usize, way: &str, message: &Message, bytes: &[u8], begin: u64) {
    if faults.log.is_none() {
        return;
    }
    let start = usize::try_from(message.start.saturating_sub(begin)).unwrap_or(0);
    let text: String = bytes[start..]
        .iter()
        .take(usize::try_from(message.length).unwrap_or(0))
        .skip(5)
        .take(90)
        .map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { ' ' })
        .collect();
    let tag = if message.tag == 0 { '-' } else { char::from(message.tag) };
    faults.note(&format!("{connection} {way} {} {tag} {}", message.number, text.trim()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_as_it_is_written() {
        let half =
            Where::Message { connection: 2, direction: Direction::Out, number: 17, place: Place::Half };
        assert_eq!(parsed("kill 2 out 17 half"), Some((Act::Kill, half)));
        let point = Where::Point { name: "unit-sent".to_owned(), time: 3 };
        assert_eq!(parsed("ask=/tmp/s point unit-sent 3"), Some((Act::Ask("/tmp/s".into()), point)));
        for wrong in ["", "kill", "kill 2 out", "burn 2 out 17 half", "kill 2 up 17 half", "cut 2 out x half"]
        {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
