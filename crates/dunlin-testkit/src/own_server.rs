//! A server of a test's own, with its settings; a standby of it; a small file system for it.

use crate::program::Output;
use crate::server::TestServer;
use dunlin::embedded::{Data, Embedded, EmbeddedOptions};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A server that one test alone uses; it ends with the value.
#[derive(Debug)]
pub struct OwnServer {
    embedded: Embedded,
    // After the server, which has its data in it.
    _directory: Option<TempDir>,
}

impl OwnServer {
    /// Starts a server with these settings, such as `("max_connections", "10")`.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let embedded = Embedded::start(options(settings, Data::Temporary));
        Self { embedded: embedded.unwrap_or_else(|error| panic!("no server: {error}")), _directory: None }
    }

    /// Starts a standby of this server, which follows it by streaming.
    pub fn standby(&self) -> Self {
        let directory = tempfile::Builder::new().prefix("dunlin-standby-").tempdir().unwrap();
        open_to_all(directory.path());
        // What an embedded server takes for a directory of its own.
        std::fs::write(directory.path().join("dunlin.lock"), "").unwrap();
        let data = directory.path().join("data");
        std::fs::create_dir(&data).unwrap();
        self.account().own(&data);
        std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let mut backup = self.account().command(self.program("pg_basebackup"));
        backup.args(["--checkpoint=fast", "--write-recovery-conf", "--wal-method=stream", "--no-sync"]);
        backup.arg("-d").arg(self.url("postgres")).arg("-D").arg(&data);
        Output::of(&mut backup).expect(0);
        let embedded = Embedded::start(options(&[], Data::Directory(directory.path().to_owned())));
        let embedded = embedded.unwrap_or_else(|error| panic!("no standby: {error}"));
        Self { embedded, _directory: Some(directory) }
    }

    /// Gives the URL of a database on it, with the superuser.
    pub fn url(&self, database: &str) -> String {
        self.embedded.url(database)
    }

    /// Runs SQL with the server's own `psql` and gives what it says: values with `|` between them, a row a line.
    pub fn psql(&self, database: &str, sql: &str) -> Output {
        psql(&self.url(database), sql)
    }

    /// The same, and expects it to succeed.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.psql(database, sql).expect(0).stdout.trim_end().to_owned()
    }

    /// Starts a PgBouncer before it.
    pub fn bouncer(&self, settings: &[(&str, &str)]) -> crate::PgBouncer {
        crate::PgBouncer::start(self.embedded.socket_directory(), self.account(), settings)
    }

    /// Gives the directory of its data.
    pub fn data_directory(&self) -> &Path {
        self.embedded.data_directory()
    }

    /// Gives the directory of its socket, which is a host for libpq.
    pub fn socket_directory(&self) -> &Path {
        self.embedded.socket_directory()
    }

    /// Gives the operating system's user that it runs as.
    pub fn account(&self) -> ServerAccount {
        ServerAccount::of(self.data_directory())
    }

    fn program(&self, name: &str) -> PathBuf {
        self.embedded.bin().join(name)
    }
}

/// Runs SQL with `psql`, which stops at the first error.
pub fn psql(url: &str, sql: &str) -> Output {
    let mut psql = Command::new(TestServer::shared().program("psql"));
    Output::of(psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]))
}

/// The settings of the test's server win over those of the shared one.
fn options(settings: &[(&str, &str)], data: Data) -> EmbeddedOptions {
    let mut options = EmbeddedOptions { data, ..TestServer::options() };
    options.settings.retain(|(name, _)| !settings.iter().any(|(other, _)| other == name));
    options.settings.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    options
}

/// The operating system's user that a server runs as: another one than the test's when that is root.
#[derive(Debug, Clone, Copy)]
pub struct ServerAccount {
    uid: u32,
    gid: u32,
    switched: bool,
}

impl ServerAccount {
    /// Gives the owner of a server's files.
    pub(crate) fn of(data: &Path) -> Self {
        let owner = data.metadata().unwrap();
        let own = Path::new("/proc/self").metadata().map_or(owner.uid(), |process| process.uid());
        Self { uid: owner.uid(), gid: owner.gid(), switched: owner.uid() != own }
    }

    /// Makes a file or directory this user's.
    pub fn own(self, path: &Path) {
        if self.switched {
            std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).unwrap();
        }
    }

    /// Prepares a program to run as this user.
    pub fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if self.switched {
            command.uid(self.uid).gid(self.gid);
        }
        command.current_dir("/");
        command
    }
}

/// Lets a server that runs as another user reach what is in a test's directory.
pub(crate) fn open_to_all(directory: &Path) {
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// A file system of a few megabytes in memory, which a server can fill; only root can make one.
#[derive(Debug)]
pub struct SmallDisk {
    directory: TempDir,
}

impl SmallDisk {
    /// Mounts one; an error says why that cannot be.
    pub fn mount(megabytes: u32) -> Result<Self, String> {
        let directory = tempfile::Builder::new().prefix("dunlin-small-").tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=755"), "tmpfs"]);
        let output = Command::output(mount.arg(directory.path())).map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        Ok(Self { directory })
    }

    /// Makes a directory on it that a server may use.
    pub fn directory(&self, owner: ServerAccount) -> PathBuf {
        open_to_all(self.directory.path());
        let path = self.directory.path().join("data");
        std::fs::create_dir(&path).unwrap();
        owner.own(&path);
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The server may still have files open there.
        let _ = Command::new("umount").arg("--lazy").arg(self.directory.path()).output();
    }
}
