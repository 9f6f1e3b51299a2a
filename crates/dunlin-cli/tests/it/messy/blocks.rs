//! DO blocks and triggers with faults: which ones stop a run, and which must not.

use super::names::Names;
use super::world::World;

const BEFORE: &str = "
    create table {tree} ({id} int primary key, {height} int);
    insert into {tree} values (1, 10);
";

/// A person relies on: a check that is broken itself does not keep the application down; it is logged.
#[tokio::test]
async fn a_check_with_a_fault_of_its_own_is_skipped() {
    let check = "create table {a} ({id} int);
        do $$
        declare
            {height} int;
        begin
            select {height} into {height} from {tree} where {id} = 1;
            if {height} is null then
                raise notice 'a tree without height';
            end if;
        end
        $$;
        create table {b} ({id} int);";
    for names in Names::ALL {
        let world =
            World::new(names, BEFORE, &[("check", check), ("after", "create table {c} ({id} int);")]).await;
        let up = world.up(0, "partial");
        let skipped = &up.json["skipped"].as_array().unwrap()[..];
        assert_eq!(skipped.len(), 1, "{skipped:?}");
        assert_eq!(
            (&skipped[0]["migration"], &skipped[0]["operation"]),
            (&world.id("check").into(), &2.into())
        );
        let message = skipped[0]["reason"].as_str().unwrap();
        assert!(message.contains("ambiguous"), "the server's words: {message}");
        world
            .is_like("create table {a} ({id} int); create table {b} ({id} int); create table {c} ({id} int);")
            .await;
        assert_eq!(world.operations("check"), ["done", "skipped", "done"]);
        world.stays("partial").await;
    }
}

/// A person relies on: a block that says no is obeyed.
#[tokio::test]
async fn an_exception_on_purpose_is_a_failure() {
    let guard = "create table {a} ({id} int);
do $$
begin
    if exists (select from {tree} where {height} < 20) then
        raise exception 'trees are too small' using hint = 'let them grow', detail = 'at least one';
    end if;
end
$$;
create table {b} ({id} int);";
    for names in Names::ALL {
        let world =
            World::new(names, BEFORE, &[("guard", guard), ("after", "create table {c} ({id} int);")]).await;
        let up = world.up(1, "failed");
        let failed = &up.json["failed"];
        assert_eq!(failed["migration"], world.id("guard").as_str());
        assert_eq!(failed["operation"], 2);
        assert!(failed["file"].as_str().unwrap().ends_with(&world.file("guard")));
        assert!((2..=8).contains(&failed["line"].as_u64().unwrap()), "{failed}");
        assert_eq!(failed["sqlstate"], "P0001");
        assert_eq!(failed["message"], "trees are too small");
        assert_eq!(failed["detail"], "at least one");
        assert_eq!(failed["hint"], "let them grow");
        world.is_untouched().await;
        assert_eq!(
            world.status(),
            [format!("{} failed", world.id("guard")), format!("{} pending", world.id("after"))]
        );

        // Its cause away, the same command does all that is left.
        world.execute("update {tree} set {height} = 20").await;
        assert_eq!(world.up(0, "applied").ids("applied"), world.ids());
        world
            .is_like(
                "update {tree} set {height} = 20;
                create table {a} ({id} int); create table {b} ({id} int); create table {c} ({id} int);",
            )
            .await;
        world.stays("nothing").await;
    }
}

/// A person relies on: a missing column inside a trigger's function is a fault of the application, not of the order;
/// the change of data is not passed over.
#[tokio::test]
async fn an_update_whose_trigger_function_is_broken_is_a_failure() {
    let before = BEFORE.to_owned()
        + "create table {log} ({said} text);
        create function {write_log}() returns trigger language plpgsql as $$
        begin insert into {log} ({words}) values ('changed'); return new; end $$;
        create trigger {on_tree} after update on {tree} for each row execute function {write_log}();";
    let files = [
        ("grow", "create table {a} ({id} int);\n\nupdate {tree} set {height} = {height} + 1;"),
        ("after", "create table {c} ({id} int);"),
    ];
    for names in Names::ALL {
        let world = World::new(names, &before, &files).await;
        let up = world.up(1, "failed");
        let failed = &up.json["failed"];
        assert_eq!((&failed["operation"], &failed["line"]), (&2.into(), &3.into()));
        assert_eq!(failed["sqlstate"], "42703");
        assert!(up.operations("skipped").is_empty());
        world.is_untouched().await;
        assert_eq!(world.status()[0], format!("{} failed", world.id("grow")));
    }
}

/// A person relies on: a block whose statements cannot be known beforehand runs where it stands, and what comes after
/// it is judged by what it did.
#[tokio::test]
async fn a_block_with_dynamic_sql_is_a_barrier() {
    let files = [
        (
            "dynamic",
            "do $$
            declare place text;
            begin
                foreach place in array array['north', 'south'] loop
                    execute format('create table %I (%I int)', 'forest_' || place, {'id'});
                end loop;
            end
            $$;",
        ),
        ("after", "create index north_id on forest_north ({id}); insert into forest_south values (7);"),
    ];
    let after = "create table forest_north ({id} int); create table forest_south ({id} int);
        create index north_id on forest_north ({id}); insert into forest_south values (7);";
    for names in Names::ALL {
        let world = World::new(names, "", &files).await;
        assert_eq!(world.plan().code, 0);
        world.up(0, "applied");
        world.is_like(after).await;
        world.all_applied();
        world.stays("nothing").await;
    }
}

/// A person relies on: what cannot run before such a block, and can after it, runs after it.
#[tokio::test]
async fn what_waits_at_a_barrier_is_judged_again_behind_it() {
    let files = [
        ("early", "create index {tree_kind} on {tree} ({kind}); create table {a} ({id} int);"),
        (
            "dynamic",
            "create table {b} ({id} int);
            do $$ begin execute format('alter table %I add column %I text', {'tree'}, {'kind'}); end $$;",
        ),
    ];
    for names in Names::ALL {
        let world = World::new(names, BEFORE, &files).await;
        world.up(0, "applied");
        world
            .is_like(
                "create table {a} ({id} int); create table {b} ({id} int); alter table {tree} add column {kind} text;
                create index {tree_kind} on {tree} ({kind});",
            )
            .await;
        world.stays("nothing").await;
    }
}
