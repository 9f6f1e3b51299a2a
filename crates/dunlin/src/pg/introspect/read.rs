//! The queries of one snapshot: all are sent before the first answer is awaited, for a large schema over two connections.

use super::Sizes;
use super::rows::{self, Rows};
use crate::pg::Session;
use futures_util::TryStreamExt;
use futures_util::future::{join, join3, join4};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

/// The operator classes whose columns can have options.
const OPCLASSES_WITH_OPTIONS: &str = include_str!("../sql/introspect_opclasses_with_options.sql");

/// Reads everything; `second` gives a session in the same snapshot that takes half of the work, if there is one.
///
/// What the server writes as text, and names of temporary objects in it, comes from the first: it knows its own
/// temporary schema.
pub(super) async fn read(
    client: &Client,
    second: impl Future<Output = Option<Session>>,
    server_version: u32,
    sizes: Sizes,
) -> Result<Rows, Error> {
    let rest = async {
        let second = second.await;
        let rows = read_rest(second.as_ref().map_or(client, Session::client), server_version).await;
        if let Some(second) = second {
            // Its transaction has read, no more; that it ends in order matters to the server's log only.
            let _ = second.batch("COMMIT").await;
            second.close().await;
        }
        rows
    };
    // `join` polls, and so sends, from left to right.
    let (texts, rest) = join(read_texts(client, server_version, sizes), rest).await;
    let (mut rows, rest) = (texts?, rest?);
    rows.types = rest.types;
    rows.columns = rest.columns;
    rows.sequences = rest.sequences;
    rows.labels = rest.labels;
    rows.members = rest.members;
    rows.names = rest.names;
    rows.others = rest.others;
    rows.details = rest.details;
    rows.sort();
    Ok(rows)
}

/// Relations, and whatever has an expression or a definition.
async fn read_texts(client: &Client, server_version: u32, sizes: Sizes) -> Result<Rows, Error> {
    let relations_sql = include_str!("../sql/introspect_relations.sql")
        .replace("{sizes}", if sizes == Sizes::Measured { "true" } else { "false" });
    let constraints_sql = include_str!("../sql/introspect_constraints.sql")
        .replace("{odd_constraint}", odd_constraint(server_version))
        .replace("{enforced}", if server_version >= 180_000 { "c.conenforced" } else { "true" });
    let indexes_sql = include_str!("../sql/introspect_indexes.sql")
        .replace(
            "{nulls_not_distinct}",
            if server_version >= 150_000 { "i.indnullsnotdistinct" } else { "false" },
        )
        .replace("{opclasses_with_options}", OPCLASSES_WITH_OPTIONS);
    let tables = join4(
        fetch(client, include_str!("../sql/introspect_schemas.sql"), rows::schema),
        fetch(client, &relations_sql, rows::relation),
        fetch(client, include_str!("../sql/introspect_defaults.sql"), rows::default),
        fetch(client, &constraints_sql, rows::constraint),
    );
    let attached = join4(
        fetch(client, &indexes_sql, rows::index),
        fetch(client, include_str!("../sql/introspect_rules.sql"), rows::rule),
        fetch(client, include_str!("../sql/introspect_triggers.sql"), rows::trigger),
        fetch(client, include_str!("../sql/introspect_policies.sql"), rows::policy),
    );
    let rest = join4(
        fetch(client, include_str!("../sql/introspect_parents.sql"), |row| {
            Ok((row.try_get(0)?, row.try_get(1)?))
        }),
        fetch(client, include_str!("../sql/introspect_partitioned.sql"), rows::partitioned),
        fetch(client, include_str!("../sql/introspect_functions.sql"), rows::function),
        fetch(client, include_str!("../sql/introspect_depends.sql"), rows::depend),
    );
    let (tables, attached, rest) = join3(tables, attached, rest).await;
    Ok(Rows {
        schemas: tables.0?,
        relations: tables.1?,
        defaults: tables.2?,
        constraints: tables.3?,
        indexes: attached.0?,
        rules: attached.1?,
        triggers: attached.2?,
        policies: attached.3?,
        parents: rest.0?,
        partitioned: rest.1?,
        functions: rest.2?,
        depends: rest.3?,
        ..Rows::default()
    })
}

/// Columns, types, and what is kept by name.
async fn read_rest(client: &Client, server_version: u32) -> Result<Rows, Error> {
    let others_sql = include_str!("../sql/introspect_others.sql").replace(
        "{publication_schemas}",
        if server_version >= 150_000 {
            include_str!("../sql/introspect_publication_schemas.sql")
        } else {
            ""
        },
    );
    let details_sql = include_str!("../sql/introspect_details.sql")
        .replace("{opclasses_with_options}", OPCLASSES_WITH_OPTIONS);
    let columns = join4(
        fetch(client, include_str!("../sql/introspect_columns.sql"), rows::column),
        fetch(client, include_str!("../sql/introspect_types.sql"), rows::ty),
        fetch(client, include_str!("../sql/introspect_sequences.sql"), rows::sequence),
        fetch(client, include_str!("../sql/introspect_labels.sql"), rows::pair),
    );
    let named = join4(
        fetch(client, include_str!("../sql/introspect_members.sql"), |row| {
            Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
        }),
        fetch(client, include_str!("../sql/introspect_names.sql"), rows::name),
        fetch(client, &others_sql, rows::other),
        fetch(client, &details_sql, rows::detail),
    );
    let (columns, named) = join(columns, named).await;
    Ok(Rows {
        columns: columns.0?,
        types: columns.1?,
        sequences: columns.2?,
        labels: columns.3?,
        members: named.0?,
        names: named.1?,
        others: named.2?,
        details: named.3?,
        ..Rows::default()
    })
}

/// What makes a constraint one whose text we do not write ourselves.
fn odd_constraint(server_version: u32) -> &'static str {
    match server_version {
        ..150_000 => "false",
        150_000..180_000 => "c.confdelsetcols IS NOT NULL",
        _ => "c.confdelsetcols IS NOT NULL OR c.conperiod OR NOT c.conenforced",
    }
}

/// Runs a query without parameters in one round trip and turns its rows into `T`s as they arrive.
async fn fetch<T>(client: &Client, sql: &str, decode: fn(&Row) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    let none: [(&str, Type); 0] = [];
    let rows = client.query_typed_raw(sql, none).await?;
    let mut rows = std::pin::pin!(rows);
    let mut decoded = Vec::new();
    while let Some(row) = rows.try_next().await? {
        decoded.push(decode(&row)?);
    }
    Ok(decoded)
}
