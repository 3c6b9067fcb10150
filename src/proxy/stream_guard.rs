//! A deadline for HTTP/2 clients that do not take an answer (threats D-2): without window, hyper
//! neither writes nor polls the body, so that no other deadline runs. And what is left to do for a
//! stream when its answer is out.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper::body::Incoming;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    memory::{MemoryBudget, Patience},
    wire::timer::Timer,
};

use super::client_body::Discarder;

/// Runs the streams of a connection, and ends one whose client takes nothing for too long.
#[derive(Debug, Clone)]
pub(super) struct StreamExec {
    /// How long a client may take nothing of an answer that is there.
    allowed: Duration,
    /// While it is short, that is shorter.
    memory: Arc<MemoryBudget>,
    discarder: Discarder,
}

/// Since when it is the client's turn to take some of an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct ClientsTurn(Rc<ServedStream>);

/// What a stream's task knows of its request.
#[derive(Debug, Default)]
struct ServedStream {
    clients_turn: Cell<Option<Instant>>,
    /// Receives the request's body once nothing reads it any more.
    unread: RefCell<Option<oneshot::Receiver<Incoming>>>,
}

/// How a stream came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamEnd {
    Answered,
    /// Its client took nothing for too long.
    ClientStalled,
}

impl StreamExec {
    /// For a connection whose clients may take nothing of an answer for `allowed`, and may send
    /// the rest of an upload for `discards` after its answer.
    pub(super) fn new(allowed: Duration, discards: Duration, memory: Arc<MemoryBudget>) -> Self {
        Self { allowed, memory, discarder: Discarder::new(discards) }
    }
}

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
        self.0.clients_turn.set(Some(Instant::now()));
    }

    /// It was taken; now the upstream is waited for.
    pub(super) fn end(&self) {
        self.0.clients_turn.set(None);
    }

    /// Where the request's body goes when it is no longer read, with some of it missing.
    pub(super) fn expect_unread_body(&self) -> oneshot::Sender<Incoming> {
        let (sender, receiver) = oneshot::channel();
        self.0.unread.replace(Some(receiver));
        sender
    }
}

impl<F> hyper::rt::Executor<F> for StreamExec
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, stream: F) {
        tokio::task::spawn_local(run(stream, self.clone()));
    }
}

/// Runs a stream, and discards what the client still sends after its answer.
async fn run(stream: impl Future, streams: StreamExec) {
    let StreamExec { allowed, memory, discarder } = streams;
    let turn = ClientsTurn::default();
    let patience = Patience { memory: Some(&memory), allowed };
    if guard(stream, &turn, patience).await == StreamEnd::ClientStalled {
        return; // an upload that goes on must not keep it open
    }
    let unread = turn.0.unread.take();
    let Some(unread) = unread else { return };
    // An upstream may take the rest of an upload after its answer.
    if let Ok(body) = unread.await {
        // Boxed, so that a stream without such a body need not have room for it.
        Box::pin(discarder.discard(body)).await;
    }
}

/// Dropping a stream unfinished resets it.
async fn guard(stream: impl Future, turn: &ClientsTurn, patience: Patience<'_>) -> StreamEnd {
    let mut stream = pin!(CLIENTS_TURN.scope(turn.clone(), stream));
    let mut timer = Timer::default();
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(StreamEnd::Answered);
        }
        match turn.0.clients_turn.get() {
            Some(since) => patience.poll(cx, &mut timer, since).map(|()| StreamEnd::ClientStalled),
            None => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{sleep, timeout};

    use super::*;

    const ALLOWED: Duration = Duration::from_mins(1);

    async fn seconds(stream: impl Future) -> u64 {
        let started = Instant::now();
        let turn = ClientsTurn::default();
        let patience = Patience { memory: None, allowed: ALLOWED };
        let _ = timeout(Duration::from_hours(1), guard(stream, &turn, patience)).await;
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
    fn outside_of_a_stream_no_client_is_waited_for() {
        assert!(ClientsTurn::of_stream().is_none());
    }
}
