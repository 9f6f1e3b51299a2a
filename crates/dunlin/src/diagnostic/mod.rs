//! Diagnostics: what is wrong in the user's SQL or history, as data. Rendering is the caller's.

mod codes;

pub use codes::{CODES, Code, CodeInfo};

use crate::source::{SourceFile, Span};
use serde::{Deserialize, Serialize};

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information; nothing needs to be done.
    Note,
    /// Something was skipped, changed or is risky; the run goes on.
    Warning,
    /// The plan is refused or the check fails.
    Error,
}

/// A place in a file, already turned into line and column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Path as the user would type it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The bytes in the file, for a renderer that has the text.
    #[serde(skip)]
    pub span: Span,
}

impl Location {
    /// Places `span` in `file`.
    pub fn new(file: &SourceFile, span: Span) -> Self {
        let (line, column) = file.line_column(span.start);
        Self { file: file.path.to_string(), line, column, span }
    }
}

/// A second place that belongs to a diagnostic, such as one link of the chain of causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// Where; none when the cause is not in a file ("was there before").
    #[serde(flatten)]
    pub location: Option<Location>,
    /// What is to be seen there.
    pub message: String,
}

/// A finding with a stable code, a place and a way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Stable code, such as `DN203`.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where it is, if it is in a file.
    #[serde(flatten)]
    pub location: Option<Location>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The chain of causes, nearest first.
    #[serde(default)]
    pub related: Vec<Related>,
}

impl Diagnostic {
    /// Makes a diagnostic with the code's usual severity and no place.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.info().severity,
            message: message.into(),
            location: None,
            help: None,
            related: Vec::new(),
        }
    }

    /// Sets the severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Places the diagnostic in a file.
    #[must_use]
    pub fn at(mut self, file: &SourceFile, span: Span) -> Self {
        self.location = Some(Location::new(file, span));
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a link to the chain of causes that is in a file.
    #[must_use]
    pub fn because(mut self, file: &SourceFile, span: Span, message: impl Into<String>) -> Self {
        self.related.push(Related { location: Some(Location::new(file, span)), message: message.into() });
        self
    }

    /// Adds a link to the chain of causes that is in no file.
    #[must_use]
    pub fn note(mut self, message: impl Into<String>) -> Self {
        self.related.push(Related { location: None, message: message.into() });
        self
    }
}

/// Finds names near to `name` among `candidates`, best first, at most three.
pub fn near_names<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    let mut scored: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .filter_map(|candidate| {
            let distance = strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
            let near = distance <= limit
                || (name.len() >= 4
                    && candidate.len() >= 4
                    && (candidate.contains(name) || name.contains(candidate)));
            near.then_some((distance, candidate))
        })
        .collect();
    scored.sort();
    scored.dedup();
    scored.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}
