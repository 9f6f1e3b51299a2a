//! A private PostgreSQL cluster from the server programs of this machine.
//!
//! ```text
//! binaries (which programs) → account (as whom) → home (where, locked) → cluster (initdb, or a copy of a cached one)
//!     → watchdog (runs the server, ends it when its owner ends)
//! ```
//!
//! The server listens on nothing but a Unix socket in a directory that only its own user can enter. It ends with the
//! process that started it, whatever happens to that process; `watchdog` says how.
//!
//! This is the only module of the library that looks at the environment: where programs, caches and temporary files
//! are is known nowhere else.

mod account;
mod binaries;
mod cluster;
mod error;
mod home;
mod watchdog;

pub use error::EmbeddedError;

use account::Account;
use binaries::Binaries;
use home::{Directory, Home};
use std::path::{Path, PathBuf};
use watchdog::{Ending, Watchdog};

/// The name of the superuser of an embedded cluster.
pub const SUPERUSER: &str = "postgres";

/// Where an embedded cluster keeps its data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Data {
    /// In a temporary directory that goes when the server ends.
    #[default]
    Temporary,
    /// In a directory that is made if it is not there and stays; only one process can use it at a time.
    Directory(PathBuf),
}

/// What an embedded cluster shall be like.
#[derive(Debug, Clone, Default)]
pub struct EmbeddedOptions {
    /// The directory with `initdb` and `postgres`; it is searched for if none is given.
    pub bin: Option<PathBuf>,
    /// Where the data is.
    pub data: Data,
    /// Whether a temporary cluster writes to disk as a real one does, for benchmarks. A cluster in a directory always
    /// does.
    pub fsync: bool,
    /// Server settings by name, such as `("max_connections", "200")`; they win over all others.
    pub settings: Vec<(String, String)>,
    /// Where ready-made clusters are cached; the user's or the system's cache directory if none is given.
    pub cache: Option<PathBuf>,
}

/// A running private PostgreSQL server; it ends when this value is dropped or its process ends.
#[derive(Debug)]
pub struct Embedded {
    binaries: Binaries,
    data: PathBuf,
    from_cache: bool,
    // The order matters: the server has to end before its directories are given up.
    watchdog: Watchdog,
    home: Home,
    _directory: Option<Directory>,
}

impl Embedded {
    /// Starts a server and waits until it accepts connections. Blocks, usually for a fifth of a second.
    pub fn start(options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let account = Account::for_server();
        let directory = match &options.data {
            Data::Temporary => None,
            Data::Directory(path) => Some(Directory::open(path, &account)?),
        };
        let major = directory.as_ref().and_then(Directory::major);
        let binaries = binaries::find(options.bin.as_deref(), major)?;
        account.check_reaches(&binaries.directory)?;
        if let Some(directory) = &directory {
            directory.check_major(&binaries)?;
        }
        home::sweep(&account);
        let home = Home::create(&account)?;
        let (data, from_cache) = match &directory {
            Some(directory) => (cluster::in_directory(directory, &binaries, &account)?, false),
            None => cluster::temporary(&home, &options, &binaries, &account)?,
        };
        let ending = if directory.is_some() { Ending::Keep } else { Ending::Discard };
        let lock = directory.as_ref().map_or_else(|| home.lock(), Directory::lock)?;
        let arguments = server_arguments(&options, &home, &data);
        let watchdog = Watchdog::start(
            &account,
            lock,
            watchdog::Server { binaries: &binaries, home: home.path(), data: &data, arguments, ending },
        )?;
        Ok(Self { binaries, data, from_cache, watchdog, home, _directory: directory })
    }

    /// Gives the URL of one of its databases (`postgres` is always there), for libpq and for Dunlin.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgresql:///{}?host={}&user={SUPERUSER}",
            percent_encoded(database),
            percent_encoded(&self.home.path().to_string_lossy())
        )
    }

    /// Gives the directory of the socket, which libpq takes as a host.
    pub fn socket_directory(&self) -> &Path {
        self.home.path()
    }

    /// Gives the directory of the server's programs.
    pub fn bin(&self) -> &Path {
        &self.binaries.directory
    }

    /// Gives the server's version as it writes it, such as `15.14`.
    pub fn version(&self) -> &str {
        &self.binaries.version
    }

    /// Gives the server's major version, such as 15.
    pub fn major(&self) -> u32 {
        self.binaries.major
    }

    /// Gives the directory of the data (`PGDATA`).
    pub fn data_directory(&self) -> &Path {
        &self.data
    }

    /// Gives the process id of the postmaster.
    pub fn pid(&self) -> u32 {
        self.watchdog.postmaster()
    }

    /// Says whether the cluster is a copy of a cached one rather than newly made by `initdb`.
    pub fn from_cache(&self) -> bool {
        self.from_cache
    }

    /// Stops the server and waits until it has ended; the data of a temporary one is gone then.
    pub fn stop(mut self) -> Result<(), EmbeddedError> {
        self.watchdog.stop()
    }
}

fn server_arguments(options: &EmbeddedOptions, home: &Home, data: &Path) -> Vec<String> {
    let mut settings = vec![
        ("listen_addresses".to_owned(), String::new()),
        ("unix_socket_directories".to_owned(), home.path().to_string_lossy().into_owned()),
        ("unix_socket_permissions".to_owned(), "0700".to_owned()),
        ("port".to_owned(), home::PORT.to_string()),
    ];
    if options.data == Data::Temporary {
        // Small WAL segments keep the copy small, but would also mean a checkpoint every few megabytes.
        let throw_away = [("max_wal_size", "1GB"), ("timezone", "UTC"), ("log_timezone", "UTC")];
        settings.extend(throw_away.map(|(name, value)| (name.to_owned(), value.to_owned())));
        if !options.fsync {
            let careless = ["fsync", "synchronous_commit", "full_page_writes"];
            settings.extend(careless.map(|name| (name.to_owned(), "off".to_owned())));
        }
    }
    settings.extend(options.settings.iter().cloned());
    let mut arguments = vec!["-D".to_owned(), data.to_string_lossy().into_owned()];
    for (name, value) in settings {
        arguments.extend(["-c".to_owned(), format!("{name}={value}")]);
    }
    arguments
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_urls_are_encoded() {
        assert_eq!(percent_encoded("/tmp/dunlin-pg-1"), "/tmp/dunlin-pg-1");
        assert_eq!(percent_encoded("my db?ü"), "my%20db%3F%C3%BC");
    }
}
