//! The journal: Dunlin's own tables (design, section 8).
//!
//! What belongs to a unit of work is given as SQL text, so that the executor can send it together with the unit's
//! statements; each text is one statement, every name in it is qualified, and it needs no prepared statement.

mod load;
mod script;
mod template;
mod unit;

use crate::catalog::ObjectRef;
use crate::history::{History, MigrationState, OperationState, Run, mask, mask_message, masked};
use crate::pg::{OWN, PgError, ServerError, quote_ident, quote_literal, sqlstate};
use script::Script;
use std::borrow::Cow;
use std::collections::BTreeMap;
use template::{bytes, fill, number, number_array, text, text_array};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};
use unit::Parameters;
pub use unit::UnitStatements;

/// What makes each version of the journal from the one before it.
const UPGRADES: [&str; 1] = [include_str!("../sql/journal_1.sql")];

/// The version of the journal that this Dunlin writes.
pub const VERSION: u32 = UPGRADES.len() as u32;

/// Makes a policy that would hide rows of the journal an error: what is hidden would run again.
const ALL_ROWS: &str = "SET LOCAL row_security = off; ";

/// Begins the value that the check of the epoch tries to cast, by which its error is known.
const EPOCH_MARK: &str = "another run took over this journal, its epoch is ";

/// Why the journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The server refused a statement, or the connection was lost.
    #[error(transparent)]
    Pg(#[from] PgError),
    /// A newer Dunlin wrote it (DN605).
    #[error("the journal has version {version}, this Dunlin knows versions up to {VERSION}")]
    Newer {
        /// Its version.
        version: u32,
    },
    /// The schema is there and holds what is not Dunlin's (DN606).
    #[error("the schema {schema} holds other relations: {relations}")]
    Foreign {
        /// The schema's name.
        schema: String,
        /// The names of what it holds.
        relations: String,
    },
    /// The role lacks a privilege (DN803).
    #[error("the role has no right to {action}; needed: {grant}")]
    Privilege {
        /// What it may not do.
        action: &'static str,
        /// The GRANT statements that are missing.
        grant: String,
    },
    /// Another run has begun since the journal was read, or one that lost its lock does not let go of it.
    #[error("another run has begun since the journal was read")]
    Taken,
    /// The journal holds what no Dunlin writes.
    #[error("the journal holds an entry that cannot be read: {0}")]
    Content(String),
}

/// Whether anything is left to do, as far as one query tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpToDate {
    /// The last run left nothing to do, and the set is the same as then.
    Yes,
    /// The set or the journal has changed since.
    No,
    /// There is no journal.
    NoJournal,
    /// A newer Dunlin wrote the journal, of this version.
    Newer(u32),
}

/// What is known when a run begins.
#[derive(Debug, Clone, Default)]
pub struct RunStart<'a> {
    /// The machine.
    pub host: Option<&'a str>,
    /// The process there.
    pub pid: Option<u32>,
    /// The version of Dunlin.
    pub dunlin_version: &'a str,
    /// The server's version, as `server_version_num`.
    pub server_version: u32,
    /// The policies in force, as JSON.
    pub policies: &'a str,
    /// The schema's fingerprint.
    pub fingerprint: Option<[u8; 32]>,
    /// Whether the database has tables of the user's; kept only by the first run.
    pub had_user_tables: bool,
    /// The epoch in which the journal was read: nobody may have begun a run since.
    pub epoch: Option<i64>,
    /// The advisory key that each unit's transaction holds.
    pub unit_key: i64,
    /// Whether a proxy gives the server's process to others, too: then it says nothing about this run.
    pub proxied: bool,
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct RunEnd<'a> {
    /// Its outcome, as in the report.
    pub outcome: &'a str,
    /// The schema's fingerprint after it.
    pub fingerprint: Option<[u8; 32]>,
    /// Digest of the migrations, only when nothing is left to do.
    pub set_digest: Option<&'a [u8]>,
    /// Whether it has looked at every migration and decided: what is new afterwards came after Dunlin.
    pub settled: bool,
}

/// A run that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunHandle {
    /// Its number.
    pub id: i64,
    /// The epoch that it works in.
    pub epoch: i64,
}

/// A row of `operation` to be written.
#[derive(Debug, Clone)]
pub struct OperationRow<'a> {
    /// The migration's id.
    pub migration: &'a str,
    /// Number in the file, from 1.
    pub number: u32,
    /// Digest in hexadecimal.
    pub digest: &'a str,
    /// The how-manieth with that digest, from 1.
    pub occurrence: u32,
    /// Its state; `started` also records the server process.
    pub state: OperationState,
    /// The diagnostic code.
    pub code: Option<&'a str>,
    /// Why it has the state.
    pub reason: Option<&'a str>,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// How many rows it changed.
    pub rows: Option<u64>,
    /// What the server said of its failure.
    pub error: Option<&'a ServerError>,
    /// What ran, where it is not the statement of the file.
    pub sql: Option<&'a str>,
    /// What undoes it.
    pub undo_sql: Option<&'a str>,
}

impl<'a> OperationRow<'a> {
    /// Makes a row with a state and nothing more to say.
    pub fn new(
        migration: &'a str,
        number: u32,
        digest: &'a str,
        occurrence: u32,
        state: OperationState,
    ) -> OperationRow<'a> {
        OperationRow {
            migration,
            number,
            digest,
            occurrence,
            state,
            code: None,
            reason: None,
            duration_ms: None,
            rows: None,
            error: None,
            sql: None,
            undo_sql: None,
        }
    }
}

/// When the server process of this session started.
const OWN_START: &str =
    "(SELECT a.backend_start FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a)";

/// What follows the row of a migration that may be recorded already.
const AGAIN: &str = include_str!("../sql/journal_migration_again.sql");

/// The values of a row of an operation of which nothing is recorded.
fn new_row_values(script: Script, run: RunHandle, row: &OperationRow<'_>) -> String {
    let (now, took) = ("pg_catalog.clock_timestamp()", row.duration_ms.unwrap_or(0));
    let started = if took > 0 { format!("{now} - interval '{took} ms'") } else { now.to_owned() };
    format!(
        "({}, {}, {}, {}, {}, {}, {}, {}, {started}, {now}, {took}, {}, {})",
        quote_literal(row.migration),
        quote_literal(&format!("\\x{}", row.digest)),
        row.occurrence,
        row.number,
        quote_literal(row.state.as_str()),
        text(row.code),
        text(row.reason.map(|reason| script.kept(mask_message(reason))).as_deref()),
        run.id,
        number(row.rows),
        text(row.sql.map(|sql| script.kept(mask(sql))).as_deref()),
    )
}

/// Writes the values of a row; the first row of a list says their types.
fn row_values(script: Script, out: &mut String, row: &OperationRow<'_>, first: bool) {
    let error = |get: fn(&ServerError) -> Option<&str>| {
        row.error.and_then(get).map(|text| script.kept(mask_message(text)))
    };
    let position = row.error.and_then(|error| error.position);
    let fields: [(String, &str); 16] = [
        (quote_literal(row.migration), "text"),
        (quote_literal(row.digest), "text"),
        (row.occurrence.to_string(), "integer"),
        (row.number.to_string(), "integer"),
        (quote_literal(row.state.as_str()), "text"),
        (text(row.code), "text"),
        (text(row.reason.map(|reason| script.kept(mask_message(reason))).as_deref()), "text"),
        (number(row.duration_ms), "bigint"),
        (number(row.rows), "bigint"),
        (text(error(|error| Some(&error.sqlstate)).as_deref()), "text"),
        (text(error(|error| Some(&error.message)).as_deref()), "text"),
        (text(error(|error| error.detail.as_deref()).as_deref()), "text"),
        (text(error(|error| error.hint.as_deref()).as_deref()), "text"),
        (number(position), "integer"),
        (text(row.sql.map(|sql| script.kept(mask(sql))).as_deref()), "text"),
        (text(row.undo_sql.map(|sql| script.kept(mask(sql))).as_deref()), "text"),
    ];
    for (at, (value, ty)) in fields.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        out.push_str(value);
        if first {
            out.push_str("::");
            out.push_str(ty);
        }
    }
}

/// A row of `migration` to be written.
#[derive(Debug, Clone)]
pub struct MigrationRow<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its version, as in its file's name.
    pub version: Option<&'a str>,
    /// SHA-256 of its file's bytes, in hexadecimal.
    pub checksum: &'a str,
    /// Digest of its operations' identities, in hexadecimal.
    pub tokens_digest: Option<&'a str>,
    /// Digest of its directives, in hexadecimal.
    pub directives_digest: Option<&'a str>,
    /// Its SQL; secrets are masked here.
    pub sql: &'a str,
    /// Its state.
    pub state: MigrationState,
    /// How long its operations took in this run.
    pub duration_ms: Option<u64>,
}

/// What was measured of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// The migration's id.
    pub migration: &'a str,
    /// Digest in hexadecimal.
    pub digest: &'a str,
    /// The how-manieth with that digest, from 1.
    pub occurrence: u32,
    /// How long it took.
    pub duration_ms: u64,
    /// How many rows it changed.
    pub rows: Option<u64>,
}

/// The journal in one schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    schema: String,
    quoted: String,
    script: Script,
}

impl Journal {
    /// Names the journal's schema.
    pub fn new(schema: &str) -> Journal {
        Journal { schema: schema.to_owned(), quoted: quote_ident(schema), script: Script::All }
    }

    /// Writes texts of the files so that they fit into a database of this encoding.
    #[must_use]
    pub fn in_encoding(mut self, encoding: &str) -> Journal {
        self.script = Script::of(encoding);
        self
    }

    /// Gives the name of its schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    fn sql(&self, template: &str, values: &[(&str, &str)]) -> String {
        let mut all = vec![("schema", self.quoted.as_str())];
        all.extend_from_slice(values);
        fill(template, &all)
    }

    /// Asks in one query whether anything is left to do; writes nothing and takes no lock.
    ///
    /// # Errors
    /// Fails when the role may not read the journal; the error has the GRANT.
    pub async fn is_up_to_date(&self, client: &Client, set_digest: &[u8]) -> Result<UpToDate, JournalError> {
        let digest = bytes(Some(&hex(set_digest)));
        let sql = self.sql(include_str!("../sql/journal_up_to_date.sql"), &[("digest", &digest)]);
        let sql = format!("{OWN}{ALL_ROWS}{sql}");
        let messages = match client.simple_query(&sql).await.map_err(PgError::from) {
            Ok(messages) => messages,
            // Without its columns it is not our table: that is said when the journal is to be made.
            Err(error) if matches!(error.sqlstate(), Some("42P01" | "3F000" | "42703")) => {
                return Ok(UpToDate::NoJournal);
            }
            Err(error) => return Err(self.privilege(client, error).await),
        };
        let Some(row) = first_row(&messages) else { return Ok(UpToDate::NoJournal) };
        let version = load::parsed(row, 0)?;
        Ok(match (version > VERSION, row.get(1) == Some("t") && version == VERSION) {
            (true, _) => UpToDate::Newer(version),
            (false, true) => UpToDate::Yes,
            (false, false) => UpToDate::No,
        })
    }

    /// Makes the journal, or brings it to this version, in one transaction; the run lock must be held.
    ///
    /// # Errors
    /// Fails when the journal is newer, the schema holds something else, or a privilege lacks.
    pub async fn ensure(&self, client: &Client) -> Result<(), JournalError> {
        let version = match self.inspect(client).await? {
            Inspected::Absent => None,
            Inspected::Empty => Some(0),
            Inspected::Version(version) => Some(version),
        };
        let done = usize::try_from(version.unwrap_or(0)).unwrap_or(usize::MAX);
        let upgrades = match UPGRADES.get(done..) {
            None => return Err(JournalError::Newer { version: version.unwrap_or(0) }),
            Some([]) => return Ok(()),
            Some(upgrades) => upgrades,
        };
        // A table space of its own or another access method is for the user's tables.
        let mut parts = vec![OWN.trim_end_matches("; ").to_owned()];
        // The record of the run, which comes next, waits for the disk.
        parts.push("SET LOCAL synchronous_commit = off".to_owned());
        if version.is_none() {
            parts.push(format!("CREATE SCHEMA {}", self.quoted));
        }
        parts.extend(upgrades.iter().map(|upgrade| self.sql(upgrade, &[])));
        parts.push(format!("UPDATE {}.meta SET version = {VERSION}", self.quoted));
        // Several statements in one message are one transaction.
        match client.batch_execute(&parts.join(";\n")).await.map_err(PgError::from) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.privilege_to_create(client, error).await),
        }
    }

    async fn inspect(&self, client: &Client) -> Result<Inspected, JournalError> {
        let literal = quote_literal(&self.schema);
        let sql = self.sql(include_str!("../sql/journal_inspect.sql"), &[("literal", &literal)]);
        let messages = client.simple_query(&format!("{OWN}{sql}")).await.map_err(PgError::from)?;
        let Some(row) = first_row(&messages) else { return Ok(Inspected::Absent) };
        match (row.get(0) == Some("t"), row.get(1) == Some("t"), row.get(2)) {
            (false, _, _) => Ok(Inspected::Absent),
            (true, false, None) => Ok(Inspected::Empty),
            (true, false, Some(relations)) => {
                Err(JournalError::Foreign { schema: self.schema.clone(), relations: relations.to_owned() })
            }
            (true, true, _) => Ok(Inspected::Version(self.version(client).await?)),
        }
    }

    async fn version(&self, client: &Client) -> Result<u32, JournalError> {
        let sql = format!("{OWN}{ALL_ROWS}SELECT m.version FROM {}.meta m", self.quoted);
        match client.simple_query(&sql).await.map_err(PgError::from) {
            Ok(messages) => match first_row(&messages) {
                Some(row) => load::parsed(row, 0),
                None => Err(JournalError::Content("its table meta is empty".to_owned())),
            },
            Err(error) => Err(self.privilege(client, error).await),
        }
    }

    /// Reads everything, in one snapshot; none when there is no journal.
    ///
    /// # Errors
    /// Fails when the journal is newer or may not be read.
    pub async fn load(&self, client: &Client) -> Result<Option<History>, JournalError> {
        let all = format!(
            "{};\n{}",
            include_str!("../sql/journal_last_run.sql"),
            include_str!("../sql/journal_load.sql")
        );
        self.read(client, &all).await
    }

    /// Reads the newest run; none when there is no journal, or nothing ran.
    ///
    /// # Errors
    /// Fails when the journal is newer or may not be read.
    pub async fn last_run(&self, client: &Client) -> Result<Option<Run>, JournalError> {
        let history = self.read(client, include_str!("../sql/journal_last_run.sql")).await?;
        Ok(history.and_then(|history| history.last_run))
    }

    async fn read(&self, client: &Client, queries: &str) -> Result<Option<History>, JournalError> {
        match self.inspect(client).await? {
            Inspected::Absent | Inspected::Empty => return Ok(None),
            Inspected::Version(version) if version > VERSION => return Err(JournalError::Newer { version }),
            // An older one lacks what we ask for, and is upgraded under the lock before it is used.
            Inspected::Version(version) if version < VERSION => return Ok(None),
            Inspected::Version(_) => {}
        }
        let times = |column: &str| {
            format!("pg_catalog.to_char(r.{column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
        };
        let columns = ["started_at", "finished_at", "applied_at", "backend_start"];
        let written: Vec<String> = columns.iter().map(|column| times(column)).collect();
        let values: Vec<(&str, &str)> = columns.into_iter().zip(written.iter().map(String::as_str)).collect();
        let sql = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; {OWN}{ALL_ROWS}\n{};\n\
             COMMIT",
            self.sql(queries, &values)
        );
        match client.simple_query(&sql).await.map_err(PgError::from) {
            Ok(messages) => load::history(&messages).map(Some),
            Err(error) => {
                client.batch_execute("ROLLBACK").await.map_err(PgError::from)?;
                Err(self.privilege(client, error).await)
            }
        }
    }

    /// Records that a run begins, on the connection that will do its work, and moves the epoch on.
    ///
    /// # Errors
    /// Fails when the row cannot be written, or another run has begun since the journal was read.
    pub async fn begin_run(&self, client: &Client, start: &RunStart<'_>) -> Result<RunHandle, JournalError> {
        let fingerprint = start.fingerprint.map(|fingerprint| hex(&fingerprint));
        self.take_epoch(
            client,
            start,
            include_str!("../sql/journal_begin_run.sql"),
            &[
                ("host", &text(start.host)),
                ("pid", &number(start.pid)),
                ("dunlin_version", &quote_literal(start.dunlin_version)),
                ("server_version", &start.server_version.to_string()),
                ("policies", &quote_literal(start.policies)),
                ("fingerprint_before", &bytes(fingerprint.as_deref())),
                ("had_user_tables", if start.had_user_tables { "true" } else { "false" }),
            ],
        )
        .await
    }

    /// Lets a run go on, on another connection, in an epoch of its own.
    ///
    /// # Errors
    /// Fails when the row cannot be written, or another run has begun since the journal was read.
    pub async fn resume_run(
        &self,
        client: &Client,
        run: RunHandle,
        start: &RunStart<'_>,
    ) -> Result<RunHandle, JournalError> {
        let id = run.id.to_string();
        self.take_epoch(client, start, include_str!("../sql/journal_resume_run.sql"), &[("run", &id)]).await
    }

    async fn take_epoch(
        &self,
        client: &Client,
        start: &RunStart<'_>,
        template: &str,
        values: &[(&str, &str)],
    ) -> Result<RunHandle, JournalError> {
        let (key, epoch) = (start.unit_key.to_string(), number(start.epoch));
        let (backend_pid, backend_start) = match start.proxied {
            true => ("NULL", "NULL"),
            false => ("pg_catalog.pg_backend_pid()", OWN_START),
        };
        let mut all = vec![
            ("unit_key", key.as_str()),
            ("epoch", epoch.as_str()),
            ("backend_pid", backend_pid),
            ("backend_start", backend_start),
        ];
        all.extend_from_slice(values);
        // Several statements in one message are one transaction.
        let messages = match client
            .simple_query(&format!("{OWN}{}", self.sql(template, &all)))
            .await
            .map_err(PgError::from)
        {
            Ok(messages) => messages,
            Err(error) if error.sqlstate().is_some_and(sqlstate::is_transient) => {
                return Err(JournalError::Taken);
            }
            Err(error) => return Err(self.privilege_to_write(client, error).await),
        };
        // The first row is that of the lock.
        let row = messages.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) if row.len() == 2 => Some(row),
            _ => None,
        });
        let row = row.ok_or(JournalError::Taken)?;
        Ok(RunHandle { id: load::parsed(row, 0)?, epoch: load::parsed(row, 1)? })
    }

    /// Writes the end of a run.
    pub fn finish_run_sql(&self, run: RunHandle, end: &RunEnd<'_>) -> String {
        let fingerprint = end.fingerprint.map(|fingerprint| hex(&fingerprint));
        self.sql(
            include_str!("../sql/journal_finish_run.sql"),
            &[
                ("run", &run.id.to_string()),
                ("outcome", &quote_literal(end.outcome)),
                ("fingerprint_after", &bytes(fingerprint.as_deref())),
                ("set_digest", &bytes(end.set_digest.map(hex).as_deref())),
                ("settled", if end.settled { "true" } else { "false" }),
            ],
        )
    }

    /// Keeps or renews the digest outside a run, as when a command settles the last open operation; none forgets it.
    pub fn set_digest_sql(&self, set_digest: Option<&[u8]>) -> String {
        format!("UPDATE {}.meta SET set_digest = {}", self.quoted, bytes(set_digest.map(hex).as_deref()))
    }

    /// Records operations of which nothing is recorded yet, at least one; secrets are masked.
    pub fn new_operations_sql(&self, run: RunHandle, rows: &[OperationRow<'_>]) -> String {
        let values: Vec<String> = rows.iter().map(|row| new_row_values(self.script, run, row)).collect();
        self.sql(include_str!("../sql/journal_new_operations.sql"), &[("values", &values.join(",\n    "))])
    }

    /// Records operations, any number of them in one statement; secrets are masked.
    pub fn operations_sql(&self, run: RunHandle, rows: &[OperationRow<'_>]) -> String {
        if rows.is_empty() {
            // Still a statement, so that it can stand in a list of them.
            return "SELECT 0 AS operations".to_owned();
        }
        // A list of values is planned in a third of the time that sixteen arrays take.
        let mut values = String::new();
        for (at, row) in rows.iter().enumerate() {
            values.push_str(if at == 0 { "(" } else { ",\n    (" });
            row_values(self.script, &mut values, row, at == 0);
            values.push(')');
        }
        let started = rows.iter().any(|row| row.state == OperationState::Started);
        let (backend_pid, backend_start) = match started {
            true => (
                include_str!("../sql/journal_backend_pid.sql"),
                include_str!("../sql/journal_backend_start.sql"),
            ),
            false => ("NULL::integer", "NULL::timestamptz"),
        };
        self.sql(
            include_str!("../sql/journal_operations.sql"),
            &[
                ("run", &run.id.to_string()),
                ("values", &values),
                ("backend_pid", backend_pid.trim()),
                ("backend_start", backend_start.trim()),
            ],
        )
    }

    /// Records a migration, or changes its record; secrets are masked.
    pub fn migration_sql(&self, run: RunHandle, row: &MigrationRow<'_>) -> String {
        self.migration_row_sql(run, row, &number(row.duration_ms)) + AGAIN
    }

    /// The same at the end of a transaction, whose time so far is what it took.
    pub fn migration_at_end_sql(&self, run: RunHandle, row: &MigrationRow<'_>) -> String {
        self.new_migration_at_end_sql(run, row) + AGAIN
    }

    /// The same for a migration of which nothing is recorded yet.
    pub fn new_migration_at_end_sql(&self, run: RunHandle, row: &MigrationRow<'_>) -> String {
        self.migration_row_sql(run, row, since_begin())
    }

    fn migration_row_sql(&self, run: RunHandle, row: &MigrationRow<'_>, duration_ms: &str) -> String {
        let values = Parameters {
            id: &quote_literal(row.id),
            version: &text(row.version),
            checksum: &bytes(Some(row.checksum)),
            tokens_digest: &bytes(row.tokens_digest),
            directives_digest: &bytes(row.directives_digest),
            sql: &quote_literal(&self.script.kept(mask(row.sql))),
            state: &quote_literal(row.state.as_str()),
        };
        self.migration_values_sql(run, &values, duration_ms)
    }

    fn migration_values_sql(&self, run: RunHandle, row: &Parameters<'_>, duration_ms: &str) -> String {
        self.sql(
            include_str!("../sql/journal_migration.sql"),
            &[
                ("run", &run.id.to_string()),
                ("id", row.id),
                ("version", row.version),
                ("checksum", row.checksum),
                ("tokens_digest", row.tokens_digest),
                ("directives_digest", row.directives_digest),
                ("sql", row.sql),
                ("state", row.state),
                ("duration_ms", duration_ms),
            ],
        )
    }

    /// Adds what could be measured only after the rows had been sent: milliseconds and rows changed.
    pub fn measured_sql(&self, rows: &[Measured<'_>]) -> String {
        format!(
            "UPDATE {}.operation o SET duration_ms = n.duration_ms, rows = n.rows, started_at = o.finished_at - \
             pg_catalog.make_interval(secs => n.duration_ms / 1000.0) FROM ROWS FROM ({}::text[]), {}::text[]), \
             {}::integer[]), {}::bigint[]), {}::bigint[])) AS n (migration, digest, occurrence, duration_ms, rows) \
             WHERE o.migration = n.migration AND o.digest = pg_catalog.decode(n.digest, 'hex') \
             AND o.occurrence = n.occurrence",
            self.quoted,
            unnest(text_array(rows.iter().map(|row| Some(row.migration)))),
            unnest(text_array(rows.iter().map(|row| Some(row.digest)))),
            unnest(number_array(rows.iter().map(|row| Some(row.occurrence)))),
            unnest(number_array(rows.iter().map(|row| Some(row.duration_ms)))),
            unnest(number_array(rows.iter().map(|row| row.rows))),
        )
    }

    /// Gives the records of a migration to its new id.
    pub fn rename_migration_sql(&self, from: &str, to: &str) -> String {
        let (from, to) = (quote_literal(from), quote_literal(to));
        let schema = &self.quoted;
        format!(
            "WITH renamed AS (UPDATE {schema}.migration SET id = {to} WHERE id = {from}) \
             UPDATE {schema}.operation SET migration = {to} WHERE migration = {from}"
        )
    }

    /// Takes records of operations away, as of those that never ran and are no longer in their file.
    pub fn forget_operations_sql(&self, migration: &str, identities: &[(&str, u32)]) -> String {
        format!(
            "DELETE FROM {}.operation o USING ROWS FROM (pg_catalog.unnest({}::text[]), \
             pg_catalog.unnest({}::integer[])) AS n (digest, occurrence) WHERE o.migration = {} \
             AND o.digest = pg_catalog.decode(n.digest, 'hex') AND o.occurrence = n.occurrence",
            self.quoted,
            text_array(identities.iter().map(|(digest, _)| Some(*digest))),
            number_array(identities.iter().map(|(_, occurrence)| Some(*occurrence))),
            quote_literal(migration)
        )
    }

    /// Fails with an error that [`is_epoch_lost`] knows when another run has begun since.
    pub fn check_epoch_sql(&self, run: RunHandle) -> String {
        let (epoch, mark) = (run.epoch.to_string(), quote_literal(EPOCH_MARK));
        self.sql(include_str!("../sql/journal_check_epoch.sql"), &[("epoch", &epoch), ("mark", &mark)])
    }

    /// Fails when another run has begun since the transaction's snapshot, which does not show it.
    pub fn hold_epoch_sql(&self) -> String {
        format!("SELECT FROM {}.meta FOR SHARE", self.quoted)
    }

    /// Fails unless a migration was recorded as applied in a run.
    pub fn check_applied_sql(&self, run: RunHandle, migration: &str) -> String {
        self.check_applied_of(run, &quote_literal(migration))
    }

    fn check_applied_of(&self, run: RunHandle, id: &str) -> String {
        let run = run.id.to_string();
        self.sql(include_str!("../sql/journal_check_applied.sql"), &[("run", &run), ("id", id)])
    }

    /// Keeps the description of the catalog after a run, in place of the one before it.
    ///
    /// Secrets in its lines are masked: compare a snapshot with lines that went through [`mask`] too.
    pub fn snapshot_sql(&self, run: RunHandle, description: &BTreeMap<ObjectRef, String>) -> String {
        let list: Vec<(&ObjectRef, Cow<'_, str>)> =
            description.iter().map(|(object, line)| (object, masked(line))).collect();
        // A description is made of strings and enums of strings, which always can be written.
        let json = serde_json::to_string(&list).unwrap_or_else(|_| "[]".to_owned());
        let schema = &self.quoted;
        format!(
            "WITH older AS (DELETE FROM {schema}.snapshot WHERE run <> {run}) \
             INSERT INTO {schema}.snapshot (run, description) VALUES ({run}, {}) ON CONFLICT (run) DO UPDATE \
             SET description = excluded.description, taken_at = excluded.taken_at",
            quote_literal(&json),
            run = run.id
        )
    }

    /// Reads the newest snapshot.
    ///
    /// # Errors
    /// Fails when it may not be read, or is not what we wrote.
    pub async fn snapshot(
        &self,
        client: &Client,
    ) -> Result<Option<BTreeMap<ObjectRef, String>>, JournalError> {
        let sql = format!("SELECT s.description FROM {}.snapshot s ORDER BY s.run DESC LIMIT 1", self.quoted);
        let messages = client.simple_query(&sql).await.map_err(PgError::from)?;
        let Some(json) = first_row(&messages).and_then(|row| row.get(0)) else { return Ok(None) };
        let list: Vec<(ObjectRef, String)> =
            serde_json::from_str(json).map_err(|error| JournalError::Content(error.to_string()))?;
        Ok(Some(list.into_iter().collect()))
    }

    async fn privilege(&self, client: &Client, error: PgError) -> JournalError {
        if error.sqlstate() != Some("42501") {
            return error.into();
        }
        if let Some(grant) = self.hidden_by_policies(client).await {
            return JournalError::Privilege { action: "see all rows of the journal", grant };
        }
        let (role, _) = names(client).await;
        let schema = &self.quoted;
        let grant = format!(
            "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"
        );
        JournalError::Privilege { action: "read the journal", grant }
    }

    /// What lets this role see all rows, if policies hide some.
    async fn hidden_by_policies(&self, client: &Client) -> Option<String> {
        let sql = format!(
            "{OWN}SELECT pg_catalog.string_agg(pg_catalog.format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', \
             c.oid::regclass), '; ' ORDER BY c.relname) FROM pg_class c WHERE c.relnamespace = \
             (SELECT n.oid FROM pg_namespace n WHERE n.nspname = {}) AND row_security_active(c.oid)",
            quote_literal(&self.schema)
        );
        let messages = client.simple_query(&sql).await.ok()?;
        first_row(&messages)?.get(0).map(str::to_owned)
    }

    async fn privilege_to_write(&self, client: &Client, error: PgError) -> JournalError {
        if error.sqlstate() != Some("42501") {
            return error.into();
        }
        let (role, _) = names(client).await;
        let schema = &self.quoted;
        let grant = format!(
            "GRANT USAGE ON SCHEMA {schema} TO {role}; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
        );
        JournalError::Privilege { action: "write the journal", grant }
    }

    async fn privilege_to_create(&self, client: &Client, error: PgError) -> JournalError {
        if error.sqlstate() != Some("42501") {
            return error.into();
        }
        let (role, database) = names(client).await;
        let grant = format!("GRANT CREATE ON DATABASE {database} TO {role}");
        JournalError::Privilege { action: "create the journal", grant }
    }
}

/// The milliseconds since the transaction began.
fn since_begin() -> &'static str {
    "(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.now()) \
     OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8"
}

fn unnest(array: String) -> String {
    format!("pg_catalog.unnest({array}")
}

/// What is in the journal's schema.
enum Inspected {
    Absent,
    Empty,
    Version(u32),
}

/// Whether an error is that of [`Journal::check_epoch_sql`].
pub fn is_epoch_lost(error: &ServerError) -> bool {
    error.sqlstate == "22P02" && error.message.contains(EPOCH_MARK)
}

/// The names of the role and the database, quoted; words that say as much where they cannot be asked for.
async fn names(client: &Client) -> (Cow<'static, str>, Cow<'static, str>) {
    let answer = client.simple_query("SELECT current_user, pg_catalog.current_database()").await;
    let row = answer.as_deref().ok().and_then(first_row);
    let name = |at: usize| row.and_then(|row| row.get(at)).map(quote_ident);
    (
        name(0).map_or(Cow::Borrowed("the role"), Cow::Owned),
        name(1).map_or(Cow::Borrowed("the database"), Cow::Owned),
    )
}

fn first_row(messages: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
