//! The messy kind: folders as they are found in stuck applications, and what must be in the database afterwards.
//!
//! Each case is run with several ways to write its names and, where that makes a difference, several orders of its
//! files. What a database must look like is said in SQL that psql runs in another one.

pub(crate) mod names;
pub(crate) mod pool;
pub(crate) mod world;

mod already_there;
mod bad_input;
mod blocks;
mod circles;
mod doubt;
mod edited;
mod failures;
mod files;
mod later_objects;
mod lenient;
mod missing_columns;
mod needs;
mod nothing_to_do;
mod providers;
mod removals;
mod sessions;
mod surroundings;
mod waiting;
