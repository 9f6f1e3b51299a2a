//! Tests of the `dunlin` program against real servers, in one program so that they share one server.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it ran"
)]

mod blockers;
mod check;
mod faults;
mod interrupt;
mod many;
mod messy;
mod program;
mod proxy;
mod random;
mod standby;
mod surroundings;
mod traffic;
