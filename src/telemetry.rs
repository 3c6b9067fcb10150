//! Logs and metrics. Used by every room, uses none.

mod duration_histogram;
mod exemplars;
mod family;
mod level;
pub(crate) mod line;
mod listed;
pub mod logs;
mod open_metrics;
mod outage_lines;
mod process;
mod pulled;
pub mod registry;
mod seldom;
pub mod settings;
mod shards;
mod state_gauge;
mod status_classes;

pub(crate) use duration_histogram::{
    DECISION_BOUNDS, DurationHistogram, DurationHistograms, REQUEST_BOUNDS,
};
pub(crate) use family::Family;
pub use level::LogLevel;
pub(crate) use listed::ListedFamily;
pub use logs::{Logs, SHOWN_METHOD, SHOWN_PATH, cut};
pub(crate) use open_metrics::OPEN_METRICS;
pub(crate) use outage_lines::OutageLines;
pub(crate) use pulled::{InFlightCount, PulledCounter, PulledGauge};
#[cfg(test)]
pub(crate) use registry::COMMIT;
pub use registry::{FamilyDescription, FamilyKind, MetricRegistry};
pub(crate) use registry::{NO_LABELS, WAIT_BUCKETS};
pub(crate) use seldom::SeldomLine;
pub(crate) use state_gauge::StateGauge;
pub(crate) use status_classes::StatusClasses;
