//! What a file leaves in the cluster beyond its database, and taking it away.

use super::connection::{Answer, Connection};
use dunlin::pg::quote_ident;
use std::collections::BTreeSet;

/// The cluster-wide objects that were there before a file ran.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    objects: BTreeSet<(String, String)>,
}

const OBJECTS: &str = "select 'database', datname from pg_database union all select 'tablespace', spcname from \
    pg_tablespace union all select 'role', rolname from pg_roles";

async fn values(connection: &Connection, sql: &str) -> Result<Vec<(String, String)>, String> {
    match connection.run(sql).await {
        Answer::Accepted { rows, .. } => Ok(rows
            .into_iter()
            .map(|row| {
                let mut values = row.into_iter().map(Option::unwrap_or_default);
                (values.next().unwrap_or_default(), values.next().unwrap_or_default())
            })
            .collect()),
        Answer::Refused { message, .. } | Answer::Lost(message) => Err(format!("{sql}: {message}")),
    }
}

impl Cluster {
    pub(super) async fn look(admin: &Connection) -> Result<Self, String> {
        Ok(Self { objects: values(admin, OBJECTS).await?.into_iter().collect() })
    }

    /// Drops a file's database, and what the file made in the cluster. Gives what could not be dropped.
    pub(super) async fn clean(&self, admin: &Connection, database: &str, url: &str) -> Vec<String> {
        let mut troubles = Vec::new();
        let mut run = async |connection: &Connection, sql: String| match connection.run(&sql).await {
            Answer::Accepted { .. } => {}
            Answer::Refused { message, .. } | Answer::Lost(message) => {
                troubles.push(format!("{sql}: {message}"))
            }
        };
        // Subscriptions and prepared transactions keep a database from being dropped.
        if let Ok(inside) = Connection::open(url, None, std::time::Duration::from_secs(20)).await {
            let prepared = "select gid, '' from pg_prepared_xacts where database = current_database()";
            for (gid, _) in values(&inside, prepared).await.unwrap_or_default() {
                run(&inside, format!("rollback prepared {}", dunlin::pg::quote_literal(&gid))).await;
            }
            let subscriptions = "select subname, '' from pg_subscription s join pg_database d on d.oid = s.subdbid \
                                 where datname = current_database()";
            for (name, _) in values(&inside, subscriptions).await.unwrap_or_default() {
                let name = quote_ident(&name);
                run(&inside, format!("alter subscription {name} disable")).await;
                run(&inside, format!("alter subscription {name} set (slot_name = none)")).await;
                run(&inside, format!("drop subscription {name}")).await;
            }
        }
        run(admin, format!("drop database if exists {} with (force)", quote_ident(database))).await;
        run(admin, "alter system reset all".to_owned()).await;
        run(admin, "select pg_reload_conf()".to_owned()).await;
        let slots = "select slot_name::text, '' from pg_replication_slots where not active";
        for (slot, _) in values(admin, slots).await.unwrap_or_default() {
            run(admin, format!("select pg_drop_replication_slot({})", dunlin::pg::quote_literal(&slot)))
                .await;
        }
        let now = values(admin, OBJECTS).await.unwrap_or_default();
        let mut made: Vec<_> = now.into_iter().filter(|object| !self.objects.contains(object)).collect();
        // Databases and tablespaces belong to roles.
        made.sort();
        made.sort_by_key(|(class, _)| class == "role");
        for (class, name) in made {
            let name = quote_ident(&name);
            if class == "role" {
                run(admin, format!("drop owned by {name} cascade")).await;
            }
            run(admin, format!("drop {class} {name}")).await;
        }
        troubles
    }
}
