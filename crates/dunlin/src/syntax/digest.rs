//! The identity of a statement: a hash over its tokens.

use super::TokenDigest;
use super::lexer::{Token, TokenKind};
use sha2::{Digest, Sha256};

/// Collects tokens into a [`TokenDigest`].
#[derive(Debug, Clone, Default)]
pub(super) struct Digester(Sha256);

impl Digester {
    /// Adds a token; comments do not count.
    pub(super) fn add(&mut self, token: &Token, text: &str) {
        if token.is_comment() {
            return;
        }
        let text = token.text(text);
        if token.kind == TokenKind::Word {
            // PostgreSQL folds only ASCII letters in a UTF-8 database.
            self.0.update(text.to_ascii_lowercase().as_bytes());
        } else {
            // Git rewrites line ends, also inside function bodies: CRLF and LF are the same statement.
            let mut parts = text.split("\r\n");
            self.0.update(parts.next().unwrap_or("").as_bytes());
            for part in parts {
                self.0.update(b"\n");
                self.0.update(part.as_bytes());
            }
        }
        self.0.update([0]);
    }

    /// Ends the digest.
    pub(super) fn finish(self) -> TokenDigest {
        TokenDigest(self.0.finalize().into())
    }
}
