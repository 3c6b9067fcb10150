//! Logs and metrics. Looked at from everywhere, looks at nobody.

pub mod logs;
pub mod registry;
pub mod settings;

pub use logs::{Logs, SHOWN_METHOD, SHOWN_PATH, cut};
pub use registry::MetricRegistry;
pub(crate) use registry::WAIT_BUCKETS;
