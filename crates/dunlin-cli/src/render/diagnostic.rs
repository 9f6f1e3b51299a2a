//! Diagnostics as rustc shows them: the SQL line, a caret, the chain of causes, help.

use super::View;
use crate::secrets;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use dunlin::diagnostic::{Code, Diagnostic, Location, Severity};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The texts of files, read when first asked for.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    texts: HashMap<String, Option<Arc<str>>>,
}

/// Longer lines are cut before they are laid out; generated SQL can have lines of megabytes.
const LONG_LINE: usize = 1_000;

impl Sources {
    /// Takes a text instead of reading the file.
    #[cfg(test)]
    pub(crate) fn with(mut self, path: &str, text: &str) -> Self {
        self.texts.insert(path.to_owned(), Some(secrets::mask(text).into()));
        self
    }

    fn text(&mut self, path: &str) -> Option<Arc<str>> {
        let read = || {
            let bytes = std::fs::read(path).ok()?;
            let text = String::from_utf8_lossy(&bytes);
            // Spans count from behind the byte order mark.
            Some(Arc::from(secrets::mask(text.strip_prefix('\u{feff}').unwrap_or(&text))))
        };
        self.texts.entry(path.to_owned()).or_insert_with(read).clone()
    }

    fn excerpt(&mut self, location: &Location) -> Option<Excerpt> {
        let text = self.text(&location.file)?;
        let start = offset(&text, location)?;
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = text[line_start..].lines().next().unwrap_or("").trim_end();
        let from = (start - line_start).min(line.len());
        let length = location.span.end.saturating_sub(location.span.start);
        let mut to = (from + length).min(line.len());
        while !line.is_char_boundary(to) {
            to -= 1;
        }
        Some(Excerpt::cut(line, from, to))
    }
}

/// Finds the byte that a location means; none when the file is not the one that was read.
fn offset(text: &str, location: &Location) -> Option<usize> {
    let start = location.span.start;
    let known = location.span.end > 0 && text.is_char_boundary(start);
    if known && 1 + text[..start].matches('\n').count() == location.line as usize {
        return Some(start);
    }
    let line_start = match location.line {
        0 | 1 => 0,
        line => text.match_indices('\n').nth(line as usize - 2)?.0 + 1,
    };
    let line = text[line_start..].lines().next().unwrap_or("");
    let column = location.column.saturating_sub(1) as usize;
    Some(line_start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at))
}

/// One line of a file and the part of it that is meant.
struct Excerpt {
    line: String,
    span: Range<usize>,
}

impl Excerpt {
    /// Takes the neighbourhood of the span out of a long line.
    fn cut(line: &str, from: usize, to: usize) -> Excerpt {
        if line.len() <= LONG_LINE {
            return Excerpt { line: line.to_owned(), span: from..to };
        }
        let floor = |mut at: usize| {
            while !line.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(from.saturating_sub(60));
        let to = floor(to.min(from + 120));
        let end = floor((to + 60).min(line.len()));
        let before = if start > 0 { "…" } else { "" };
        let after = if end < line.len() { "…" } else { "" };
        let shift = |at: usize| at - start + before.len();
        Excerpt { line: format!("{before}{}{after}", &line[start..end]), span: shift(from)..shift(to) }
    }
}

/// Renders diagnostics, a blank line after each.
pub(crate) fn diagnostics<'a>(
    view: &View,
    sources: &mut Sources,
    list: impl IntoIterator<Item = &'a Diagnostic>,
) -> String {
    list.into_iter().map(|diagnostic| render(view, sources, diagnostic) + "\n\n").collect()
}

/// Renders one diagnostic.
pub(crate) fn render(view: &View, sources: &mut Sources, diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.as_str());
    let mut groups = vec![placed(
        Group::with_title(title),
        sources,
        diagnostic.location.as_ref(),
        // A configuration file's line may hold a password.
        diagnostic.code != Code::DN809,
        AnnotationKind::Primary,
    )];
    for related in &diagnostic.related {
        let title = Level::NOTE.secondary_title(related.message.as_str());
        let group = Group::with_title(title);
        groups.push(placed(group, sources, related.location.as_ref(), true, AnnotationKind::Context));
    }
    if let Some(help) = &diagnostic.help {
        groups.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
    }
    let renderer = if view.styled { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(view.width).render(&groups)
}

fn placed<'a>(
    group: Group<'a>,
    sources: &mut Sources,
    location: Option<&'a Location>,
    with_text: bool,
    kind: AnnotationKind,
) -> Group<'a> {
    let Some(location) = location else { return group };
    let origin = Origin::path(location.file.as_str())
        .line(location.line as usize)
        .char_column(location.column as usize);
    let group = group.element(origin);
    match with_text.then(|| sources.excerpt(location)).flatten() {
        Some(Excerpt { line, span }) => group
            .element(Snippet::source(line).line_start(location.line as usize).annotation(kind.span(span))),
        None => group,
    }
}
