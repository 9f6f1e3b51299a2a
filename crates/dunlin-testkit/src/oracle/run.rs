//! Runs one file against the server and the simulation.

use super::compare::{Comparer, Comparison};
use super::connection::{Answer, Connection, Status};
use super::judge::{self, Claim, Judgement, Outcome};
use super::report::{Entry, FileReport};
use super::script::{Cut, Item, Script, Then};
use super::simulation::{Control, Simulation};
use crate::server::TestServer;
use dunlin::analyze::{Analysis, Class, analyze};
use dunlin::catalog::Effect;
use dunlin::embedded::Embedded;
use dunlin::pg::introspect::{Introspection, Snapshot, introspect};
use dunlin::source::{SourceFile, Span};
use dunlin::syntax::{ParseOptions, Statement, Tree, on_large_stack, parse, tokens};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// How a file is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// A script that runs in the database before the file and is not judged.
    pub setup: Option<String>,
    /// How long a statement may take before it is cancelled.
    pub limit: Duration,
    /// Whether it has to be known what other objects keep from being dropped.
    pub dependents: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { setup: None, limit: Duration::from_secs(20), dependents: false }
    }
}

/// Runs a file in a database of its own on a server of its own: it may make roles and databases, and other tests go on
/// meanwhile.
///
/// # Panics
/// When there is no server to start.
pub fn run_file(name: &str, text: &str, options: &Options) -> FileReport {
    let server = Embedded::start(TestServer::options()).unwrap_or_else(|error| panic!("no server: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Whatever walks parse trees needs room.
    on_large_stack(|| runtime.block_on(run(&server, name, text, options)))
}

async fn run(server: &Embedded, name: &str, text: &str, options: &Options) -> FileReport {
    const DATABASE: &str = "oracle";
    let url = server.url(DATABASE);
    let started = match Connection::open(&server.url("postgres"), None, options.limit).await {
        Ok(admin) => match admin.run(&format!("create database {DATABASE}")).await {
            Answer::Accepted { .. } => Oracle::start(name, &url, options).await,
            answer => Err(format!("no database: {answer:?}")),
        },
        Err(error) => Err(error),
    };
    let mut oracle = match started {
        Ok(oracle) => oracle,
        Err(error) => return FileReport { troubles: vec![error], ..FileReport::default() },
    };
    if let Err(trouble) = oracle.run(text, options).await {
        oracle.report.troubles.push(trouble);
    }
    oracle.report
}

/// What is known of a statement before the server is asked.
struct Foreseen {
    statement: Statement,
    analysis: Analysis,
    claim: Claim,
}

struct Oracle<'a> {
    name: &'a str,
    url: String,
    limit: Duration,
    dependents: bool,
    connection: Connection,
    simulation: Simulation,
    comparer: Comparer,
    report: FileReport,
    /// The newest transaction id when the catalogs were compared last.
    compared_at: Option<String>,
}

impl<'a> Oracle<'a> {
    async fn start(name: &'a str, url: &str, options: &Options) -> Result<Self, String> {
        let connection = Connection::open(url, None, options.limit).await?;
        let live = read(&connection).await?;
        Ok(Self {
            name,
            url: url.to_owned(),
            limit: options.limit,
            dependents: options.dependents,
            connection,
            simulation: Simulation::new(&live),
            comparer: Comparer::default(),
            report: FileReport::default(),
            compared_at: None,
        })
    }

    async fn run(&mut self, text: &str, options: &Options) -> Result<(), String> {
        if let Some(setup) = &options.setup {
            self.set_up(setup).await?;
        }
        let mut script = Script::new(text);
        let mut last_line = 1;
        while let Some(item) = script.next_item() {
            match item {
                Item::Connect(role) => self.reconnect(role.as_deref()).await?,
                Item::Statement(cut) => {
                    last_line = cut.line;
                    self.statement(&mut script, &cut).await?;
                }
            }
        }
        self.at_the_end(last_line).await
    }

    /// Runs a script without judging it.
    async fn set_up(&mut self, text: &str) -> Result<(), String> {
        let mut script = Script::new(text);
        while let Some(item) = script.next_item() {
            let Item::Statement(cut) = item else { continue };
            if let Answer::Lost(reason) = send(&self.connection, &mut script, &cut).await {
                return Err(format!("the connection was lost in the setup: {reason}"));
            }
        }
        self.reconnect(None).await
    }

    async fn reconnect(&mut self, role: Option<&str>) -> Result<(), String> {
        let fresh = match Connection::open(&self.url, role, self.limit).await {
            Ok(fresh) => fresh,
            // A role that may not log in: psql would stay where it is.
            Err(_) if role.is_some() => return Ok(()),
            Err(error) => return Err(error),
        };
        self.connection = fresh;
        let live = read(&self.connection).await?;
        self.simulation.reconnect(&live);
        Ok(())
    }

    async fn statement(&mut self, script: &mut Script<'_>, cut: &Cut) -> Result<(), String> {
        let control = Control::of(&cut.sql);
        let was = self.connection.status();
        let ends = matches!(control, Control::Commit | Control::Rollback | Control::RollbackTo(_));
        if was == Status::Failed && !ends {
            skip_data(script, &cut.sql);
            return Ok(());
        }
        let foreseen = match self.foresee(cut, script.conforming()) {
            Ok(foreseen) => foreseen,
            Err(None) => return Ok(()),
            Err(Some(failure)) => {
                self.report.failures += 1;
                return Err(format!(
                    "{}:{}: {failure}: {}; the rest is left out",
                    self.name, cut.line, cut.sql
                ));
            }
        };
        let answer = send(&self.connection, script, cut).await;
        if let Answer::Lost(reason) = &answer {
            self.trouble(cut.line, &format!("the connection was lost: {reason}"));
            return self.reconnect(None).await;
        }
        let accepted = matches!(answer, Answer::Accepted { .. });
        if accepted {
            note_conforming(script, &cut.sql);
            after(script, cut, &answer);
        }
        let is = self.connection.status();
        self.judge(cut, &foreseen, &answer, &control, (was, is)).await
    }

    /// Parses and analyses a statement, if there is one; or says that this panics or does not end.
    fn foresee(&self, cut: &Cut, conforming: bool) -> Result<Foreseen, Option<&'static str>> {
        let (name, sql) = (self.name.to_owned(), cut.sql.clone());
        let (catalog, session) = (self.simulation.catalog().clone(), self.simulation.session().clone());
        let (sender, receiver) = std::sync::mpsc::channel();
        let work = move || {
            let foreseen = on_large_stack(|| {
                let statement = statement_of(&name, &sql, conforming)?;
                let analysis = analyze(&statement, &catalog, &session);
                let claim = judge::claim(&analysis);
                Some(Foreseen { statement, analysis, claim })
            });
            drop(catalog);
            // Nobody waits for it any more if it took too long.
            let _ = sender.send(foreseen);
        };
        // In a thread of its own, which is left behind if it does not end.
        std::thread::spawn(work);
        receiver.recv_timeout(self.limit).map_or_else(
            |error| match error {
                RecvTimeoutError::Disconnected => Err(Some("Dunlin panicked at")),
                RecvTimeoutError::Timeout => Err(Some("Dunlin does not come to an end with")),
            },
            |foreseen| foreseen.ok_or(None),
        )
    }

    fn failed(&mut self, cut: &Cut, what: &str) {
        self.report.failures += 1;
        self.trouble(cut.line, &format!("{what}: {}", cut.sql));
    }

    async fn judge(
        &mut self,
        cut: &Cut,
        foreseen: &Foreseen,
        answer: &Answer,
        control: &Control,
        (was, is): (Status, Status),
    ) -> Result<(), String> {
        let analysis = &foreseen.analysis;
        let server = match answer {
            Answer::Refused { code, message, .. } => Some(format!("{code} {message}")),
            _ => None,
        };
        let judgement = if server.is_none() {
            if matches!(foreseen.claim, Claim::Valid | Claim::Partly) {
                self.apply(cut, analysis);
            }
            self.simulation.set(&analysis.session);
            if is_discard_all(&cut.sql) {
                self.simulation.discard();
            }
            self.simulation.follow(control, true, was, is);
            let live = if self.may_have_changed(foreseen, control).await {
                self.read_if_possible(cut.line).await
            } else {
                None
            };
            let compared = live.as_ref().map(|live| self.compare(live, renames(analysis)));
            let judgement = judge::accepted(&foreseen.claim, &compared.unwrap_or_default());
            if let (Some(live), true) = (&live, judgement.outcome != Outcome::Exact || resyncs(analysis)) {
                self.simulation.resync(live);
            }
            judgement
        } else {
            self.simulation.follow(control, false, was, is);
            if is != Status::Failed && leaves_traces(foreseen) {
                let live = self.read_if_possible(cut.line).await;
                live.iter().for_each(|live| self.simulation.resync(live));
            }
            match &foreseen.statement.tree {
                Tree::Refused(_) => Judgement::new(Outcome::Refused, "both refuse it", Vec::new()),
                _ => judge::refused(&foreseen.claim, answer, self.dependents),
            }
        };
        let (line, sql, kind) = (cut.line, cut.sql.clone(), analysis.kind);
        self.report.add(Entry { line, sql, kind, server, judgement });
        Ok(())
    }

    /// Applies a statement's effects; a panic is told.
    fn apply(&mut self, cut: &Cut, analysis: &Analysis) {
        let simulation = &mut self.simulation;
        if catch_unwind(AssertUnwindSafe(|| simulation.apply(analysis))).is_err() {
            self.failed(cut, "Dunlin panicked when it applied");
        }
    }

    fn compare(&mut self, live: &Introspection, renamed: bool) -> Comparison {
        let mut compared = self.comparer.compare(self.simulation.catalog(), &live.catalog, renamed);
        compared.may_lack(&self.simulation.take_unsure());
        compared.search_path(self.simulation.search_path(), &live.search_path);
        for (what, count) in &compared.not_compared {
            *self.report.not_compared.entry(what.clone()).or_default() += count;
        }
        compared
    }

    /// Whether a statement can have changed a catalog. Only what surely cannot is spared the comparison; what is
    /// wrong about that shows at the next one, at the latest at the end of the file.
    async fn may_have_changed(&mut self, foreseen: &Foreseen, control: &Control) -> bool {
        match control {
            // After a query, the transaction's isolation could not be set any more.
            Control::Begin | Control::Savepoint(_) => return false,
            Control::None => {}
            _ => return true,
        }
        let analysis = &foreseen.analysis;
        let changes = |effect: &Effect| !matches!(effect, Effect::FillRows { .. });
        if analysis.effects.iter().any(changes) {
            return true;
        }
        let plain = match analysis.kind {
            "SET" | "RESET" | "SHOW" | "SET TRANSACTION" | "SET CONSTRAINTS" => return false,
            "SELECT" | "VALUES" | "TABLE" | "FETCH" | "MOVE" | "CLOSE" | "CLOSE CURSOR"
            | "DECLARE CURSOR" | "EXPLAIN" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "COPY"
            | "TRUNCATE" | "TRUNCATE TABLE" | "PREPARE" | "DEALLOCATE" | "LISTEN" | "UNLISTEN" | "NOTIFY"
            | "LOCK TABLE" => true,
            _ => false,
        };
        if !plain || !matches!(analysis.class, Class::Reads | Class::Writes | Class::Removes | Class::Session)
        {
            return true;
        }
        // A function or a trigger can do anything.
        let functions =
            self.simulation.catalog().functions().any(|(_, function)| function.extension.is_none());
        functions
            && self.newest_transaction().await.is_none_or(|newest| {
                self.compared_at.replace(newest.clone()).is_none_or(|known| known != newest)
            })
    }

    /// The newest transaction id, outside of a transaction: as long as it is the same, nothing was changed.
    async fn newest_transaction(&self) -> Option<String> {
        if self.connection.status() != Status::Idle {
            return None;
        }
        match self
            .connection
            .run("select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())")
            .await
        {
            Answer::Accepted { rows, .. } => rows.into_iter().next()?.into_iter().next()?,
            _ => None,
        }
    }

    /// Reads the server's catalog; where the session does not let it be read, that is told.
    async fn read_if_possible(&mut self, line: usize) -> Option<Introspection> {
        match read(&self.connection).await {
            Ok(live) => Some(live),
            Err(error) => {
                self.trouble(line, &format!("the catalog could not be read: {error}"));
                None
            }
        }
    }

    async fn at_the_end(&mut self, line: usize) -> Result<(), String> {
        if self.connection.status() == Status::Failed {
            self.connection.run("rollback").await;
            self.simulation.follow(&Control::Rollback, true, Status::Failed, Status::Idle);
        }
        let Some(live) = self.read_if_possible(line).await else { return Ok(()) };
        let compared = self.compare(&live, false);
        if compared.differences.is_empty() {
            return Ok(());
        }
        let judgement = judge::accepted(&Claim::Valid, &compared);
        let sql = "(the end of the file)".to_owned();
        self.report.add(Entry { line, sql, kind: "END OF FILE", server: None, judgement });
        Ok(())
    }

    fn trouble(&mut self, line: usize, text: &str) {
        self.report.troubles.push(format!("{}:{line}: {text}", self.name));
    }
}

/// What an extension brings is read from the server that has it, and so is how texts read after a rename.
fn resyncs(analysis: &Analysis) -> bool {
    renames(analysis)
        || analysis.effects.iter().any(|effect| matches!(effect, Effect::CreateExtension { .. }))
}

/// Whether names in texts are other ones after it.
fn renames(analysis: &Analysis) -> bool {
    let renames = |effect: &Effect| {
        matches!(
            effect,
            Effect::RenameColumn { .. }
                | Effect::RenameRelation { .. }
                | Effect::MoveRelation { .. }
                | Effect::RenameType { .. }
                | Effect::RenameEnumLabel { .. }
                | Effect::RenameFunction { .. }
                | Effect::MoveTo { .. }
                | Effect::RenameSchema { .. }
        )
    };
    analysis.effects.iter().any(renames)
}

/// Whether a statement that failed can have changed something all the same.
fn leaves_traces(foreseen: &Foreseen) -> bool {
    matches!(foreseen.analysis.kind, "DO" | "CALL")
        || foreseen.analysis.transactional == dunlin::analyze::Transactional::No
}

async fn read(connection: &Connection) -> Result<Introspection, String> {
    let snapshot = match connection.status() {
        Status::Idle => Snapshot::Own,
        Status::Open => Snapshot::Within,
        Status::Failed => return Err("the transaction has failed".to_owned()),
    };
    // The oracle makes no journal; a name that no file uses.
    introspect(connection.client(), "dunlin", snapshot).await.map_err(|error| error.to_string())
}

/// Parses a statement's text.
fn statement_of(name: &str, sql: &str, conforming: bool) -> Option<Statement> {
    const OFF: &str = "SET standard_conforming_strings = off;\n";
    let text = if conforming { sql.to_owned() } else { format!("{OFF}{sql}") };
    let file = SourceFile::new(name, text.as_str());
    let options = ParseOptions { repair: false, lenient: false };
    let script = parse(&file, Span::new(0, file.text.len()), &options);
    script.statements.into_iter().nth(usize::from(!conforming))
}

fn is_discard_all(sql: &str) -> bool {
    matches!(tokens(sql).as_slice(), [first, second] if first.is_word(sql, "discard") && second.is_word(sql, "all"))
}

/// COPY from or to the client.
enum Copies {
    /// FROM STDIN: where the word stands.
    In(std::ops::Range<usize>),
    /// TO STDOUT.
    Out,
}

fn copies(sql: &str) -> Option<Copies> {
    let tokens = tokens(sql);
    if !tokens.first().is_some_and(|first| first.is_word(sql, "copy")) {
        return None;
    }
    tokens.windows(2).find_map(|pair| {
        // The server takes both words for either direction.
        let client = pair[1].is_word(sql, "stdin") || pair[1].is_word(sql, "stdout");
        match client {
            true if pair[0].is_word(sql, "from") => Some(Copies::In(pair[1].span.range())),
            true if pair[0].is_word(sql, "to") => Some(Copies::Out),
            _ => None,
        }
    })
}

async fn send(connection: &Connection, script: &mut Script<'_>, cut: &Cut) -> Answer {
    match copies(&cut.sql) {
        Some(Copies::In(stdin)) => {
            let data = script.copy_data();
            connection.copy_in(&cut.sql, stdin, &data).await
        }
        Some(Copies::Out) => connection.copy_out(&cut.sql).await,
        None => connection.run(&cut.sql).await,
    }
}

fn skip_data(script: &mut Script<'_>, sql: &str) {
    if let Some(Copies::In(_)) = copies(sql) {
        script.copy_data();
    }
}

fn note_conforming(script: &mut Script<'_>, sql: &str) {
    let words: Vec<String> = tokens(sql).iter().map(|token| token.text(sql).to_lowercase()).collect();
    let Some(at) = words.iter().position(|word| word == "standard_conforming_strings") else { return };
    let off = |word: &String| matches!(word.trim_matches('\''), "off" | "false" | "0" | "no");
    script.set_conforming(words[0] == "show" || words[0] == "reset" || !words[at..].iter().any(off));
}

/// Does with the result what psql does.
fn after(script: &mut Script<'_>, cut: &Cut, answer: &Answer) {
    let Answer::Accepted { columns, rows } = answer else { return };
    match &cut.then {
        Then::Show => {}
        Then::Set(prefix) => {
            let [row] = rows.as_slice() else { return };
            for (name, value) in columns.iter().zip(row) {
                script.set(&format!("{prefix}{name}"), value.clone());
            }
        }
        Then::Execute => script.execute(cut.line, rows.iter().flatten().flatten().cloned()),
    }
}
