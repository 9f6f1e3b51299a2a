//! Gives a test its own PostgreSQL database, a folder of migrations, and the `dunlin` program to run on them.
//!
//! All tests of one process share one server, which ends with the process. A test that fails panics with what the
//! server or the program said, so helpers here panic rather than return errors.

// A development crate for tests: what it cannot do is a failed test.
#![allow(clippy::unwrap_used)]

pub mod builtin;
mod database;
mod folder;
pub mod oracle;
mod program;
mod server;
mod tunnel;

pub use database::TestDb;
pub use folder::Folder;
pub use program::{Output, Program};
pub use server::{TestServer, block_on};
pub use tunnel::{Flow, Tunnel};
