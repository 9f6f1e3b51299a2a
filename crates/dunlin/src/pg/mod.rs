//! Talks to PostgreSQL: connection strings, sessions, the run lock, SQLSTATEs and quoting.

pub mod blockers;
mod connect;
pub mod conninfo;
mod error;
pub(crate) mod fault;
pub mod introspect;
pub mod journal;
mod lock;
pub mod privileges;
mod quote;
mod session;
pub mod sqlstate;
mod tls;
mod wire;

pub use connect::{ConnectOptions, RetryListener, connect};
pub use conninfo::{ConnInfo, ConnInfoError, Environment, redact};
pub use error::{PgError, ServerError};
pub use lock::{Holder, LockError, LockEvent, LockKeys, LockMode, LockOptions, Locked, with_lock};
pub(crate) use quote::OWN;
pub use quote::{quote_ident, quote_literal};
pub use session::{Canceller, Notice, NoticeListener, ServerInfo, Session};
pub use wire::Moment;
