//! The places that a run passes.

use std::fmt;

/// A message of the protocol, or a point in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A message: on which connection of the run, whether it goes to the server, its number there.
    Message {
        /// The connection: 1 holds the lock, 2 works.
        connection: u32,
        /// Whether it goes to the server.
        out: bool,
        /// Its number on this connection in this direction, from 1; rows of answers are not counted.
        number: u32,
        /// What it says, for people.
        text: String,
    },
    /// A point in the code, and the how-manieth time that it is reached.
    Point {
        /// Its name.
        name: String,
        /// The time, from 1.
        time: u32,
    },
}

impl Place {
    /// Writes it as `DUNLIN_FAULT` takes it: `where` is `before`, `half` or `after`, for a message only.
    pub fn spot(&self, place: &str) -> String {
        match self {
            Place::Message { connection, out, number, .. } => {
                format!("{connection} {} {number} {place}", if *out { "out" } else { "in" })
            }
            Place::Point { name, time } => format!("point {name} {time}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Message { text, .. } => write!(f, "{text}"),
            Place::Point { name, .. } => write!(f, "{name}"),
        }
    }
}

/// Reads what a run with `DUNLIN_FAULT_LOG` has written.
pub fn places(log: &str) -> Vec<Place> {
    log.lines().map(|line| place(line).unwrap_or_else(|| panic!("not a place: {line}"))).collect()
}

fn place(line: &str) -> Option<Place> {
    let mut words = line.splitn(4, ' ');
    let first = words.next()?;
    if first == "point" {
        return Some(Place::Point { name: words.next()?.to_owned(), time: words.next()?.parse().ok()? });
    }
    Some(Place::Message {
        connection: first.parse().ok()?,
        out: words.next()? == "out",
        number: words.next()?.parse().ok()?,
        text: words.next().unwrap_or_default().trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read() {
        let found = places("1 out 1 - user postgres\n2 in 7 C INSERT 0 1\npoint unit-sent 3\n");
        let spots: Vec<String> = found.iter().map(|place| place.spot("half")).collect();
        assert_eq!(spots, ["1 out 1 half", "2 in 7 half", "point unit-sent 3"]);
        assert_eq!(found[1].to_string(), "C INSERT 0 1");
    }
}
