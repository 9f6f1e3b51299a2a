//! Documents for the tests of rendering.

use super::View;
use super::diagnostic::Sources;
use dunlin::analyze::{Lock, LockMode};
use dunlin::diagnostic::{Code, Diagnostic};
use dunlin::execute::{
    Adopted, Doctor, DoctorCheck, Ensured, Failure, LastRun, MigrationStatus, NotRun, OperationStatus,
    Outcome, Report, Running, Shown, ShownOperation, Status,
};
use dunlin::plan::{Action, Plan, Step};
use dunlin::source::{SourceFile, Span};

pub(crate) const VIEW: View = View { styled: false, width: 100, verbose: false, quiet: false };

const INIT: &str = "m/0001_init.sql";
const NOTES: &str = "m/0002_notes.sql";
const INIT_TEXT: &str = "CREATE TABLE IF NOT EXISTS content (\n    id int PRIMARY KEY,\n    project_id int\n);\n\
                         CREATE INDEX content_project ON content (project_id);\n";
const NOTES_TEXT: &str = "COMMENT ON COLUMN content.titel IS 'ü';\nDELETE FROM content WHERE legacy;\n";

pub(crate) fn sources() -> Sources {
    Sources::default().with(INIT, INIT_TEXT).with(NOTES, NOTES_TEXT)
}

fn span(text: &str, part: &str) -> Span {
    let start = text.find(part).expect("part of the sample");
    Span::new(start, start + part.len())
}

fn step(migration: &str, operation: u32, action: Action, unit: u32, sql: &str) -> Step {
    let file = if migration == "0001_init" { INIT } else { NOTES };
    Step {
        migration: migration.into(),
        operation,
        action,
        unit,
        sql: sql.into(),
        file: file.into(),
        line: 1,
        reason: None,
        code: None,
        moved: false,
        locks: Vec::new(),
        object: None,
    }
}

pub(crate) fn missing_column() -> Diagnostic {
    let file = SourceFile::new(NOTES, NOTES_TEXT);
    let init = SourceFile::new(INIT, INIT_TEXT);
    Diagnostic::new(Code::DN203, "column `titel` of table `content` does not exist")
        .at(&file, span(NOTES_TEXT, "content.titel"))
        .note("`content` was there before, without the column")
        .because(
            &init,
            span(INIT_TEXT, "content ("),
            "declared here, in a CREATE TABLE IF NOT EXISTS that does nothing",
        )
        .help("did you mean `title`?")
}

pub(crate) fn circle() -> Diagnostic {
    let init = SourceFile::new(INIT, INIT_TEXT);
    let file = SourceFile::new(NOTES, NOTES_TEXT);
    Diagnostic::new(Code::DN301, "these operations wait for each other in a circle")
        .at(&init, span(INIT_TEXT, "CREATE TABLE"))
        .because(&file, span(NOTES_TEXT, "COMMENT"), "0002_notes#1 needs `content` of 0001_init#1")
        .help("break it: add the foreign key in a statement of its own")
}

pub(crate) fn plan() -> (Sources, Plan) {
    let lock = |mode| Lock { object: "content".into(), mode, relation: None };
    let steps = vec![
        Step {
            reason: Some("`content` is there already".into()),
            ..step("0001_init", 1, Action::Satisfied, 0, INIT_TEXT.split_once(';').unwrap().0)
        },
        Step {
            reason: Some("declared in m/0001_init.sql:3, and `content` lacks it".into()),
            code: Some(Code::DN210),
            object: Some("content.project_id".into()),
            locks: vec![lock(LockMode::AccessExclusive)],
            ..step("0001_init", 1, Action::Ensure, 1, "ALTER TABLE content ADD COLUMN project_id int")
        },
        Step {
            locks: vec![lock(LockMode::Share), lock(LockMode::AccessShare)],
            ..step("0001_init", 2, Action::Run, 1, "CREATE INDEX content_project ON content (project_id)")
        },
        Step {
            reason: Some("column `titel` of table `content` does not exist".into()),
            code: Some(Code::DN203),
            ..step("0002_notes", 1, Action::Skip, 0, "COMMENT ON COLUMN content.titel IS 'ü'")
        },
        Step {
            reason: Some("it removes rows, and operations after it have been applied".into()),
            code: Some(Code::DN411),
            ..step("0002_notes", 2, Action::Held, 0, "DELETE FROM content WHERE legacy")
        },
        step("0002_notes", 3, Action::Run, 2, "CREATE TABLE note (id int)"),
        step("0002_notes", 4, Action::Run, 3, "CREATE INDEX CONCURRENTLY note_id ON note (id)"),
        Step {
            moved: true,
            reason: Some("waited for `note` of 0002_notes#3".into()),
            code: Some(Code::DN302),
            ..step("0001_init", 3, Action::Run, 4, "CREATE VIEW notes AS SELECT id FROM note")
        },
    ];
    let diagnostics = vec![missing_column()];
    (sources(), Plan { format: 1, refused: false, steps, diagnostics, fingerprint: "f".into() })
}

fn not_run(migration: &str, operation: u32, code: Code, reason: &str) -> NotRun {
    NotRun { migration: migration.into(), operation, code, reason: reason.into() }
}

pub(crate) fn partial() -> (Sources, Report) {
    let report = Report {
        outcome: Outcome::Partial,
        applied: vec!["0001_init".into()],
        ensured: vec![Ensured {
            migration: "0001_init".into(),
            operation: 1,
            object: "content.project_id".into(),
            sql: "ALTER TABLE content ADD COLUMN project_id int".into(),
        }],
        skipped: vec![not_run(
            "0002_notes",
            1,
            Code::DN203,
            "column `titel` of table `content` does not exist",
        )],
        held: vec![not_run(
            "0002_notes",
            2,
            Code::DN411,
            "it removes rows, and later operations were applied",
        )],
        diagnostics: vec![missing_column()],
        duration_ms: 1_234,
        ..Report::nothing()
    };
    (sources(), report)
}

pub(crate) fn failed() -> (Sources, Report) {
    let failure = Failure {
        migration: "0002_notes".into(),
        operation: 1,
        file: NOTES.into(),
        line: 1,
        column: 27,
        sqlstate: "42703".into(),
        message: "column \"titel\" of relation \"content\" does not exist".into(),
        detail: Some("some detail".into()),
        hint: Some("some hint".into()),
    };
    let report = Report {
        outcome: Outcome::Failed,
        applied: vec!["0001_init".into()],
        failed: Some(failure.clone()),
        failures: vec![failure],
        duration_ms: 40,
        ..Report::nothing()
    };
    (sources(), report)
}

pub(crate) fn adopted() -> Adopted {
    Adopted {
        format: 1,
        adopted: vec!["0001_init".into()],
        not_proved: vec![not_run(
            "0002_notes",
            2,
            Code::DN410,
            "a data change leaves no trace in the catalog",
        )],
    }
}

fn operation(operation: u32, state: &str) -> OperationStatus {
    OperationStatus {
        operation,
        state: state.into(),
        code: None,
        reason: None,
        sqlstate: None,
        message: None,
    }
}

pub(crate) fn status() -> Status {
    let migration = |id: &str, state: &str, operations| MigrationStatus {
        id: id.into(),
        state: state.into(),
        applied_at: (state == "applied").then(|| "2026-01-02 03:04:05+00".into()),
        duration_ms: (state == "applied").then_some(15),
        operations,
    };
    let skipped = OperationStatus {
        code: Some("DN203".into()),
        reason: Some("column `titel` of table `content` does not exist".into()),
        ..operation(1, "skipped")
    };
    let failed = OperationStatus {
        sqlstate: Some("23514".into()),
        message: Some("check constraint \"positive\" is violated by some row".into()),
        ..operation(2, "failed")
    };
    Status {
        format: 1,
        migrations: vec![
            migration("0001_init", "applied", vec![operation(1, "done"), operation(2, "satisfied")]),
            migration("0002_notes", "partial", vec![skipped]),
            migration("0003_größe", "failed", vec![operation(1, "pending"), failed]),
            migration("0004_more", "pending", vec![operation(1, "pending")]),
        ],
        last_run: Some(LastRun {
            id: 3,
            started_at: "2026-01-02 03:04:04+00".into(),
            finished_at: Some("2026-01-02 03:04:06+00".into()),
            outcome: Some("failed".into()),
            host: Some("db1".into()),
            pid: Some(42),
        }),
    }
}

pub(crate) fn running() -> Running {
    let last_run = LastRun { finished_at: None, outcome: None, ..status().last_run.unwrap() };
    Running {
        format: 1,
        running: true,
        pid: Some(77),
        address: Some("10.0.0.7".into()),
        application: Some("dunlin".into()),
        since: Some("2026-01-02T03:04:04Z".into()),
        doing: Some("CREATE INDEX CONCURRENTLY ON content (title)".into()),
        waits_for: vec!["process 9 (pg_dump)".into()],
        last_run: Some(last_run),
    }
}

pub(crate) fn shown() -> Shown {
    let migration = status().migrations.swap_remove(2);
    let of = |status, line, sql: &str, detail| ShownOperation {
        status,
        file: Some("m/0003_größe.sql".into()),
        line: Some(line),
        sql: sql.into(),
        detail,
        duration_ms: None,
    };
    let mut operations = migration.operations.into_iter();
    let mut next = || operations.next().expect("an operation of the sample");
    Shown {
        format: 1,
        id: migration.id,
        state: migration.state,
        applied_at: None,
        operations: vec![
            of(next(), 1, "CREATE ROLE app\n  PASSWORD 'secret'", None),
            of(next(), 4, "ALTER TABLE a ADD CHECK (n > 0)", Some("row 7".into())),
        ],
    }
}

pub(crate) fn doctor() -> Doctor {
    let check = |name: &str, status: &str, message: &str, help: Option<&str>| DoctorCheck {
        name: name.into(),
        status: status.into(),
        message: message.into(),
        help: help.map(str::to_owned),
    };
    Doctor {
        format: 1,
        ok: false,
        checks: vec![
            check("configuration", "ok", "dunlin.toml", None),
            check("server version", "ok", "15.18", None),
            check(
                "privileges",
                "error",
                "may not create schema dunlin",
                Some("GRANT CREATE ON DATABASE app TO me"),
            ),
        ],
    }
}
