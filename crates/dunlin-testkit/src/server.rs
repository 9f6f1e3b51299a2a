//! The server that all tests of a process share.

use dunlin::embedded::{Embedded, EmbeddedOptions};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tokio::runtime::Handle;

/// The server that all tests of this process share. It starts at the first use and ends with the process.
///
/// `DUNLIN_TEST_PG_BIN` names the directory of the server programs to use instead of the machine's.
#[derive(Debug)]
pub struct TestServer {
    embedded: Embedded,
}

impl TestServer {
    /// Gives the server, started if it is not running yet.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<TestServer> = OnceLock::new();
        SERVER.get_or_init(|| Self {
            embedded: Embedded::start(Self::options())
                .unwrap_or_else(|error| panic!("no test server: {error}")),
        })
    }

    /// Gives the options that the shared server starts with, for tests that need a server of their own.
    pub fn options() -> EmbeddedOptions {
        let settings =
            [("max_connections", "200"), ("max_prepared_transactions", "10"), ("wal_level", "logical")];
        EmbeddedOptions {
            bin: Self::given_bin(),
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            ..EmbeddedOptions::default()
        }
    }

    /// Gives the directory of server programs that `DUNLIN_TEST_PG_BIN` names.
    pub fn given_bin() -> Option<PathBuf> {
        std::env::var_os("DUNLIN_TEST_PG_BIN").filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Gives the URL of a database on it.
    pub fn url(&self, database: &str) -> String {
        self.embedded.url(database)
    }

    /// Starts a PgBouncer before it.
    pub fn bouncer(&self, settings: &[(&str, &str)]) -> crate::PgBouncer {
        let account = crate::ServerAccount::of(self.embedded.data_directory());
        crate::PgBouncer::start(self.embedded.socket_directory(), account, settings)
    }

    /// Gives the socket that it listens at.
    pub(crate) fn socket(&self) -> PathBuf {
        self.embedded.socket_directory().join(".s.PGSQL.5432")
    }

    /// Gives the directory of the server's programs.
    pub fn bin(&self) -> &Path {
        self.embedded.bin()
    }

    /// Gives the server's major version, for what differs between versions.
    pub fn major(&self) -> u32 {
        self.embedded.major()
    }

    /// Gives the path of one of the server's client programs, such as `psql`.
    pub fn program(&self, name: &str) -> PathBuf {
        let path = self.embedded.bin().join(name);
        if path.is_file() { path } else { PathBuf::from(name) }
    }
}

/// Gives the runtime that connections of tests live in. It is not the test's own, so that a connection goes on while
/// a test blocks, and the end of a test does not end what cleans up after it.
pub(crate) fn runtime() -> &'static Handle {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        handle
    })
}

/// Runs a future to its end from a test that is not async (or from one that is: it does not use its runtime).
pub fn block_on<F>(future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (sender, receiver) = std::sync::mpsc::channel();
    runtime().spawn(async move {
        // The receiver is there until the value comes, unless the test has panicked.
        let _ = sender.send(future.await);
    });
    receiver.recv().expect("the future panicked; its message is above")
}
