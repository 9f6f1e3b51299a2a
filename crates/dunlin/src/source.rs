//! A file's text, byte ranges in it, and how those become lines and columns.

use std::ops::Range;
use std::sync::Arc;

/// A byte range in a [`SourceFile`]'s text; `end` is exclusive.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// Makes a span from `start` up to and without `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// Moves the span by `by` bytes to the right.
    #[must_use]
    pub fn shifted(self, by: usize) -> Self {
        Self { start: self.start + by, end: self.end + by }
    }

    /// Gives the span as a range, to slice text with.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// One file of SQL: its path as the user would type it, and its text without a byte order mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as shown in messages, relative to where the user is.
    pub path: Arc<str>,
    /// The text. A byte order mark has been taken off; line ends are as they were.
    pub text: Arc<str>,
}

impl SourceFile {
    /// Makes a source file; strips a leading UTF-8 byte order mark.
    pub fn new(path: impl Into<Arc<str>>, text: &str) -> Self {
        Self { path: path.into(), text: text.strip_prefix('\u{feff}').unwrap_or(text).into() }
    }

    /// Slices the text; an out-of-range span gives the empty string.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// Gives the line and column (both from 1, the column in characters) of a byte offset.
    pub fn line_column(&self, offset: usize) -> (u32, u32) {
        LineIndex::new(&self.text).line_column(&self.text, offset)
    }
}

/// Where each line of a text starts; made once when many positions are asked for.
#[derive(Debug, Clone)]
pub struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    /// Finds the line starts of `text`. LF and CRLF end a line.
    pub fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1));
        Self { starts }
    }

    /// Gives the line and column (both from 1, the column in characters) of a byte offset.
    pub fn line_column(&self, text: &str, offset: usize) -> (u32, u32) {
        let offset = offset.min(text.len());
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts[line];
        let mut end = offset;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let column = text[start..end].chars().count();
        (u32::try_from(line + 1).unwrap_or(u32::MAX), u32::try_from(column + 1).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_crlf_ends_a_line() {
        let file = SourceFile::new("a.sql", "\u{feff}é1\r\nx");
        assert_eq!(file.line_column(0), (1, 1));
        assert_eq!(file.line_column(2), (1, 2));
        assert_eq!(file.line_column(5), (2, 1));
        assert_eq!(file.line_column(99), (2, 2));
    }
}
