//! `${VAR}` in the configuration file.

/// Why a text cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExpandError {
    #[error("the environment variable {0} is not set")]
    Unset(String),
    #[error("`${{` without its `}}`; write `$$` for a dollar sign")]
    Open,
}

/// Replaces each `${VAR}` by its variable and each `$$` by `$`; any other `$` stays.
pub(crate) fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let (name, after) = after.split_once('}').ok_or(ExpandError::Open)?;
            out.push_str(&variable(name).ok_or_else(|| ExpandError::Unset(name.to_owned()))?);
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_once() {
        let env = |name: &str| (name == "A").then(|| "x${B}$$".to_owned());
        assert_eq!(expand("1${A}2", env).unwrap(), "1x${B}$$2");
        assert_eq!(expand("$${A} $5 é$", env).unwrap(), "${A} $5 é$");
        assert_eq!(expand("${B}", env), Err(ExpandError::Unset("B".into())));
        assert_eq!(expand("${A", env), Err(ExpandError::Open));
    }
}
