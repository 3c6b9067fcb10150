//! Logs and metrics. Used by every room, uses none.

mod level;
pub(crate) mod line;
pub mod logs;
pub mod registry;
mod seldom;
pub mod settings;

pub use level::LogLevel;
pub use logs::{Logs, SHOWN_METHOD, SHOWN_PATH, cut};
pub use registry::MetricRegistry;
pub(crate) use registry::WAIT_BUCKETS;
pub(crate) use seldom::SeldomLine;
