//! Dunlin, a migration system for PostgreSQL that reads SQL the way PostgreSQL does.
//!
//! The flow, which is also the layout:
//!
//! ```text
//! files → MigrationSet → Statements → Analysis → Catalog before/after → Plan → Executor → Journal → Report → renderer
//! ```
//!
//! Each module may use only the modules to its left; everything left of the bar is pure: no network,
//! clock, environment, randomness or printing (only `migration` reads files).
//!
//! ```text
//! source < diagnostic < syntax < migration < catalog < analyze < graph < history < check, plan | pg < execute < embedded
//! ```

pub mod analyze;
pub mod catalog;
pub mod check;
pub mod diagnostic;
#[cfg(unix)]
pub mod embedded;
pub mod execute;
pub mod graph;
pub mod history;
pub mod migration;
pub mod pg;
pub mod plan;
pub mod source;
pub mod syntax;

pub use execute::Migrator;

/// Compiles the examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/library.md")]
struct LibraryPage;
