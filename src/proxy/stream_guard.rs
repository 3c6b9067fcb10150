//! A deadline for HTTP/2 clients that do not take an answer (threats D-2): without window, hyper
//! neither writes nor polls the body, so that no other deadline runs.

use std::{cell::Cell, future::poll_fn, pin::pin, rc::Rc, sync::Arc, task::Poll, time::Duration};

use tokio::time::Instant;

use super::{
    guarded_io::Timer,
    memory::{MemoryBudget, Patience},
};

/// Runs the streams of a connection, and ends one whose client takes nothing for too long.
#[derive(Debug, Clone)]
pub(super) struct StreamExec {
    /// How long a client may take nothing of an answer that is there.
    pub(super) allowed: Duration,
    /// While it is short, that is shorter.
    pub(super) memory: Arc<MemoryBudget>,
}

/// Since when it is the client's turn to take some of an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct ClientsTurn(Rc<Cell<Option<Instant>>>);

tokio::task_local! {
    /// Of the stream whose task it is.
    static CLIENTS_TURN: ClientsTurn;
}

impl ClientsTurn {
    /// That of the present stream; `None` on HTTP/1.1, where the socket has the deadline.
    pub(super) fn of_stream() -> Option<Self> {
        CLIENTS_TURN.try_with(Self::clone).ok()
    }

    /// Something is there to be taken.
    pub(super) fn begin(&self) {
        self.0.set(Some(Instant::now()));
    }

    /// It was taken; now the upstream is waited for.
    pub(super) fn end(&self) {
        self.0.set(None);
    }
}

impl<F> hyper::rt::Executor<F> for StreamExec
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, stream: F) {
        let Self { allowed, memory } = self.clone();
        tokio::task::spawn_local(async move {
            guard(stream, Patience { memory: Some(&memory), allowed }).await;
        });
    }
}

/// Dropping a stream unfinished resets it.
async fn guard(stream: impl Future, patience: Patience<'_>) {
    let turn = ClientsTurn::default();
    let mut stream = pin!(CLIENTS_TURN.scope(turn.clone(), stream));
    let mut timer = Timer::default();
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        match turn.0.get() {
            Some(since) => patience.poll(cx, &mut timer, since),
            None => Poll::Pending,
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{sleep, timeout};

    use super::*;

    const ALLOWED: Duration = Duration::from_mins(1);

    async fn seconds(stream: impl Future) -> u64 {
        let started = Instant::now();
        let _ = timeout(
            Duration::from_hours(1),
            guard(stream, Patience { memory: None, allowed: ALLOWED }),
        )
        .await;
        started.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn d2_a_stream_ends_when_its_client_takes_nothing() {
        let stream = async {
            let turn = ClientsTurn::of_stream().unwrap();
            turn.begin();
            sleep(Duration::from_secs(50)).await;
            turn.begin();
            pending::<()>().await;
        };
        assert_eq!(seconds(stream).await, 110);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_waits_for_its_upstream_does_not_end() {
        let stream = async {
            let turn = ClientsTurn::of_stream().unwrap();
            turn.begin();
            turn.end();
            pending::<()>().await;
        };
        assert_eq!(seconds(stream).await, 3600);
    }

    #[test]
    fn outside_of_a_stream_nobody_is_waited_for() {
        assert!(ClientsTurn::of_stream().is_none());
    }
}
