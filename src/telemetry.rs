//! Logs and metrics. Looked at from everywhere, looks at nobody.

pub mod logs;
pub mod metrics;

pub use logs::Logs;
pub use metrics::Metrics;
