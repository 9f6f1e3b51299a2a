//! Connection strings exactly as libpq takes them: "Database Connection Control Functions" of the manual.
//!
//! What is not in the string comes from the service file, then from the `PG*` variables, then from libpq's
//! defaults. The environment is an argument; only the files that it points to are read here.

mod files;
mod keys;
mod parse;
mod redact;
mod resolve;

pub use redact::redact;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Connection parameters by their name.
type Settings = BTreeMap<&'static str, String>;

/// What libpq would read from its surroundings.
#[derive(Clone, Default)]
pub struct Environment {
    /// The environment variables; only those of libpq are looked at.
    pub variables: BTreeMap<String, String>,
    /// The user's home directory, for `~/.pgpass`, `~/.pg_service.conf` and `~/.postgresql`.
    pub home: Option<PathBuf>,
    /// The operating system's name of the user, the default user of the database.
    pub os_user: Option<String>,
}

impl Environment {
    /// Gives a variable that is set and not empty.
    fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Any variable may hold a secret.
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("home", &self.home)
            .field("os_user", &self.os_user)
            .finish()
    }
}

/// A password, which no output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Gives the password in clear, to send it to the server.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostTarget {
    /// A name or address to reach by TCP.
    Tcp {
        /// The name as given; it is what a certificate is compared with.
        name: String,
        /// The address to use instead of looking the name up (`hostaddr`).
        address: Option<IpAddr>,
    },
    /// A directory that holds a Unix-domain socket.
    Unix(PathBuf),
    /// No host was given: the socket in `/var/run/postgresql`, else the one in `/tmp`.
    DefaultSocket,
}

/// One of the servers to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Where it is.
    pub target: HostTarget,
    /// The port, which also names the socket file.
    pub port: u16,
    /// The password to use there.
    pub password: Option<Password>,
    /// The file that the password was found in.
    pub password_file: Option<PathBuf>,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            HostTarget::Tcp { name, .. } if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            HostTarget::Tcp { name, .. } => write!(f, "{name}:{}", self.port),
            HostTarget::Unix(path) => write!(f, "{}/.s.PGSQL.{}", path.display(), self.port),
            HostTarget::DefaultSocket => {
                write!(f, "{}/.s.PGSQL.{}", default_socket_directory().display(), self.port)
            }
        }
    }
}

/// Where Debian's and Red Hat's servers put their socket.
pub(super) fn default_socket_directory() -> &'static Path {
    Path::new("/var/run/postgresql")
}

/// How TLS is used, "SSL Mode Descriptions" of the manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Only if the server insists.
    Allow,
    /// If the server can.
    Prefer,
    /// Always; the certificate is only checked if there is a root certificate.
    Require,
    /// Always, and the certificate's chain is checked.
    VerifyCa,
    /// Always, and the certificate's chain and name are checked.
    VerifyFull,
}

/// The certificates that a server's certificate is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCertificates {
    /// A file that was named, or the default one, which exists.
    File(PathBuf),
    /// What the operating system trusts (`sslrootcert=system`).
    System,
    /// There is none; the path is where the default one would be.
    Missing(Option<PathBuf>),
}

/// A client certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The file of the certificate and its chain.
    pub certificate: PathBuf,
    /// The file of the private key.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2, and what is older and not spoken any more.
    V12,
    /// TLS 1.3.
    V13,
}

/// All that TLS needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SslConfig {
    /// Whether TLS is used and what is checked.
    pub mode: SslMode,
    /// `sslnegotiation=direct`: TLS begins without asking.
    pub direct: bool,
    /// Against what the server's certificate is checked.
    pub roots: RootCertificates,
    /// Revoked certificates.
    pub crl: Option<PathBuf>,
    /// What the client shows.
    pub client: Option<ClientCertificate>,
    /// Whether the server's name is sent at the start (`sslsni`).
    pub sni: bool,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// The newest version that is spoken.
    pub max_version: TlsVersion,
}

/// Which kind of server is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSessionAttrs {
    /// Any.
    Any,
    /// One that accepts writes by default.
    ReadWrite,
    /// One that does not.
    ReadOnly,
    /// One that is not in recovery.
    Primary,
    /// One that is.
    Standby,
    /// A standby, else any.
    PreferStandby,
}

/// TCP keepalives and time-outs; none means what the system does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalives {
    /// Whether they are used.
    pub enabled: bool,
    /// Silence after which the first probe is sent.
    pub idle: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
    /// Probes without an answer after which the connection is dead.
    pub count: Option<u32>,
    /// How long sent data may stay without acknowledgement.
    pub user_timeout: Option<Duration>,
}

/// Whether the password exchange must be bound to the TLS channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Not used.
    Disable,
    /// If both sides can.
    Prefer,
    /// Always.
    Require,
}

/// A connection string with all that it leaves out filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnInfo {
    /// The servers to try, in order; at least one.
    pub hosts: Vec<Host>,
    /// The role to log in as.
    pub user: String,
    /// The database.
    pub dbname: String,
    /// TLS.
    pub ssl: SslConfig,
    /// The limit for each server; none means no limit.
    pub connect_timeout: Option<Duration>,
    /// The name to be shown in `pg_stat_activity`.
    pub application_name: String,
    /// Command-line options for the server's session.
    pub options: Option<String>,
    /// Which kind of server is wanted.
    pub target: TargetSessionAttrs,
    /// Whether the servers are tried in random order.
    pub load_balance: bool,
    /// TCP keepalives.
    pub keepalives: Keepalives,
    /// Binding of the password exchange to TLS.
    pub channel_binding: ChannelBinding,
    /// What the user should know, such as a password file that everybody can read.
    pub warnings: Vec<String>,
}

impl ConnInfo {
    /// Reads a connection string (it may be empty) and fills in the rest from the environment.
    ///
    /// # Errors
    /// When the string, a variable or the service file is wrong or asks for what is not supported.
    pub fn parse(text: &str, env: &Environment) -> Result<Self, ConnInfoError> {
        resolve::resolve(parse::parse(text)?, env)
    }

    /// Gives the same with another password for every host.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        for host in &mut self.hosts {
            host.password = Some(Password(password.to_owned()));
            host.password_file = None;
        }
        self
    }
}

impl fmt::Display for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self.hosts.iter().map(Host::to_string).collect();
        write!(f, "database \"{}\" at {} as \"{}\"", self.dbname, hosts.join(", "), self.user)
    }
}

/// Why a connection string cannot be used. No variant ever holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnInfoError {
    /// A key that libpq does not know.
    #[error("no connection parameter is called \"{key}\"{}", did_you_mean(near))]
    UnknownKey {
        /// The key as written.
        key: String,
        /// Keys that look like it.
        near: Vec<&'static str>,
    },
    /// A key that libpq knows and that is not supported here.
    #[error("the connection parameter \"{key}\" is not supported")]
    Unsupported {
        /// The key.
        key: &'static str,
    },
    /// A value that its key does not take.
    #[error("\"{value}\" is not a value of the connection parameter \"{key}\" ({expected})")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// Two lists that must have the same length.
    #[error("{hosts} hosts are given, but {count} values of \"{key}\"")]
    Count {
        /// The key of the second list.
        key: &'static str,
        /// How many hosts there are.
        hosts: usize,
        /// How long the second list is.
        count: usize,
    },
    /// `key` without `= value`.
    #[error("missing \"=\" after \"{key}\" in the connection string")]
    MissingEquals {
        /// The key.
        key: String,
    },
    /// `key=a=b` in a URI.
    #[error("more than one \"=\" after \"{key}\" in the connection string")]
    ExtraEquals {
        /// The key.
        key: String,
    },
    /// Something unreadable after an unquoted password.
    #[error(
        "what follows the password in the connection string cannot be read; \
         a password with spaces needs single quotes"
    )]
    AfterPassword,
    /// A quote that does not end.
    #[error("a quote in the connection string does not end")]
    UnterminatedQuote,
    /// `%` without two hexadecimal digits, or not UTF-8.
    #[error(
        "the connection string has a percent sign that two hexadecimal digits do not follow, or no UTF-8"
    )]
    PercentEncoding,
    /// `%00`.
    #[error("the connection string holds a NUL")]
    Nul,
    /// An IPv6 address that is not closed, or followed by something wrong.
    #[error("an IPv6 address in the connection string needs one pair of square brackets around it")]
    Brackets,
    /// An authority that only an unescaped password explains.
    #[error(
        "the port in the connection string is not a number, or the host has an @; in a password, \
         the characters @ : / ? # % must be percent-encoded (%40 %3A %2F %3F %23 %25)"
    )]
    UnescapedPassword,
    /// A URI of something else than PostgreSQL.
    #[error("\"{scheme}://\" is not a PostgreSQL connection string, which starts with postgres://")]
    Scheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// A service that no service file holds.
    #[error("the service \"{service}\" is in no service file")]
    ServiceNotFound {
        /// Its name.
        service: String,
    },
    /// A service file that cannot be read.
    #[error("syntax error in the service file \"{}\", line {line}", path.display())]
    ServiceFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// `sslrootcert=system` with a mode that would not check the name.
    #[error("sslmode={mode} may not be used with sslrootcert=system; use verify-full")]
    WeakSystemRoots {
        /// The mode given.
        mode: String,
    },
    /// `sslnegotiation=direct` with a mode that could fall back.
    #[error("sslmode={mode} may not be used with sslnegotiation=direct; use require or stronger")]
    WeakDirect {
        /// The mode given.
        mode: String,
    },
    /// Nobody said who logs in.
    #[error("no user is given and the name of the operating system's user is not known")]
    NoUser,
}

fn did_you_mean(near: &[&str]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}
