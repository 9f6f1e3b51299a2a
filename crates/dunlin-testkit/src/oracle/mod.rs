//! The oracle: feeds statements to a server and to the simulation, and counts where the two agree.
//!
//! Each file gets a server of its own, since it may make roles and databases. Every statement goes to the server; the simulation says before what it
//! thinks of it (valid, invalid, satisfied, unknown) and what it leaves behind. Afterwards the introspected catalog
//! must equal the simulated one. After anything that was unknown or different the simulation goes on from the
//! introspected catalog, so that each statement is judged on its own.

mod compare;
mod connection;
mod details;
mod facts;
mod judge;
mod report;
mod run;
mod script;
mod simulation;

pub use judge::{Judgement, Outcome};
pub use report::{Counts, Entry, FileReport};
pub use run::{Options, run_file};

use std::error::Error;

/// Gives what the server said, or else what happened.
fn said(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(server), _) => format!("{} {}", server.code().code(), server.message()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
