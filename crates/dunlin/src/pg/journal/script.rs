//! Which characters of the files the journal can hold: those of the database's encoding.

use std::fmt::Write as _;

/// The characters that surely can be written in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// All: the encoding is UTF-8, or the server does not look at bytes.
    All,
    /// Those of ISO 8859-1.
    Latin1,
    /// Those of ASCII; which others, only the server's tables tell.
    Ascii,
}

impl Script {
    /// Tells it from the name of an encoding, as the server writes it.
    pub(super) fn of(encoding: &str) -> Script {
        match encoding {
            // A proxy may not have told.
            "UTF8" | "SQL_ASCII" | "" => Script::All,
            "LATIN1" => Script::Latin1,
            _ => Script::Ascii,
        }
    }

    /// Gives a text as the journal keeps it: other characters as `<U+65E5>`.
    ///
    /// A remark in a file is never sent to the server, and must not stop its migration.
    pub(super) fn kept(self, text: String) -> String {
        let fits = |character: char| match self {
            Script::All => true,
            Script::Latin1 => u32::from(character) < 256,
            Script::Ascii => character.is_ascii(),
        };
        if text.chars().all(fits) {
            return text;
        }
        text.chars().fold(String::with_capacity(text.len()), |mut kept, character| {
            if fits(character) {
                kept.push(character);
            } else {
                let _ = write!(kept, "<U+{:04X}>", u32::from(character));
            }
            kept
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Script;

    #[test]
    fn what_does_not_fit_is_written_by_its_number() {
        let text = || "caf\u{e9} \u{65e5}".to_owned();
        assert_eq!(Script::of("UTF8").kept(text()), text());
        assert_eq!(Script::of("LATIN1").kept(text()), "caf\u{e9} <U+65E5>");
        assert_eq!(Script::of("EUC_JP").kept(text()), "caf<U+00E9> <U+65E5>");
    }
}
