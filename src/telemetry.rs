//! Logs and metrics. Looked at from everywhere, looks at nobody.

pub mod logs;
pub mod metrics;
pub mod settings;

pub use logs::{Logs, SHOWN_METHOD, SHOWN_PATH, cut};
pub use metrics::Metrics;
