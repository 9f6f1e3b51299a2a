//! A database of a test's own.

use crate::program::Output;
use crate::server::{TestServer, block_on, runtime};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// A database that only this test knows; it is dropped at the end of the test.
pub struct TestDb {
    name: String,
    client: Client,
}

impl std::fmt::Debug for TestDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestDb").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl TestDb {
    /// Makes an empty database and connects to it.
    pub async fn new() -> Self {
        Self::from_template("template1").await
    }

    /// Makes an empty database from a test that is not async.
    pub fn create() -> Self {
        block_on(Self::new())
    }

    /// Makes a database and runs SQL in it.
    pub async fn with(sql: &str) -> Self {
        let database = Self::new().await;
        database.execute(sql).await;
        database
    }

    /// Makes a copy of this database as it is now, so that one beginning can be continued in several ways.
    ///
    /// Ends all connections to this database but its own client, which connects anew.
    pub async fn copy(&mut self) -> Self {
        let admin = connect("postgres").await;
        let others = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1";
        admin.execute(others, &[&self.name]).await.unwrap();
        let copy = Self::from_template(&self.name).await;
        self.client = connect(&self.name).await;
        copy
    }

    async fn from_template(template: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = connect("postgres").await;
        let sql = format!("create database {name} template {template}");
        admin.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {}", described(&error)));
        let client = connect(&name).await;
        Self { name, client }
    }

    /// Gives the database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives its URL, with the superuser.
    pub fn url(&self) -> String {
        TestServer::shared().url(&self.name)
    }

    /// Gives its URL with another role (which the test has made).
    pub fn url_as(&self, role: &str) -> String {
        self.url().replace("user=postgres", &format!("user={role}"))
    }

    /// Gives the process of whoever holds this advisory lock in it; panics if nobody does.
    pub async fn holder(&self, key: i64) -> i32 {
        let sql = format!(
            "select pid from pg_locks where locktype = 'advisory' and granted and objsubid = 1
             and database = (select oid from pg_database where datname = current_database())
             and (classid::bigint << 32) | objid::bigint = {key}"
        );
        self.value(&sql).await.parse().unwrap()
    }

    /// Gives a connection to it that was made with the database.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Makes another connection to it.
    pub async fn connect(&self) -> Client {
        connect(&self.name).await
    }

    /// Runs SQL, any number of statements; panics if it fails.
    pub async fn execute(&self, sql: &str) {
        self.try_execute(sql).await.unwrap_or_else(|error| panic!("{}\n{sql}", described(&error)));
    }

    /// Runs SQL, any number of statements.
    pub async fn try_execute(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(sql).await
    }

    /// Drops roles, with all that they own here and all that was granted to them; those that are not there
    /// are passed over.
    ///
    /// Their sessions are waited for: a server process outlives its connection by a moment, and what was
    /// temporary goes with the process, under the hands of DROP OWNED.
    pub async fn drop_roles(&self, roles: &[&str]) {
        let list = roles.iter().map(|role| format!("'{role}'")).collect::<Vec<_>>().join(", ");
        let sessions = format!("select count(*) from pg_stat_activity where usename in ({list})");
        let patience = Instant::now() + Duration::from_secs(30);
        while self.value(&sessions).await != "0" {
            assert!(Instant::now() < patience, "sessions of {list} do not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for role in self.lines(&format!("select rolname from pg_roles where rolname in ({list})")).await {
            self.execute(&format!("drop owned by {role} cascade; drop role {role}")).await;
        }
    }

    /// Runs a query and gives its rows, each value as the server writes it, NULL as `None`.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        rows_of(&self.client, sql).await
    }

    /// Runs a query and gives each row as one text: values with `|` between them, NULL as `∅`.
    pub async fn lines(&self, sql: &str) -> Vec<String> {
        let text = |value: Option<String>| value.unwrap_or_else(|| "∅".to_owned());
        let rows = self.rows(sql).await;
        rows.into_iter().map(|row| row.into_iter().map(text).collect::<Vec<_>>().join("|")).collect()
    }

    /// Runs a query and gives the first value of its first row; panics if there is none or it is NULL.
    pub async fn value(&self, sql: &str) -> String {
        let first = self.rows(sql).await.into_iter().next().and_then(|row| row.into_iter().next());
        first.flatten().unwrap_or_else(|| panic!("no value\n{sql}"))
    }

    /// Runs a file through the server's own `psql`, which stops at the first error.
    pub fn psql(&self, file: impl AsRef<Path>) -> Output {
        self.psql_with(&["-f".as_ref(), file.as_ref().as_os_str()])
    }

    /// Runs SQL through the server's own `psql`, which stops at the first error.
    pub fn psql_command(&self, sql: &str) -> Output {
        self.psql_with(&["-c".as_ref(), sql.as_ref()])
    }

    fn psql_with(&self, arguments: &[&std::ffi::OsStr]) -> Output {
        let mut psql = Command::new(TestServer::shared().program("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url()]).args(arguments);
        Output::of(&mut psql)
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        // Nobody waits for it: if the process ends first, the server is gone with all its databases.
        let name = std::mem::take(&mut self.name);
        runtime().spawn(async move {
            let admin = connect("postgres").await;
            let _ = admin.batch_execute(&format!("drop database if exists {name} with (force)")).await;
        });
    }
}

async fn connect(database: &str) -> Client {
    connect_url(&TestServer::shared().url(database)).await
}

/// Connects to any URL of a Unix socket.
pub async fn connect_url(url: &str) -> Client {
    let (shown, url) = (url.to_owned(), url.to_owned());
    let task = runtime().spawn(async move {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        runtime().spawn(connection);
        Ok::<_, tokio_postgres::Error>(client)
    });
    task.await.unwrap().unwrap_or_else(|error| panic!("cannot connect to {shown}: {}", described(&error)))
}

/// Runs a query and gives its rows, each value as the server writes it, NULL as `None`.
pub async fn rows_of(client: &Client, sql: &str) -> Vec<Vec<Option<String>>> {
    let messages = client.simple_query(sql).await;
    let messages = messages.unwrap_or_else(|error| panic!("{}\n{sql}", described(&error)));
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()).collect()
}

/// Gives an error as the server wrote it: `tokio_postgres::Error` shows no more than "db error".
fn described(error: &tokio_postgres::Error) -> String {
    let Some(server) = error.as_db_error() else { return error.to_string() };
    let detail = server.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
    format!("{}: {}{detail}", server.code().code(), server.message())
}
