//! Tests of the library against real servers, in one program so that they share one server.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]

mod adopt;
mod ahead;
mod around;
mod cases;
mod ddl;
mod embedded;
mod execute;
mod failures;
mod generated;
mod interrupt;
mod introspect;
mod journal;
mod locks;
mod lost_lock;
mod order;
mod pg_connect;
mod pg_lock;
mod preflight;
mod real_sets;
mod retry;
mod sameness;
mod server;
mod session;
mod time_outs;
mod together;
mod types;
