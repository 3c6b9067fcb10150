//! Starting, reloading and stopping: the threads, the signals, the order of things.

mod clock_steps;
mod control;
mod descriptors;
mod drain;
#[cfg(feature = "otel")]
mod exports;
mod idle_journals;
mod inbox;
mod listeners;
mod metrics;
mod opening;
mod pulse;
mod reload;
mod retirement;
mod server;
mod service_manager;
mod signals;
mod watcher;
mod worker_thread;

pub use descriptors::{DescriptorLimit, descriptors_needed, raise_limit};
pub use metrics::metric_families;
pub use server::{Server, ServerParts, StartError};
pub use signals::run;
