//! A server of a test's own, which may be killed.

use crate::TestServer;
use crate::server::{block_on, runtime};
use dunlin::embedded::{Data, Embedded, EmbeddedOptions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// A server that is at the same address after it was killed and has started again.
#[derive(Debug)]
pub struct OwnServer {
    embedded: Option<Embedded>,
    directory: TempDir,
}

impl OwnServer {
    /// Starts it.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("dunlin-own-").tempdir().unwrap();
        // The server has a user of its own.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut server = Self { embedded: None, directory };
        server.restart();
        server
    }

    fn options(&self) -> EmbeddedOptions {
        // What has been committed outlives the server, whose files outlive it in any case: only the machine's end
        // would lose them.
        let settings = [("fsync", "off"), ("synchronous_commit", "on"), ("autovacuum", "off")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        EmbeddedOptions {
            bin: TestServer::given_bin(),
            data: Data::Directory(self.directory.path().join("server")),
            settings,
            ..EmbeddedOptions::default()
        }
    }

    fn restart(&mut self) {
        self.embedded = None;
        let embedded = Embedded::start(self.options()).unwrap_or_else(|error| panic!("no server: {error}"));
        let link = self.link();
        let _ = std::fs::remove_file(&link);
        symlink(embedded.socket_directory(), link).unwrap();
        self.embedded = Some(embedded);
    }

    /// Always the directory of the socket.
    fn link(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn embedded(&self) -> &Embedded {
        self.embedded.as_ref().unwrap()
    }

    /// Gives the URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql:///{database}?host={}&user=postgres", self.link().display())
    }

    /// Gives its major version.
    pub fn major(&self) -> u32 {
        self.embedded().major()
    }

    /// Runs SQL, any number of statements, and gives each row as one text, NULL as `∅`.
    pub fn lines(&self, database: &str, sql: &str) -> Vec<String> {
        self.try_lines(database, sql).unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// The same, with the error as the server wrote it.
    pub fn try_lines(&self, database: &str, sql: &str) -> Result<Vec<String>, String> {
        let (url, sql) = (self.url(database), sql.to_owned());
        block_on(async move {
            let said = |error: tokio_postgres::Error| match error.as_db_error() {
                Some(error) => format!("{}: {}", error.code().code(), error.message()),
                None => error.to_string(),
            };
            let client = connect(&url).await.map_err(said)?;
            let messages = client.simple_query(&sql).await.map_err(said)?;
            let rows = messages.iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            });
            let lines = rows.map(|row| {
                let values = (0..row.len()).map(|at| row.get(at).unwrap_or("∅").to_owned());
                values.collect::<Vec<_>>().join("|")
            });
            Ok(lines.collect())
        })
    }

    /// Opens a transaction and runs a statement in it; it ends when the client is dropped.
    pub fn hold(&self, database: &str, sql: &str) -> Client {
        let (url, sql) = (self.url(database), format!("begin; {sql}"));
        block_on(async move {
            let client = connect(&url).await.unwrap();
            client.batch_execute(&sql).await.unwrap();
            client
        })
    }

    /// Waits until a query has a row, and gives the first value.
    pub fn first(&self, database: &str, sql: &str) -> String {
        let mut found = Vec::new();
        wait_until("a row", || {
            found = self.lines(database, sql);
            !found.is_empty()
        });
        found.swap_remove(0)
    }

    /// Ends a server process with an error to its client, and waits for its end.
    pub fn terminate(&self, pid: i32) {
        self.lines("postgres", &format!("select pg_terminate_backend({pid}, 20000)"));
    }

    /// Kills a server process, upon which the server ends all others and recovers, and waits until that is done.
    pub fn crash(&self, pid: i32) {
        // The process that started first is known to have ended when it has another start.
        let started = "select pid::text || backend_start::text from pg_stat_activity where backend_type = 'checkpointer'";
        let before = self.lines("postgres", started);
        // It may have ended by itself, or be at its end, where a signal changes nothing: then the server goes on.
        if kill(&[pid.to_string()]) {
            let killed = Instant::now();
            wait_until("the server recovers", || match self.try_lines("postgres", started) {
                Ok(now) => now != before || killed.elapsed() > Duration::from_secs(5),
                Err(_) => false,
            });
        }
    }

    /// Kills the whole server at once and starts it again.
    pub fn kill_and_restart(&mut self) {
        let postmaster = self.embedded().pid();
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"));
        let mut pids: Vec<String> =
            children.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        pids.insert(0, postmaster.to_string());
        assert!(kill(&pids[..1]), "kill {postmaster}");
        // Its children end with it, if they have not ended by themselves since.
        kill(&pids[1..]);
        // Whoever has inherited them may take its time to bury them.
        let alive = |pid: &String| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
        };
        wait_until("the server's end", || !pids.iter().any(alive));
        self.restart();
    }
}

/// Kills processes, and says whether all were there.
fn kill(pids: &[String]) -> bool {
    Command::new("kill").arg("-KILL").args(pids).stderr(Stdio::null()).status().unwrap().success()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what} takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    runtime().spawn(connection);
    Ok(client)
}
