//! Short statements of a unit go to the server in one message: what it says of them is told of the right one.

use crate::execute::World;
use dunlin::execute::Outcome;

#[tokio::test]
async fn what_is_sent_together_is_told_apart() {
    let world = World::new(&[(
        "1_a.sql",
        "create table a (id int primary key, sent text default current_query()) -- the first\n;\n\
         insert into a (id) values (1), (2);\n\
         create table b (id int) inherits (a);\n\
         insert into a (id) values (3);\n\
         create view c as select id from a;\n",
    )])
    .await;
    world.up(Outcome::Applied).await;
    let sent = "select count(*) from a where sent like 'create table a%create view c%'";
    let texts = world.database.lines("select sent from a").await;
    assert_eq!(world.database.value(sent).await, "3", "it was one message: {texts:?}");
    let operations = world.operations().await;
    assert_eq!(operations, ["1_a#1 done", "1_a#2 done 2", "1_a#3 done", "1_a#4 done 1", "1_a#5 done"]);
    let notices: Vec<String> = world.said().into_iter().filter(|line| line.starts_with("NOTICE")).collect();
    let [notice] = notices.as_slice() else { panic!("{notices:?}") };
    assert!(notice.contains("\"id\"") && notice.ends_with("Some((\"m/1_a.sql\", 4))"), "{notice}");
}

#[tokio::test]
async fn an_error_among_them_is_shown_at_its_place() {
    for (sql, number, place, state) in [
        ("insert into a values (1);\n  insert into a values (1);", 3, (3, 3), "23505"),
        ("comment on table a is 'a';\n  insert into a values\n (2), ('x');", 3, (4, 8), "22P02"),
        ("alter table a add check (id > 0);\n\n  insert into a values (0);", 3, (4, 3), "23514"),
    ] {
        let file = format!("create table a (id int primary key);\n{sql}\ncreate table b (id int);");
        let world = World::new(&[("1_a.sql", &file), ("2_b.sql", "create table c (id int);")]).await;
        let report = world.up(Outcome::Failed).await;
        let failed = report.failed.unwrap();
        assert_eq!(
            (failed.operation, (failed.line, failed.column)),
            (number, place),
            "{sql}: {}",
            failed.message
        );
        assert_eq!(failed.sqlstate, state);
        assert_eq!(world.operations().await, [format!("1_a#{number} failed {state}")]);
        let made = "select relname from pg_class where relname in ('a', 'b', 'c')";
        assert!(world.database.lines(made).await.is_empty());
    }
}

/// The server parses all of a message before it runs any of it.
#[tokio::test]
async fn what_only_the_server_cannot_parse_is_shown_at_its_place_and_nothing_runs() {
    let world = World::new(&[(
        "1_a.sql",
        "create table a (id int);\ninsert into a values (1);\n\
         create table b (id int,\n  constraint positive check (id > 0) not enforced);\ninsert into a values (2);",
    )])
    .await;
    if world.database.value("select current_setting('server_version_num')::int >= 180000").await == "t" {
        world.up(Outcome::Applied).await;
        return;
    }
    let failed = world.up(Outcome::Failed).await.failed.unwrap();
    assert_eq!(
        (failed.operation, failed.line, failed.sqlstate.as_str()),
        (3, 4, "42601"),
        "{}",
        failed.message
    );
    assert!(
        world.database.lines("select relname from pg_class where relname in ('a', 'b')").await.is_empty()
    );
}

/// What a backslash in a string means, an operation before it may have changed.
#[tokio::test]
async fn settings_that_change_the_meaning_of_strings_reach_the_next_statement() {
    let off = "set standard_conforming_strings = off;";
    let world = World::new(&[(
        "1_a.sql",
        &format!(
            "create table a (id int, t text); insert into a values (1, 'x\\\\y');\n\
             {off} insert into a values (2, 'x\\\\y'); create table b (id int);\n\
             reset standard_conforming_strings; insert into a values (3, 'x\\\\y'); insert into b values (1);"
        ),
    )])
    .await;
    world.up(Outcome::Applied).await;
    let lengths = world.database.lines("select length(t) from a order by id").await;
    assert_eq!(lengths, ["4", "3", "4"]);
}

/// What may take long on a table with rows is sent by itself: how long it took is worth knowing.
#[tokio::test]
async fn what_reads_rows_that_were_there_is_sent_by_itself() {
    let world = World::new(&[("1_a.sql", "create table a (id int);")]).await;
    world.up(Outcome::Applied).await;
    world.folder.write(
        "2_b.sql",
        "create table b (id int, sent text default current_query());\n\
         insert into b values (1);\n\
         create index on a (id);\n\
         insert into b values (2);\n\
         insert into b select 3;\n\
         create index on b (id);\n\
         insert into b values (4);\n",
    );
    world.up(Outcome::Applied).await;
    let sent = world.database.lines("select sent from b order by id").await;
    let [first, second, third, fourth] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(first.starts_with("create table b") && !first.contains("on a"), "{first}");
    assert_eq!((second.as_str(), third.as_str()), ("insert into b values (2)", "insert into b select 3"));
    assert!(fourth.starts_with("insert into b values (4)"), "{fourth}");
}
