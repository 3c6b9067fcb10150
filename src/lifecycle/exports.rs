//! What exports spans and metrics, on the control thread.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::decision::Engine;

/// The exporters that run: one for each queue that is still filled or has something in it.
#[derive(Debug, Default)]
pub(super) struct Exports {
    running: TaskTracker,
    stop: CancellationToken,
}

/// How long the end of the process waits for the last spans: the requests are over by then, and a
/// receiver that is gone must not keep it.
const FLUSH_DEADLINE: Duration = Duration::from_secs(2);

impl Exports {
    /// Starts the exporter of a configuration, unless it has that of an earlier one. It ends with
    /// the last request of the last configuration that has it.
    pub(super) fn follow(&self, engine: &Engine) {
        if let Some(exporter) = engine.exporter() {
            self.running.spawn(exporter.run(self.stop.clone()));
        }
    }

    /// Exports what waits.
    pub(super) async fn finish(&self) {
        self.stop.cancel();
        self.running.close();
        // What is left was sampled, and is of no use to a proxy that is gone.
        let _ = timeout(FLUSH_DEADLINE, self.running.wait()).await;
    }
}
