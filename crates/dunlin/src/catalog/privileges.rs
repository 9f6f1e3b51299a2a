//! Access privileges, as `aclitem[]` holds them.

use std::collections::BTreeMap;
use std::fmt;

/// Who has which privileges on an object, and from whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Privileges(BTreeMap<(String, String), BTreeMap<char, bool>>);

/// Which part of a privilege is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The privilege, and with it the right to grant it.
    All,
    /// GRANT OPTION FOR: the right to grant it only.
    Option,
}

impl Privileges {
    /// The privileges that an object of a kind has when nobody granted or revoked any.
    pub fn initial(kind: char, owner: &str, server_version: u32) -> Privileges {
        let mut privileges = Privileges::default();
        let public = match kind {
            'f' => "X",
            'l' | 'T' => "U",
            'd' => "Tc",
            _ => "",
        };
        privileges.grant("", owner, public, false);
        privileges.grant(owner, owner, all(kind, server_version), false);
        privileges
    }

    /// Reads what [`Privileges`] writes, or the server: one item a line.
    pub fn parse(text: &str) -> Option<Privileges> {
        let mut privileges = Privileges::default();
        for item in text.lines() {
            let (grantee, rest) = name(item)?;
            let (letters, grantor) = rest.strip_prefix('=')?.split_once('/')?;
            let (grantor, _) = name(grantor)?;
            let held = privileges.0.entry((grantee, grantor)).or_default();
            let mut last = None;
            for letter in letters.chars() {
                match (letter, last) {
                    ('*', Some(last)) => {
                        held.insert(last, true);
                    }
                    _ => {
                        held.entry(letter).or_insert(false);
                        last = Some(letter);
                    }
                }
            }
        }
        privileges.tidy();
        Some(privileges)
    }

    /// Whether nobody has any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds privileges; PUBLIC is the empty name.
    pub fn grant(&mut self, grantee: &str, grantor: &str, letters: &str, option: bool) {
        let held = self.0.entry((grantee.to_owned(), grantor.to_owned())).or_default();
        for letter in letters.chars() {
            *held.entry(letter).or_insert(false) |= option;
        }
        self.tidy();
    }

    /// Takes privileges away, and what the grantee has granted by them.
    pub fn revoke(&mut self, grantee: &str, grantor: &str, letters: &str, taken: Taken) {
        let mut lost = String::new();
        if let Some(held) = self.0.get_mut(&(grantee.to_owned(), grantor.to_owned())) {
            for letter in letters.chars() {
                let option = held.get_mut(&letter).map(|option| std::mem::replace(option, false));
                if option == Some(true) {
                    lost.push(letter);
                }
                if taken == Taken::All {
                    held.remove(&letter);
                }
            }
        }
        self.tidy();
        let still = |letter: &char| {
            self.0.iter().any(|((to, _), held)| to == grantee && held.get(letter) == Some(&true))
        };
        let lost: String = lost.chars().filter(|letter| !still(letter)).collect();
        if lost.is_empty() || grantee.is_empty() {
            return;
        }
        let below: Vec<String> =
            self.0.keys().filter(|(_, by)| by == grantee).map(|(to, _)| to.clone()).collect();
        for to in below.iter().filter(|to| *to != grantee) {
            self.revoke(to, grantee, &lost, Taken::All);
        }
    }

    /// Takes away whatever a role has.
    pub fn revoke_all(&mut self, grantee: &str) {
        let from: Vec<(String, String)> = self
            .0
            .iter()
            .filter(|((to, _), _)| to == grantee)
            .map(|((_, by), held)| (by.clone(), held.keys().collect()))
            .collect();
        for (grantor, letters) in from {
            self.revoke(grantee, &grantor, &letters, Taken::All);
        }
    }

    /// Whether a role may grant all these, whoever gave it the right to.
    pub fn may_grant(&self, role: &str, letters: &str) -> bool {
        let may = |letter: char| {
            self.0.iter().any(|((to, _), held)| to == role && held.get(&letter) == Some(&true))
        };
        letters.chars().all(may)
    }

    /// Whether a role has all these, from one grantor, with the right to grant them where that is asked for.
    pub fn has(&self, grantee: &str, grantor: &str, letters: &str, option: bool) -> bool {
        let held = self.0.get(&(grantee.to_owned(), grantor.to_owned()));
        letters.chars().all(|letter| {
            held.and_then(|held| held.get(&letter)).is_some_and(|with_option| *with_option || !option)
        })
    }

    /// Whether a role is named in them.
    pub fn names(&self, role: &str) -> bool {
        self.0.keys().any(|(to, by)| to == role || by == role)
    }

    /// Puts the new owner where the old one was.
    pub fn change_owner(&self, old: &str, new: &str) -> Privileges {
        let name = |name: &String| if name == old { new.to_owned() } else { name.clone() };
        let mut changed = Privileges::default();
        for ((to, by), held) in &self.0 {
            for (letter, option) in held {
                changed.grant(&name(to), &name(by), &letter.to_string(), *option);
            }
        }
        changed
    }

    /// Adds all privileges of others.
    pub fn merge(&mut self, others: &Privileges) {
        for ((to, by), held) in &others.0 {
            for (letter, option) in held {
                self.grant(to, by, &letter.to_string(), *option);
            }
        }
    }

    fn tidy(&mut self) {
        self.0.retain(|_, held| !held.is_empty());
    }
}

impl fmt::Display for Privileges {
    /// Writes one item a line, as `aclitem` is written, in the order of the names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, ((to, by), held)) in self.0.iter().enumerate() {
            let line = if at == 0 { "" } else { "\n" };
            write!(f, "{line}{}=", quoted(to))?;
            for (letter, option) in held {
                write!(f, "{letter}{}", if *option { "*" } else { "" })?;
            }
            write!(f, "/{}", quoted(by))?;
        }
        Ok(())
    }
}

/// All privileges that objects of a kind can have.
pub fn all(kind: char, server_version: u32) -> &'static str {
    match kind {
        'r' if server_version >= 170_000 => "arwdDxtm",
        'r' => "arwdDxt",
        // A column.
        'c' => "arwx",
        'S' => "rwU",
        'f' => "X",
        'n' => "UC",
        'l' | 'T' | 'F' | 's' => "U",
        'd' => "CTc",
        't' => "C",
        'L' => "rw",
        _ => "",
    }
}

/// The letter of a privilege.
pub fn letter(privilege: &str) -> Option<char> {
    Some(match privilege {
        "insert" => 'a',
        "select" => 'r',
        "update" => 'w',
        "delete" => 'd',
        "truncate" => 'D',
        "references" => 'x',
        "trigger" => 't',
        "maintain" => 'm',
        "execute" => 'X',
        "usage" => 'U',
        "create" => 'C',
        "temporary" | "temp" => 'T',
        "connect" => 'c',
        _ => return None,
    })
}

/// Reads a name, which may be quoted; gives the rest.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['=', '/']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, rest)),
        }
    }
}

fn quoted(name: &str) -> String {
    match name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_and_written() {
        let text = "=r/boss\n\"a b\"=ar*/boss\nboss=arwdDxt/boss";
        let read = Privileges::parse(text).unwrap();
        assert!(read.has("a b", "boss", "ar", false) && !read.has("a b", "boss", "ar", true));
        assert!(read.has("", "boss", "r", false));
        assert_eq!(Privileges::parse(&read.to_string()), Some(read));
    }

    #[test]
    fn what_was_granted_by_an_option_goes_with_it() {
        let mut held = Privileges::initial('r', "boss", 150_000);
        held.grant("a", "boss", "rw", true);
        held.grant("b", "a", "r", false);
        held.revoke("a", "boss", "r", Taken::Option);
        assert!(held.has("a", "boss", "rw", false) && !held.has("b", "a", "r", false));
        assert_eq!(held.change_owner("boss", "c").to_string(), "a=rw*/c\nc=Dadrtwx/c");
    }
}
