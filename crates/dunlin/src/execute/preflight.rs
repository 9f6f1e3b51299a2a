//! Looks, before anything runs, whether the plan can run at all: rights, extensions, row security, publications.
//!
//! What is found is surely so. Where an earlier operation may give the right (GRANT, a role, a block that nobody
//! understands), or where the role is one that is not there yet, nothing is said and the server decides.

use super::setup::Prepared;
use super::{ExecuteError, Options};
use crate::analyze::{Access, LockMode, Place, Right, SessionChange};
use crate::catalog::{Id, Origin};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::pg::blockers::blockers;
use crate::pg::privileges::{self, Lacking, Need};
use crate::pg::{Session, quote_ident};
use crate::plan::{Action, Decision, Operation, Planned};
use std::collections::{BTreeMap, HashSet};

/// From how many seconds on a transaction is said to be in the way; younger ones end by themselves.
const LONG: i64 = 5;

/// Finds what would stop the plan in the middle (errors), and what its user should know before (warnings).
pub(super) async fn preflight(
    session: &Session,
    prepared: &Prepared,
    planned: &Planned,
    options: &Options,
) -> Result<Vec<Diagnostic>, ExecuteError> {
    let wants = wants(session, prepared, planned, options).await?;
    let needs: Vec<Need> = wants.needs.iter().map(|(need, _)| need.clone()).collect();
    let mut found = Vec::new();
    for lacking in privileges::lacking(session, &needs).await? {
        let (need, operation) = &wants.needs[lacking.need];
        found.push(said(need, &lacking, &prepared.operations.all[*operation], session).await?);
    }
    found.extend(extensions(session, prepared, &wants).await?);
    found.extend(locked(session, prepared, planned).await?);
    if prepared.history.is_none() {
        found.extend(publications(session, options).await?);
    }
    Ok(found)
}

/// What `up` would stop at before it begins, or warn of, as `plan` shows it: another role may run it, and elsewhere.
pub(super) async fn would_stop(
    session: &Session,
    prepared: &Prepared,
    planned: &Planned,
    options: &Options,
) -> Result<Vec<Diagnostic>, ExecuteError> {
    let runs = planned.units.iter().any(|unit| unit.number > 0);
    if !runs || planned.plan.refused {
        return Ok(Vec::new());
    }
    let mut found = preflight(session, prepared, planned, options).await?;
    if let Err(read_only) = super::setup::refuse_read_only(session).await {
        found.push(*read_only.diagnostic);
    }
    for diagnostic in &mut found {
        diagnostic.severity = diagnostic.severity.min(Severity::Warning);
    }
    Ok(found)
}

/// What the operations of a plan want, each with the first operation that wants it.
#[derive(Default)]
struct Wants {
    needs: Vec<(Need, usize)>,
    extensions: Vec<(String, usize)>,
}

/// What earlier operations may have changed about rights.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Changed {
    /// Nothing.
    Nothing,
    /// Privileges, but not owners and roles.
    Privileges,
    /// Anything.
    Anything,
}

async fn wants(
    session: &Session,
    prepared: &Prepared,
    planned: &Planned,
    options: &Options,
) -> Result<Wants, ExecuteError> {
    // ALTER ROLE … SET role makes the two differ.
    let sql = "SELECT session_user::pg_catalog.text, current_user::pg_catalog.text";
    let rows = session.query(sql, &[]).await?;
    let name = |at: usize| rows.first().map_or_else(String::new, |row| row.get(at));
    let (login, start): (String, String) = (name(0), name(1));
    let mut wants = Wants::default();
    let mut changed = Changed::Nothing;
    let mut seen = HashSet::new();
    for decision in planned.decisions.iter().filter(|decision| decision.action == Action::Run) {
        let operation = &prepared.operations.all[decision.operation];
        let role = match operation.session.setting("role") {
            Some("none") => &login,
            _ => operation.session.role().or(options.role.as_deref()).unwrap_or(&start),
        };
        // Who logs in as another is a superuser, and what that one may is not looked at.
        let other = operation.session.setting("session_authorization").is_some();
        if !other && changed < Changed::Anything {
            for need in needs(decision, prepared, role, &login, changed) {
                if seen.insert(need.clone()) {
                    wants.needs.push((need, decision.operation));
                }
            }
        }
        for right in &decision.analysis.rights {
            if let Right::Extension(name) = right {
                wants.extensions.push((name.clone(), decision.operation));
            }
        }
        changed = changed.max(change(decision));
    }
    Ok(wants)
}

/// What an operation may change about the rights of those after it.
fn change(decision: &Decision) -> Changed {
    let analysis = &decision.analysis;
    match analysis.kind {
        "CREATE EXTENSION" => Changed::Nothing,
        "GRANT" | "REVOKE" | "ALTER DEFAULT PRIVILEGES" => Changed::Privileges,
        "DO" | "CALL" | "REASSIGN OWNED" | "DROP OWNED" => Changed::Anything,
        kind if kind.ends_with(" ROLE") => Changed::Anything,
        _ if analysis.opaque.is_some() => Changed::Anything,
        _ if analysis.rights.iter().any(|right| matches!(right, Right::Become(_))) => Changed::Anything,
        _ => Changed::Nothing,
    }
}

/// The needs of one operation.
fn needs(decision: &Decision, prepared: &Prepared, role: &str, login: &str, changed: Changed) -> Vec<Need> {
    let catalog = &prepared.catalog;
    let relation = |id: Id, kind: &'static str, privilege: &'static str| {
        let name = catalog.relation_name(id);
        Need { kind, schema: name.schema, name: name.name, privilege, ..Need::default() }
    };
    let schema = |id: Id, kind| Need { kind, schema: catalog.schema_name(id).to_owned(), ..Need::default() };
    let named = |kind, name: &str| Need { kind, name: name.to_owned(), ..Need::default() };
    let mut needs = Vec::new();
    for right in &decision.analysis.rights {
        let owner = matches!(right, Right::OwnRelation(_) | Right::DropRelation(_) | Right::OwnSchema(_));
        if changed == Changed::Privileges && !owner {
            continue;
        }
        needs.push(match right {
            Right::CreateInDatabase => named("create in database", ""),
            Right::CreateInSchema(id) => schema(*id, "create in schema"),
            Right::CreateInTablespace(name) => named("create in tablespace", name),
            Right::OwnRelation(id) => relation(*id, "own relation", ""),
            Right::DropRelation(id) => relation(*id, "drop relation", ""),
            Right::OwnSchema(id) => schema(*id, "own schema"),
            Right::OnRelation(id, privilege) => relation(*id, "on relation", privilege),
            Right::Become(name) => named("become", name),
            Right::CreateRole => named("create role", ""),
            Right::CreateDatabase => named("create database", ""),
            Right::CreateSubscription => named("create subscription", ""),
            Right::Extension(_) => continue,
        });
    }
    needs.extend(hidden_rows(decision, prepared).map(|id| relation(id, "row security", "")));
    needs.iter_mut().for_each(|need| role.clone_into(&mut need.role));
    for change in &decision.analysis.session {
        if let SessionChange::Set { name, values: Some(values), .. } = change
            && name == "role"
            && let Some(wanted) = values.first().filter(|wanted| wanted.as_str() != "none")
        {
            needs.push(Need { role: login.to_owned(), ..named("become", wanted) });
        }
    }
    needs
}

/// The tables with row security whose rows a data change reads or changes.
fn hidden_rows<'p>(decision: &'p Decision, prepared: &'p Prepared) -> impl Iterator<Item = Id> + 'p {
    let touches = decision.analysis.footprint.touches().filter(|_| decision.analysis.changes_data());
    touches.filter_map(|(place, access)| match place {
        // A new row that a policy does not allow is an error, and not passed over.
        Place::Rows(name) | Place::Values(name, _) if *access != Access::Insert => {
            let (id, table) = prepared.catalog.relation_at(name)?;
            (table.row_security.0 && table.origin == Origin::Live).then_some(id)
        }
        _ => None,
    })
}

/// Says what is lacking, and what would cure it.
async fn said(
    need: &Need,
    lacking: &Lacking,
    operation: &Operation,
    session: &Session,
) -> Result<Diagnostic, ExecuteError> {
    let Need { role, schema, name, privilege, .. } = need;
    let (to, in_schema, quoted) = (quote_ident(role), quote_ident(schema), quote_ident(name));
    let table = format!("{in_schema}.{quoted}");
    let owner = |owner: &Option<String>| owner.clone().unwrap_or_default();
    let relation_owner = owner(&lacking.relation_owner);
    let (message, help) = match need.kind {
        "create in database" => {
            let database = super::setup::database(session).await?;
            let grant = format!("GRANT CREATE ON DATABASE {} TO {to}", quote_ident(&database));
            (format!("`{role}` may not create schemas or publications in `{database}`"), grant)
        }
        "create in schema" => (
            format!("`{role}` may not create anything in the schema `{schema}`"),
            format!("GRANT USAGE, CREATE ON SCHEMA {in_schema} TO {to}"),
        ),
        "create in tablespace" => (
            format!("`{role}` may not use the tablespace `{name}`"),
            format!("GRANT CREATE ON TABLESPACE {quoted} TO {to}"),
        ),
        "own relation" | "drop relation" => (
            format!("`{role}` does not own `{schema}.{name}`, `{relation_owner}` does"),
            format!("GRANT {} TO {to}, or run it with --role {relation_owner}", quote_ident(&relation_owner)),
        ),
        "own schema" => {
            let owner = owner(&lacking.schema_owner);
            let grant = format!("GRANT {} TO {to}, or run it with --role {owner}", quote_ident(&owner));
            (format!("`{role}` does not own the schema `{schema}`, `{owner}` does"), grant)
        }
        "on relation" => (
            format!("`{role}` has no {privilege} privilege on `{schema}.{name}`"),
            format!("GRANT {privilege} ON {table} TO {to}"),
        ),
        "become" => (format!("`{role}` may not become the role `{name}`"), format!("GRANT {quoted} TO {to}")),
        "create role" => (format!("`{role}` may not create roles"), format!("ALTER ROLE {to} CREATEROLE")),
        "create database" => {
            (format!("`{role}` may not create databases"), format!("ALTER ROLE {to} CREATEDB"))
        }
        "create subscription" => (
            format!("`{role}` may not create subscriptions"),
            format!("GRANT pg_create_subscription TO {to}"),
        ),
        _ => {
            let message = format!(
                "row security of `{schema}.{name}` holds for `{role}`: rows that its policies hide stay as they are"
            );
            let help = format!(
                "run it as a role with BYPASSRLS (ALTER ROLE {to} BYPASSRLS), or put `SET row_security = off` before \
                 it, which makes it an error instead"
            );
            return Ok(Diagnostic::new(Code::DN813, message)
                .at(&operation.file, operation.statement.span)
                .help(help));
        }
    };
    Ok(Diagnostic::new(Code::DN803, message).at(&operation.file, operation.statement.span).help(help))
}

/// Extensions that the server does not have, or that it may refuse to this role.
async fn extensions(
    session: &Session,
    prepared: &Prepared,
    wants: &Wants,
) -> Result<Vec<Diagnostic>, ExecuteError> {
    let names: Vec<String> = wants.extensions.iter().map(|(name, _)| name.clone()).collect();
    let mut found = Vec::new();
    for available in privileges::extensions(session, &names).await? {
        let wanted = wants.extensions.iter().find(|(name, _)| *name == available.name);
        let Some((name, operation)) = wanted else { continue };
        let operation = &prepared.operations.all[*operation];
        let at = |diagnostic: Diagnostic| diagnostic.at(&operation.file, operation.statement.span);
        if !available.there {
            let message = format!("the server does not have the extension `{name}`");
            let help = format!(
                "install it on the server's machine, or have the provider allow it; \
                 SELECT name FROM pg_available_extensions lists what there is{}",
                if name.contains('_') {
                    ""
                } else {
                    " (a package for this version of the server may bring it)"
                }
            );
            found.push(at(Diagnostic::new(Code::DN208, message)).severity(Severity::Error).help(help));
        } else if !available.trusted && !prepared.catalog.superuser {
            // A provider may allow what PostgreSQL itself would not: the server decides.
            let message =
                format!("the extension `{name}` is not trusted: as a rule only a superuser may create it");
            let help =
                format!("if the server refuses, have a superuser run CREATE EXTENSION {}", quote_ident(name));
            found.push(at(Diagnostic::new(Code::DN803, message)).severity(Severity::Warning).help(help));
        }
    }
    Ok(found)
}

/// Long transactions that hold locks on tables which the plan has to lock.
async fn locked(
    session: &Session,
    prepared: &Prepared,
    planned: &Planned,
) -> Result<Vec<Diagnostic>, ExecuteError> {
    let mut wanted: BTreeMap<Id, LockMode> = BTreeMap::new();
    let runs = |decision: &&Decision| matches!(decision.action, Action::Run | Action::Ensure);
    for lock in planned.decisions.iter().filter(runs).flat_map(|decision| &decision.analysis.locks) {
        let live = lock.relation.filter(|id| prepared.catalog.relation(*id).is_some());
        if let Some(id) = live.filter(|_| lock.mode >= LockMode::ShareUpdateExclusive) {
            let mode = wanted.entry(id).or_insert(lock.mode);
            *mode = lock.mode.max(*mode);
        }
    }
    let wanted: Vec<(String, LockMode)> =
        wanted.into_iter().map(|(id, mode)| (prepared.catalog.relation_name(id).qualified(), mode)).collect();
    // Nothing is ended here, so nobody has to be told apart.
    let found = blockers(session, &wanted, 0).await?;
    let long = found.iter().filter(|blocker| blocker.gid.is_some() || blocker.age > Some(LONG));
    let said = long.map(|blocker| {
        let message = format!("the plan needs locks that are held by {blocker}");
        Diagnostic::new(Code::DN814, message).help(match &blocker.gid {
            Some(_) => "end it first: no time-out does",
            None => "end that transaction, or let `dunlin up --cancel-blockers` do what it may",
        })
    });
    Ok(said.collect())
}

/// Publications that would publish the journal, too.
pub(super) async fn publications(
    session: &Session,
    options: &Options,
) -> Result<Vec<Diagnostic>, ExecuteError> {
    let schema = quote_ident(&options.journal_schema);
    let found = privileges::publications(session).await?.into_iter().map(|name| {
        let message = format!(
            "the publication `{name}` is FOR ALL TABLES: it publishes the journal in `{}` as well, and a subscriber \
             without these tables stops",
            options.journal_schema
        );
        Diagnostic::new(Code::DN812, message).help(format!(
            "before the next change arrives there, make the tables on each subscriber: pg_dump --schema-only \
             --schema={schema} of this database; or publish the schemas of the application only"
        ))
    });
    Ok(found.collect())
}
