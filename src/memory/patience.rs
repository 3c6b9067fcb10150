//! How long a client may take nothing of an answer: shorter while memory is short.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use crate::wire::timer::Timer;

use super::MemoryBudget;

/// How long a client may take nothing while memory is short. Packets that were lost have been sent
/// again within that time.
const SHED_AFTER: Duration = Duration::from_secs(5);

/// The patience with a client that takes nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience<'m> {
    /// `None`: memory does not matter.
    pub(crate) memory: Option<&'m MemoryBudget>,
    /// While memory is not short.
    pub(crate) allowed: Duration,
}

impl Patience<'_> {
    /// Ready when it has come to its end with a client that has taken nothing since then.
    pub(crate) fn poll(self, cx: &mut Context<'_>, timer: &mut Timer, since: Instant) -> Poll<()> {
        let waited = since.elapsed();
        if waited >= self.allowed {
            return Poll::Ready(());
        }
        if waited >= SHED_AFTER && self.is_short() {
            return Poll::Ready(());
        }
        let end = since + self.allowed;
        // Memory can become short at any moment.
        let next = self.memory.map_or(end, |_| end.min(Instant::now() + SHED_AFTER));
        timer.poll(cx, next)
    }

    /// Whether memory is short. Counts the client, which is cut off for it.
    fn is_short(self) -> bool {
        let Some(memory) = self.memory.filter(|memory| memory.is_short()) else { return false };
        memory.metrics.shed.inc();
        true
    }
}
