//! A connection to a server: its client, what is known about the server, and the end of it.

use super::conninfo::Keepalives;
use super::error::{PgError, ServerError};
use super::wire::{Moment, Prepared, Seen, Wire};
use super::{connect::Route, sqlstate};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, Connection, Row, SimpleQueryMessage};

/// A message from the server that is not an error, such as `NOTICE` or `WARNING`.
pub type Notice = ServerError;

/// Takes notices as they arrive, each with how far the server had come then.
pub type NoticeListener = Arc<dyn Fn(Notice, Moment) + Send + Sync>;

/// Settings by which a server notices, in two minutes, that the machine of its client is gone.
pub(super) const KEEPALIVES: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "60"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "6"),
    ("tcp_user_timeout", "120000"),
];

/// The connection is open, or it is closed for a reason.
#[derive(Debug, Clone)]
enum State {
    Open,
    Closed { cause: Option<String>, sqlstate: Option<String> },
}

/// What is known about the server from the handshake alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Where it is, as shown to the user.
    pub host: String,
    /// Its version as `server_version_num` writes it, such as 150004; zero if it did not tell.
    pub version: u32,
    /// Its version as it writes it, such as `15.4 (Debian 15.4-1)`.
    pub version_text: String,
    /// The process id that came with the cancel key; zero if none came.
    pub handshake_pid: i32,
    /// Whether it is a standby; none if it did not tell (before 14, or a proxy).
    pub in_hot_standby: Option<bool>,
    /// Whether transactions are read-only by default; none if it did not tell.
    pub default_read_only: Option<bool>,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// What this session calls itself.
    pub application_name: String,
    /// The database's encoding, such as `UTF8`.
    pub encoding: String,
}

/// A connection to a server.
///
/// Statements go through [`query`](Self::query) and [`batch`](Self::batch), which never leave prepared
/// statements behind and so work through any proxy.
pub struct Session {
    client: Client,
    info: ServerInfo,
    state: watch::Receiver<State>,
    driver: Driver,
    way: Way,
    seen: Arc<Seen>,
}

/// The task that moves the bytes. Who drops a session wants the end of what runs in it: the server notices the closed
/// socket, and would otherwise work on for an answer that nobody reads.
struct Driver(Option<JoinHandle<()>>);

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Session {
    /// Starts to drive the connection in a task of the current runtime.
    pub(super) fn start(
        client: Client,
        connection: Connection<Wire, Wire>,
        seen: Arc<Seen>,
        way: Way,
    ) -> Self {
        let (route, listener) = (&way.route, way.listener.clone());
        let flag = |name: &str| connection.parameter(name).map(|value| value == "on");
        let version_text = connection.parameter("server_version").unwrap_or_default().to_owned();
        let info = ServerInfo {
            host: route.host.clone(),
            version: version_number(&version_text),
            version_text,
            handshake_pid: seen.pid(),
            in_hot_standby: flag("in_hot_standby"),
            default_read_only: flag("default_transaction_read_only"),
            tls: route.is_tls(),
            encoding: connection.parameter("server_encoding").unwrap_or_default().to_owned(),
            application_name: connection.parameter("application_name").unwrap_or_default().to_owned(),
        };
        let (sender, state) = watch::channel(State::Open);
        let driver = Driver(Some(tokio::spawn(drive(connection, listener, seen.clone(), sender))));
        Self { client, info, state, driver, way, seen }
    }

    /// Gives how many queries the server has answered; while none is under way, the next one has this number.
    pub fn answers(&self) -> u64 {
        self.seen.answers()
    }

    /// Gives the client of tokio-postgres, for pipelining and COPY.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Gives the client mutably.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Gives what the handshake told about the server.
    pub fn info(&self) -> &ServerInfo {
        &self.info
    }

    /// Runs one statement with typed parameters in one round trip and gives its rows.
    ///
    /// # Errors
    /// When the server refuses the statement or the connection is lost.
    pub async fn query(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, PgError> {
        self.client.query_typed(sql, parameters).await.map_err(|error| self.error(error))
    }

    /// Runs statements without parameters through the simple protocol and gives their rows as text.
    ///
    /// # Errors
    /// When the server refuses a statement or the connection is lost.
    pub async fn simple(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, PgError> {
        self.client.simple_query(sql).await.map_err(|error| self.error(error))
    }

    /// Runs statements without parameters through the simple protocol.
    ///
    /// # Errors
    /// When the server refuses a statement or the connection is lost.
    pub async fn batch(&self, sql: &str) -> Result<(), PgError> {
        self.client.batch_execute(sql).await.map_err(|error| self.error(error))
    }

    /// Turns an error of the client into ours, with the server's last words if the connection is gone.
    pub fn error(&self, error: tokio_postgres::Error) -> PgError {
        match (PgError::from(error), &*self.state.borrow()) {
            (PgError::Closed { cause: None, .. }, State::Closed { cause, sqlstate }) => {
                PgError::Closed { cause: cause.clone(), sqlstate: sqlstate.clone() }
            }
            (error, _) => error,
        }
    }

    /// Says that the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed() || matches!(*self.state.borrow(), State::Closed { .. })
    }

    /// Gives a future that ends when the connection is gone; it does not borrow the session.
    pub fn closed(&self) -> impl Future<Output = PgError> + Send + 'static {
        let mut state = self.state.clone();
        async move {
            // A dropped sender means that the driver is gone, which is the end of the connection as well.
            match state.wait_for(|state| matches!(state, State::Closed { .. })).await.as_deref() {
                Ok(State::Closed { cause, sqlstate }) => {
                    PgError::Closed { cause: cause.clone(), sqlstate: sqlstate.clone() }
                }
                _ => PgError::Closed { cause: None, sqlstate: None },
            }
        }
    }

    /// Gives what cancels the statement that runs in this session, from anywhere.
    pub fn canceller(&self) -> Canceller {
        Canceller { token: self.client.cancel_token(), route: self.way.route.clone() }
    }

    /// Gives the way to another session like this one.
    pub(super) fn way(&self) -> Way {
        self.way.clone()
    }

    /// Opens another session like this one, whose notices nobody hears.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses the login.
    pub async fn another(&self) -> Result<Session, PgError> {
        Way { listener: None, ..self.way() }.open().await
    }

    /// Asks for the process id of the backend that answers.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn backend_pid(&self) -> Result<i32, PgError> {
        let rows = self.query("SELECT pg_catalog.pg_backend_pid()", &[]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// Says whether a backend's process id shows that a proxy stands between us and the server.
    pub fn is_proxy(&self, backend_pid: i32) -> bool {
        backend_pid != self.info.handshake_pid
    }

    /// Makes the session ready for long work and says whether a proxy stands between.
    ///
    /// Without a proxy, the server then stops a statement soon after this client is gone, and does not end a session
    /// for being idle. Through a proxy no setting is changed: it would reach strangers.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn prepare_for_work(&self, check_interval: Duration) -> Result<bool, PgError> {
        let interval = format!("{}ms", check_interval.as_millis());
        let check = (self.info.version >= 140_000 && !check_interval.is_zero())
            .then_some(("client_connection_check_interval", interval.as_str()));
        let pid = match self.set_unless_proxy(check).await {
            // The setting cannot be changed on all platforms of the server.
            Err(error @ PgError::Server(_)) if !error.is_connection_loss() => {
                self.set_unless_proxy(None).await?
            }
            other => other?,
        };
        Ok(self.is_proxy(pid))
    }

    async fn set_unless_proxy(&self, check: Option<(&str, &str)>) -> Result<i32, PgError> {
        let idle = [("idle_in_transaction_session_timeout", "0"), ("idle_session_timeout", "0")];
        let idle = idle.into_iter().take(if self.info.version >= 140_000 { 2 } else { 1 });
        let settings: Vec<String> = KEEPALIVES
            .into_iter()
            .chain(idle)
            .chain(check)
            .map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', false)"))
            .collect();
        let sql = format!(
            "SELECT pg_catalog.pg_backend_pid(), CASE WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) $1 \
             THEN pg_catalog.concat({}) END",
            settings.join(", ")
        );
        let rows = self.query(&sql, &[(&self.info.handshake_pid, Type::INT4)]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// Says goodbye and waits, for a second at most, until that is sent.
    pub async fn close(self) {
        let mut driver = self.driver;
        drop(self.client);
        if let Some(task) = &mut driver.0 {
            // Late or not, the server notices the closed socket.
            let _ = tokio::time::timeout(Duration::from_secs(1), task).await;
        }
    }
}

/// How a session reached its server and logged in.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) route: Arc<Route>,
    pub(super) config: Arc<Config>,
    pub(super) listener: Option<NoticeListener>,
}

impl Way {
    /// The same for a session whose notices nobody waits for.
    pub(super) fn unheard(self) -> Way {
        Way { listener: None, ..self }
    }

    /// Goes it again.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses the login.
    pub(super) async fn open(&self) -> Result<Session, PgError> {
        let (wire, seen) = self.route.open().await?;
        let (client, connection) = self.config.connect_raw(wire, Prepared).await.map_err(PgError::from)?;
        Ok(Session::start(client, connection, seen, self.clone()))
    }
}

/// Cancels the statement that runs in a session.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    route: Arc<Route>,
}

impl Canceller {
    /// Asks the server, through a connection secured as the session's, to cancel the statement.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn cancel(&self) -> Result<(), PgError> {
        let (wire, _) = self.route.open().await?;
        self.token.cancel_query_raw(wire, Prepared).await.map_err(PgError::from)
    }
}

/// Moves bytes and delivers notices until the connection ends.
async fn drive(
    mut connection: Connection<Wire, Wire>,
    listener: Option<NoticeListener>,
    seen: Arc<Seen>,
    state: watch::Sender<State>,
) {
    let (cause, sqlstate) = loop {
        match poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                let moment = seen.next_notice();
                if let Some(listener) = &listener {
                    listener((&notice).into(), moment);
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => match PgError::from(error) {
                PgError::Server(error) => break (Some(error.message), Some(error.sqlstate)),
                PgError::Closed { cause, .. } => break (cause, None),
                other => break (Some(other.to_string()), None),
            },
            None => break (None, None),
        }
    };
    // Sent before the connection is dropped, so whoever waits for an answer finds the reason.
    state.send_replace(State::Closed { cause, sqlstate });
}

/// Turns `15.4 (Debian …)`, `9.6.24` or `19devel` into a number as `server_version_num` is.
fn version_number(text: &str) -> u32 {
    let numeric = text.split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap_or_default();
    let mut parts = numeric.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    match part() {
        0 => 0,
        major if major >= 10 => major * 10_000 + part(),
        major => major * 10_000 + part() * 100 + part(),
    }
}

/// Gives keepalives for sessions that live long: a dead peer is noticed in two minutes, not in two hours.
pub(super) fn long_lived(keepalives: Keepalives) -> Keepalives {
    Keepalives {
        idle: keepalives.idle.or(Some(Duration::from_secs(60))),
        interval: keepalives.interval.or(Some(Duration::from_secs(10))),
        count: keepalives.count.or(Some(6)),
        // Keepalives are not sent while something else waits for its acknowledgement.
        user_timeout: keepalives.user_timeout.or(Some(Duration::from_secs(120))),
        ..keepalives
    }
}

/// Says that an error at login means that another attempt would be refused as well.
pub(super) fn is_login_refused(error: &ServerError) -> bool {
    sqlstate::is_authentication(&error.sqlstate)
}

#[cfg(test)]
mod tests {
    use super::version_number;

    #[test]
    fn versions_as_servers_write_them() {
        for (text, number) in
            [("15.4 (Debian 15.4-1.pgdg)", 150_004), ("9.6.24", 90_624), ("19devel", 190_000), ("", 0)]
        {
            assert_eq!(version_number(text), number, "{text}");
        }
    }
}
