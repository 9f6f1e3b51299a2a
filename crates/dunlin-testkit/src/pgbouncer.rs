//! A PgBouncer between a test and a server.

use crate::own_server::{ServerAccount, open_to_all};
use std::fmt::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PORT: u16 = 6432;

/// A running PgBouncer, which takes everybody for the superuser; it ends with the value, or with the process.
#[derive(Debug)]
pub struct PgBouncer {
    directory: TempDir,
    process: Child,
}

impl PgBouncer {
    /// Starts one before the server with this socket directory, with settings such as `("pool_mode", "transaction")`.
    pub fn start(sockets: &Path, owner: ServerAccount, settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new().prefix("dunlin-bouncer-").tempdir().unwrap();
        open_to_all(directory.path());
        let place = directory.path().join("run");
        std::fs::create_dir(&place).unwrap();
        owner.own(&place);
        let mut configuration = format!(
            "[databases]\n* = host={} port={} user=postgres\n[pgbouncer]\nauth_type = any\nlisten_port = {PORT}\n\
             unix_socket_dir = {}\n",
            sockets.display(),
            port_of(sockets),
            place.display()
        );
        for (name, value) in settings {
            writeln!(configuration, "{name} = {value}").unwrap();
        }
        let file = directory.path().join("pgbouncer.ini");
        std::fs::write(&file, configuration).unwrap();
        // The pipe at its standard input breaks when the test's process ends, however it ends.
        let script = "PATH=$PATH:/usr/sbin; exec 3<&0; pgbouncer \"$1\" </dev/null & pid=$!; cat <&3 >/dev/null; kill $pid; wait $pid";
        let mut command = owner.command("sh");
        command.args(["-c", script, "sh"]).arg(&file).stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(std::fs::File::create(directory.path().join("log")).unwrap());
        let process = command.spawn().unwrap();
        let bouncer = Self { directory, process };
        bouncer.wait();
        bouncer
    }

    fn wait(&self) {
        let socket = self.directory.path().join("run").join(format!(".s.PGSQL.{PORT}"));
        let begun = Instant::now();
        while UnixStream::connect(&socket).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "PgBouncer does not start (scripts/setup installs it): {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Gives what it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Gives the URL of a database behind it.
    pub fn url(&self, database: &str) -> String {
        let place: PathBuf = self.directory.path().join("run");
        format!("postgresql:///{database}?host={}&port={PORT}&user=postgres", place.display())
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Finds the port in the name of the server's socket.
fn port_of(sockets: &Path) -> String {
    let names = std::fs::read_dir(sockets).unwrap().flatten().map(|entry| entry.file_name());
    let mut ports = names.filter_map(|name| {
        let port = name.to_str()?.strip_prefix(".s.PGSQL.")?;
        port.parse::<u16>().is_ok().then(|| port.to_owned())
    });
    ports.next().expect("the server has a socket")
}
