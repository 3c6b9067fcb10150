//! The stages of a stop, as connections see them.

use tokio_util::sync::CancellationToken;

/// The stages of a stop, each from the moment when it is cancelled. Shared by all workers.
#[derive(Debug, Clone, Default)]
pub struct StopStages {
    /// Connections are still accepted and served, and clients are asked to leave: `Connection:
    /// close` over HTTP/1.1, GOAWAY over HTTP/2.
    pub grace: CancellationToken,
    /// What has begun is finished, and connections that are idle are closed.
    pub drain: CancellationToken,
    /// Streams and tunnels end, whatever their peers would still send.
    pub streams: CancellationToken,
}

impl StopStages {
    /// Stages that may come earlier than these.
    #[must_use]
    pub fn child(&self) -> Self {
        let [grace, drain, streams] =
            [&self.grace, &self.drain, &self.streams].map(CancellationToken::child_token);
        Self { grace, drain, streams }
    }

    /// What is in flight is finished, without a grace.
    pub fn cancel(&self) {
        self.grace.cancel();
        self.drain.cancel();
    }
}
