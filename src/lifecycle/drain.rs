//! How a stop ends: how long connections are still accepted, and what is in flight may take.

use std::{future::pending, time::Duration};

use tokio::time::{sleep, timeout};

use crate::{
    proxy::{ConnectionBudget, StopStages, Worker, settings::ServerSettings},
    settings::Settings,
};

/// How long connections are still accepted after a stop has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grace {
    /// As long as `server.shutdown_grace` says: a load balancer has to notice.
    Whole,
    /// At most as long, until no request is in progress.
    UntilIdle,
}

/// How long what is in flight may take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DrainTimeouts {
    all: Duration,
    /// What has no end of its own.
    streams: Duration,
}

/// Nothing is in progress at two looks in a row: between two requests of one client is no pause.
const IDLE_LOOK: Duration = Duration::from_millis(50);

/// How long streams have to come to an end once their time is over: as long as it takes to write
/// it. It goes beyond a drain that is as long for them.
const STREAM_END: Duration = Duration::from_millis(500);

impl Grace {
    /// Resolves when nothing is gained by waiting on.
    pub(super) async fn is_pointless(self, budget: &ConnectionBudget) {
        if self == Self::Whole {
            pending::<()>().await;
        }
        let mut looks = 0;
        while looks < 2 {
            looks = if budget.is_idle() { looks + 1 } else { 0 };
            sleep(IDLE_LOOK).await;
        }
    }
}

impl DrainTimeouts {
    pub(super) fn of(settings: &Settings) -> Self {
        let ServerSettings { drain_timeout, stream_drain_timeout, .. } = &settings.server;
        Self { all: *drain_timeout, streams: *stream_drain_timeout }
    }

    /// Waits for what a worker has in flight, streams within a time of their own.
    pub(super) async fn finish(self, worker: &Worker, stages: &StopStages) {
        if timeout(self.streams, worker.finish()).await.is_ok() {
            return;
        }
        stages.streams.cancel();
        let left = self.all.saturating_sub(self.streams).max(STREAM_END);
        if timeout(left, worker.finish()).await.is_err() {
            tracing::warn!("the drain deadline passed with requests in flight: cut off");
        }
    }
}
