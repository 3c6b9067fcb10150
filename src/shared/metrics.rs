//! Operations on the shared store, and whether it is connected.

use prometheus::{IntCounterVec, core::AtomicI64};

use crate::telemetry::{MetricRegistry, NO_LABELS, StateGauge};

/// What is counted of one shared store.
#[derive(Debug)]
pub(crate) struct Metrics {
    operations: IntCounterVec,
    connected: StateGauge<AtomicI64>,
}

/// A kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Append,
    SetIfAbsent,
    Forget,
    Get,
    Set,
    Read,
    Take,
}

/// Its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OperationOutcome {
    /// There is no connection: nothing was sent.
    Disconnected,
    /// It was done.
    Done,
    /// Too many writes wait already.
    Dropped,
    /// The server refused it, or the connection broke.
    Error,
    /// Here first.
    SetIfAbsent,
    /// There, and ours.
    Hit,
    /// The rate is used up.
    Limited,
    /// Not there, or past its end.
    Miss,
    /// Too large to share.
    Oversize,
    /// There, but not as we wrote it.
    Rejected,
    /// The key was present already.
    Seen,
    /// No answer in time.
    Timeout,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        let connected = metrics.int_gauges(
            "shared_connected",
            "1 while the shared store is connected.",
            NO_LABELS,
        );
        Self {
            operations: metrics.counters(
                "shared_operations_total",
                "Operations on the store that replicas share.",
                &["operation", "outcome"],
            ),
            connected: StateGauge::new(&connected, NO_LABELS, 0),
        }
    }

    /// Shows whether it is connected, from now on. Every outcome starts at zero, so that the first
    /// failure shows as an increase.
    pub(super) fn show(&self) {
        self.connected.show();
        for operation in Operation::ALL {
            for outcome in operation.outcomes().iter().chain(FAILURES) {
                self.operations.with_label_values(&[operation.label(), outcome.label()]);
            }
        }
    }

    pub(super) fn count(&self, operation: Operation, outcome: OperationOutcome) {
        self.operations.with_label_values(&[operation.label(), outcome.label()]).inc();
    }

    pub(super) fn connected(&self, is_connected: bool) {
        self.connected.set(is_connected.into());
    }

    /// Ends what [`Self::show`] began. After a reload the old connection ends when the new one is
    /// there.
    pub(super) fn hide(&self) {
        self.connected.hide();
    }
}

/// What may happen to any of them.
const FAILURES: &[OperationOutcome] =
    &[OperationOutcome::Disconnected, OperationOutcome::Error, OperationOutcome::Timeout];

impl Operation {
    const ALL: &[Self] = &[
        Self::Append,
        Self::SetIfAbsent,
        Self::Forget,
        Self::Get,
        Self::Set,
        Self::Read,
        Self::Take,
    ];

    fn outcomes(self) -> &'static [OperationOutcome] {
        match self {
            Self::Append | Self::Set => {
                &[OperationOutcome::Done, OperationOutcome::Dropped, OperationOutcome::Oversize]
            }
            Self::SetIfAbsent => &[OperationOutcome::SetIfAbsent, OperationOutcome::Seen],
            Self::Forget => &[OperationOutcome::Done],
            Self::Get => {
                &[OperationOutcome::Hit, OperationOutcome::Miss, OperationOutcome::Rejected]
            }
            Self::Read => &[OperationOutcome::Done, OperationOutcome::Rejected],
            Self::Take => &[OperationOutcome::Done, OperationOutcome::Limited],
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::SetIfAbsent => "first",
            Self::Forget => "forget",
            Self::Get => "get",
            Self::Set => "put",
            Self::Read => "read",
            Self::Take => "limit",
        }
    }
}

impl OperationOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Done => "done",
            Self::Dropped => "dropped",
            Self::Error => "error",
            Self::SetIfAbsent => "first",
            Self::Hit => "hit",
            Self::Limited => "limited",
            Self::Miss => "miss",
            Self::Oversize => "oversize",
            Self::Rejected => "rejected",
            Self::Seen => "seen",
            Self::Timeout => "timeout",
        }
    }
}
