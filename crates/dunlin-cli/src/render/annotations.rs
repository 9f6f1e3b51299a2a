//! Diagnostics for machines: GitHub's workflow commands and SARIF 2.1.0.

use dunlin::diagnostic::{Diagnostic, Location, Severity};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Writes one workflow command per diagnostic.
pub(crate) fn github<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let title = format!("title={}", diagnostic.code);
        let place = diagnostic.location.as_ref().map_or(title.clone(), |at| {
            format!("file={},line={},col={},{title}", property(&at.file), at.line, at.column)
        });
        let mut message = diagnostic.message.clone();
        for related in &diagnostic.related {
            let place =
                related.location.as_ref().map_or(String::new(), |at| format!("{}:{}: ", at.file, at.line));
            let _ = write!(message, "\n{place}{}", related.message);
        }
        if let Some(help) = &diagnostic.help {
            let _ = write!(message, "\nhelp: {help}");
        }
        let _ = writeln!(out, "::{command} {place}::{}", data(&message));
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Writes a SARIF log.
pub(crate) fn sarif<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>) -> Value {
    let list: Vec<&Diagnostic> = diagnostics.into_iter().collect();
    let codes: BTreeSet<_> = list.iter().map(|diagnostic| diagnostic.code).collect();
    let rules: Vec<Value> = codes
        .iter()
        .map(|code| {
            let info = code.info();
            json!({
                "id": code.as_str(),
                "shortDescription": { "text": info.title },
                "fullDescription": { "text": info.explanation },
                "defaultConfiguration": { "level": level(info.severity) },
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "dunlin",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": list.into_iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn result(diagnostic: &Diagnostic) -> Value {
    let message = match &diagnostic.help {
        Some(help) => format!("{}\n{help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let locations: Vec<Value> =
        diagnostic.location.iter().map(|at| json!({ "physicalLocation": physical(at) })).collect();
    let related: Vec<Value> = diagnostic
        .related
        .iter()
        .map(|related| {
            let mut value = json!({ "message": { "text": related.message } });
            if let Some(at) = &related.location {
                value["physicalLocation"] = physical(at);
            }
            value
        })
        .collect();
    json!({
        "ruleId": diagnostic.code.as_str(),
        "level": level(diagnostic.severity),
        "message": { "text": message },
        "locations": locations,
        "relatedLocations": related,
    })
}

fn physical(at: &Location) -> Value {
    json!({
        "artifactLocation": { "uri": uri(&at.file) },
        "region": { "startLine": at.line, "startColumn": at.column },
    })
}

fn uri(path: &str) -> String {
    path.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn github_commands_are_one_line_each() {
        insta::assert_snapshot!(github(&samples::plan().1.diagnostics));
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
    }

    #[test]
    fn sarif_names_each_rule_once() {
        let (_, plan) = samples::plan();
        let log = sarif(plan.diagnostics.iter().chain(&plan.diagnostics));
        let mut log = log;
        log["runs"][0]["tool"]["driver"]["semanticVersion"] = json!("[version]");
        insta::assert_json_snapshot!(log);
        assert_eq!(uri("mi grations/é.sql"), "mi%20grations/%C3%A9.sql");
    }
}
