//! Starting, reloading and stopping: the threads, the signals, the order of things.

mod control;
mod descriptors;
mod idle_journals;
mod metrics;
mod opening;
mod reload;
mod server;
mod signals;
mod worker_thread;

pub use descriptors::{DescriptorLimit, raise_limit};
pub use reload::Reread;
pub use server::{Server, ServerParts, StartError};
pub use signals::run;
