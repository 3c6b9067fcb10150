//! Starting, reloading and stopping: the threads, the signals, the order of things.

mod control;
mod opening;
mod readiness;
mod renewal;
mod server;
mod signals;
mod worker_thread;

pub use readiness::Readiness;
pub use server::{Server, StartError};
pub use signals::run;
