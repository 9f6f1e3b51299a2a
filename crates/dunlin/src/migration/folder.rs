//! Where migrations come from: a folder on disk, or files in memory. Looks one level deep.

use super::MigrationError;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The names in a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Files as `name` or `folder/name`, in no order.
    pub files: Vec<String>,
    /// Folders that hold no file.
    pub empty_folders: Vec<String>,
}

/// Something that holds files of SQL.
pub(super) trait Folder {
    fn list(&self) -> Result<Listing, MigrationError>;
    fn open(&self, name: &str) -> Result<Box<dyn Read + '_>, MigrationError>;

    fn unreadable(&self, name: &str, source: io::Error) -> MigrationError {
        MigrationError::Unreadable { path: PathBuf::from(name), source }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, MigrationError> {
        let mut bytes = Vec::new();
        match self.open(name)?.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(source) => Err(self.unreadable(name, source)),
        }
    }
}

/// A folder on disk; symbolic links are followed.
pub(super) struct Disk<'a>(pub &'a Path);

impl Disk<'_> {
    /// Lists a folder's files and, at the top level, those of its folders.
    fn add(&self, folder: Option<&str>, listing: &mut Listing) -> Result<(), MigrationError> {
        let dir = folder.map_or_else(|| self.0.to_owned(), |folder| self.0.join(folder));
        let unreadable = |path: &Path, source| MigrationError::Unreadable { path: path.to_owned(), source };
        let before = listing.files.len();
        for entry in fs::read_dir(&dir).map_err(|source| unreadable(&dir, source))? {
            let entry = entry.map_err(|source| unreadable(&dir, source))?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(MigrationError::Name { path: entry.path() });
            };
            if name.starts_with('.') {
                continue;
            }
            let kind = entry.file_type().map_err(|source| unreadable(&entry.path(), source))?;
            let is_dir = if kind.is_symlink() {
                let path = entry.path();
                fs::metadata(&path).map_err(|source| unreadable(&path, source))?.is_dir()
            } else {
                kind.is_dir()
            };
            match (folder, is_dir) {
                (None, false) => listing.files.push(name),
                (None, true) => self.add(Some(&name), listing)?,
                (Some(folder), false) => listing.files.push(format!("{folder}/{name}")),
                (Some(_), true) => {}
            }
        }
        if let Some(folder) = folder.filter(|_| listing.files.len() == before) {
            listing.empty_folders.push(folder.to_owned());
        }
        Ok(())
    }
}

impl Folder for Disk<'_> {
    fn list(&self) -> Result<Listing, MigrationError> {
        match fs::metadata(self.0) {
            Ok(found) if found.is_dir() => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(MigrationError::Unreadable { path: self.0.to_owned(), source: error });
            }
            _ => return Err(MigrationError::NoFolder { path: self.0.to_owned() }),
        }
        let mut listing = Listing::default();
        self.add(None, &mut listing)?;
        Ok(listing)
    }

    fn open(&self, name: &str) -> Result<Box<dyn Read + '_>, MigrationError> {
        match fs::File::open(self.0.join(name)) {
            Ok(file) => Ok(Box::new(file)),
            Err(source) => Err(self.unreadable(name, source)),
        }
    }

    fn unreadable(&self, name: &str, source: io::Error) -> MigrationError {
        MigrationError::Unreadable { path: self.0.join(name), source }
    }
}

/// Files in memory, such as those that a program carries.
pub(super) struct Memory<'a>(pub Vec<(String, &'a [u8])>);

impl Folder for Memory<'_> {
    fn list(&self) -> Result<Listing, MigrationError> {
        let visible = |name: &&String| !name.split('/').any(|part| part.starts_with('.'));
        let files = self.0.iter().map(|(name, _)| name).filter(visible);
        let files = files.filter(|name| name.matches('/').count() < 2).cloned().collect();
        Ok(Listing { files, empty_folders: Vec::new() })
    }

    fn open(&self, name: &str) -> Result<Box<dyn Read + '_>, MigrationError> {
        // Sorted by `Memory::new`, so that a hundred thousand files stay quick.
        match self.0.binary_search_by(|(own, _)| own.as_str().cmp(name)) {
            Ok(at) => Ok(Box::new(self.0[at].1)),
            Err(_) => Err(self.unreadable(name, io::ErrorKind::NotFound.into())),
        }
    }
}

impl<'a> Memory<'a> {
    pub(super) fn new(mut files: Vec<(String, &'a [u8])>) -> Self {
        files.sort();
        Self(files)
    }

    pub(super) fn embedded(dir: &'a include_dir::Dir<'_>) -> Self {
        let top = dir.files();
        let below = dir.dirs().flat_map(include_dir::Dir::files);
        let prefix = dir.path();
        let name = |path: &Path| {
            let parts = path.strip_prefix(prefix).unwrap_or(path).components();
            parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
        };
        Self::new(top.chain(below).map(|file| (name(file.path()), file.contents())).collect())
    }
}
