//! Gives a test its own PostgreSQL database, a folder of migrations, and the `dunlin` program to run on them.
//!
//! All tests of one process share one server, which ends with the process. A test that fails panics with what the
//! server or the program said, so helpers here panic rather than return errors.

// A development crate for tests: what it cannot do is a failed test.
#![allow(clippy::unwrap_used)]

pub mod builtin;
mod database;
pub mod faults;
mod folder;
pub mod oracle;
mod own_server;
mod pgbouncer;
mod program;
mod server;
mod tunnel;

pub use database::{TestDb, connect_url, rows_of};
pub use folder::Folder;
pub use own_server::{OwnServer, ServerAccount, SmallDisk, psql};
pub use pgbouncer::PgBouncer;
pub use program::{Output, Program};
pub use server::{TestServer, block_on};
pub use tunnel::{Flow, Tunnel};
