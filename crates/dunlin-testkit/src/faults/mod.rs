//! Faults at exact places of a run of `dunlin`: a server of a test's own that can be killed, the places that a run
//! passes, and what happens at one of them.
//!
//! The program must be built with the feature `failpoints`, as the one that the tests of `dunlin-cli` run is.

mod act;
mod place;
mod server;

pub use act::{Ask, KILLED, wait};
pub use place::{Place, places};
pub use server::OwnServer;
