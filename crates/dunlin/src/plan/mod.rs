//! Simulate, order, decide: pending operations and a catalog become a [`Plan`].

mod policy;
mod step;

pub use policy::{DataLoss, Dialect, EditedFiles, InvalidOperations, MissingColumns, Order, Policy};
pub use step::{Action, Plan, Step};
