//! `dunlin.toml`: its keys, its sections and where each value stands.

use super::ConfigError;
use dunlin::diagnostic::near_names;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// The keys that stand at the top of the file and in an `[env.NAME]` section.
const KEYS: &[&str] = &[
    "database-url",
    "database-url-file",
    "direct-url",
    "migrations",
    "journal-schema",
    "role",
    "connect-wait",
    "lock-wait",
];

/// The keys of a `[policy]` section.
const POLICY_KEYS: &[&str] =
    &["order", "missing-columns", "invalid-operations", "edited-files", "dialect", "data-loss"];

/// The keys of a `[check]` section, whose values are lists.
const CHECK_KEYS: &[&str] = &["ignore"];

/// A value of the file, not expanded yet: a variable that nobody needs may be unset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileValue {
    pub(crate) text: String,
    pub(crate) line: u32,
}

/// The values of one file, those of the chosen section over those of the top.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    /// The path as the user would type it.
    pub(crate) shown_as: String,
    /// The folder that relative paths in the file start from; empty for the current one.
    pub(crate) folder: PathBuf,
    values: BTreeMap<String, FileValue>,
}

impl ConfigFile {
    /// Reads a file's text and chooses a section.
    pub(crate) fn parse(path: &Path, text: &str, section: Option<&str>) -> Result<ConfigFile, ConfigError> {
        let shown_as = path.display().to_string();
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut reader = Reader { shown_as, text, values: BTreeMap::new(), sections: Vec::new() };
        let table = DeTable::parse(text).map_err(|error| {
            // The library's own text would show the line, which may hold a password.
            let at = error.span().map_or(0, |span| span.start);
            reader.fault(at, format!("not valid TOML: {}", error.message().trim_end()))
        })?;
        reader.top(table.get_ref(), section)?;
        if let Some(name) = section.filter(|name| !reader.sections.iter().any(|section| section == name)) {
            return Err(ConfigError::Section {
                name: name.to_owned(),
                known: reader.sections,
                file: reader.shown_as,
            });
        }
        Ok(ConfigFile { shown_as: reader.shown_as, folder, values: reader.values })
    }

    /// Gives a value; keys of `[policy]` are asked for as `policy.order`.
    pub(crate) fn get(&self, key: &str) -> Option<&FileValue> {
        self.values.get(key)
    }
}

struct Reader<'a> {
    shown_as: String,
    text: &'a str,
    values: BTreeMap<String, FileValue>,
    sections: Vec<String>,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> u32 {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        u32::try_from(before.iter().filter(|byte| **byte == b'\n').count() + 1).unwrap_or(u32::MAX)
    }

    fn fault(&self, offset: usize, message: String) -> ConfigError {
        ConfigError::File { file: self.shown_as.clone(), line: self.line(offset), message }
    }

    fn top(&mut self, table: &DeTable<'_>, section: Option<&str>) -> Result<(), ConfigError> {
        self.level(table, &["env"])?;
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == "env") else { return Ok(()) };
        let sections = value.get_ref().as_table().ok_or_else(|| {
            self.fault(key.span().start, "`env` holds sections: write [env.NAME]".to_owned())
        })?;
        for (name, value) in sections {
            let fault =
                || self.fault(name.span().start, format!("`env.{}` is not a section", name.get_ref()));
            let table = value.get_ref().as_table().ok_or_else(fault)?;
            // A section that is not chosen is read for its faults all the same, and its values dropped.
            let before = self.values.clone();
            self.level(table, &[])?;
            if section != Some(name.get_ref()) {
                self.values = before;
            }
            self.sections.push(name.get_ref().to_string());
        }
        Ok(())
    }

    /// Reads the keys of the top or of an `[env.NAME]` section.
    fn level(&mut self, table: &DeTable<'_>, also: &[&str]) -> Result<(), ConfigError> {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                name if also.contains(&name) => {}
                "policy" => match value.get_ref().as_table() {
                    Some(policies) => self.policies(policies)?,
                    None => return Err(self.fault(key.span().start, "`policy` is a section".to_owned())),
                },
                "check" => match value.get_ref().as_table() {
                    Some(lists) => self.lists("check", CHECK_KEYS, lists)?,
                    None => return Err(self.fault(key.span().start, "`check` is a section".to_owned())),
                },
                name if KEYS.contains(&name) => self.value(name, value)?,
                name => {
                    let known = KEYS.iter().copied().chain(["policy", "check"]).chain(also.iter().copied());
                    return Err(self.unknown(key.span().start, name, known));
                }
            }
        }
        Ok(())
    }

    fn policies(&mut self, table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if !POLICY_KEYS.contains(&name) {
                return Err(self.unknown(key.span().start, name, POLICY_KEYS.iter().copied()));
            }
            self.value(&format!("policy.{name}"), value)?;
        }
        Ok(())
    }

    /// Reads a section whose values are lists of texts; they are kept with commas between them.
    fn lists(&mut self, section: &str, keys: &[&str], table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if !keys.contains(&name) {
                return Err(self.unknown(key.span().start, name, keys.iter().copied()));
            }
            let at = value.span().start;
            let texts = value.get_ref().as_array().and_then(|list| {
                list.iter().map(|item| item.get_ref().as_str()).collect::<Option<Vec<&str>>>()
            });
            let Some(texts) = texts else {
                return Err(self.fault(at, format!("`{section}.{name}` is a list of texts in quotes")));
            };
            let line = self.line(at);
            self.values.insert(format!("{section}.{name}"), FileValue { text: texts.join(","), line });
        }
        Ok(())
    }

    fn value(&mut self, key: &str, value: &toml::Spanned<DeValue<'_>>) -> Result<(), ConfigError> {
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            let kind = value.get_ref().type_str();
            return Err(self.fault(at, format!("`{key}` is a text in quotes, not {kind}")));
        };
        let line = self.line(at);
        self.values.insert(key.to_owned(), FileValue { text: text.to_owned(), line });
        Ok(())
    }

    fn unknown<'k>(
        &self,
        at: usize,
        name: &str,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> ConfigError {
        let near = near_names(name, known.clone());
        let hint = match near.as_slice() {
            [] => format!("; known are {}", known.collect::<Vec<_>>().join(", ")),
            near => format!("; did you mean {}?", near.join(" or ")),
        };
        self.fault(at, format!("unknown key `{name}`{hint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, section: Option<&str>) -> Result<ConfigFile, ConfigError> {
        ConfigFile::parse(Path::new("conf/dunlin.toml"), text, section)
    }

    const FILE: &str = "role = 'a'\n[policy]\norder = 'files'\n[env.prod]\nrole = 'b'\n[env.prod.policy]\n\
                        dialect = 'postgres'\n[env.dev]\nrole = 'c'\n";

    #[test]
    fn a_section_goes_over_the_top() {
        let file = parse(FILE, Some("prod")).unwrap();
        assert_eq!(file.get("role"), Some(&FileValue { text: "b".into(), line: 5 }));
        assert_eq!(file.get("policy.order").map(|value| value.text.as_str()), Some("files"));
        assert_eq!(file.get("policy.dialect").map(|value| value.line), Some(7));
        assert_eq!(parse(FILE, None).unwrap().get("role").map(|value| value.line), Some(1));
        assert_eq!(file.folder, Path::new("conf"));
    }

    #[test]
    fn faults_name_the_line_and_near_names() {
        let text = |result: Result<ConfigFile, ConfigError>| result.unwrap_err().to_string();
        assert_eq!(
            text(parse("\nmigration = 'x'", None)),
            "conf/dunlin.toml:2: unknown key `migration`; did you mean migrations?"
        );
        assert!(text(parse("[policy]\nordr = 'files'", None)).contains("did you mean order?"));
        assert!(text(parse("[env.x]\nfoo = 'files'", None)).contains(":2: unknown key `foo`; known are"));
        assert!(text(parse("role = 1", None)).contains("a text in quotes, not integer"));
        assert!(text(parse(FILE, Some("prd"))).contains("prod"));
        assert!(
            text(parse("[check]\nignore = 'DN502'", None)).contains(":2: `check.ignore` is a list of texts")
        );
        assert!(text(parse("[check]\nignor = []", None)).contains("did you mean ignore?"));
    }

    #[test]
    fn a_syntax_error_does_not_show_the_line() {
        let error = parse("a = 1\ndatabase-url = 'postgres://me:secret@h/d", None).unwrap_err().to_string();
        assert!(error.starts_with("conf/dunlin.toml:2: not valid TOML"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
