//! What is counted and logged of floods, so that an operator can see whom to block.

use std::{net::IpAddr, sync::Arc, time::Duration};

use prometheus::IntCounterVec;

use super::flood::FloodKind;
use crate::telemetry::SeldomLine;

/// An attacker opens many connections. Of each kind the log gets up to 60 addresses within the ten
/// minutes that the alert looks at, and no flood of lines.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The floods of a process.
#[derive(Debug)]
pub(crate) struct FloodReports {
    /// By the kind of frame.
    counters: IntCounterVec,
    /// One of each kind, so that none hides another.
    lines: [SeldomLine; FloodKind::ALL.len()],
}

/// The floods of one client.
#[derive(Debug)]
pub(crate) struct ClientFloods {
    reports: Arc<FloodReports>,
    /// `None` on a unix socket.
    client: Option<IpAddr>,
}

impl FloodReports {
    /// Shows the counter of every kind, so that the first flood of one is an increase.
    pub(crate) fn new(counters: IntCounterVec) -> Arc<Self> {
        for kind in FloodKind::ALL {
            counters.with_label_values(&[kind.name()]);
        }
        let lines = FloodKind::ALL.map(|_| SeldomLine::new(LOG_INTERVAL));
        Arc::new(Self { counters, lines })
    }

    /// If a line of that kind is to be written now: how many were left out since the last one.
    fn line_due(&self, kind: FloodKind) -> Option<u64> {
        self.lines.get(kind as usize).and_then(SeldomLine::due)
    }
}

impl ClientFloods {
    pub(crate) fn new(reports: &Arc<FloodReports>, client: Option<IpAddr>) -> Self {
        Self { reports: Arc::clone(reports), client }
    }

    /// A connection of the client is closed for a flood of that kind.
    #[cold]
    pub(super) fn report(&self, kind: FloodKind) {
        if let Some(left_out) = self.reports.line_due(kind) {
            tracing::warn!(
                frames = kind.name(),
                client = self.client.map(tracing::field::display),
                left_out,
                hint = "block the address before the proxy; if the client is yours, update its \
                        HTTP/2 library",
                "an HTTP/2 connection is closed: too many frames of a kind"
            );
        }
        self.reports.counters.with_label_values(&[kind.name()]).inc();
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Opts;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_kind_has_a_line_in_ten_seconds_and_none_hides_another() {
        let counters = IntCounterVec::new(Opts::new("floods", "Floods"), &["frames"]).unwrap();
        let reports = FloodReports::new(counters);
        for kind in FloodKind::ALL {
            assert_eq!([reports.line_due(kind), reports.line_due(kind)], [Some(0), None]);
        }
        tokio::time::advance(LOG_INTERVAL).await;
        for kind in FloodKind::ALL {
            assert_eq!(reports.line_due(kind), Some(1), "{kind:?}: says what was left out");
        }
    }
}
