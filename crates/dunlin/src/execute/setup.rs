//! What every command that plans has to do first: connect, read the journal and the schema, read the files.

use super::broken::Broken;
use super::event::Event;
use super::{ErrorKind, ExecuteError, Listener, Options, Target};
use crate::catalog::{Catalog, Relation, SearchPath};
use crate::diagnostic::{Code, Diagnostic};
use crate::history::History;
use crate::migration::MigrationSet;
use crate::pg::introspect::{Sizes, introspect_meanwhile};
use crate::pg::journal::{Journal, JournalError, RunHandle, RunStart};
use crate::pg::sqlstate::{self, Trouble};
use crate::pg::{ConnectOptions, OWN, PgError, Session, connect, quote_literal};
use crate::plan::{Action, Dialect, Input, Operations, Past, Planned, SetAside};
use crate::syntax::{ParseOptions, Tree, on_large_stack};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What to do when a connection was lost.
const GO_ON: &str = "run `dunlin up` again: what was committed is kept, the rest was rolled back";

/// The oldest and the newest server version that Dunlin works with.
const VERSIONS: std::ops::Range<u32> = 140_000..190_000;

/// How often the server looks whether the client of a long statement is still there.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Connects the session that reads, and later holds the lock.
pub(super) async fn connect_lock(
    target: &Target,
    listener: &mut Listener<'_>,
) -> Result<Session, ExecuteError> {
    let options = ConnectOptions {
        connect_wait: target.connect_wait,
        seed: fastrand::u64(..),
        long_lived: true,
        ..ConnectOptions::default()
    };
    let session = connect(target.server(), &options).await.map_err(ExecuteError::from)?;
    let info = session.info();
    if !VERSIONS.contains(&info.version) && info.version != 0 {
        return Err(ExecuteError::new(
            ErrorKind::Refused,
            Code::DN804,
            format!("the server is PostgreSQL {}; Dunlin works with 14 to 18", info.version_text),
        )
        .help(if info.version < VERSIONS.start {
            "upgrade the server: its version gets no more fixes"
        } else {
            "use a later Dunlin, which knows what this version of the server does"
        }));
    }
    listener(&Event::Connected { server: info.version_text.clone(), database: info.host.clone() });
    Ok(session)
}

/// The session that runs the user's SQL, and whether a transaction-pooling proxy stands between.
pub(super) struct Work {
    pub(super) session: Session,
    pub(super) proxy: bool,
}

/// Connects the session that works.
pub(super) async fn connect_work(
    target: &Target,
    notices: crate::pg::NoticeListener,
) -> Result<Work, ExecuteError> {
    let options = ConnectOptions {
        connect_wait: target.connect_wait,
        seed: fastrand::u64(..),
        long_lived: true,
        on_notice: Some(notices),
        ..ConnectOptions::default()
    };
    let session = connect(target.server(), &options).await.map_err(ExecuteError::from)?;
    let proxy = session.prepare_for_work(CHECK_INTERVAL).await.map_err(ExecuteError::from)?;
    Ok(Work { session, proxy })
}

/// The name of the connected database.
pub(super) async fn database(session: &Session) -> Result<String, ExecuteError> {
    let rows = session
        .query("SELECT pg_catalog.current_database()::pg_catalog.text", &[])
        .await
        .map_err(ExecuteError::from)?;
    Ok(rows.first().map_or_else(String::new, |row| row.get(0)))
}

/// What is known before anything runs.
pub(super) struct Prepared {
    pub(super) operations: Operations,
    pub(super) catalog: Catalog,
    pub(super) search_path: SearchPath,
    pub(super) past: Past,
    pub(super) history: Option<History>,
    pub(super) accepted: HashSet<usize>,
    /// What the plan goes past.
    pub(super) set_aside: HashMap<usize, SetAside>,
    /// The faults of the text that it goes past.
    pub(super) broken: Vec<Broken>,
}

/// Reads the journal and the schema, and begins to read the files: a large set is read while it is planned.
pub(super) async fn prepare(
    set: &MigrationSet,
    options: &Options,
    session: &Session,
) -> Result<Prepared, ExecuteError> {
    let history =
        Journal::new(&options.journal_schema).load(session.client()).await.map_err(journal_error)?;
    names_fit(set, session).await?;
    let parse = ParseOptions {
        repair: options.policy.dialect == Dialect::Repair,
        lenient: options.policy.dialect != Dialect::Postgres,
    };
    let mut operations = None;
    let mut read = introspect_meanwhile(session, &options.journal_schema, Sizes::Measured, |search_path| {
        operations = Some(on_large_stack(|| Operations::of(set, &parse, search_path)));
    })
    .await
    .map_err(ExecuteError::from)?;
    let operations =
        operations.unwrap_or_else(|| on_large_stack(|| Operations::of(set, &parse, &read.search_path)));
    if let Some(role) = &options.role {
        read.catalog.superuser = may_become(session, role).await?;
        read.catalog.current_role.clone_from(role);
    }
    read.catalog.memberships = memberships(session, &read.catalog).await?;
    let past = super::past::past(set, &operations, history.as_ref(), &read.catalog);
    probe_declared(&operations, session, &mut read.catalog).await?;
    let mut prepared = Prepared {
        operations,
        catalog: read.catalog,
        search_path: read.search_path,
        past,
        history,
        accepted: HashSet::new(),
        set_aside: HashMap::new(),
        broken: Vec::new(),
    };
    if options.keep_going {
        prepared.accepted = accepted(&prepared.operations, session).await?;
        prepared.pass_over_broken(set);
    }
    Ok(prepared)
}

/// Refuses names of migrations that the database cannot hold: the journal would know them under others.
async fn names_fit(set: &MigrationSet, session: &Session) -> Result<(), ExecuteError> {
    let encoding = &session.info().encoding;
    let ids = set.migrations.iter().map(|migration| &migration.id).filter(|id| !id.is_ascii());
    for id in ids.filter(|_| encoding != "UTF8") {
        match session.batch(&format!("SELECT {}", quote_literal(id))).await {
            Err(PgError::Server(error)) if sqlstate::is_not_in_encoding(&error.sqlstate) => {
                let message =
                    format!("the name of `{id}` cannot be written in the database's encoding, {encoding}");
                return Err(ExecuteError::new(ErrorKind::Refused, Code::DN809, message)
                    .help("rename the file: the journal keeps its name"));
            }
            other => other.map_err(ExecuteError::from)?,
        }
    }
    Ok(())
}

/// Refuses a role that is not there, or that the login may not become; says whether it is a superuser.
async fn may_become(session: &Session, role: &str) -> Result<bool, ExecuteError> {
    let sql = "SELECT pg_catalog.pg_has_role(r.oid, 'MEMBER'), current_user::pg_catalog.text, r.rolsuper \
               FROM pg_catalog.pg_roles r WHERE r.rolname::pg_catalog.text OPERATOR(pg_catalog.=) $1";
    let rows = session.query(sql, &[(&role, tokio_postgres::types::Type::TEXT)]).await?;
    let Some(row) = rows.first() else {
        return Err(ExecuteError::new(ErrorKind::Usage, Code::DN809, format!("there is no role `{role}`"))
            .help("--role names the owner of new objects; it has to be there before"));
    };
    if row.get(0) {
        return Ok(row.get(2));
    }
    let login: String = row.get(1);
    let (quoted, login_quoted) = (crate::pg::quote_ident(role), crate::pg::quote_ident(&login));
    Err(ExecuteError::new(
        ErrorKind::Refused,
        Code::DN803,
        format!("`{login}` may not become the role `{role}`"),
    )
    .help(format!("GRANT {quoted} TO {login_quoted}")))
}

/// The roles whose tables the current role may alter beside its own.
async fn memberships(
    session: &Session,
    catalog: &Catalog,
) -> Result<std::collections::BTreeSet<String>, ExecuteError> {
    if catalog.superuser {
        return Ok(std::collections::BTreeSet::new());
    }
    let sql = "SELECT o.rolname::pg_catalog.text FROM pg_catalog.pg_roles o JOIN pg_catalog.pg_roles r \
               ON pg_catalog.pg_has_role(r.oid, o.oid, 'USAGE') \
               WHERE r.rolname::pg_catalog.text OPERATOR(pg_catalog.=) $1";
    let rows = session.query(sql, &[(&catalog.current_role, tokio_postgres::types::Type::TEXT)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Fails in every session, and says in the server's log what it is for.
const NEVER: &str = "SELECT pg_catalog.int4in('Dunlin asks whether the server can parse what follows')";

/// Operations whose text our grammar refuses and the server accepts: a newer or older keyword.
///
/// The server is asked to parse, not to run: a syntax error comes from its grammar, all else from later.
async fn accepted(operations: &Operations, session: &Session) -> Result<HashSet<usize>, ExecuteError> {
    let mut accepted = HashSet::new();
    for (index, operation) in operations.all.iter().enumerate() {
        if !matches!(operation.statement.tree, Tree::Refused(_)) {
            continue;
        }
        // A message is parsed as a whole before its first statement runs, and that one always fails.
        let sql = format!("{NEVER}; {}", operation.statement.sql);
        match session.batch(&sql).await {
            Err(PgError::Server(error)) if error.sqlstate == "42601" => {}
            Ok(()) | Err(PgError::Server(_)) => {
                accepted.insert(index);
            }
            Err(error) => return Err(ExecuteError::from(error)),
        }
    }
    Ok(accepted)
}

/// Looks which of the tables that are declared again hold rows.
async fn probe_declared(
    operations: &Operations,
    session: &Session,
    catalog: &mut Catalog,
) -> Result<(), ExecuteError> {
    use crate::syntax::{NodeEnum, TreeKind};
    let is_unknown = |relation: &Relation| relation.is_table() && relation.has_rows.is_none();
    if !catalog.relations().any(|(_, relation)| is_unknown(relation)) {
        return Ok(());
    }
    let mut tables = Vec::new();
    for operation in operations.all.iter() {
        let Tree::Parsed(tree) = &operation.statement.tree else { continue };
        if tree.kind() != TreeKind::CreateTable {
            continue;
        }
        let Some(NodeEnum::CreateStmt(create)) = tree.node() else { continue };
        let Some(range) = &create.relation else { continue };
        let schema = (!range.schemaname.is_empty()).then(|| range.schemaname.clone());
        let name = crate::catalog::Name { schema, name: range.relname.clone() };
        if let Some(id) = catalog.find_relation(&name, &operation.session.search_path).yes()
            && catalog.relation(id).is_some_and(is_unknown)
            && !tables.contains(&id)
        {
            tables.push(id);
        }
    }
    if tables.is_empty() {
        return Ok(());
    }
    crate::pg::introspect::probe_rows(session.client(), catalog, &tables).await.map_err(ExecuteError::from)
}

impl Prepared {
    /// Plans what is pending.
    pub(super) async fn plan(
        &mut self,
        set: &MigrationSet,
        options: &Options,
        session: &Session,
    ) -> Result<Planned, ExecuteError> {
        let planned = self.planned(set, options);
        if !options.keep_going {
            // All is read now. Hardly ever is there what only the server can parse: to ask before would be to wait.
            let accepted = accepted(&self.operations, session).await?;
            if accepted != self.accepted {
                self.accepted = accepted;
                return Ok(self.planned(set, options));
            }
        }
        Ok(planned)
    }

    fn planned(&self, set: &MigrationSet, options: &Options) -> Planned {
        let input = Input {
            set,
            operations: &self.operations,
            catalog: self.catalog.clone(),
            past: &self.past,
            policy: &options.policy,
            to: options.to.as_deref(),
            accepted: &self.accepted,
            set_aside: &self.set_aside,
            check: false,
        };
        on_large_stack(|| crate::plan::plan(&input))
    }

    /// Whether a migration is within `--to`.
    pub(super) fn reaches(&self, set: &MigrationSet, position: usize, to: Option<&str>) -> bool {
        let last = to.and_then(|to| set.migrations.iter().position(|migration| migration.id == to));
        last.is_none_or(|last| position <= last)
    }

    /// Whether the last run has not come to its end, and so has not written what it leaves.
    pub(super) fn is_cut_off(&self) -> bool {
        let last = self.history.as_ref().and_then(|history| history.last_run.as_ref());
        last.is_some_and(|run| run.finished_at.is_none())
    }

    /// Whether the journal would be the same after the run: what is skipped or held was so before.
    pub(super) fn nothing_to_record(&self, set: &MigrationSet, planned: &Planned, to: Option<&str>) -> bool {
        let Some(history) = &self.history else { return false };
        let unchanged = planned.decisions.iter().all(|decision| {
            let operation = &self.operations.all[decision.operation];
            let id = &set.migrations[operation.migration].id;
            let past = self.past.operation(id, &operation.identity);
            let same = |state| past.is_some_and(|past| past.state == state && past.code == decision.code);
            match decision.action {
                Action::Skip => same(crate::plan::PastState::Skipped),
                Action::Held => same(crate::plan::PastState::Held),
                _ => false,
            }
        });
        let all_recorded =
            (0..set.migrations.len()).filter(|position| self.reaches(set, *position, to)).all(|position| {
                self.past.migrations.get(&set.migrations[position].id).is_some_and(|past| past.unchanged)
            });
        let renamed =
            || super::past::Compared::new(set, &self.operations, history).renamed().next().is_some();
        unchanged && all_recorded && !renamed()
    }
}

impl Prepared {
    /// Gives the records of renamed migrations to their new ids.
    pub(super) async fn rename(
        &self,
        set: &MigrationSet,
        journal: &Journal,
        work: &Session,
    ) -> Result<(), ExecuteError> {
        let Some(history) = &self.history else { return Ok(()) };
        for (from, to) in super::past::Compared::new(set, &self.operations, history).renamed() {
            work.batch(&format!("{OWN}{}", journal.rename_migration_sql(from, to))).await?;
        }
        Ok(())
    }

    /// Rows of migrations that no unit writes: those without operations, and those whose bytes changed only.
    pub(super) fn unwritten(
        &self,
        set: &MigrationSet,
        options: &Options,
        journal: &Journal,
        run: RunHandle,
        report: &super::Report,
        now: &Past,
    ) -> Vec<String> {
        if !options.keep_going && (report.failed.is_some() || report.outcome == super::Outcome::Failed) {
            return Vec::new();
        }
        let to = options.to.as_deref();
        let compared =
            self.history.as_ref().map(|history| super::past::Compared::new(set, &self.operations, history));
        // An edit that is not taken over is told each time: the record stays that of the file as it ran.
        let taken_over = |position: usize| {
            let anew = set.migrations[position].kind == crate::migration::Kind::Repeatable;
            let keeps = anew || compared.as_ref().is_none_or(|compared| compared.keeps_all(position));
            let id = &set.migrations[position].id;
            keeps
                && self.operations.all[self.operations.ranges[position].clone()].iter().all(|operation| {
                    now.operation(id, &operation.identity)
                        .is_some_and(|past| past.state == crate::plan::PastState::Done)
                })
        };
        (0..set.migrations.len())
            .filter(|position| self.reaches(set, *position, to))
            .filter(|position| match self.past.migrations.get(&set.migrations[*position].id) {
                None => self.operations.ranges[*position].is_empty(),
                Some(past) => past.applied && !past.unchanged && taken_over(*position),
            })
            .map(|position| {
                let state = crate::history::MigrationState::Applied;
                super::record::migration_sql(journal, run, set, &self.operations, position, state)
            })
            .collect()
    }

    /// Forgets operations that never ran, or ran in a repeatable migration that has run anew, and are in no file now.
    pub(super) fn forgotten(&self, set: &MigrationSet, journal: &Journal, past: &Past) -> Vec<String> {
        let mut statements = Vec::new();
        for (position, migration) in set.migrations.iter().enumerate() {
            let Some(before) = self.past.migrations.get(&migration.id) else { continue };
            let now = &self.operations.all[self.operations.ranges[position].clone()];
            let is_done = |operation: &crate::plan::Operation| {
                past.operation(&migration.id, &operation.identity)
                    .is_some_and(|past| past.state == crate::plan::PastState::Done)
            };
            let anew = migration.kind == crate::migration::Kind::Repeatable && now.iter().all(is_done);
            let bound: HashSet<_> = before.bound.iter().collect();
            let kept: HashSet<_> = now.iter().map(|operation| &operation.identity).collect();
            let gone: Vec<(&str, u32)> = before
                .order
                .iter()
                .filter(|old| (anew || !bound.contains(old)) && !kept.contains(old))
                .map(|old| (old.digest.as_str(), old.occurrence))
                .collect();
            if !gone.is_empty() {
                statements.push(journal.forget_operations_sql(&migration.id, &gone));
            }
        }
        statements
    }

    /// Keeps the digest of a set that has nothing left to do, for the next start; no matter if that cannot be.
    pub(super) async fn keep_digest(
        &self,
        set: &MigrationSet,
        options: &Options,
        work: &Session,
        report: &super::Report,
    ) {
        if report.outcome == super::Outcome::Nothing && options.to.is_none() && self.past.missing.is_empty() {
            let journal = Journal::new(&options.journal_schema);
            let _ = work.batch(&format!("{OWN}{}", journal.set_digest_sql(Some(&set.digest())))).await;
        }
    }
}

/// Refuses to start where nothing can be written.
pub(super) async fn refuse_read_only(session: &Session) -> Result<(), ExecuteError> {
    let sql = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool";
    let rows = session.query(sql, &[]).await.map_err(ExecuteError::from)?;
    let (standby, read_only) = rows.first().map_or((false, false), |row| (row.get(0), row.get(1)));
    if !standby && !read_only {
        return Ok(());
    }
    let what = if standby {
        "the server is a standby"
    } else {
        "transactions are read-only (default_transaction_read_only)"
    };
    let help = if standby {
        "connect to the primary (target_session_attrs=read-write finds it)"
    } else {
        "let this role write, or use another one"
    };
    Err(ExecuteError::new(ErrorKind::Refused, Code::DN805, format!("something is pending, and {what}"))
        .help(help))
}

/// How a run is opened, beside its options.
pub(super) struct Opening {
    /// The epoch in which the journal was read; none when there was no journal, or it does not matter.
    pub(super) epoch: Option<i64>,
    /// The advisory key of the units.
    pub(super) unit_key: i64,
    /// Whether a proxy stands between.
    pub(super) proxy: bool,
    /// The run that goes on, if it is not a new one.
    pub(super) run: Option<RunHandle>,
}

/// Makes the journal if it is not there, and begins a run on a database with this catalog, or lets it go on.
///
/// None when somebody else has begun one since the journal was read: it has to be read again.
pub(super) async fn open_run(
    options: &Options,
    work: &Session,
    catalog: &Catalog,
    opening: &Opening,
) -> Result<Option<(Journal, RunHandle)>, ExecuteError> {
    let journal = Journal::new(&options.journal_schema).in_encoding(&work.info().encoding);
    journal.ensure(work.client()).await.map_err(journal_error)?;
    let policies = serde_json::to_string(&options.policy).unwrap_or_default();
    let start = RunStart {
        host: Some(&options.host),
        pid: Some(options.pid),
        dunlin_version: env!("CARGO_PKG_VERSION"),
        server_version: work.info().version,
        policies: &policies,
        fingerprint: Some(catalog.fingerprint()),
        had_user_tables: catalog.has_user_tables(),
        epoch: opening.epoch,
        unit_key: opening.unit_key,
        proxied: opening.proxy,
    };
    let opened = match opening.run {
        Some(run) => journal.resume_run(work.client(), run, &start).await,
        None => journal.begin_run(work.client(), &start).await,
    };
    match opened {
        Ok(run) => Ok(Some((journal, run))),
        Err(JournalError::Taken) => Ok(None),
        Err(error) => Err(journal_error(error)),
    }
}

/// Maps an error of the journal.
pub(super) fn journal_error(error: JournalError) -> ExecuteError {
    match error {
        JournalError::Newer { version } => ExecuteError::journal_newer(version),
        JournalError::Foreign { schema, relations } => ExecuteError::new(
            ErrorKind::Refused,
            Code::DN606,
            format!("the schema `{schema}` exists and holds what is not Dunlin's: {relations}"),
        )
        .help("choose another one with --journal-schema"),
        JournalError::Privilege { action, grant } => {
            ExecuteError::new(ErrorKind::Refused, Code::DN803, format!("the role has no right to {action}"))
                .help(grant)
        }
        JournalError::Taken => {
            ExecuteError::new(ErrorKind::Failed, Code::DN802, error.to_string()).help("run it again")
        }
        JournalError::Content(what) => ExecuteError::new(
            ErrorKind::Refused,
            Code::DN605,
            format!("the journal holds an entry that cannot be read: {what}"),
        )
        .help("somebody edited it, or a newer Dunlin wrote it; `dunlin doctor` tells more"),
        JournalError::Pg(error) => ExecuteError::from(error),
    }
}

impl From<PgError> for ExecuteError {
    fn from(error: PgError) -> ExecuteError {
        let (kind, code, help) = match &error {
            _ if error.sqlstate().is_some_and(sqlstate::is_from_proxy)
                && !matches!(error, PgError::Refused { .. }) =>
            {
                (
                    ErrorKind::Refused,
                    Code::DN806,
                    Some(
                        "Dunlin works through a proxy that pools sessions or transactions (not statements) and has two \
                     server connections to spare; or give a connection to the server itself with --direct-url",
                    ),
                )
            }
            PgError::Server(server) if crate::pg::journal::is_epoch_lost(server) => (
                ErrorKind::Failed,
                Code::DN802,
                Some("what was committed is recorded; `dunlin status` shows it"),
            ),
            PgError::Server(server) => match sqlstate::trouble(&server.sqlstate) {
                Some(Trouble { code, help }) => {
                    let refused = matches!(code, Code::DN803 | Code::DN805);
                    (if refused { ErrorKind::Refused } else { ErrorKind::Failed }, code, Some(help))
                }
                None if sqlstate::is_connection_loss(&server.sqlstate) => {
                    (ErrorKind::Failed, Code::DN801, Some(GO_ON))
                }
                None => (ErrorKind::Failed, Code::DN808, None),
            },
            PgError::Closed { sqlstate, .. } => {
                let known = sqlstate.as_deref().and_then(sqlstate::trouble);
                (ErrorKind::Failed, Code::DN801, Some(known.map_or(GO_ON, |trouble| trouble.help)))
            }
            PgError::Protocol(_) => (ErrorKind::Failed, Code::DN801, Some(GO_ON)),
            PgError::Refused { error, .. } if sqlstate::trouble(&error.sqlstate).is_some() => (
                ErrorKind::Connection,
                Code::DN801,
                sqlstate::trouble(&error.sqlstate).map(|trouble| trouble.help),
            ),
            _ => (
                ErrorKind::Connection,
                Code::DN801,
                Some(
                    "check host, port, user and password, and that the server runs; `dunlin doctor` looks at all of it",
                ),
            ),
        };
        let message = match code {
            Code::DN802 => "another run has taken over: this one commits nothing more".to_owned(),
            _ => error.to_string(),
        };
        let made = ExecuteError::new(kind, code, message);
        let hint = error.server().and_then(|server| server.hint.as_deref());
        match help.or(hint) {
            Some(help) => made.help(help),
            None => made,
        }
    }
}

impl From<crate::migration::MigrationError> for ExecuteError {
    fn from(error: crate::migration::MigrationError) -> ExecuteError {
        ExecuteError::new(ErrorKind::Usage, Code::DN809, error.to_string())
            .help("say where the migrations are with `--migrations DIR`, or make the first one with `dunlin new NAME`")
    }
}

impl ExecuteError {
    /// Whether the connection was lost after it had been made: it may be made again.
    pub(super) fn is_loss(&self) -> bool {
        self.kind == ErrorKind::Failed && self.diagnostic.code == Code::DN801
    }

    /// The plan was refused; nothing ran.
    pub(super) fn refused(diagnostics: Vec<Diagnostic>) -> ExecuteError {
        let errors: Vec<&Diagnostic> =
            diagnostics.iter().filter(|d| d.severity == crate::diagnostic::Severity::Error).collect();
        let code = errors.first().map_or(Code::DN809, |diagnostic| diagnostic.code);
        let message = match errors.as_slice() {
            [one] => format!("refused, nothing ran: {}", one.message),
            many => format!("refused, nothing ran: {} errors", many.len()),
        };
        let mut error = ExecuteError::new(ErrorKind::Refused, code, message);
        let report =
            super::Report { outcome: super::Outcome::Refused, diagnostics, ..super::Report::nothing() };
        error.report = Some(Box::new(report));
        error
    }

    /// A plan for the rest was refused: what came before it ran.
    pub(super) fn in_the_middle(mut self) -> ExecuteError {
        self.kind = ErrorKind::Failed;
        self.diagnostic.message =
            self.diagnostic.message.replacen("refused, nothing ran", "the rest is refused", 1);
        self.help("what ran before is kept and recorded; when this is mended, `dunlin up` goes on from there")
    }

    /// The journal was written by a newer Dunlin.
    pub(super) fn journal_newer(version: u32) -> ExecuteError {
        ExecuteError::new(
            ErrorKind::Refused,
            Code::DN605,
            format!("the journal has version {version}, which a newer Dunlin wrote"),
        )
        .help("use that version of Dunlin or a later one")
    }

    /// Somebody else held the lock for too long.
    pub(super) fn lock_not_free(holder: Option<crate::pg::Holder>, waited: Duration) -> ExecuteError {
        let who = holder.map_or_else(|| "another runner".to_owned(), |holder| holder.to_string());
        ExecuteError::new(
            ErrorKind::Lock,
            Code::DN802,
            format!("the lock was not free within {} s: {who} holds it", waited.as_secs()),
        )
        .help("wait for it to end, or give more time with --lock-wait")
    }
}
