//! From a folder to a [`MigrationSet`].

use super::folder::{Disk, Folder, Memory};
use super::layout::{Layout, Planned, layout};
use super::{Checksum, Migration, MigrationError, MigrationSet, depends, digest, directives, sections};
use crate::diagnostic::{Code, Diagnostic, Location, Severity};
use crate::source::{LineIndex, SourceFile, Span};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

/// So many migrations are read by two threads.
const MANY: usize = 500;

impl MigrationSet {
    /// Reads a folder; messages show its files below `shown_as`, as the user would type it.
    ///
    /// What is wrong inside the files becomes diagnostics; only what cannot be read at all is an error.
    pub fn load(dir: &Path, shown_as: &str) -> Result<Self, MigrationError> {
        load(&Disk(dir), shown_as)
    }

    /// Takes the files that a program carries (`include_dir!`).
    pub fn from_embedded(dir: &include_dir::Dir<'_>) -> Result<Self, MigrationError> {
        load(&Memory::embedded(dir), "")
    }

    /// Takes files from memory, each with its path relative to the set (`0001_a.sql`, `0002_b/up.sql`).
    pub fn from_files<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        shown_as: &str,
    ) -> Result<Self, MigrationError> {
        let files = files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
        load(&Memory::new(files), shown_as)
    }
}

/// Digests a folder as [`MigrationSet::digest`] does, without keeping or parsing anything.
pub fn set_digest(dir: &Path) -> Result<[u8; 32], MigrationError> {
    let folder = Disk(dir);
    let planned = layout(folder.list()?).migrations;
    let checksums = in_halves(planned.iter().collect(), |planned| {
        let mut buffer = vec![0; 16 << 10];
        let mut checksums = Vec::with_capacity(planned.len());
        for planned in planned {
            checksums.push((planned.id.as_str(), checksum(&folder, &planned.up, &mut buffer)?));
        }
        Ok(checksums)
    })?;
    Ok(digest(checksums))
}

fn checksum(folder: &impl Folder, name: &str, buffer: &mut [u8]) -> Result<Checksum, MigrationError> {
    let mut file = folder.open(name)?;
    let mut hash = Sha256::new();
    loop {
        match file.read(buffer) {
            Ok(length) => {
                hash.update(&buffer[..length]);
                // A file's last part is short. Were it not the last, the digest would only fit nothing, and all be
                // looked at.
                if length < buffer.len() {
                    return Ok(Checksum(hash.finalize().into()));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(folder.unreadable(name, source)),
        }
    }
}

fn load(folder: &(impl Folder + Sync), shown_as: &str) -> Result<MigrationSet, MigrationError> {
    let layout = layout(folder.list()?);
    let shown = |name: &str| {
        let shown_as = shown_as.trim_end_matches('/');
        if shown_as.is_empty() { name.to_owned() } else { format!("{shown_as}/{name}") }
    };
    let mut set =
        MigrationSet { diagnostics: diagnostics(&layout, shown_as, &shown), ..MigrationSet::default() };
    let (migrations, faults) = depends::sort(read_all(folder, layout.migrations, &shown)?);
    set.migrations = migrations;
    set.diagnostics.extend(faults);
    set.ignored = layout.ignored.iter().map(|name| PathBuf::from(shown(name))).collect();
    Ok(set)
}

fn read_all(
    folder: &(impl Folder + Sync),
    planned: Vec<Planned>,
    shown: &(impl Fn(&str) -> String + Sync),
) -> Result<Vec<Arc<Migration>>, MigrationError> {
    in_halves(planned, |planned| {
        planned.into_iter().map(|planned| Ok(Arc::new(migration(folder, planned, shown)?))).collect()
    })
}

/// Reads files in order; many of them by two threads, since most of it is waiting for the system.
fn in_halves<T: Send, R: Send>(
    mut files: Vec<T>,
    read: impl Fn(Vec<T>) -> Result<Vec<R>, MigrationError> + Sync,
) -> Result<Vec<R>, MigrationError> {
    if files.len() < MANY {
        return read(files);
    }
    // In a cell, so that it can still be read here when no thread can be had.
    let behind = Mutex::new(files.split_off(files.len() / 2));
    let read_behind = || read(std::mem::take(&mut behind.lock().unwrap_or_else(PoisonError::into_inner)));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, read_behind);
        let mut all = read(files)?;
        all.extend(match thread.map(ScopedJoinHandle::join) {
            Ok(Ok(read)) => read?,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => read_behind()?,
        });
        Ok(all)
    })
}

fn diagnostics(layout: &Layout, shown_as: &str, shown: &impl Fn(&str) -> String) -> Vec<Diagnostic> {
    let duplicates = layout.duplicates.iter().map(|(id, first, second)| {
        let message = format!("{} and {} both have the id {id}", shown(first), shown(second));
        Diagnostic::new(Code::DN108, message).help("rename the one that was not applied anywhere yet")
    });
    let orphans = layout.orphans.iter().map(|name| {
        let message = format!("{} undoes a migration that is not there", shown(name));
        Diagnostic::new(Code::DN809, message).severity(Severity::Warning)
    });
    let empty = (layout.migrations.is_empty() && layout.orphans.is_empty()).then(|| {
        let folder = if shown_as.is_empty() { "the folder" } else { shown_as };
        Diagnostic::new(Code::DN809, format!("{folder} holds no migrations"))
            .severity(Severity::Warning)
            .help("`dunlin new NAME` makes the first one")
    });
    duplicates.chain(orphans).chain(empty).collect()
}

fn migration(
    folder: &impl Folder,
    planned: Planned,
    shown: &impl Fn(&str) -> String,
) -> Result<Migration, MigrationError> {
    let bytes = folder.read(&planned.up)?;
    let checksum = Checksum(Sha256::digest(&bytes).into());
    let (up, fault) = source(&shown(&planned.up), bytes);
    let parts = sections::sections(&up.text);
    let (mut directives, mut diagnostics) = directives::of_file(&up);
    directives.no_transaction |= parts.no_transaction;
    diagnostics.extend(fault);
    let down = match planned.down {
        None => parts.down.map(|span| (up.clone(), span)),
        Some(name) => {
            let (file, fault) = source(&shown(&name), folder.read(&name)?);
            diagnostics.extend(fault);
            let span = Span::new(0, file.text.len());
            Some((file, span))
        }
    };
    Ok(Migration {
        id: planned.id,
        version: planned.version,
        kind: planned.kind,
        up,
        up_span: parts.up,
        down,
        checksum,
        directives,
        diagnostics,
    })
}

/// Makes text of a file's bytes; a file that is not text is empty, with the place of its first bad byte.
fn source(path: &str, bytes: Vec<u8>) -> (SourceFile, Option<Diagnostic>) {
    let (at, message) = match String::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            None => return (SourceFile::new(path, &text), None),
            Some(at) => ((at, text), "the file holds a NUL byte"),
        },
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
            let nul = text.find('\0');
            (
                (nul.unwrap_or(at), text),
                if nul.is_some() { "the file holds a NUL byte" } else { "the file is not UTF-8" },
            )
        }
    };
    let ((at, text), message) = (at, message);
    // The byte order mark is no column, as in files that can be read.
    let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let (line, column) = LineIndex::new(&text[mark..]).line_column(&text[mark..], at - mark);
    let mut diagnostic = Diagnostic::new(Code::DN104, message).help("save it as UTF-8, without NUL bytes");
    let span = Span::new(at, at + 1);
    diagnostic.location = Some(Location { file: path.to_owned(), line, column, span });
    (SourceFile::new(path, ""), Some(diagnostic))
}

#[cfg(test)]
mod tests {
    use super::super::folder::Listing;
    use super::*;
    use std::io::{Cursor, Read};

    /// Files that hold their own names, but for some that cannot be read.
    struct Named {
        files: Vec<String>,
        unreadable: Vec<String>,
    }

    impl Folder for Named {
        fn list(&self) -> Result<Listing, MigrationError> {
            Ok(Listing { files: self.files.clone(), empty_folders: Vec::new() })
        }

        fn open(&self, name: &str) -> Result<Box<dyn Read + '_>, MigrationError> {
            if self.unreadable.iter().any(|unreadable| unreadable == name) {
                return Err(self.unreadable(name, std::io::ErrorKind::PermissionDenied.into()));
            }
            Ok(Box::new(Cursor::new(format!("select '{name}';"))))
        }
    }

    #[test]
    fn many_files_come_in_order_and_the_first_that_cannot_be_read_is_named() {
        let files: Vec<String> = (1..=MANY + 1).map(|n| format!("{n:04}_m.sql")).collect();
        let mut folder = Named { files: files.clone(), unreadable: Vec::new() };
        let set = load(&folder, "").unwrap();
        let texts: Vec<&str> = set.migrations.iter().map(|migration| &*migration.up.text).collect();
        assert_eq!(texts, files.iter().map(|name| format!("select '{name}';")).collect::<Vec<_>>());
        for first in [MANY - 1, MANY / 2, MANY / 2 - 1, 0] {
            folder.unreadable.push(files[first].clone());
            let Err(MigrationError::Unreadable { path, .. }) = load(&folder, "") else { panic!() };
            assert_eq!(path, Path::new(&files[first]));
        }
    }
}
