//! State that replicas share through Redis or Valkey.
//!
//! It is optional: a caller looks in its own memory first, then here, then at the source. Every
//! failure (no connection, a timeout, a forged value) is `None`, which means *go on without*; it is
//! counted, and each change of state is logged once.
//!
//! The server is not trusted: values carry a MAC over their name, their expiry and their content
//! (`seal`). An attacker who can write to the server, without the key, can delete entries and
//! replay old ones of the same name that have not expired, no more.
//!
//! `store` is what callers hold. `supervisor` is the one task that connects, writes what was
//! queued and notices that a connection is dead; `link` is where the two meet. Of several servers,
//! `sentinel` finds the primary, and `cluster` keeps a connection to each node, by its `slots`.

mod cluster;
mod connect;
mod key;
mod link;
mod log;
mod meter;
mod metrics;
mod rate;
mod seal;
mod sentinel;
pub mod settings;
mod slots;
mod store;
mod supervisor;
mod write;

pub use key::{SharedKey, SharedKind};
pub use link::Connections;
pub use log::{LogBatch, LogPosition};
pub(crate) use metrics::Metrics;
pub use rate::{RateAnswer, RateRule};
pub use settings::LostStore;
pub use store::{SharedError, SharedStore};
pub use supervisor::Supervisor;
