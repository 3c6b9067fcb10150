//! Lines, checkpoints, and the disk.

use prometheus::{Histogram, IntCounter, IntCounterVec};

use crate::telemetry::{MetricRegistry, WAIT_BUCKETS};

/// What is counted of the journal.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By outcome.
    lines: IntCounterVec,
    checkpoints: IntCounter,
    pub(super) fsync: Histogram,
}

/// The handles of the journal's thread, resolved once.
#[derive(Debug)]
pub(super) struct WriterMetrics {
    pub(super) written: IntCounter,
    pub(super) failed: IntCounter,
    pub(super) dropped: IntCounter,
    pub(super) checkpoints: IntCounter,
    /// Seconds until a group of lines is on disk.
    pub(super) fsync: Histogram,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            lines: metrics.counters(
                "evidence_lines_total",
                "Lines of the evidence journal.",
                &["outcome"],
            ),
            checkpoints: metrics.counter(
                "evidence_checkpoints_total",
                "Signed checkpoints in the evidence journal.",
            ),
            fsync: metrics.histogram(
                "evidence_fsync_seconds",
                "Time until a group of lines is on disk.",
                WAIT_BUCKETS,
            ),
        }
    }

    pub(super) fn of_writer(&self) -> WriterMetrics {
        WriterMetrics {
            written: self.lines("written"),
            failed: self.lines("failed"),
            dropped: self.lines("dropped"),
            checkpoints: self.checkpoints.clone(),
            fsync: self.fsync.clone(),
        }
    }

    pub(super) fn lines(&self, outcome: &str) -> IntCounter {
        self.lines.with_label_values(&[outcome])
    }
}
