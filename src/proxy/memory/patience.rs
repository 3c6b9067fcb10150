//! How long a client may take nothing of an answer: shorter while memory is short.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use crate::proxy::guarded_io::Timer;

use super::MemoryBudget;

/// How long a client may take nothing while memory is short. Packets that were lost have been sent
/// again within that time.
const SHED_AFTER: Duration = Duration::from_secs(5);

/// The patience with a client that takes nothing.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) struct Patience<'m> {
    /// `None`: memory does not matter.
    pub(in crate::proxy) memory: Option<&'m MemoryBudget>,
    /// While memory is not short.
    pub(in crate::proxy) allowed: Duration,
}

impl Patience<'_> {
    /// Ready when it has come to its end with a client that has taken nothing since then.
    pub(in crate::proxy) fn poll(
        self,
        cx: &mut Context<'_>,
        timer: &mut Timer,
        since: Instant,
    ) -> Poll<()> {
        let waited = since.elapsed();
        let is_over = waited >= self.allowed;
        if let Some(memory) = self.memory
            && waited >= SHED_AFTER
            && !is_over
            && memory.is_short()
        {
            memory.shed.inc();
            return Poll::Ready(());
        }
        if is_over {
            return Poll::Ready(());
        }
        let looks_again = Instant::now() + SHED_AFTER;
        let next = if self.memory.is_some() { looks_again } else { since + self.allowed };
        timer.poll(cx, next.min(since + self.allowed))
    }
}
