//! A server, a database and a set of migrations that are run, disturbed and compared, again and again.

use super::fault::{Act, Fault};
use crate::messy::world::difference;
use dunlin_testkit::faults::{Ask, KILLED, OwnServer, Place, places, wait};
use dunlin_testkit::{Output, Program};
use std::path::{Path, PathBuf};
use std::time::Duration;

const DATABASE: &str = "faults";
/// No run takes that long, also on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(120);
/// How often `up` may be needed after a fault.
const RUNS: usize = 3;

/// What an undisturbed run leaves, and the places that it passes.
pub(super) struct Expected {
    state: String,
    pub(super) places: Vec<Place>,
}

/// How a disturbed run ended.
pub(super) enum Ended {
    /// The run ended before it came to the place.
    Missed,
    /// This many runs later, all was as without the fault.
    Resumed(usize),
    /// It was not.
    Wrong(String),
}

/// A server with one database.
pub(super) struct Stage {
    server: OwnServer,
    folder: PathBuf,
}

impl Stage {
    pub(super) fn new(folder: &Path) -> Stage {
        Stage { server: OwnServer::start(), folder: folder.to_owned() }
    }

    /// Takes another set.
    pub(super) fn take(&mut self, folder: &Path) {
        folder.clone_into(&mut self.folder);
    }

    fn dunlin(&self) -> Program {
        Program::new(super::program())
            .directory(&self.folder)
            .env("DATABASE_URL", self.server.url(DATABASE))
            .always("--migrations")
            .always(self.folder.to_str().unwrap())
            .always("--format")
            .always("json")
    }

    /// Brings everything back to the beginning: an empty database.
    fn reset(&self) {
        let drop = [DATABASE, "faults_other", "faults_gone"]
            .map(|name| format!("drop database if exists {name} with (force)"));
        let rest = [
            "drop tablespace if exists faults_space",
            "drop role if exists faults_owner",
            "alter system reset all",
        ];
        for sql in drop.iter().map(String::as_str).chain(rest) {
            self.server.lines("postgres", sql);
        }
        let copy = if self.server.major() >= 15 { " strategy file_copy" } else { "" };
        self.server.lines("postgres", &format!("create database {DATABASE}{copy}"));
    }

    /// The schema, all rows, what is beside the database, and the journal.
    fn state(&self) -> String {
        let lines = |sql: &str| self.server.lines(DATABASE, sql);
        let tables = "select format('select %L, to_jsonb(t)::text from %s t', pg_class.oid::regclass, pg_class.oid::regclass)
            from pg_class join pg_namespace on pg_namespace.oid = relnamespace
            where relkind in ('r', 'm') and relispopulated and nspname !~ '^pg_' and nspname not in ('information_schema', 'dunlin')";
        let queries = lines(tables);
        let rows = if queries.is_empty() { Vec::new() } else { lines(&queries.join(" union all ")) };
        let journal = self.server.try_lines(DATABASE, include_str!("journal.sql"));
        let mut all = lines(include_str!("../messy/state.sql"));
        all.extend(lines(include_str!("cluster.sql")));
        all.extend(rows);
        all.extend(journal.unwrap_or_else(|error| vec![error]));
        all.sort();
        all.join("\n")
    }

    /// Runs the set undisturbed.
    pub(super) fn expected(&self) -> Expected {
        self.reset();
        let log = tempfile::NamedTempFile::new().unwrap();
        let path = log.path().to_str().unwrap();
        self.dunlin().env("DUNLIN_FAULT_LOG", path).run(&["up"]).expect(0);
        let log = std::fs::read_to_string(log.path()).unwrap();
        Expected { state: self.state(), places: places(&log) }
    }

    /// Runs the set with a fault, then again until all is done, and compares.
    pub(super) fn disturb(&mut self, fault: &Fault, expected: &Expected) -> Ended {
        self.reset();
        let Some((reached, first)) = self.disturbed(fault) else {
            return Ended::Wrong("the disturbed run does not end".to_owned());
        };
        let mut said = shown("the disturbed run", &first);
        if !reached {
            return Ended::Missed;
        }
        // A run that has survived the fault and says that all is done is to be believed.
        let mut code = first.code;
        let mut runs = 0;
        while code != 0 && runs < RUNS {
            runs += 1;
            let child = self.dunlin().spawn(&["up"]);
            let Some(output) = wait(child, LIMIT) else {
                return Ended::Wrong(format!("{said}--- run {runs} after it does not end\n"));
            };
            said += &shown(&format!("run {runs} after it"), &output);
            code = output.code;
        }
        match difference(&expected.state, &self.state()) {
            _ if code != 0 => Ended::Wrong(format!("no run succeeds\n{said}")),
            Some(difference) => Ended::Wrong(format!("{difference}{said}")),
            None => Ended::Resumed(runs),
        }
    }

    /// Runs the set with a fault, and gives what the run after it says.
    pub(super) fn after(&mut self, fault: &Fault) -> Output {
        self.reset();
        let (reached, _) = self.disturbed(fault).unwrap();
        assert!(reached, "{fault} is not reached");
        self.dunlin().run(&["up"])
    }

    /// The state of each migration, as `0001_a applied`.
    pub(super) fn status(&self) -> Vec<String> {
        let status = self.dunlin().run(&["status"]).expect(0).json();
        let migrations = status["migrations"].as_array().unwrap();
        let line = |migration: &serde_json::Value| {
            format!("{} {}", migration["id"].as_str().unwrap(), migration["state"].as_str().unwrap())
        };
        migrations.iter().map(line).collect()
    }

    /// The one value of a query.
    pub(super) fn value(&self, sql: &str) -> String {
        self.server.lines(DATABASE, sql).concat()
    }

    /// Runs the set with a fault; says whether it came to pass.
    fn disturbed(&mut self, fault: &Fault) -> Option<(bool, Output)> {
        let mut killed: Option<(bool, Output)> = None;
        for time in fault.times() {
            let mut child = self.dunlin().spawn(&["up"]);
            std::thread::sleep(time);
            let _ = child.kill();
            let output = wait(child, LIMIT)?;
            let before = killed.is_some_and(|(reached, _)| reached);
            killed = Some((before || output.code == KILLED, output));
        }
        if killed.is_some() {
            return killed;
        }
        if let Some(text) = fault.in_process() {
            let child = self.dunlin().env("DUNLIN_FAULT", text).spawn(&["up"]);
            let output = wait(child, LIMIT)?;
            let killed = output.code == KILLED;
            return Some((killed || fault.act == Act::Cut, output));
        }
        let ask = Ask::new();
        let text = format!("ask={} {}", ask.path().display(), fault.spot);
        let mut child = self.dunlin().env("DUNLIN_FAULT", text).spawn(&["up"]);
        let reached = ask.during(&mut child, |pids| self.act(fault.act, pids));
        Some((reached, wait(child, LIMIT)?))
    }

    /// Does to the server what the fault says; `pids` are its processes for the lock and for the work.
    fn act(&mut self, act: Act, pids: &[i32]) {
        // Before the work has begun there is only the lock.
        let (lock, work) = (pids[0], *pids.get(1).unwrap_or(&pids[0]));
        match act {
            _ if lock == 0 || work == 0 => self.server.kill_and_restart(),
            Act::Terminate => self.server.terminate(work),
            Act::TerminateLock => self.server.terminate(lock),
            Act::Crash => self.server.crash(work),
            Act::Restart => self.server.kill_and_restart(),
            Act::Kill | Act::Cut | Act::KillAfter => unreachable!("done by the program itself"),
        }
    }
}

fn shown(what: &str, output: &Output) -> String {
    format!("--- {what}: exit code {}\n{}{}\n", output.code, output.stdout, output.stderr)
}
