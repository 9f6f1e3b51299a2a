//! Connects as libpq does: several hosts and addresses in order, TLS by `sslmode`, the kind of server wanted.

use super::conninfo::{
    ChannelBinding, ConnInfo, Host, HostTarget, Keepalives, SslConfig, SslMode, TargetSessionAttrs,
    default_socket_directory,
};
use super::error::PgError;
use super::session::{NoticeListener, Session, Way, is_login_refused, long_lived};
use super::wire::{Prepared, Seen, Socket, Wire};
use super::{sqlstate, tls};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::config::{self, SslNegotiation};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect as _};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Is told of each attempt that failed and of the pause before the next.
pub type RetryListener = Arc<dyn Fn(&PgError, Duration) + Send + Sync>;

/// How to connect, beyond what the connection string says.
#[derive(Clone, Default)]
pub struct ConnectOptions {
    /// How long to go on while the server is not there yet, starts up or has no free slot.
    pub connect_wait: Duration,
    /// Where random order (`load_balance_hosts=random`) comes from.
    pub seed: u64,
    /// Whether the session lives long; TCP then notices a dead peer within minutes.
    pub long_lived: bool,
    /// Takes the server's notices.
    pub on_notice: Option<NoticeListener>,
    /// Is told of attempts that failed.
    pub on_retry: Option<RetryListener>,
}

impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("connect_wait", &self.connect_wait)
            .field("long_lived", &self.long_lived)
            .finish_non_exhaustive()
    }
}

/// Connects and logs in; goes on trying for `connect_wait` where a later attempt may succeed.
///
/// # Errors
/// A wrong password or an unknown database ends it at once, whatever `connect_wait` is.
pub async fn connect(info: &ConnInfo, options: &ConnectOptions) -> Result<Session, PgError> {
    let deadline = Instant::now() + options.connect_wait;
    let mut pause = Duration::from_millis(100);
    loop {
        // With a limit for all attempts, one that hangs must not outlive it.
        let limit = (!options.connect_wait.is_zero())
            .then(|| deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(1)));
        let error = match connect_once(info, options, limit).await {
            Err(error) if error.is_transient() => error,
            done => return done,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(error);
        }
        pause = pause.min(left);
        if let Some(listener) = &options.on_retry {
            listener(&error, pause);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// Tries each host once; with `prefer-standby`, a second time for any server.
async fn connect_once(
    info: &ConnInfo,
    options: &ConnectOptions,
    limit: Option<Duration>,
) -> Result<Session, PgError> {
    let passes: &[TargetSessionAttrs] = match info.target {
        TargetSessionAttrs::PreferStandby => &[TargetSessionAttrs::Standby, TargetSessionAttrs::Any],
        ref other => std::slice::from_ref(other),
    };
    let mut hosts: Vec<&Host> = info.hosts.iter().collect();
    if info.load_balance {
        fastrand::Rng::with_seed(options.seed).shuffle(&mut hosts);
    }
    let mut errors = Vec::new();
    for wanted in passes {
        errors.clear();
        for host in &hosts {
            let attempt = connect_host(info, host, *wanted, options);
            let limit = info.connect_timeout.into_iter().chain(limit).min();
            let result = match limit {
                None => attempt.await,
                Some(limit) => tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| {
                    let reason = format!("no answer within {} s", limit.as_secs());
                    Err(PgError::NoConnection { host: host.to_string(), reason, transient: true })
                }),
            };
            match result {
                Ok(session) => return Ok(session),
                Err(error) if tries_next(&error) => errors.push(error),
                Err(error) => return Err(error),
            }
        }
    }
    match errors.pop() {
        Some(only) if errors.is_empty() => Err(only),
        Some(last) => {
            errors.push(last);
            Err(PgError::AllHosts { errors })
        }
        None => Err(PgError::Protocol("no host to connect to".to_owned())),
    }
}

/// Says that the next host may do; as in libpq, a server that refuses the login ends the search.
fn tries_next(error: &PgError) -> bool {
    match error {
        PgError::NoConnection { .. } | PgError::WrongKind { .. } | PgError::AllHosts { .. } => true,
        PgError::Refused { error, .. } => error.sqlstate == "57P03",
        _ => false,
    }
}

/// Tries each address of a host.
async fn connect_host(
    info: &ConnInfo,
    host: &Host,
    wanted: TargetSessionAttrs,
    options: &ConnectOptions,
) -> Result<Session, PgError> {
    let mut failed = None;
    for address in addresses(host).await? {
        let attempt = Attempt { info, host, address, options };
        let session = match attempt.by_ssl_mode().await {
            Ok(session) => session,
            Err(error) if tries_next(&error) => {
                failed.get_or_insert(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        match check_kind(&session, wanted).await? {
            None => return Ok(session),
            Some(wanted) => {
                session.close().await;
                failed = Some(PgError::WrongKind { host: host.to_string(), wanted });
            }
        }
    }
    Err(failed.unwrap_or_else(|| no_connection(&host.to_string(), &io::ErrorKind::NotFound.into())))
}

/// Where a socket is.
#[derive(Debug, Clone)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

async fn addresses(host: &Host) -> Result<Vec<Address>, PgError> {
    let socket = |directory: &Path| directory.join(format!(".s.PGSQL.{}", host.port));
    Ok(match &host.target {
        HostTarget::Tcp { address: Some(address), .. } => {
            vec![Address::Tcp(SocketAddr::new(*address, host.port))]
        }
        // An address needs no look-up, which would start a thread.
        HostTarget::Tcp { name, .. } => match name.parse() {
            Ok(address) => vec![Address::Tcp(SocketAddr::new(address, host.port))],
            Err(_) => tokio::net::lookup_host((name.as_str(), host.port))
                .await
                .map_err(|error| PgError::NoConnection {
                    host: host.to_string(),
                    reason: format!("the name \"{name}\" could not be looked up: {error}"),
                    transient: true,
                })?
                .map(Address::Tcp)
                .collect(),
        },
        HostTarget::Unix(directory) => vec![Address::Unix(socket(directory))],
        HostTarget::DefaultSocket => {
            let usual = socket(default_socket_directory());
            let other = socket(Path::new("/tmp"));
            vec![Address::Unix(if !usual.exists() && other.exists() { other } else { usual })]
        }
    })
}

/// One address of one host.
struct Attempt<'a> {
    info: &'a ConnInfo,
    host: &'a Host,
    address: Address,
    options: &'a ConnectOptions,
}

/// Whether to ask for TLS, and whether plain text will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    Plain,
    IfOffered,
    Always,
}

/// A failed attempt.
struct Failed {
    error: PgError,
    /// Whether the other kind of encryption may still succeed.
    retry: bool,
}

impl Attempt<'_> {
    /// Connects with and without TLS in the order that `sslmode` says.
    async fn by_ssl_mode(&self) -> Result<Session, PgError> {
        let over_unix = matches!(self.address, Address::Unix(_));
        let (first, second) = match self.info.ssl.mode {
            _ if over_unix => (Encryption::Plain, None),
            SslMode::Disable => (Encryption::Plain, None),
            SslMode::Allow => (Encryption::Plain, Some(Encryption::Always)),
            SslMode::Prefer => (Encryption::IfOffered, Some(Encryption::Plain)),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Encryption::Always, None),
        };
        let failed = match self.run(first).await {
            Ok(session) => return Ok(session),
            Err(failed) => failed,
        };
        let Some(second) = second.filter(|_| failed.retry) else { return Err(failed.error) };
        match self.run(second).await {
            Ok(session) => Ok(session),
            // The error of the encrypted attempt says more, unless it was that there is no TLS.
            Err(other) if second == Encryption::Always && !is_no_tls(&other.error) => Err(other.error),
            Err(_) => Err(failed.error),
        }
    }

    async fn run(&self, encryption: Encryption) -> Result<Session, Failed> {
        let route = Route {
            host: self.host.to_string(),
            name: match &self.host.target {
                HostTarget::Tcp { name, .. } => name.clone(),
                _ => String::new(),
            },
            address: self.address.clone(),
            keepalives: match self.options.long_lived {
                true => long_lived(self.info.keepalives),
                false => self.info.keepalives,
            },
            ssl: self.info.ssl.clone(),
            encryption,
            connector: OnceLock::new(),
        };
        let opened = route.open().await;
        // A TLS handshake that failed may be retried in the clear, a refused socket may not.
        let (wire, seen) = opened.map_err(|error| {
            let retry = matches!(error, PgError::Tls { .. } | PgError::TlsFile { .. });
            Failed { error, retry }
        })?;
        let encrypted = route.is_tls();
        let mut config = config::Config::new();
        self.fill(&mut config);
        let started = tokio_postgres::Config::connect_raw(&config, wire, Prepared).await;
        let (client, connection) = started.map_err(|error| {
            let error = self.login_error(error);
            let refused = matches!(&error, PgError::Auth { .. })
                || matches!(&error, PgError::Refused { error, .. } if !sqlstate::is_not_ready(&error.sqlstate));
            // As libpq: only before the login was accepted, and not twice in the clear.
            let retry = refused && !seen.authenticated() && (encrypted || encryption == Encryption::Plain);
            Failed { error, retry }
        })?;
        let listener = self.options.on_notice.clone();
        let way = Way { route: Arc::new(route), config: Arc::new(config), listener };
        Ok(Session::start(client, connection, seen, way))
    }

    fn fill(&self, config: &mut config::Config) {
        config.user(&self.info.user).dbname(&self.info.dbname);
        config.application_name(&self.info.application_name);
        if let Some(options) = &self.info.options {
            config.options(options);
        }
        if let Some(password) = &self.host.password {
            config.password(password.reveal());
        }
        config.channel_binding(match self.info.channel_binding {
            ChannelBinding::Disable => config::ChannelBinding::Disable,
            ChannelBinding::Prefer => config::ChannelBinding::Prefer,
            ChannelBinding::Require => config::ChannelBinding::Require,
        });
        // TLS is set up already: with these two settings tokio-postgres takes the stream as it is.
        config.ssl_mode(config::SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    }

    fn login_error(&self, error: tokio_postgres::Error) -> PgError {
        let host = self.host.to_string();
        let kind = error.to_string();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let auth = |message: String| PgError::Auth {
            host: host.clone(),
            user: self.info.user.clone(),
            message,
            password_file: self.host.password_file.clone(),
        };
        // tokio-postgres does not export the kinds of its errors.
        match (kind.as_str(), source) {
            ("invalid configuration", Some(source)) if source == "password missing" => {
                auth("the server asks for a password and none was given".to_owned())
            }
            ("authentication error", Some(source)) => auth(source),
            _ => match PgError::from(error) {
                PgError::Server(error) if is_login_refused(&error) => auth(error.message),
                PgError::Server(error) => PgError::Refused { host, error },
                PgError::Closed { cause, .. } => PgError::NoConnection {
                    host,
                    reason: cause.unwrap_or_else(|| "the server closed the connection".to_owned()),
                    transient: true,
                },
                other => other,
            },
        }
    }
}

fn is_no_tls(error: &PgError) -> bool {
    matches!(error, PgError::Tls { reason, .. } if reason == NO_TLS)
}

const NO_TLS: &str = "the server does not support TLS, but sslmode requires it";

/// How a session reached its server; a cancel request takes the same way.
pub(super) struct Route {
    pub(super) host: String,
    name: String,
    address: Address,
    keepalives: Keepalives,
    ssl: SslConfig,
    encryption: Encryption,
    /// Set when TLS was used.
    connector: OnceLock<MakeRustlsConnect>,
}

impl Route {
    /// Says that the last stream opened was encrypted.
    pub(super) fn is_tls(&self) -> bool {
        self.connector.get().is_some()
    }

    /// Opens the socket and sets TLS up.
    pub(super) async fn open(&self) -> Result<(Wire, Arc<Seen>), PgError> {
        let io = |error: io::Error| no_connection(&self.host, &error);
        let mut socket = self.socket().await.map_err(io)?;
        let seen = Arc::new(Seen::default());
        if self.encryption == Encryption::Plain {
            return Ok((Wire::plain(socket, seen.clone()), seen));
        }
        if !self.ssl.direct && !ask_for_tls(&mut socket).await.map_err(io)? {
            // A session that was encrypted sends no cancel key in the clear.
            if self.encryption == Encryption::Always || self.is_tls() {
                return Err(PgError::Tls { host: self.host.clone(), reason: NO_TLS.to_owned() });
            }
            return Ok((Wire::plain(socket, seen.clone()), seen));
        }
        let mut connector = match self.connector.get() {
            Some(connector) => connector.clone(),
            None => MakeRustlsConnect::new(tls::client_config(&self.ssl)?),
        };
        let fault =
            |reason: String| PgError::Tls { host: self.host.clone(), reason: certificate_words(reason) };
        let Ok(handshake) = MakeTlsConnect::<Socket>::make_tls_connect(&mut connector, &self.name);
        let stream = handshake.connect(socket).await.map_err(|error| fault(error.to_string()))?;
        // Lost only to a concurrent cancel request that made the same.
        let _ = self.connector.set(connector);
        Ok((Wire::tls(stream, seen.clone()), seen))
    }

    async fn socket(&self) -> io::Result<Socket> {
        match &self.address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                set_keepalives(&stream, &self.keepalives)?;
                Ok(Socket::Tcp(stream))
            }
            Address::Unix(path) => match path.to_str().and_then(|path| path.strip_prefix('@')) {
                Some(name) => Ok(Socket::Unix(UnixStream::connect(format!("\0{name}")).await?)),
                None => Ok(Socket::Unix(UnixStream::connect(path).await?)),
            },
        }
    }
}

/// Sends the SSLRequest message and reads the one byte of the answer.
///
/// Not a byte more is read: what came after it in the clear must not be taken as encrypted.
async fn ask_for_tls(socket: &mut Socket) -> io::Result<bool> {
    let mut request = [0; 8];
    request[..4].copy_from_slice(&8_u32.to_be_bytes());
    request[4..].copy_from_slice(&80_877_103_u32.to_be_bytes());
    socket.write_all(&request).await?;
    socket.flush().await?;
    Ok(socket.read_u8().await? == b'S')
}

fn set_keepalives(stream: &TcpStream, keepalives: &Keepalives) -> io::Result<()> {
    let socket = socket2::SockRef::from(stream);
    if keepalives.enabled {
        let mut settings = socket2::TcpKeepalive::new();
        if let Some(idle) = keepalives.idle {
            settings = settings.with_time(idle);
        }
        if let Some(interval) = keepalives.interval {
            settings = settings.with_interval(interval);
        }
        if let Some(count) = keepalives.count {
            settings = settings.with_retries(count);
        }
        socket.set_keepalive(true)?;
        socket.set_tcp_keepalive(&settings)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(keepalives.user_timeout)?;
    Ok(())
}

fn no_connection(host: &str, error: &io::Error) -> PgError {
    // A forbidden socket file stays forbidden; all else may be a server that is not there yet.
    let transient = !matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput);
    PgError::NoConnection { host: host.to_owned(), reason: error.to_string(), transient }
}

/// Says in words what rustls says in names.
fn certificate_words(reason: String) -> String {
    let known = [
        ("UnknownIssuer", "the server's certificate is not signed by a trusted root"),
        ("NotValidForName", "the server's certificate is for another name"),
        ("Expired", "the server's certificate has expired"),
        ("NotValidYet", "the server's certificate is not valid yet"),
        ("Revoked", "the server's certificate is revoked"),
        (
            "BadSignature",
            "the server's certificate is not signed by a trusted root (one of the same name has another key)",
        ),
    ];
    match known.iter().find(|(name, _)| reason.contains(name)) {
        Some((_, words)) => (*words).to_owned(),
        None => reason,
    }
}

/// Compares the server with the kind wanted; gives what was wanted if it is not of that kind.
async fn check_kind(session: &Session, wanted: TargetSessionAttrs) -> Result<Option<&'static str>, PgError> {
    let info = session.info();
    let text = match wanted {
        TargetSessionAttrs::Any | TargetSessionAttrs::PreferStandby => return Ok(None),
        TargetSessionAttrs::ReadWrite => "a server that accepts writes",
        TargetSessionAttrs::ReadOnly => "a read-only server",
        TargetSessionAttrs::Primary => "a primary server",
        TargetSessionAttrs::Standby => "a standby server",
    };
    let by_writes = matches!(wanted, TargetSessionAttrs::ReadWrite | TargetSessionAttrs::ReadOnly);
    // Servers from 14 on tell both in the handshake.
    let is = match (by_writes, info.in_hot_standby, info.default_read_only) {
        (true, Some(standby), Some(read_only)) => standby || read_only,
        (true, ..) => ask(session, "SHOW transaction_read_only").await?,
        (false, Some(standby), _) => standby,
        (false, None, _) => ask(session, "SELECT pg_catalog.pg_is_in_recovery()").await?,
    };
    let wants = matches!(wanted, TargetSessionAttrs::ReadOnly | TargetSessionAttrs::Standby);
    Ok((is != wants).then_some(text))
}

async fn ask(session: &Session, sql: &str) -> Result<bool, PgError> {
    let messages = session.simple(sql).await?;
    Ok(messages.iter().any(
        |message| matches!(message, SimpleQueryMessage::Row(row) if matches!(row.get(0), Some("on" | "t"))),
    ))
}
