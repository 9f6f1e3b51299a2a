//! What runs outside a transaction is caught halfway: another session lets it wait, and something dies meanwhile.

use super::fault::Act;
use super::stage::Stage;
use crate::messy::world::difference;
use dunlin_testkit::Folder;

const BASE: &str = "
    create table tally (n int);
    insert into tally values (0);
    create table item (id int primary key, a int);
    insert into item select g, g from generate_series(1, 100) g;
    create index item_a on item (a);
    create table log (day date, line text) partition by range (day);
    create table log_old partition of log for values from ('2020-01-01') to ('2021-01-01');
    insert into log values ('2020-05-05', 'old');
";

/// Statements that commit halfway, and what lets them wait then.
const HALVES: [(&str, &str); 7] = [
    ("create index concurrently item_both on item (id, a)", "update item set a = a where id = 1"),
    ("create unique index concurrently on item (a, id)", "update item set a = a where id = 1"),
    (
        "create index concurrently if not exists item_both on item (id, a)",
        "update item set a = a where id = 1",
    ),
    ("drop index concurrently item_a", "select from item where a = 1"),
    ("reindex index concurrently item_a", "update item set a = a where id = 1"),
    ("reindex table concurrently item", "update item set a = a where id = 1"),
    ("alter table log detach partition log_old concurrently", "select from log"),
];

/// Catches each statement halfway.
fn caught(act: Act) {
    let folder = Folder::new(&[("0001_base.sql", BASE)]);
    let mut stage = Stage::new(folder.path());
    let mut wrong = String::new();
    for (statement, blocker) in HALVES {
        folder.write("0002_half.sql", format!("{statement};\nupdate tally set n = n + 1;\n"));
        let expected = stage.expected();
        if let Err(what) = stage.catch(act, blocker, "0001_base") {
            wrong += &format!("=== {statement}\n{what}\n");
        } else if let Some(difference) = difference(expected.state(), &stage.state()) {
            wrong += &format!("=== {statement}\n{difference}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A person relies on: a build that was cut off leaves no invalid index behind, and is made again by the next run.
#[test]
fn halves_are_finished_when_their_process_is_ended() {
    caught(Act::Terminate);
}

/// See [`halves_are_finished_when_their_process_is_ended`].
#[test]
fn halves_are_finished_when_the_server_crashes() {
    caught(Act::Crash);
}

/// The server goes on with the statement of a runner that is gone: the next run waits for it.
#[test]
fn halves_are_finished_when_dunlin_is_killed() {
    caught(Act::Kill);
}
