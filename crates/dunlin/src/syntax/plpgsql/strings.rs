//! The values of string constants.

use crate::syntax::lexer::{Token, TokenKind};

/// Reads the value of a string constant as written, or nothing for bit strings and `U&'…'`.
pub fn string_value(written: &str) -> Option<String> {
    if let Some(rest) = written.strip_prefix('$') {
        let tag = rest.find('$')? + 2;
        return written.get(tag..written.len().checked_sub(tag)?).map(str::to_owned);
    }
    match written.chars().next()? {
        '\'' => quoted(written, false),
        'n' | 'N' => quoted(&written[1..], false),
        'e' | 'E' => quoted(&written[1..], true),
        _ => None,
    }
}

/// Reads `'…'` with its continuation lines.
fn quoted(written: &str, escapes: bool) -> Option<String> {
    let mut value = String::new();
    let mut chars = written.strip_prefix('\'')?.chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            '\'' if chars.peek() == Some(&'\'') => value.extend(chars.next()),
            '\'' => {
                // Comments between the parts could hold a quote: not worth reading.
                let rest: String = chars.clone().collect();
                let inner = rest.trim_start();
                if inner.is_empty() {
                    return Some(value);
                }
                let more = quoted(inner, escapes)?;
                return Some(value + &more);
            }
            '\\' if escapes => value.push(match chars.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'x' | 'u' | 'U' | '0'..='7' => return None,
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

/// Reads the value of an expression of constants: strings joined by `||`, or `format('…')` alone.
pub(super) fn constant(text: &str, tokens: &[Token]) -> Option<String> {
    let is_string = |token: &Token| matches!(token.kind, TokenKind::String | TokenKind::DollarString);
    if let [format, open, string, close] = tokens
        && format.is_word(text, "format")
        && open.is_punct(text, "(")
        && close.is_punct(text, ")")
        && is_string(string)
    {
        let value = string_value(string.text(text))?;
        return (!value.replace("%%", "").contains('%')).then(|| value.replace("%%", "%"));
    }
    let mut value = String::new();
    for (at, token) in tokens.iter().enumerate() {
        match at % 2 {
            0 if is_string(token) => value.push_str(&string_value(token.text(text))?),
            1 if token.text(text) == "||" && at + 1 < tokens.len() => {}
            _ => return None,
        }
    }
    (!tokens.is_empty()).then_some(value)
}
