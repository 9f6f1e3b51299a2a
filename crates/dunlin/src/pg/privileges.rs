//! Asks the server which rights a role lacks, before anything is tried.

use super::error::PgError;
use super::quote::quote_literal;
use super::session::Session;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::Type;

/// The first version in which membership and the right to SET ROLE are granted apart.
const SET_OPTION: u32 = 160_000;

/// A right that a role needs, in words that `privileges_lacking.sql` knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Need {
    /// Its kind.
    pub kind: &'static str,
    /// The role.
    pub role: String,
    /// The schema that it is about, or that its relation is in.
    pub schema: String,
    /// The relation, role or tablespace.
    pub name: String,
    /// The privilege, for a relation.
    pub privilege: &'static str,
}

/// A need that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Its place in the list of needs.
    pub need: usize,
    /// The owner of the relation that it is about.
    pub relation_owner: Option<String>,
    /// The owner of the schema that it is about.
    pub schema_owner: Option<String>,
}

/// Finds the needs that are surely not met; roles and objects that are not there lack nothing.
///
/// # Errors
/// When the connection is lost.
pub async fn lacking(session: &Session, needs: &[Need]) -> Result<Vec<Lacking>, PgError> {
    if needs.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<String> = needs
        .iter()
        .enumerate()
        .map(|(n, need)| {
            let texts = [need.kind, &need.role, &need.schema, &need.name, need.privilege];
            let texts: Vec<String> =
                texts.iter().map(|text| format!("{}::text", quote_literal(text))).collect();
            format!("({n}, {})", texts.join(", "))
        })
        .collect();
    let become_option = if session.info().version >= SET_OPTION { "'SET'" } else { "'MEMBER'" };
    let sql = include_str!("sql/privileges_lacking.sql")
        .replace("{become}", become_option)
        .replace("{needs}", &rows.join(",\n    "));
    let found = session.simple(&sql).await?;
    let found = found.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(Lacking {
            need: row.get(0)?.parse().ok()?,
            relation_owner: row.get(1).map(str::to_owned),
            schema_owner: row.get(2).map(str::to_owned),
        }),
        _ => None,
    });
    Ok(found.collect())
}

/// What the server knows of an extension that is to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// Its name.
    pub name: String,
    /// Whether the server has its files.
    pub there: bool,
    /// Whether it takes no superuser to create it.
    pub trusted: bool,
}

/// Asks which of these extensions the server has.
///
/// # Errors
/// When the connection is lost.
pub async fn extensions(session: &Session, names: &[String]) -> Result<Vec<Available>, PgError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let sql = include_str!("sql/extensions_available.sql");
    let rows = session.query(sql, &[(&names, Type::TEXT_ARRAY)]).await?;
    let available =
        rows.iter().map(|row| Available { name: row.get(0), there: row.get(1), trusted: row.get(2) });
    Ok(available.collect())
}

/// The publications that take the journal along.
///
/// # Errors
/// When the connection is lost.
pub async fn publications(session: &Session) -> Result<Vec<String>, PgError> {
    let rows = session.query(include_str!("sql/publications_of_journal.sql"), &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
