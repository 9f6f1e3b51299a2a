//! PostgreSQL's lexical structure (scan.l), so that text can be cut before it is parsed.
//!
//! The lexer never fails: what PostgreSQL's would refuse comes out as [`TokenKind::Unterminated`] or
//! [`TokenKind::Other`], and the grammar gets to say what is wrong with it.

use crate::source::Span;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// An unquoted identifier or keyword.
    Word,
    /// `"name"` or `U&"name"`.
    QuotedIdent,
    /// `'…'`, `E'…'`, `U&'…'`, `B'…'`, `X'…'`, `N'…'`, with its continuation lines.
    String,
    /// `$tag$…$tag$`.
    DollarString,
    /// A number in any base.
    Number,
    /// `$1`.
    Param,
    /// An operator such as `||`, also `::`, `:=`, `..`.
    Operator,
    /// One of `, ( ) [ ] . ; :`.
    Punct,
    /// `-- …` without its line end.
    LineComment,
    /// `/* … */`, nested.
    BlockComment,
    /// A string, quoted identifier or comment that the text ends in.
    Unterminated,
    /// Anything else, such as a lone `$` or a backslash.
    Other,
}

/// A token with its place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it is.
    pub span: Span,
}

impl Token {
    /// Slices the token's text out of the text that it was read from.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.span.range()).unwrap_or("")
    }

    /// Says whether it is this keyword (given in lower case).
    pub fn is_word(&self, text: &str, keyword: &str) -> bool {
        self.kind == TokenKind::Word && self.text(text).eq_ignore_ascii_case(keyword)
    }

    /// Says whether it is this punctuation mark.
    pub fn is_punct(&self, text: &str, mark: &str) -> bool {
        self.kind == TokenKind::Punct && self.text(text) == mark
    }

    /// Says whether it is a comment.
    pub fn is_comment(&self) -> bool {
        matches!(self.kind, TokenKind::LineComment | TokenKind::BlockComment)
    }
}

/// Reads all tokens of `text` but comments, with `standard_conforming_strings = on`.
pub fn tokens(text: &str) -> Vec<Token> {
    Lexer::new(text, 0, text.len()).filter(|token| !token.is_comment()).collect()
}

/// Reads tokens one by one, comments included, white space left out.
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether a backslash in a plain string is a plain character.
    pub standard_conforming: bool,
}

impl<'a> Lexer<'a> {
    /// Starts reading at byte `start` and ends before byte `end`; spans count from the text's start.
    pub fn new(text: &'a str, start: usize, end: usize) -> Self {
        let bytes = &text.as_bytes()[..end.min(text.len())];
        Self { bytes, at: start.min(bytes.len()), standard_conforming: true }
    }

    /// Gives the byte where the next token is looked for.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Goes on at another byte.
    pub fn seek(&mut self, at: usize) {
        self.at = at.min(self.bytes.len());
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn pass_while(&mut self, accept: impl Fn(u8) -> bool) {
        while self.at < self.bytes.len() && accept(self.bytes[self.at]) {
            self.at += 1;
        }
    }

    fn token(&mut self) -> TokenKind {
        match (self.peek(0), self.peek(1)) {
            (b'-', b'-') => {
                self.pass_while(|byte| byte != b'\n' && byte != b'\r');
                TokenKind::LineComment
            }
            (b'/', b'*') => self.block_comment(),
            (b'\'', _) => {
                self.string(0, if self.standard_conforming { Escapes::None } else { Escapes::Backslash })
            }
            (b'"', _) => self.quoted_ident(0),
            (b'$', _) => self.dollar(),
            (b'0'..=b'9', _) | (b'.', b'0'..=b'9') => self.number(),
            (first, _) if is_ident_start(first) => self.word(),
            (b':', b':' | b'=') | (b'.', b'.') => self.operator_of(2),
            (b',' | b'(' | b')' | b'[' | b']' | b'.' | b';' | b':', _) => {
                self.at += 1;
                TokenKind::Punct
            }
            (first, _) if is_op(first) => self.operator(),
            _ => {
                self.at += 1;
                TokenKind::Other
            }
        }
    }

    fn operator_of(&mut self, length: usize) -> TokenKind {
        self.at += length;
        TokenKind::Operator
    }

    /// Reads `/* … */`; comments nest.
    fn block_comment(&mut self) -> TokenKind {
        let mut depth = 0usize;
        while self.at < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return TokenKind::BlockComment;
                    }
                }
                _ => self.at += 1,
            }
        }
        TokenKind::Unterminated
    }

    /// Reads a string whose opening quote is `prefix` bytes ahead.
    fn string(&mut self, prefix: usize, escapes: Escapes) -> TokenKind {
        self.at += prefix + 1;
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'\\' if escapes == Escapes::Backslash => self.at = (self.at + 2).min(self.bytes.len()),
                b'\'' if self.peek(1) == b'\'' && escapes != Escapes::Bits => self.at += 2,
                b'\'' => {
                    self.at += 1;
                    match self.continuation() {
                        Some(next) => self.at = next + 1,
                        None => return TokenKind::String,
                    }
                }
                _ => self.at += 1,
            }
        }
        TokenKind::Unterminated
    }

    /// Finds the quote that continues a string: it stands on a later line, with only white space and
    /// `--` comments between. The string goes on in the same manner of escaping.
    fn continuation(&self) -> Option<usize> {
        let mut ahead = self.clone();
        let mut new_line = false;
        loop {
            match (ahead.peek(0), ahead.peek(1)) {
                _ if ahead.at >= ahead.bytes.len() => return None,
                (b'\n' | b'\r', _) => {
                    new_line = true;
                    ahead.at += 1;
                }
                (byte, _) if is_space(byte) => ahead.at += 1,
                (b'-', b'-') => ahead.pass_while(|byte| byte != b'\n' && byte != b'\r'),
                (b'\'', _) if new_line => return Some(ahead.at),
                _ => return None,
            }
        }
    }

    fn quoted_ident(&mut self, prefix: usize) -> TokenKind {
        self.at += prefix + 1;
        while self.at < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'"', b'"') => self.at += 2,
                (b'"', _) => {
                    self.at += 1;
                    return TokenKind::QuotedIdent;
                }
                _ => self.at += 1,
            }
        }
        TokenKind::Unterminated
    }

    /// Reads `$1`, `$tag$…$tag$` or a lone `$`.
    fn dollar(&mut self) -> TokenKind {
        let start = self.at;
        self.at += 1;
        if self.peek(0).is_ascii_digit() {
            self.pass_while(|byte| byte.is_ascii_digit());
            return TokenKind::Param;
        }
        if is_ident_start(self.peek(0)) {
            self.pass_while(|byte| is_ident_start(byte) || byte.is_ascii_digit());
        }
        if self.peek(0) != b'$' {
            self.at = start + 1;
            return TokenKind::Other;
        }
        self.at += 1;
        let mark = &self.bytes[start..self.at];
        match find(&self.bytes[self.at..], mark) {
            Some(found) => {
                self.at += found + mark.len();
                TokenKind::DollarString
            }
            None => {
                self.at = self.bytes.len();
                TokenKind::Unterminated
            }
        }
    }

    fn number(&mut self) -> TokenKind {
        let digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
        if self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'X' | b'o' | b'O' | b'b' | b'B') {
            self.at += 2;
            self.pass_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            return TokenKind::Number;
        }
        self.pass_while(digit);
        // `1..10` is a range in PL/pgSQL, not `1.` and `.10`.
        if self.peek(0) == b'.' && self.peek(1) != b'.' {
            self.at += 1;
            self.pass_while(digit);
        }
        if matches!(self.peek(0), b'e' | b'E') {
            let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
            if self.peek(1 + sign).is_ascii_digit() {
                self.at += 1 + sign;
                self.pass_while(digit);
            }
        }
        TokenKind::Number
    }

    /// Reads an identifier, or a string whose prefix looks like one.
    fn word(&mut self) -> TokenKind {
        let plain = if self.standard_conforming { Escapes::None } else { Escapes::Backslash };
        match (self.peek(0).to_ascii_lowercase(), self.peek(1), self.peek(2)) {
            (b'e', b'\'', _) => self.string(1, Escapes::Backslash),
            (b'n', b'\'', _) => self.string(1, plain),
            (b'b' | b'x', b'\'', _) => self.string(1, Escapes::Bits),
            (b'u', b'&', b'\'') => self.string(2, Escapes::None),
            (b'u', b'&', b'"') => self.quoted_ident(2),
            _ => {
                self.pass_while(|byte| is_ident_start(byte) || byte.is_ascii_digit() || byte == b'$');
                TokenKind::Word
            }
        }
    }

    /// Reads the longest operator; a comment start ends it, and a trailing `+` or `-` belongs to it only
    /// if it holds one of `~ ! @ # ^ & | ? %` or a back quote (so that `a=-1` works).
    fn operator(&mut self) -> TokenKind {
        let start = self.at;
        while self.at < self.bytes.len() && is_op(self.bytes[self.at]) {
            if self.at > start && matches!((self.peek(0), self.peek(1)), (b'-', b'-') | (b'/', b'*')) {
                break;
            }
            self.at += 1;
        }
        let special = |byte: &u8| b"~!@#^&|`?%".contains(byte);
        if !self.bytes[start..self.at].iter().any(special) {
            while self.at - start > 1 && matches!(self.bytes[self.at - 1], b'+' | b'-') {
                self.at -= 1;
            }
        }
        TokenKind::Operator
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.pass_while(is_space);
        if self.at >= self.bytes.len() {
            return None;
        }
        let start = self.at;
        let kind = self.token();
        Some(Token { kind, span: Span::new(start, self.at) })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// Bit strings: even a doubled quote ends them.
    Bits,
    None,
    Backslash,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_ident_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_op(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

/// Finds `mark`, which starts with `$`, in `bytes`.
fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'$') {
        if bytes[from + at..].starts_with(mark) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
        tokens(text).iter().map(|token| (token.kind, token.text(text))).collect()
    }

    #[test]
    fn strings_of_every_kind_are_one_token() {
        for text in [
            "'a''b;'",
            r"E'\';'",
            r"e'\\'",
            "U&'d;\\0061'",
            "B'01'",
            "x'ff'",
            "N'a;'",
            "$$;$$",
            "$a$ $$ ; $b$ $a$",
            "'a'\n  -- c;\n 'b;'",
            "E'a'\n'\\';'",
            "$é1$;$é1$",
        ] {
            let found = kinds(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(matches!(found[0].0, TokenKind::String | TokenKind::DollarString), "{text}");
        }
        assert_eq!(kinds("'a' 'b'").len(), 2);
        assert_eq!(kinds(r"'\' x").len(), 2);
    }

    #[test]
    fn backslashes_escape_in_plain_strings_when_they_do_not_conform() {
        let text = r"'\';' 'x'";
        let mut lexer = Lexer::new(text, 0, text.len());
        lexer.standard_conforming = false;
        assert_eq!(lexer.next().map(|token| token.text(text)), Some(r"'\';'"));
    }

    #[test]
    fn words_numbers_and_operators() {
        use TokenKind::*;
        assert_eq!(kinds("a$$b$$"), [(Word, "a$$b$$")]);
        assert_eq!(kinds("1..10"), [(Number, "1"), (Operator, ".."), (Number, "10")]);
        assert_eq!(kinds("a=-1"), [(Word, "a"), (Operator, "="), (Operator, "-"), (Number, "1")]);
        assert_eq!(kinds("a@-1")[1], (Operator, "@-"));
        assert_eq!(kinds("1*/*c/*d*/;*/2"), [(Number, "1"), (Operator, "*"), (Number, "2")]);
        assert_eq!(kinds("+--x\n1"), [(Operator, "+"), (Number, "1")]);
        assert_eq!(kinds("$1 $ $$ x"), [(Param, "$1"), (Other, "$"), (Unterminated, "$$ x")]);
        assert_eq!(kinds("1.5e-3::int4[]")[0], (Number, "1.5e-3"));
        assert_eq!(kinds("\"a\"\"b;\" U&\"c;\"").len(), 2);
        assert_eq!(kinds("größe.x"), [(Word, "größe"), (Punct, "."), (Word, "x")]);
        assert_eq!(kinds("/* a /* b */"), [(Unterminated, "/* a /* b */")]);
    }
}
