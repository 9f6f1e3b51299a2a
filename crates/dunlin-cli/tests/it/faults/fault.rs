//! The kinds of faults, and the places where each can be.

use dunlin_testkit::faults::Place;
use std::fmt;
use std::time::Duration;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// `kill -9` of Dunlin at a place.
    Kill,
    /// `kill -9` of Dunlin after some time, and of the runs after it.
    KillAfter,
    /// The server process that works is ended.
    Terminate,
    /// The server process that holds the lock is ended.
    TerminateLock,
    /// `kill -9` of the server process that works, upon which the server ends all and recovers.
    Crash,
    /// `kill -9` of the whole server, and its restart.
    Restart,
    /// The connection is cut.
    Cut,
}

/// The kinds as the script names them, and how much of a sample is of each.
pub(super) const KINDS: [(&str, usize); 7] = [
    ("kill", 52),
    ("random-time", 8),
    ("terminate", 30),
    ("terminate-lock", 12),
    ("crash", 10),
    ("restart", 4),
    ("cut", 34),
];

/// One fault at one place.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) act: Act,
    /// The place as `DUNLIN_FAULT` takes it; for a kill after some time, the milliseconds of each run that is killed.
    pub(super) spot: String,
    /// What is there, for people.
    text: String,
}

impl Fault {
    /// What the program under test is told, where it does everything itself.
    pub(super) fn in_process(&self) -> Option<String> {
        match self.act {
            Act::Kill => Some(format!("kill {}", self.spot)),
            Act::Cut => Some(format!("cut {}", self.spot)),
            _ => None,
        }
    }

    /// When the runs are killed that are killed at some time.
    pub(super) fn times(&self) -> impl Iterator<Item = Duration> {
        let words = self.spot.split(' ').filter(|_| self.act == Act::KillAfter);
        words.map(|word| Duration::from_millis(word.parse().unwrap_or_else(|_| panic!("not a time: {word}"))))
    }

    /// Reads what the table prints: `kill 2 out 17 half`, `random-time 250 80`.
    pub(super) fn parse(text: &str) -> Option<Fault> {
        let (kind, spot) = text.split_once(' ')?;
        Some(Fault { act: act(kind)?, spot: spot.to_owned(), text: String::new() })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", name(self.act), self.spot)?;
        match self.text.as_str() {
            "" => Ok(()),
            text => write!(f, "   [{text}]"),
        }
    }
}

/// The name of a kind.
pub(super) fn name(act: Act) -> &'static str {
    match act {
        Act::Kill => "kill",
        Act::KillAfter => "random-time",
        Act::Terminate => "terminate",
        Act::TerminateLock => "terminate-lock",
        Act::Crash => "crash",
        Act::Restart => "restart",
        Act::Cut => "cut",
    }
}

fn act(name: &str) -> Option<Act> {
    Some(match name {
        "kill" => Act::Kill,
        "random-time" => Act::KillAfter,
        "terminate" => Act::Terminate,
        "terminate-lock" => Act::TerminateLock,
        "crash" => Act::Crash,
        "restart" => Act::Restart,
        "cut" => Act::Cut,
        _ => return None,
    })
}

/// All faults of a kind; of those at some time, as many as are wanted, within the time that a run takes.
pub(super) fn faults(
    kind: &str,
    places: &[Place],
    random: &mut fastrand::Rng,
    long: Duration,
    count: usize,
) -> Vec<Fault> {
    let act = act(kind).unwrap_or_else(|| panic!("no such kind: {kind}"));
    if act != Act::KillAfter {
        return places.iter().flat_map(|place| at(act, place)).collect();
    }
    let mut time = || long.mul_f64(random.f64()).as_millis().to_string();
    let mut at_some_time = |of: usize| {
        let times: Vec<String> = (0..1 + of % 3).map(|_| time()).collect();
        Fault { act, spot: times.join(" "), text: String::new() }
    };
    (0..count).map(&mut at_some_time).collect()
}

fn at(act: Act, place: &Place) -> Vec<Fault> {
    let spots: &[&str] = match (act, place) {
        (Act::Cut, Place::Point { .. }) => &[],
        (_, Place::Point { .. }) => &[""],
        (_, Place::Message { out, text, .. }) if !matters(*out, text) => &[],
        // What has arrived and was not read is what was not sent, to a process that is killed.
        (Act::Kill, Place::Message { out: false, .. }) => &["before"],
        (Act::Kill | Act::Cut, _) => &["before", "half", "after"],
        // There is no server process yet that one could name.
        (_, Place::Message { out: true, number: 1, .. }) => &[],
        _ => &["before"],
    };
    let fault = |spot: &&str| Fault { act, spot: place.spot(spot), text: place.to_string() };
    spots.iter().map(fault).collect()
}

/// Whether a fault at a message differs from one at the message before it: several go in one piece, and the answers to
/// the statements of one text come together, before the server is ready for the next.
fn matters(out: bool, text: &str) -> bool {
    let tag = text.chars().next().unwrap_or('-');
    if out { !matches!(tag, 'B' | 'D' | 'E') } else { matches!(tag, 'R' | 'K' | 'Z' | 'E' | 'G') }
}
