//! `dunlin doctor`: server, privileges, journal, folder.

use super::event::Event;
use super::report::{Doctor, DoctorCheck};
use super::setup::connect_lock;
use super::{ExecuteError, Migrations, Options, Target};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::pg::Session;
use crate::pg::journal::{Journal, UpToDate};

/// Looks at everything that a run needs; creates nothing.
pub async fn doctor(migrations: &Migrations, target: &Target, options: &Options) -> Doctor {
    let mut checks = vec![folder(migrations)];
    match connect_lock(target, &mut |_: &Event<'_>| {}).await {
        Err(error) => checks.push(problem("connection", &error)),
        Ok(session) => {
            let info = session.info();
            let secure = if info.tls { ", encrypted" } else { "" };
            checks.push(ok("connection", format!("{}{secure}", info.host)));
            checks.push(ok("server version", format!("PostgreSQL {}", info.version_text)));
            checks.push(proxy(&session).await);
            checks.extend(privileges(&session).await);
            checks.push(journal(&session, options).await);
            checks.extend(pending(migrations, &session, options).await);
        }
    }
    Doctor { format: 1, ok: checks.iter().all(|check| check.status != "error"), checks }
}

fn folder(migrations: &Migrations) -> DoctorCheck {
    match migrations.load() {
        Err(error) => problem("migrations", &ExecuteError::from(error)),
        Ok(set) => {
            let faults = set.migrations.iter().map(|migration| migration.diagnostics.len()).sum::<usize>();
            let faults = faults + set.diagnostics.len();
            let message = format!("{} migrations", set.migrations.len());
            if faults == 0 {
                return ok("migrations", message);
            }
            let help = Some("`dunlin check` shows them".to_owned());
            check("migrations", "warning", format!("{message}, {faults} findings"), help)
        }
    }
}

async fn proxy(session: &Session) -> DoctorCheck {
    match session.backend_pid().await {
        Ok(pid) if session.is_proxy(pid) => check(
            "proxy",
            "warning",
            "the connection goes through a transaction-pooling proxy".into(),
            Some("what must run outside a transaction needs --direct-url".into()),
        ),
        Ok(_) => ok("proxy", "none: the connection goes to the server itself".into()),
        Err(error) => problem("proxy", &ExecuteError::from(error)),
    }
}

async fn privileges(session: &Session) -> Vec<DoctorCheck> {
    let sql = "SELECT current_user::pg_catalog.text,
                      pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
                      pg_catalog.current_schema()::pg_catalog.text,
                      coalesce(pg_catalog.has_schema_privilege(pg_catalog.current_schema(), 'CREATE'), false),
                      pg_catalog.pg_is_in_recovery(),
                      pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool,
                      pg_catalog.current_database()::pg_catalog.text";
    let rows = match session.query(sql, &[]).await {
        Ok(rows) => rows,
        Err(error) => return vec![problem("privileges", &ExecuteError::from(error))],
    };
    let Some(row) = rows.first() else { return Vec::new() };
    let user: String = row.get(0);
    let schema: Option<String> = row.get(2);
    let database: String = row.get(6);
    let mut checks = Vec::new();
    let quote = crate::pg::quote_ident;
    checks.push(match row.get(1) {
        true => ok("create in database", format!("`{user}` may create schemas in `{database}`")),
        false => check(
            "create in database",
            "warning",
            format!("`{user}` may not create schemas in `{database}`; the journal's schema must be there"),
            Some(format!("GRANT CREATE ON DATABASE {} TO {}", quote(&database), quote(&user))),
        ),
    });
    checks.push(match (&schema, row.get(3)) {
        (Some(schema), true) => ok("create in schema", format!("`{user}` may create objects in `{schema}`")),
        (Some(schema), false) => check(
            "create in schema",
            "error",
            format!("`{user}` may not create objects in `{schema}`"),
            Some(format!("GRANT CREATE ON SCHEMA {} TO {}", quote(schema), quote(&user))),
        ),
        (None, _) => check("create in schema", "warning", "no schema of the search path exists".into(), None),
    });
    let (standby, read_only): (bool, bool) = (row.get(4), row.get(5));
    checks.push(match (standby, read_only) {
        (true, _) => check(
            "writable",
            "warning",
            "the server is a standby".into(),
            Some("`up` needs the primary".into()),
        ),
        (_, true) => check("writable", "warning", "transactions are read-only by default".into(), None),
        _ => ok("writable", "yes".into()),
    });
    checks
}

async fn journal(session: &Session, options: &Options) -> DoctorCheck {
    let schema = &options.journal_schema;
    let journal = Journal::new(schema);
    match journal.is_up_to_date(session.client(), &[0; 32]).await {
        // Whether the schema holds something else, the one quick query does not look at.
        Ok(UpToDate::NoJournal) => match journal.load(session.client()).await {
            Ok(_) => {
                ok("journal", format!("not there yet; the first `dunlin up` makes it in schema `{schema}`"))
            }
            Err(error) => problem("journal", &super::setup::journal_error(error)),
        },
        Ok(UpToDate::Newer(version)) => problem("journal", &ExecuteError::journal_newer(version)),
        Ok(_) => ok("journal", format!("schema `{schema}`")),
        Err(error) => problem("journal", &super::setup::journal_error(error)),
    }
}

/// What would stop the pending migrations before they begin.
async fn pending(migrations: &Migrations, session: &Session, options: &Options) -> Vec<DoctorCheck> {
    // What is wrong with the folder or the journal is told by their own checks.
    let Ok(set) = migrations.load() else { return Vec::new() };
    let mut checks = Vec::new();
    match super::preflight::publications(session, options).await {
        Ok(found) => checks.extend(found.iter().map(|found| finding("publications", found))),
        Err(error) => return vec![problem("publications", &error)],
    }
    let Ok(mut prepared) = super::setup::prepare(&set, options, session).await else { return checks };
    let Ok(planned) = prepared.plan(&set, options, session).await else { return checks };
    if planned.plan.refused {
        checks.push(check(
            "plan",
            "error",
            "the plan is refused".into(),
            Some("`dunlin plan` shows why".into()),
        ));
        return checks;
    }
    match super::preflight::preflight(session, &prepared, &planned, options).await {
        Err(error) => checks.push(problem("plan", &error)),
        Ok(found) => {
            let found: Vec<_> = found.iter().filter(|found| found.code != Code::DN812).collect();
            if found.is_empty() {
                let steps = planned.plan.steps.iter().filter(|step| step.unit > 0).count();
                checks
                    .push(ok("plan", format!("{steps} operations to run, and nothing stands against them")));
            }
            checks.extend(found.into_iter().map(|found| finding("plan", found)));
        }
    }
    checks
}

fn finding(name: &str, found: &Diagnostic) -> DoctorCheck {
    let status = if found.severity == Severity::Error { "error" } else { "warning" };
    let place = found.location.as_ref().map(|place| format!("{}:{}: ", place.file, place.line));
    check(name, status, format!("{}{}", place.unwrap_or_default(), found.message), found.help.clone())
}

fn check(name: &str, status: &str, message: String, help: Option<String>) -> DoctorCheck {
    DoctorCheck { name: name.into(), status: status.into(), message, help }
}

fn ok(name: &str, message: String) -> DoctorCheck {
    check(name, "ok", message, None)
}

fn problem(name: &str, error: &ExecuteError) -> DoctorCheck {
    check(name, "error", error.diagnostic.message.clone(), error.diagnostic.help.clone())
}
