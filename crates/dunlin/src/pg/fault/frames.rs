//! Finds the messages in a stream of bytes.

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the server.
    Out,
    /// From the server.
    In,
}

/// A message whose start has been seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Its number on its connection in its direction, from 1.
    pub(super) number: u32,
    /// Its tag; NUL for the one that opens a connection.
    pub(super) tag: u8,
    /// Where it starts in the stream.
    pub(super) start: u64,
    /// How many bytes it has.
    pub(super) length: u64,
}

/// Follows a stream from its begin on.
#[derive(Debug, Clone)]
pub(super) struct Frames {
    direction: Direction,
    /// How many bytes have passed.
    position: u64,
    number: u32,
    /// The bytes so far of the head of a message.
    head: Vec<u8>,
    /// How many bytes of the message are still to come after its head.
    left: u64,
}

impl Frames {
    pub(super) fn new(direction: Direction) -> Self {
        Self { direction, position: 0, number: 0, head: Vec::new(), left: 0 }
    }

    /// How many bytes have passed.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Follows the next bytes and tells of each message whose head has come in full.
    pub(super) fn follow(&mut self, mut bytes: &[u8], mut each: impl FnMut(&Message)) {
        while !bytes.is_empty() {
            let taken = match self.left {
                0 => (self.head_length() - self.head.len()).min(bytes.len()),
                left => usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()),
            };
            self.position += taken as u64;
            if self.left > 0 {
                self.left -= taken as u64;
            } else {
                self.head.extend_from_slice(&bytes[..taken]);
                if self.head.len() == self.head_length() {
                    self.message(&mut each);
                }
            }
            bytes = &bytes[taken..];
        }
    }

    /// A tag and a length; the message that opens a connection has no tag.
    fn head_length(&self) -> usize {
        if self.is_opening() { 4 } else { 5 }
    }

    fn is_opening(&self) -> bool {
        self.number == 0 && self.direction == Direction::Out
    }

    fn message(&mut self, each: &mut impl FnMut(&Message)) {
        let opening = self.is_opening();
        let (tag, length) = if opening { (0, &self.head[..]) } else { (self.head[0], &self.head[1..]) };
        let length = length.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
        // The rows of answers are too many to be told apart.
        let counts = tag != b'D' || self.direction == Direction::Out;
        self.number += u32::from(counts);
        let head = self.head.len() as u64;
        let whole = length + u64::from(!opening);
        if counts {
            each(&Message { number: self.number, tag, start: self.position - head, length: whole });
        }
        self.left = whole.saturating_sub(head);
        self.head.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_the_bytes_come() {
        let mut bytes = vec![0, 0, 0, 8, 0, 3, 0, 0];
        bytes.extend(b"Q\0\0\0\x09SELECT");
        bytes.truncate(bytes.len() - 1);
        bytes.extend(b"S\0\0\0\x04");
        for size in 1..=bytes.len() {
            let mut frames = Frames::new(Direction::Out);
            let mut found = Vec::new();
            for chunk in bytes.chunks(size) {
                frames.follow(chunk, |message| found.push((message.tag, message.start, message.length)));
            }
            assert_eq!(found, [(0, 0, 8), (b'Q', 8, 10), (b'S', 18, 5)], "chunks of {size}");
        }
    }

    #[test]
    fn rows_are_not_counted() {
        let mut frames = Frames::new(Direction::In);
        let mut found = Vec::new();
        frames.follow(b"T\0\0\0\x04D\0\0\0\x06..C\0\0\0\x05.", |message| {
            found.push((message.number, message.tag))
        });
        assert_eq!(found, [(1, b'T'), (2, b'C')]);
    }
}
