//! A private server with and without TLS, for the tests of connections.

use dunlin::pg::{ConnInfo, ConnectOptions, Environment, PgError, Session, connect};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Certificates that the tests need, made once per server.
pub(crate) enum Tls {
    Off,
    /// A certificate of our CA for `names` (the value of `subjectAltName`, or none: only the common name).
    On {
        names: Option<&'static str>,
        common_name: &'static str,
    },
    /// A self-signed certificate, which is its own root.
    SelfSigned,
    /// A version 1 certificate of our CA, as the manual's commands make it, with an RSA key.
    Version1,
}

pub(crate) struct Server {
    dir: TempDir,
    pub(crate) port: u16,
}

const HBA: &str = "\
local all all trust
hostssl all certonly 127.0.0.1/32 cert
hostssl all tlsonly 127.0.0.1/32 trust
hostnossl all tlsonly 127.0.0.1/32 reject
hostssl all plainonly 127.0.0.1/32 reject
hostnossl all plainonly 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
";

impl Server {
    /// Makes a cluster and starts it.
    pub(crate) fn start(tls: &Tls, settings: &str) -> Self {
        let server = Self::make(tls, settings);
        server.run();
        server
    }

    /// Makes a cluster without starting it.
    pub(crate) fn make(tls: &Tls, settings: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("dunlin-it").tempdir().unwrap();
        as_postgres(Command::new("chown").arg("postgres").arg(dir.path()), false);
        let data = dir.path().join("data");
        let mut initdb = Command::new(binary("initdb"));
        initdb.args(["-A", "trust", "-U", "postgres", "-N", "--no-locale", "-E", "UTF8", "-D"]).arg(&data);
        as_postgres(&mut initdb, true);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut conf = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nfsync = off\n{settings}\n",
            dir.path().display()
        );
        if !matches!(tls, Tls::Off) {
            certificates(&data, tls);
            conf.push_str("ssl = on\nssl_ca_file = 'root.crt'\n");
        }
        std::fs::write(data.join("postgresql.auto.conf"), conf).unwrap();
        std::fs::write(data.join("pg_hba.conf"), HBA).unwrap();
        as_postgres(Command::new("chown").args(["-R", "postgres"]).arg(dir.path()), false);
        Self { dir, port }
    }

    /// Starts the server and makes the roles.
    pub(crate) fn run(&self) {
        self.pg_ctl(&["-w", "-l", "log", "start"]);
        let mut psql = Command::new(binary("psql"));
        psql.args(["-X", "-q", "-U", "postgres", "-d", "postgres", "-h"]).arg(self.dir.path());
        psql.args(["-p", &self.port.to_string(), "-c"]).arg(
            "BEGIN READ WRITE; SET LOCAL password_encryption = 'scram-sha-256'; \
             CREATE ROLE me SUPERUSER LOGIN PASSWORD 'secret'; CREATE ROLE tlsonly LOGIN; \
             CREATE ROLE plainonly LOGIN; \
             CREATE ROLE certonly LOGIN; CREATE ROLE full_up LOGIN PASSWORD 'secret' CONNECTION LIMIT 0; COMMIT",
        );
        as_postgres(&mut psql, true);
    }

    /// Stops it in a mode (`fast`, `immediate`) and starts it again.
    pub(crate) fn restart(&self, mode: &str) {
        self.pg_ctl(&["-w", "-m", mode, "-l", "log", "restart"]);
    }

    fn pg_ctl(&self, args: &[&str]) {
        let mut command = Command::new(binary("pg_ctl"));
        command.arg("-D").arg(self.dir.path().join("data")).args(args).current_dir(self.dir.path());
        as_postgres(&mut command, true);
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Gives the file of our CA.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("data/root.crt")
    }

    /// Gives a connection string for TCP.
    pub(crate) fn tcp(&self, more: &str) -> String {
        format!("host=127.0.0.1 port={} dbname=postgres {more}", self.port)
    }

    /// Gives a connection string for the socket, as the superuser.
    pub(crate) fn socket(&self) -> String {
        format!("host={} port={} dbname=postgres user=postgres", self.dir.path().display(), self.port)
    }

    /// Connects through the socket.
    pub(crate) async fn session(&self) -> Session {
        try_connect(&self.socket()).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.dir.path().join("data");
        if data.join("postmaster.pid").exists() {
            self.pg_ctl(&["-w", "-m", "immediate", "stop"]);
        }
    }
}

/// Connects with an environment that has nothing but a user's name.
pub(crate) async fn try_connect(text: &str) -> Result<Session, PgError> {
    let env = Environment { os_user: Some("nobody".into()), ..Environment::default() };
    let info = ConnInfo::parse(text, &env).unwrap();
    connect(&info, &ConnectOptions::default()).await
}

fn binary(name: &str) -> PathBuf {
    Path::new("/usr/lib/postgresql/15/bin").join(name)
}

/// Runs a command, as the user postgres if asked to and if we are root, whom the server refuses to serve.
fn as_postgres(command: &mut Command, switch: bool) {
    let root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let output = if switch && root {
        let mut wrapped = Command::new("runuser");
        wrapped.args(["-u", "postgres", "--"]).arg(command.get_program()).args(command.get_args());
        wrapped.current_dir(command.get_current_dir().unwrap_or(Path::new("/")));
        // A file, not a pipe: the server inherits it and would keep a pipe open.
        wrapped.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status()
    } else if root || switch {
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status()
    } else {
        return;
    };
    assert!(output.unwrap().success(), "{command:?} failed");
}

fn openssl(dir: &Path, args: &str) {
    let output = Command::new("openssl").args(args.split_whitespace()).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&output.stderr));
}

fn certificates(dir: &Path, tls: &Tls) {
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    match tls {
        Tls::Off => {}
        Tls::SelfSigned => {
            openssl(
                dir,
                &format!("req -x509 {KEY} -keyout server.key -out server.crt -subj /CN=localhost -days 9"),
            );
            std::fs::copy(dir.join("server.crt"), dir.join("root.crt")).unwrap();
        }
        Tls::Version1 => {
            let key = "-newkey rsa:2048 -nodes";
            openssl(dir, &format!("req -x509 {key} -keyout ca.key -out root.crt -subj /CN=ca -days 9"));
            openssl(dir, &format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
            let sign = "x509 -req -in server.csr -CA root.crt -CAkey ca.key -CAcreateserial -days 9";
            openssl(dir, &format!("{sign} -out server.crt"));
        }
        Tls::On { names, common_name } => {
            openssl(dir, &format!("req -x509 {KEY} -keyout ca.key -out root.crt -subj /CN=ca -days 9"));
            openssl(dir, &format!("req {KEY} -keyout server.key -out server.csr -subj /CN={common_name}"));
            let names = names.map(|names| format!("subjectAltName={names}\n")).unwrap_or_default();
            std::fs::write(dir.join("ext"), format!("basicConstraints=CA:FALSE\n{names}")).unwrap();
            openssl(
                dir,
                "x509 -req -in server.csr -CA root.crt -CAkey ca.key -CAcreateserial -days 9 \
                 -extfile ext -out server.crt",
            );
            openssl(dir, &format!("req {KEY} -keyout client.key -out client.csr -subj /CN=certonly"));
            openssl(
                dir,
                "x509 -req -in client.csr -CA root.crt -CAkey ca.key -CAcreateserial -days 9 \
                 -extfile ext -out client.crt",
            );
        }
    }
    // The root is for clients, who are other users.
    Command::new("chmod").args(["-R", "go=", "."]).current_dir(dir).status().unwrap();
}
