//! Embedded clusters: quick to start, gone when their owner is gone, kept where the user says so.

use dunlin::embedded::{Data, Embedded, EmbeddedError, EmbeddedOptions};
use dunlin_testkit::{Output, TestDb, TestServer};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Tells this test program, when it runs itself, to be the owner of a server rather than a test.
const OWNER: &str = "DUNLIN_TEST_EMBEDDED_OWNER";

fn options() -> EmbeddedOptions {
    EmbeddedOptions { bin: TestServer::given_bin(), ..EmbeddedOptions::default() }
}

fn in_directory(directory: &Path) -> EmbeddedOptions {
    EmbeddedOptions { data: Data::Directory(directory.to_owned()), ..options() }
}

/// A directory that the server's user can enter also when that is not the test's user.
fn reachable() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::Builder::new().prefix("dunlin-test-").tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

fn sql(server: &Embedded, sql: &str) -> Output {
    let psql = server.bin().join("psql");
    let psql = if psql.is_file() { psql } else { PathBuf::from("psql") };
    Output::of(Command::new(psql).args(["-X", "-qAt", "-d", &server.url("postgres"), "-c", sql]))
}

fn is_running(pid: u32) -> bool {
    Output::of(Command::new("kill").args(["-0", &pid.to_string()])).code == 0
}

#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 10 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn starts_quickly_and_leaves_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let options = || EmbeddedOptions { cache: Some(cache.path().to_owned()), ..options() };
    drop(Embedded::start(options()).unwrap()); // fills the cache
    let begin = Instant::now();
    let server = Embedded::start(options()).unwrap();
    let started = begin.elapsed();
    assert!(server.from_cache());
    assert_eq!(sql(&server, "select 1 + 1").expect(0).stdout, "2\n");
    assert_eq!(sql(&server, "show listen_addresses").expect(0).stdout, "\n");
    let (pid, home) = (server.pid(), server.socket_directory().to_owned());
    let begin = Instant::now();
    server.stop().unwrap();
    println!("start {started:.0?}, stop {:.0?}", begin.elapsed());
    assert!(
        started < Duration::from_secs(2),
        "{started:?}: far more than a start should take on a busy machine"
    );
    assert!(!is_running(pid) && !home.exists());
}

#[test]
fn copies_are_made_from_the_cache_of_one_version() {
    let cache = tempfile::tempdir().unwrap();
    let options = || EmbeddedOptions { cache: Some(cache.path().to_owned()), ..options() };
    let first = Embedded::start(options()).unwrap();
    assert!(!first.from_cache());
    let second = Embedded::start(options()).unwrap();
    assert!(second.from_cache());
    sql(&first, "create table only_in_first ()").expect(0);
    assert_eq!(sql(&second, "select to_regclass('only_in_first') is null").expect(0).stdout, "t\n");
    let names: Vec<_> =
        std::fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 1, "one template, nothing unfinished: {names:?}");
    assert!(names[0].to_string_lossy().starts_with(first.version()));
}

#[test]
fn a_cache_that_others_can_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let cache = tempfile::tempdir().unwrap();
    std::fs::set_permissions(cache.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let options = EmbeddedOptions { cache: Some(cache.path().to_owned()), ..options() };
    let server = Embedded::start(options).unwrap();
    assert!(!server.from_cache());
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[test]
fn two_that_fill_one_cache_at_once_do_not_clash() {
    let cache = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let options = EmbeddedOptions { cache: Some(cache.path().to_owned()), ..options() };
            scope.spawn(|| sql(&Embedded::start(options).unwrap(), "select 1").expect(0));
        }
    });
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 1);
}

#[test]
fn data_in_a_directory_stays_and_is_written_to_disk() {
    let directory = reachable();
    let path = directory.path().join("new/deep");
    std::fs::create_dir(directory.path().join("new")).unwrap();
    let server = Embedded::start(in_directory(&path)).unwrap();
    sql(&server, "create table kept (n int); insert into kept values (7)").expect(0);
    assert_eq!(sql(&server, "show fsync").expect(0).stdout, "on\n");
    let (pid, home) = (server.pid(), server.socket_directory().to_owned());
    server.stop().unwrap();
    assert!(!is_running(pid) && !home.exists());
    for _ in 0..2 {
        let again = Embedded::start(in_directory(&path)).unwrap();
        assert_eq!(sql(&again, "select n from kept").expect(0).stdout, "7\n");
    }
}

#[test]
fn one_directory_serves_one_at_a_time() {
    let directory = reachable();
    let first = Embedded::start(in_directory(directory.path())).unwrap();
    let begin = Instant::now();
    let error = Embedded::start(in_directory(directory.path())).unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(1), "said at once");
    assert!(matches!(error, EmbeddedError::InUse { pid, .. } if pid == Some(std::process::id())), "{error}");
    sql(&first, "select 1").expect(0);
    first.stop().unwrap();
    Embedded::start(in_directory(directory.path())).unwrap();
}

#[test]
fn a_directory_with_other_things_in_it_is_left_alone() {
    let directory = reachable();
    std::fs::write(directory.path().join("thesis.txt"), "x").unwrap();
    let error = Embedded::start(in_directory(directory.path())).unwrap_err();
    assert!(matches!(error, EmbeddedError::NotOurs { .. }), "{error}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn data_of_another_major_version_is_refused() {
    let directory = reachable();
    Embedded::start(in_directory(directory.path())).unwrap().stop().unwrap();
    std::fs::write(directory.path().join("data/PG_VERSION"), "9\n").unwrap();
    let error = Embedded::start(in_directory(directory.path())).unwrap_err();
    assert!(matches!(error, EmbeddedError::OtherMajor { data: 9, .. }), "{error}");
    assert!(error.help().unwrap().contains("PostgreSQL 9"));
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let settings = vec![("shared_buffers".to_owned(), "much".to_owned())];
    let error = Embedded::start(EmbeddedOptions { settings, ..options() }).unwrap_err();
    assert!(error.to_string().contains("shared_buffers"), "{error}");
}

#[test]
fn without_programs_it_says_what_to_install() {
    let nowhere = Some(PathBuf::from("/nonexistent"));
    let error = Embedded::start(EmbeddedOptions { bin: nowhere, ..options() }).unwrap_err();
    let diagnostic = error.diagnostic();
    assert_eq!(diagnostic.code.as_str(), "DN807");
    assert!(diagnostic.message.contains("/nonexistent"));
    assert!(diagnostic.help.unwrap().contains("DUNLIN_PG_BIN"));
}

/// A second process of this test program that owns a server, and what it said of it.
struct Owner {
    process: Child,
    postmaster: u32,
    home: PathBuf,
}

impl Owner {
    /// Starts one; `data` is empty for a temporary cluster.
    fn start(data: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new(program);
        command.args(["--exact", "embedded::be_the_owner", "--nocapture"]).env(OWNER, data);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line =
            lines.map_while(Result::ok).find_map(|line| Some(line.split_once("owner: ")?.1.to_owned()));
        let (postmaster, home) =
            line.as_deref().and_then(|line| line.split_once(' ')).expect("the owner has started");
        Self { process, postmaster: postmaster.parse().unwrap(), home: PathBuf::from(home) }
    }

    /// Kills it as the out-of-memory killer would.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn be_the_owner() {
    let Some(data) = std::env::var_os(OWNER) else { return };
    let options = if data.is_empty() { options() } else { in_directory(Path::new(&data)) };
    let server = Embedded::start(options).unwrap();
    println!("owner: {} {}", server.pid(), server.socket_directory().display());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_killed_owner_leaves_no_server_and_no_files() {
    let mut owner = Owner::start("");
    assert!(is_running(owner.postmaster) && owner.home.join("data/base").is_dir());
    owner.kill();
    wait_until("the server ends", || !is_running(owner.postmaster));
    wait_until("its files go", || !owner.home.exists());
}

#[test]
fn a_directory_is_free_again_after_its_owner_was_killed() {
    let directory = reachable();
    let mut owner = Owner::start(directory.path().to_str().unwrap());
    let error = Embedded::start(in_directory(directory.path())).unwrap_err();
    assert!(matches!(error, EmbeddedError::InUse { pid, .. } if pid == Some(owner.process.id())), "{error}");
    owner.kill();
    let server = Embedded::start(in_directory(directory.path())).unwrap();
    sql(&server, "select 1").expect(0);
    assert!(!is_running(owner.postmaster) && !owner.home.exists());
}

#[test]
fn a_killed_watchdog_is_not_needed_to_end_the_server() {
    // The shell and the process that waits for the pipe are two: either one ends the server.
    let mut owner = Owner::start("");
    let parent =
        Output::of(Command::new("ps").args(["-o", "ppid=", "-p", &owner.postmaster.to_string()])).expect(0);
    Output::of(Command::new("kill").args(["-9", parent.stdout.trim()])).expect(0);
    owner.kill();
    wait_until("the server ends", || !is_running(owner.postmaster));
    wait_until("its files go", || !owner.home.exists());
}

#[tokio::test]
async fn a_test_database_is_its_own() {
    let begin = Instant::now();
    let (first, second) = (TestDb::new().await, TestDb::new().await);
    println!("two databases in {:.0?}", begin.elapsed());
    first.execute("create table t (a int, b text); insert into t values (1, null), (2, 'x')").await;
    assert_eq!(first.lines("select * from t order by 1").await, ["1|∅", "2|x"]);
    assert!(second.try_execute("select from t").await.is_err());
    assert_eq!(first.psql_command("select frm t").code, 1);
}

#[test]
fn a_test_that_is_not_async_has_a_database_too() {
    let mut database = TestDb::create();
    database.psql_command("create table t (a int)").expect(0);
    let copy = dunlin_testkit::block_on(async move { (database.copy().await, database) }).0;
    copy.psql_command("select a from t").expect(0);
}
