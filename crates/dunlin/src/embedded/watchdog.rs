//! Runs the server and ends it when its owner ends.
//!
//! A destructor does not run when a process is killed, and `PR_SET_PDEATHSIG` is Linux only and follows the thread
//! that made the process. So a shell stands between: it is the server's parent, runs as the server's user, and holds
//! the reading end of a pipe whose writing end is the owner's alone. However the owner ends, the kernel closes the
//! pipe; the shell then stops the server and removes what is temporary.

use super::EmbeddedError;
use super::account::Account;
use super::binaries::Binaries;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

/// `$1` log, `$2` signal, `$3` home, then the server's command line.
///
/// The background part waits for the end of the pipe; the shell itself waits for the server, so that it reaps it and
/// never signals a number that is another process's by now. When the server ends by itself the home stays, since the
/// owner wants to read the log. The background part gives up the lock (standard output), which is to be free as soon
/// as the shell has ended; usually it does not get to its last two lines, which are for the case that somebody has
/// killed the shell.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
log=$1 signal=$2 home=$3
shift 3
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
server=$!
(
    exec >/dev/null
    read -r line <&3
    : >"$home/stop"
    kill "-$signal" "$server"
    while kill -0 "$server"; do sleep 0.1; done
    rm -rf "$home"
) &
waiter=$!
wait "$server"
code=$?
kill -KILL "$waiter"
if [ -e "$home/stop" ]; then
    rm -rf "$home"
fi
exit "$code"
"#;

const START_LIMIT: Duration = Duration::from_secs(60);
/// A cluster that was not shut down has to recover first, and one that stays writes all its pages when it ends.
const LONG_LIMIT: Duration = Duration::from_secs(600);

/// What becomes of the data when the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It goes, so the server need not write it first.
    Discard,
    /// It stays.
    Keep,
}

impl Ending {
    fn signal(self) -> &'static str {
        match self {
            Self::Discard => "QUIT",
            Self::Keep => "INT",
        }
    }

    fn limit(self) -> Duration {
        match self {
            Self::Discard => START_LIMIT,
            Self::Keep => LONG_LIMIT,
        }
    }
}

/// What to run.
pub(super) struct Server<'a> {
    pub(super) binaries: &'a Binaries,
    pub(super) home: &'a Path,
    pub(super) data: &'a Path,
    pub(super) arguments: Vec<String>,
    pub(super) ending: Ending,
}

/// The shell that runs a server.
#[derive(Debug)]
pub(super) struct Watchdog {
    shell: Child,
    /// Closing it is the order to stop.
    pipe: Option<ChildStdin>,
    postmaster: u32,
    log: PathBuf,
    ending: Ending,
}

impl Watchdog {
    /// Starts the server and waits until it accepts connections. `lock` stays locked until the server has ended.
    pub(super) fn start(account: &Account, lock: File, server: Server<'_>) -> Result<Self, EmbeddedError> {
        let log = match server.ending {
            Ending::Discard => server.home.join("log"),
            Ending::Keep => server.data.join("dunlin.log"),
        };
        // Left by a server that was killed; the new one's must not be taken for it.
        let stale = PidFile::read(server.data);
        let mut command = account.command("/bin/sh");
        command
            .args(["-c", SCRIPT, "dunlin-watchdog"])
            .arg(&log)
            .arg(server.ending.signal())
            .arg(server.home);
        command.arg(server.binaries.program("postgres")).args(&server.arguments);
        // Its own process group: Ctrl-C is for the owner, who may still need the server to clean up.
        command.stdin(Stdio::piped()).stdout(lock).stderr(Stdio::null()).process_group(0);
        let mut shell = command.spawn().map_err(EmbeddedError::io("run", Path::new("/bin/sh")))?;
        let pipe = shell.stdin.take();
        let mut watchdog = Self { shell, pipe, postmaster: 0, log, ending: server.ending };
        watchdog.postmaster = watchdog.wait_until_ready(server.data, stale.as_ref())?;
        Ok(watchdog)
    }

    pub(super) fn postmaster(&self) -> u32 {
        self.postmaster
    }

    fn wait_until_ready(&mut self, data: &Path, stale: Option<&PidFile>) -> Result<u32, EmbeddedError> {
        let limit = self.ending.limit();
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(file) = PidFile::read(data).filter(|file| file.ready && Some(file) != stale) {
                return Ok(file.pid);
            }
            if self.shell.try_wait().map_err(EmbeddedError::io("wait for", Path::new("/bin/sh")))?.is_some() {
                return Err(EmbeddedError::Start { log: tail(&self.log) });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(EmbeddedError::TooSlow { seconds: limit.as_secs(), what: "start" })
    }

    /// Stops the server, if it still runs, and waits for its end.
    pub(super) fn stop(&mut self) -> Result<(), EmbeddedError> {
        drop(self.pipe.take());
        let limit = self.ending.limit();
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if self.shell.try_wait().map_err(EmbeddedError::io("wait for", Path::new("/bin/sh")))?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(EmbeddedError::TooSlow { seconds: limit.as_secs(), what: "stop" })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // The pipe is closed in any case, so the server ends even if nobody waits for it any more.
        let _ = self.stop();
    }
}

/// What `postmaster.pid` says: <https://www.postgresql.org/docs/current/storage-file-layout.html>.
#[derive(Debug, PartialEq, Eq)]
struct PidFile {
    pid: u32,
    start: String,
    ready: bool,
}

impl PidFile {
    fn read(data: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(data.join("postmaster.pid")).ok()?)
    }

    /// Line 1 is the process id, line 3 the start time, line 8 the status.
    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let pid = lines.first()?.parse().ok()?;
        Some(Self { pid, start: (*lines.get(2)?).to_owned(), ready: lines.get(7) == Some(&"ready") })
    }
}

/// Gives the last lines of a log.
fn tail(log: &Path) -> String {
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(8)..].join("\n");
    if last.is_empty() { "it left no message".to_owned() } else { last }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_its_pid_file_says_so() {
        let text = "41\n/data\n1700000000\n5432\n/tmp\n\n  5242 1\nstarting\n";
        assert!(!PidFile::parse(text).unwrap().ready);
        let ready = PidFile::parse(&text.replace("starting", "ready   ")).unwrap();
        assert!(ready.ready && ready.pid == 41);
        assert_eq!(PidFile::parse("41\n/data\n"), None, "half written");
    }

    #[test]
    fn a_log_is_cut_to_its_end() {
        let temporary = tempfile::tempdir().unwrap();
        let log = temporary.path().join("log");
        assert_eq!(tail(&log), "it left no message");
        std::fs::write(&log, (0..20).map(|n| format!("{n}\n")).collect::<String>()).unwrap();
        assert_eq!(tail(&log), "12\n13\n14\n15\n16\n17\n18\n19");
    }
}
