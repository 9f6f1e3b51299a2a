//! The identity of a statement: a hash over its tokens.

use super::TokenDigest;
use super::lexer::{Token, TokenKind};
use sha2::{Digest, Sha256};

/// Collects tokens into a [`TokenDigest`].
#[derive(Debug, Clone, Default)]
pub(super) struct Digester {
    hash: Sha256,
    /// What is not hashed yet: hashing a few bytes at a time costs more than gathering them first.
    gathered: Vec<u8>,
}

/// How many bytes are gathered.
const GATHERED: usize = 4096;

impl Digester {
    /// Adds a token; comments do not count.
    pub(super) fn add(&mut self, token: &Token, text: &str) {
        if token.is_comment() {
            return;
        }
        let text = token.text(text);
        if token.kind == TokenKind::Word {
            let start = self.gathered.len();
            self.gathered.extend_from_slice(text.as_bytes());
            // PostgreSQL folds only ASCII letters in a UTF-8 database.
            self.gathered[start..].make_ascii_lowercase();
        } else {
            // Git rewrites line ends, also inside function bodies: CRLF and LF are the same statement.
            let mut parts = text.split("\r\n");
            self.gathered.extend_from_slice(parts.next().unwrap_or("").as_bytes());
            for part in parts {
                self.gathered.push(b'\n');
                self.gathered.extend_from_slice(part.as_bytes());
            }
        }
        self.gathered.push(0);
        if self.gathered.len() >= GATHERED {
            self.hash.update(&self.gathered);
            self.gathered.clear();
        }
    }

    /// Ends the digest.
    pub(super) fn finish(mut self) -> TokenDigest {
        self.hash.update(&self.gathered);
        TokenDigest(self.hash.finalize().into())
    }
}
