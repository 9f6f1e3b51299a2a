//! As whom the server runs: PostgreSQL refuses to run as root.

use super::EmbeddedError;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The user that the server runs as and that owns its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    name: String,
    pub(super) uid: u32,
    gid: u32,
    /// Whether it is another user than the one who runs Dunlin, which only root can do.
    pub(super) switched: bool,
}

impl Account {
    /// Chooses the user: the present one, and for root `postgres` or, without it, `nobody`.
    pub(super) fn for_server() -> Self {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        if uid != 0 {
            return Self { name: uid.to_string(), uid, gid, switched: false };
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "_postgres", "nobody"]
            .into_iter()
            .find_map(|name| Self::from_passwd(&passwd, name))
            .unwrap_or_else(|| Self { name: "nobody".to_owned(), uid: 65534, gid: 65534, switched: true })
    }

    fn from_passwd(passwd: &str, name: &str) -> Option<Self> {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(str::parse);
        let (uid, gid) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        (uid != 0).then(|| Self { name: name.to_owned(), uid, gid, switched: true })
    }

    /// Prepares a program to run as this user, in the root directory (the present one may be closed to it), with
    /// none of the variables that would change what PostgreSQL's programs do.
    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env("LC_ALL", "C");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        if self.switched {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Makes a file or directory this user's.
    pub(super) fn own(&self, path: &Path) -> Result<(), EmbeddedError> {
        if !self.switched {
            return Ok(());
        }
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
            .map_err(EmbeddedError::io("change the owner of", path))
    }

    /// Finds the first directory on the way to `path` (itself included) that this user may not enter.
    pub(super) fn barred_at(&self, path: &Path) -> Option<PathBuf> {
        if !self.switched {
            return None;
        }
        let mut ancestors: Vec<&Path> =
            path.ancestors().filter(|part| !part.as_os_str().is_empty()).collect();
        ancestors.reverse();
        let barred =
            ancestors.into_iter().find(|part| part.metadata().is_ok_and(|data| !self.may_enter(&data)));
        barred.map(Path::to_owned)
    }

    fn may_enter(&self, directory: &std::fs::Metadata) -> bool {
        let bit = if directory.uid() == self.uid {
            0o100
        } else if directory.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        directory.mode() & bit != 0
    }

    /// Gives the error that `barred_at` found, if it found one.
    pub(super) fn check_reaches(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self.barred_at(path) {
            Some(path) => Err(EmbeddedError::Unreachable { path, user: self.name.clone() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn users_are_read_from_passwd() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7::/:/bin/sh\npostgres:x:101:104:a:/var:/bin/bash\n";
        let account = Account::from_passwd(passwd, "postgres").unwrap();
        assert_eq!((account.uid, account.gid), (101, 104));
        assert_eq!(Account::from_passwd(passwd, "nobody"), None);
        assert_eq!(Account::from_passwd(passwd, "root"), None, "the server never runs as root");
    }

    #[test]
    fn a_closed_directory_bars_another_user() {
        let temporary = tempfile::tempdir().unwrap();
        let inner = temporary.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        std::fs::set_permissions(temporary.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account { name: "x".to_owned(), uid: 54321, gid: 54321, switched: true };
        assert_eq!(stranger.barred_at(&inner), Some(temporary.path().to_owned()));
        assert_eq!(stranger.barred_at(Path::new("/")), None);
    }
}
