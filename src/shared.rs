//! What replicas tell each other through Redis or Valkey, once one machine is outgrown.
//!
//! It is a help, never a need: a caller asks its own memory first, then here, then the source.
//! Whatever goes wrong here (no connection, no answer in time, an answer that is not ours) is
//! `None`, which means *go on without*; it is counted, and each change of state is logged once.
//!
//! What comes back is not trusted because of where it was kept: values carry a MAC over their
//! name, their end and their content (`seal`). Who can write to the server but has not the key
//! can take entries away and bring back old ones of the same name that have not ended, no more.
//!
//! `store` is what callers hold. `supervisor` is the one task that connects, writes what was
//! queued and notices that a connection is dead; `link` is where the two meet.

mod connect;
mod key;
mod link;
mod log;
mod meter;
mod metrics;
mod seal;
pub mod settings;
mod store;
mod supervisor;
mod write;

pub use key::{SharedKey, SharedKind};
pub use link::Connections;
pub use log::{LogBatch, LogPosition};
pub(crate) use metrics::Metrics;
pub use store::{SharedError, SharedStore};
pub use supervisor::Supervisor;
