//! Signals: the program ends soon, whatever the server does, and at once when asked a second time.

use dunlin_testkit::{Flow, Folder, Output, Program, TestDb, Tunnel, block_on};
use std::process::Child;
use std::time::{Duration, Instant};

/// Much more than the two seconds that it may take, for machines under load, and much less than the server takes.
const SOON: Duration = Duration::from_secs(30);

/// A statement that takes ten minutes, under way through a tunnel.
struct Running {
    database: TestDb,
    folder: Folder,
    tunnel: Tunnel,
    child: Child,
}

fn program(url: &str, folder: &Folder) -> Program {
    Program::new(env!("CARGO_BIN_EXE_dunlin"))
        .always("-m")
        .always(folder.path().to_str().unwrap())
        .always("-d")
        .always(url)
        .always("--format")
        .always("json")
}

fn running() -> Running {
    let database = TestDb::create();
    let folder = Folder::new(&[
        ("1_a.sql", "create table t (id int);"),
        ("2_b.sql", "insert into t select 1 from pg_sleep(600);"),
    ]);
    let tunnel = block_on(Tunnel::new());
    let program = program(&tunnel.url(database.name()), &folder);
    let mut running = Running { child: program.spawn(&["up"]), database, folder, tunnel };
    let sleeping = "select from pg_stat_activity where datname = current_database() and state = 'active'
                    and query like '%pg_sleep(600)%' and pid <> pg_backend_pid()";
    for _ in 0..200 {
        if running.database.psql_command(sleeping).expect(0).stdout.contains("(1 row)") {
            return running;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    running.child.kill().unwrap();
    panic!("it never began: {:?}", running.child.wait());
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}

fn ended(child: Child, since: Instant) -> Output {
    let output: Output = child.wait_with_output().unwrap().into();
    assert!(since.elapsed() < SOON, "it took {:?}", since.elapsed());
    output
}

#[test]
fn a_statement_is_cancelled_and_recorded() {
    for wish in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let Running { database, folder, child, .. } = running();
        let since = Instant::now();
        signal(&child, wish);
        let document = ended(child, since).expect(1).json();
        assert_eq!(document["outcome"], "failed", "{document}");
        assert_eq!(document["applied"], serde_json::json!(["1_a"]), "{document}");
        folder.write("2_b.sql", "insert into t values (1);");
        let document = program(&database.url(), &folder).run(&["up"]).expect(0).json();
        assert_eq!(document["applied"], serde_json::json!(["2_b"]), "{document}");
    }
}

#[test]
fn a_server_that_does_not_answer_holds_nothing_back() {
    let Running { database, folder, tunnel, child } = running();
    tunnel.set_all(Flow::Black);
    let since = Instant::now();
    signal(&child, rustix::process::Signal::TERM);
    let document = ended(child, since).expect(1).json();
    assert!(document.to_string().contains("interrupted"), "{document}");
    // The server learns of it, and the next run finds what is left.
    tunnel.set_all(Flow::Cut);
    folder.write("2_b.sql", "insert into t values (1);");
    let document = program(&database.url(), &folder).run(&["up"]).expect(0).json();
    assert_eq!(document["applied"], serde_json::json!(["2_b"]), "{document}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let Running { tunnel, child, .. } = running();
    tunnel.set_all(Flow::Black);
    let since = Instant::now();
    signal(&child, rustix::process::Signal::INT);
    // Two that come as one would be one.
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, rustix::process::Signal::TERM);
    let output = ended(child, since).expect(1);
    assert!(output.json()["error"]["message"].as_str().unwrap().starts_with("interrupted by"), "{output:?}");
}
