//! What is looked at before anything runs: rights, extensions, row security, publications, read-only servers.

use crate::execute::World;
use dunlin::diagnostic::{Code, Diagnostic};
use dunlin::execute::{ErrorKind, Outcome, Report};

/// A database with a role that may do little: it may make the journal, and has tables of its own.
async fn limited() -> (World, String) {
    let mut world = World::new(&[]).await;
    let role = format!("{}_me", world.database.name());
    let setup = format!(
        "create role {role} login; create role {role}_owner; create role {role}_other;
         grant create on database {database} to {role};
         create schema shut; create table shut.inside (id int);
         create table theirs (id int primary key); alter table theirs owner to {role}_owner;
         create table theirs_too (id int primary key); alter table theirs_too owner to {role}_owner;
         create table mine (id int); alter table mine owner to {role};
         grant usage, create on schema public to {role}, {role}_other; grant usage on schema shut to {role};",
        database = world.database.name()
    );
    world.database.execute(&setup).await;
    world.url = Some(world.database.url_as(&role));
    // What is new afterwards came after Dunlin: nothing is in doubt.
    world.folder.write("0_first.sql", "create table first (id int);");
    world.up(Outcome::Applied).await;
    (world, role)
}

/// The findings of a run that is refused; nothing was made.
async fn refused(world: &World) -> Vec<Diagnostic> {
    let error = world.run().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused, "{:?}", error.diagnostic);
    let report: Report = *error.report.unwrap();
    report.diagnostics.into_iter().filter(|found| found.code != Code::DN302).collect()
}

/// The server is the judge: it refuses the statement before the cure that the finding names, and not after it.
#[tokio::test]
async fn a_missing_right_is_found_before_anything_runs_and_the_cure_is_named() {
    for sql in [
        "alter table theirs add column more int",
        "create index on theirs (id)",
        "drop table theirs",
        "alter table theirs rename to ours",
        "create view theirs_seen as select 1; create table shut.made (id int)",
        "create type shut.mood as enum ('a')",
        "create function shut.f() returns int language sql as 'select 1'",
        "create table referring (id int references theirs)",
        "alter table mine add foreign key (id) references theirs",
        "insert into theirs values (1)",
        "update theirs set id = 2",
        "delete from theirs",
        "truncate theirs",
        "create table child () inherits (theirs)",
        "create policy p on theirs",
        "alter table mine owner to ROLE_other",
        "create role ROLE_new",
        "create schema fresh authorization ROLE_other",
    ] {
        let (world, role) = limited().await;
        let sql = sql.replace("ROLE", &role);
        let tried = format!("begin; set local role {role}; {sql}");
        let error = world.database.try_execute(&tried).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{sql}");
        world.database.execute("rollback").await;
        world.folder.write("1_a.sql", format!("create table before (id int);\n{sql};\n"));
        let found = refused(&world).await;
        let codes: Vec<_> = found.iter().map(|found| found.code).collect();
        assert_eq!(codes, [Code::DN803], "{sql}: {found:?}");
        assert_eq!(found[0].location.as_ref().unwrap().line, 2, "{sql}");
        let made = "select 1 from pg_class where relname = 'before'";
        assert!(world.database.lines(made).await.is_empty(), "{sql}");
        let help = found[0].help.as_deref().unwrap();
        world.database.execute(help.split(", or ").next().unwrap()).await;
        world.up(Outcome::Applied).await;
        cleared(&world, &role).await;
    }
}

/// What is allowed in one of many ways is not refused.
#[tokio::test]
async fn a_right_that_is_there_or_comes_on_the_way_is_not_missed() {
    for (before, sql) in [
        ("grant ROLE_owner to ROLE", "alter table theirs add column more int; drop table theirs_too"),
        ("grant ROLE_owner to ROLE", "set role ROLE_owner; alter table theirs add column more int"),
        ("grant create on schema shut to public", "create table shut.made (id int)"),
        ("alter table theirs owner to ROLE", "alter table theirs add column more int"),
        ("alter schema public owner to ROLE", "drop table theirs"),
        ("grant insert (id) on theirs to ROLE", "insert into theirs (id) values (1)"),
        ("grant references (id) on theirs to ROLE", "create table referring (id int references theirs (id))"),
        ("", "create schema fresh; create table fresh.t (id int); alter table fresh.t add column b int"),
        ("", "alter table mine owner to ROLE; alter table mine add column b int"),
        ("", "create temp table passing (id int); insert into passing values (1)"),
        (
            "create function give() returns void language plpgsql security definer as
             'begin execute ''grant insert on theirs to ROLE''; end'",
            "do $$ begin perform give(); end $$; insert into theirs values (1)",
        ),
        (
            "grant ROLE_owner to ROLE with admin option",
            "alter table mine rename to ours; create table mine (id int)",
        ),
    ] {
        let (world, role) = limited().await;
        world.database.execute(&before.replace("ROLE", &role)).await;
        world.folder.write("1_a.sql", sql.replace("ROLE", &role));
        world.up(Outcome::Applied).await;
        cleared(&world, &role).await;
    }
}

/// Roles are of the whole server, and other tests list them.
async fn cleared(world: &World, role: &str) {
    let others = ["owner", "other", "new"].map(|name| format!("{role}_{name}"));
    world.database.drop_roles(&[role, &others[0], &others[1], &others[2]]).await;
}

#[tokio::test]
async fn an_extension_that_the_server_lacks_is_found_before() {
    let world =
        World::new(&[("1_a.sql", "create table t (id int);\ncreate extension no_such_thing;\n")]).await;
    let found = refused(&world).await;
    assert_eq!((found[0].code, found[0].location.as_ref().unwrap().line), (Code::DN208, 2));
    assert!(world.database.lines("select 1 from pg_class where relname = 't'").await.is_empty());
    world.folder.write("1_a.sql", "create table t (id int);\ncreate extension if not exists plpgsql;\n");
    world.up(Outcome::Applied).await;
}

#[tokio::test]
async fn rows_that_row_security_hides_are_told_of() {
    let (world, role) = limited().await;
    let setup = format!(
        "grant select, update on theirs to {role}; insert into theirs values (1); alter table theirs enable row level security;
         alter table mine enable row level security"
    );
    world.database.execute(&setup).await;
    world.folder.write("1_a.sql", "update mine set id = 2;\nupdate theirs set id = 2;\n");
    let hidden = |report: &Report| {
        let found = report.diagnostics.iter().filter(|found| found.code == Code::DN813);
        found.map(|found| found.location.as_ref().unwrap().line).collect::<Vec<_>>()
    };
    assert_eq!(hidden(&world.up(Outcome::Applied).await), [2]);
    world.database.execute("alter table mine force row level security").await;
    world.folder.write("2_b.sql", "delete from mine;\ninsert into mine values (1);\n");
    let error = world.run().await;
    let report = error.unwrap_or_else(|error| *error.report.unwrap());
    assert_eq!(hidden(&report), [1]);
    world.database.execute(&format!("alter role {role} bypassrls")).await;
    assert_eq!(hidden(&world.up(Outcome::Applied).await), [0; 0]);
    cleared(&world, &role).await;
}

#[tokio::test]
async fn a_publication_of_all_tables_takes_the_journal_along_and_that_is_said_once() {
    let world = World::new(&[("1_a.sql", "create table t (id int primary key);")]).await;
    world.database.execute("create publication everything for all tables").await;
    let codes = |report: &Report| report.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>();
    assert_eq!(codes(&world.up(Outcome::Applied).await), [Code::DN812]);
    world.folder.write("2_b.sql", "create table u (id int primary key);");
    assert_eq!(codes(&world.up(Outcome::Applied).await), []);
}

#[tokio::test]
async fn a_read_only_database_is_refused_only_where_something_is_to_do() {
    let world = World::new(&[("1_a.sql", "create table t (id int);")]).await;
    let read_only = |value: &str| {
        format!("alter database {} set default_transaction_read_only = {value}", world.database.name())
    };
    world.database.execute(&read_only("on")).await;
    let error = world.run().await.unwrap_err();
    assert_eq!((error.kind, error.diagnostic.code), (ErrorKind::Refused, Code::DN805));
    world.database.execute(&read_only("off")).await;
    world.up(Outcome::Applied).await;
    world.database.execute(&read_only("on")).await;
    world.up(Outcome::Nothing).await;
    // Something that was left before is nothing new.
    world.database.execute(&read_only("off")).await;
    world.folder.write("2_b.sql", "insert into nowhere values (1);");
    world.up(Outcome::Partial).await;
    world.database.execute(&read_only("on")).await;
    world.up(Outcome::Partial).await;
    world.folder.write("3_c.sql", "create table u (id int);");
    let error = world.run().await.unwrap_err();
    assert_eq!((error.kind, error.diagnostic.code), (ErrorKind::Refused, Code::DN805));
    assert!(error.diagnostic.help.is_some());
    // An empty folder is nothing to do on a database without a journal.
    let empty = World::new(&[]).await;
    let sql = format!("alter database {} set default_transaction_read_only = on", empty.database.name());
    empty.database.execute(&sql).await;
    empty.up(Outcome::Nothing).await;
}
