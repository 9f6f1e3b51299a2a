//! `dunlin explain [CODE]`.

use super::Context;
use crate::args::{Explain, Format};
use crate::command_error::CommandError;
use crate::exit_codes::ExitCode;
use crate::render::{Tone, View, wrap};
use dunlin::diagnostic::{CODES, Code, CodeInfo, Severity, near_names};
use serde::Serialize;

/// The document of `dunlin explain --format json`.
#[derive(Serialize)]
struct Document {
    format: u32,
    codes: Vec<Explained>,
}

#[derive(Serialize)]
struct Explained {
    code: Code,
    severity: Severity,
    title: &'static str,
    explanation: &'static str,
}

/// Says what a code means, or lists all.
pub(super) fn run(context: &Context<'_>, flags: &Explain) -> Result<ExitCode, CommandError> {
    context.require_format("explain", &[Format::Text, Format::Json])?;
    let found: Vec<&CodeInfo> = match &flags.code {
        Some(text) => vec![Code::parse(text).ok_or_else(|| unknown(text))?.info()],
        None => CODES.iter().collect(),
    };
    let codes = found
        .iter()
        .map(|info| Explained {
            code: info.code,
            severity: info.severity,
            title: info.title,
            explanation: info.explanation,
        })
        .collect();
    let document = Document { format: 1, codes };
    context.emit(&document, |view| match (&flags.code, found.as_slice()) {
        (Some(_), [info]) => one(view, info),
        (_, all) => list(view, all),
    })?;
    Ok(ExitCode::Done)
}

fn unknown(text: &str) -> CommandError {
    let wanted = text.trim().to_ascii_uppercase();
    let wanted = if wanted.starts_with("DN") { wanted } else { format!("DN{wanted}") };
    let near = near_names(&wanted, CODES.iter().map(|info| info.code.as_str()));
    let help = match near.as_slice() {
        [] => "`dunlin explain` lists all codes".to_owned(),
        near => format!("did you mean {}? `dunlin explain` lists all codes", near.join(" or ")),
    };
    CommandError::usage(format!("no diagnostic has the code `{}`", text.trim()), help)
}

fn severity(severity: Severity) -> (&'static str, Tone) {
    match severity {
        Severity::Note => ("note", Tone::Faint),
        Severity::Warning => ("warning", Tone::Notice),
        Severity::Error => ("error", Tone::Bad),
    }
}

fn one(view: &View, info: &CodeInfo) -> String {
    let (word, tone) = severity(info.severity);
    let head = view.paint(Tone::Strong, &format!("{}: {}", info.code, info.title));
    format!("{head} ({})\n\n{}", view.paint(tone, word), wrap(info.explanation, view.width.min(90), ""))
}

fn list(view: &View, all: &[&CodeInfo]) -> String {
    let mut out = String::new();
    for info in all {
        let (word, tone) = severity(info.severity);
        out.push_str(&format!(
            "{}  {}  {}\n",
            info.code,
            view.paint(tone, &format!("{word:<7}")),
            info.title
        ));
    }
    out + "\n`dunlin explain CODE` says what a code means and what to do.\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::VIEW;

    #[test]
    fn a_code_is_explained_in_lines() {
        let text = one(&VIEW, Code::DN203.info());
        assert!(text.starts_with("DN203: column is missing (warning)\n\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 90), "{text}");
    }

    #[test]
    fn the_list_has_every_code() {
        let all: Vec<&CodeInfo> = CODES.iter().collect();
        assert_eq!(list(&VIEW, &all).lines().filter(|line| line.starts_with("DN")).count(), CODES.len());
    }

    #[test]
    fn an_unknown_code_gets_near_ones() {
        let help = unknown("dn204x").diagnostic().help.unwrap();
        assert!(help.contains("did you mean DN204"), "{help}");
        assert_eq!(unknown("x").exit_code(), ExitCode::Usage);
    }
}
