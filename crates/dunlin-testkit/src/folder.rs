//! A folder of migrations.

use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A temporary folder with migration files; it goes at the end of the test.
#[derive(Debug)]
pub struct Folder {
    directory: TempDir,
}

impl Folder {
    /// Makes a folder with files, each given by name and text. A name may have directories in it.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self { directory: tempfile::Builder::new().prefix("dunlin-test-").tempdir().unwrap() };
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    /// Writes a file, new or over the old one, and gives its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.directory.path().join(name)).unwrap();
    }

    /// Renames a file.
    pub fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.directory.path().join(from), self.directory.path().join(to)).unwrap();
    }

    /// Gives the folder's path.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}
