//! Diagnostics as rustc shows them: the SQL line, a caret, the chain of causes, help.

use super::{Tone, View, wrap};
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
    /// Whether the line is not whole.
    cut: bool,
}

impl Excerpt {
    /// Takes the neighbourhood of the span out of a long line.
    fn cut(line: &str, from: usize, to: usize) -> Excerpt {
        if line.len() <= LONG_LINE {
            return Excerpt { line: line.to_owned(), span: from..to, cut: false };
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
        Excerpt {
            line: format!("{before}{}{after}", &line[start..end]),
            span: shift(from)..shift(to),
            cut: true,
        }
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
    let renderer = if view.styled { Renderer::styled() } else { Renderer::plain() }.term_width(view.width);
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.as_str());
    if diagnostic.location.is_none() && diagnostic.related.iter().all(|related| related.location.is_none()) {
        return placeless(view, diagnostic, &renderer.render(&[Group::with_title(title)]));
    }
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
    renderer.render(&groups)
}

/// Renders a diagnostic that has no place at all, without the gutter that would stay empty.
fn placeless(view: &View, diagnostic: &Diagnostic, title: &str) -> String {
    let notes = diagnostic.related.iter().map(|related| ("note", &related.message));
    let all = notes.chain(diagnostic.help.iter().map(|help| ("help", help)));
    all.fold(title.to_owned(), |out, (what, text)| {
        let text = wrap(text, view.width, "    ");
        let (what, text) = (view.paint(Tone::Strong, &format!("{what}:")), text.trim());
        format!("{out}\n  = {what} {text}")
    })
}

fn placed<'a>(
    group: Group<'a>,
    sources: &mut Sources,
    location: Option<&'a Location>,
    with_text: bool,
    kind: AnnotationKind,
) -> Group<'a> {
    let Some(location) = location else { return group };
    let (file, line) = (location.file.as_str(), location.line as usize);
    let origin = || Origin::path(file).line(line).char_column(location.column as usize);
    let Some(excerpt) = with_text.then(|| sources.excerpt(location)).flatten() else {
        return group.element(origin());
    };
    let snippet = Snippet::source(excerpt.line).line_start(line).annotation(kind.span(excerpt.span));
    // A snippet with a path counts the column from the start of its text.
    if excerpt.cut { group.element(origin()).element(snippet) } else { group.element(snippet.path(file)) }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use dunlin::source::{SourceFile, Span};

    fn shown(text: &str, span: Span, code: Code) -> String {
        let file = SourceFile::new("m/a.sql", text);
        let diagnostic = Diagnostic::new(code, "message").at(&file, span);
        render(&samples::VIEW, &mut Sources::default().with("m/a.sql", text), &diagnostic)
    }

    #[test]
    fn a_span_of_many_lines_shows_its_first() {
        insta::assert_snapshot!(shown(
            "a;\r\n\tCREATE TABLE größe (\r\n  id int\r\n);",
            Span::new(5, 40),
            Code::DN212
        ));
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("SELECT 1;\n{}wrong, {}", "é, ".repeat(3_000), "x, ".repeat(3_000));
        let at = text.find("wrong").unwrap();
        let shown = shown(&text, Span::new(at, at + 5), Code::DN101);
        assert!(shown.contains("wrong") && shown.contains("^^^^^"), "{shown}");
        assert!(shown.contains("m/a.sql:2:9001"), "{shown}");
        assert!(shown.len() < 1_000, "{shown}");
    }

    #[test]
    fn a_place_at_the_end_and_a_file_that_changed() {
        let shown = shown("SELECT 1 +\n", Span::new(10, 11), Code::DN101);
        assert!(shown.contains("1 | SELECT 1 +") && shown.contains("m/a.sql:1:11"), "{shown}");
        let diagnostic =
            Diagnostic::new(Code::DN101, "m").at(&SourceFile::new("m/a.sql", "a\nb\nc"), Span::new(4, 5));
        let gone = render(&samples::VIEW, &mut Sources::default().with("m/a.sql", ""), &diagnostic);
        assert!(gone.contains("m/a.sql:3:1"), "{gone}");
    }

    #[test]
    fn without_a_place_there_is_no_gutter() {
        let diagnostic =
            Diagnostic::new(Code::DN802, "the lock is not free").note("held by pid 7").help("wait");
        assert_eq!(
            render(&samples::VIEW, &mut Sources::default(), &diagnostic),
            "error[DN802]: the lock is not free\n  = note: held by pid 7\n  = help: wait"
        );
    }

    #[test]
    fn no_password_is_shown() {
        let text = "CREATE ROLE a PASSWORD 'secret' NOSUCH";
        let at = text.find("NOSUCH").unwrap();
        let shown = shown(text, Span::new(at, at + 6), Code::DN101);
        assert!(shown.contains("PASSWORD '******' NOSUCH"), "{shown}");
        assert!(!self::shown(text, Span::new(0, 5), Code::DN809).contains("CREATE"));
    }
}
