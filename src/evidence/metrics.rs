//! Lines, checkpoints, and the disk.

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use crate::telemetry::{MetricRegistry, NO_LABELS, WAIT_BUCKETS};

/// What is counted of the journal.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By outcome.
    lines: IntCounterVec,
    checkpoints: IntCounterVec,
    fsync: HistogramVec,
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
            checkpoints: metrics.counters(
                "evidence_checkpoints_total",
                "Signed checkpoints in the evidence journal.",
                NO_LABELS,
            ),
            fsync: metrics.histograms(
                "evidence_fsync_seconds",
                "Time until a group of lines is on disk.",
                NO_LABELS,
                WAIT_BUCKETS,
            ),
        }
    }

    pub(super) fn of_writer(&self) -> WriterMetrics {
        WriterMetrics {
            written: self.lines("written"),
            failed: self.lines("failed"),
            dropped: self.lines("dropped"),
            checkpoints: self.checkpoints.with_label_values(NO_LABELS),
            fsync: self.fsync(),
        }
    }

    pub(super) fn fsync(&self) -> Histogram {
        self.fsync.with_label_values(NO_LABELS)
    }

    pub(super) fn lines(&self, outcome: &str) -> IntCounter {
        self.lines.with_label_values(&[outcome])
    }
}
